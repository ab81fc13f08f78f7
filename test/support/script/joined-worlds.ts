/**
 * Two whole gateways, for `a.example` and `b.example`, that dial each other in memory; users by the client library and
 * users who write what they like.
 */

import type { Domain } from '../../../src/address/domain.ts'
import type { ReceivedMessage } from '../../../src/client/client.ts'
import { ClientSession } from '../../../src/client/session.ts'
import type { Limits } from '../../../src/limits.ts'
import type { Session } from '../../../src/peer/session.ts'
import { ManualClock } from '../manual-clock.ts'
import { memoryChannelPair, tlsLikeFacts } from '../memory-channel.ts'
import { seededRandom } from '../seeded-random.ts'
import { keyPairFor } from '../simulator/keys.ts'
import { World } from './world.ts'

export type JoinedWish = {
  readonly limits?: Partial<Limits>
  readonly domains?: readonly [string, string]
  /** Domains whose keys both know besides. */
  readonly pinned?: readonly string[]
}

/** A user who is attached by the client library. */
export class LibraryUser {
  readonly client: ClientSession
  readonly received: ReceivedMessage[] = []
  /** Each time it was not attached any more. */
  losses = 0

  constructor(client: ClientSession) {
    this.client = client
    client.onMessage((message) => {
      this.received.push(message)
    })
    client.onState((state) => {
      if (state === 'waiting' || state === 'closed') this.losses++
    })
  }
}

export class JoinedWorlds {
  readonly clock = new ManualClock()
  readonly a: World
  readonly b: World
  #users = 0

  constructor({ limits = {}, domains = ['a.example', 'b.example'], pinned = [] }: JoinedWish = {}) {
    const [first, second] = domains
    const { clock } = this
    const common = { clock, limits, pinned: [...domains, ...pinned] }
    const far = (remote: Domain) =>
      remote === first ? this.a : remote === second ? this.b : undefined
    this.a = new World({ ...common, far, seed: 1, domains: [first] })
    this.b = new World({ ...common, far, seed: 2, domains: [second] })
  }

  /** Lets everything run that can run within `ms`; rejects with what either gateway logs as a fault of its own. */
  async run(ms = 0): Promise<void> {
    await this.a.run(ms)
    await this.b.run()
  }

  /** A user of either gateway, attached by the client library. */
  async user(world: World, address: string): Promise<LibraryUser> {
    const { clock } = this
    const domain = address.slice(address.lastIndexOf('@') + 1)
    const certificate = { covers: (asked: Domain) => asked === domain, fingerprint: domain }
    const user = new LibraryUser(
      new ClientSession({
        ...{ user: address, key: keyPairFor(`script: ${address}`), clock },
        random: seededRandom(100 + ++this.#users),
        connect: async () => {
          const facts = tlsLikeFacts(certificate, `${address} ${++this.#users}`)
          const channels = memoryChannelPair({ clock, ...facts })
          world.gateway.accept(channels.receiving, 'client')
          return channels.initiating
        },
      }),
    )
    const opened = user.client.open()
    await this.run()
    await opened
    return user
  }

  /** What a promise of the client library comes to, as time passes. */
  async wait<T>(promise: Promise<T>, ms = 1000): Promise<T> {
    await this.run(ms)
    return promise
  }

  /** Links between the two, as the first one knows them. */
  get links(): readonly Session[] {
    return [...this.a.gateway.sessions.all].filter(({ role }) => role === 'gateway')
  }
}
