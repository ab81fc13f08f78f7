/**
 * The native door and adapter without a gateway around it: a `Peer` between memory channels and a fake core. Two of
 * them joined, or one with scripted far ends.
 */

import type { Address } from '../../src/address/address.ts'
import type { Domain } from '../../src/address/domain.ts'
import type { Env } from '../../src/env.ts'
import { GatewayError } from '../../src/errors.ts'
import { type Log, silentLog } from '../../src/lib/log.ts'
import { Meter } from '../../src/lib/meter.ts'
import { type Limits, limitsWith } from '../../src/limits.ts'
import type { Channel } from '../../src/link/channel.ts'
import type { Role } from '../../src/link/hello.ts'
import { MemoryJournal } from '../../src/observe/journal.ts'
import { Peer } from '../../src/peer/peer.ts'
import { ByteBudget } from '../../src/shares/byte-budget.ts'
import { FakeCore } from './fake-core.ts'
import { ManualClock } from './manual-clock.ts'
import { type MemoryPair, memoryChannelPair, tlsLikeFacts } from './memory-channel.ts'
import { roomShares } from './room-shares.ts'
import * as wire from './script/codec.ts'
import { pinned, scriptHosted } from './script/hosted.ts'
import { ScriptedPeer } from './script/peer.ts'
import { userKey } from './script/world.ts'
import { seededRandom } from './seeded-random.ts'

export type LoneWish = {
  readonly clock: ManualClock
  readonly domain: string
  readonly limits?: Partial<Limits>
  /** A channel to `remote`; nothing: it cannot be reached. */
  readonly connect?: (remote: Domain) => Channel | undefined
}

/** Domains whose keys every one of them knows. */
const known = ['a.example', 'b.example']

export class LonePeer {
  readonly core = new FakeCore()
  readonly clock: ManualClock
  readonly meter = new Meter()
  readonly domain: Domain
  readonly peer: Peer
  /** Faults of the program that the log tells. */
  faults = 0
  #channels = 0

  constructor({ clock, domain, limits: changed, connect }: LoneWish) {
    const limits = limitsWith(changed)
    const log: Log = {
      ...silentLog,
      error: () => {
        this.faults++
      },
    }
    // Each has another boot: one that meets its own has dialled itself.
    const random = seededRandom(domain.charCodeAt(0))
    const shares = roomShares(limits, clock)
    const held = new ByteBudget(limits.heldBytes, shares)
    const env: Env = { clock, random, limits, meter: this.meter, log, shares, held }
    this.clock = clock
    this.domain = domain as Domain
    this.peer = new Peer(env, new MemoryJournal({ ...env, isKnown: () => true }), {
      domains: [scriptHosted(domain, env)],
      software: 'under test',
      pinned: new Map(known.map((name) => [name, pinned(name)])),
      discontinuity: 'accept',
      connect: async (remote) => {
        const channel = connect?.(remote)
        if (channel === undefined) throw new GatewayError('remote-unreachable', `no ${remote}`)
        return { channel, host: `gate.${remote}`, port: 5279, needsKnownKey: false }
      },
      foundBy: async () => 'im',
      required: () => [],
      provenChannel: () => undefined,
    })
    this.peer.start(this.core)
  }

  /** A channel that it accepts, from a gateway or from a client. */
  open(role: Role): MemoryPair {
    const { clock, domain } = this
    const certificate = { covers: (asked: Domain) => asked === domain, fingerprint: domain }
    const facts = tlsLikeFacts(certificate, `${domain} ${++this.#channels}`)
    const channels = memoryChannelPair({ clock, ...facts })
    this.peer.accept(channels.receiving, role)
    return channels
  }

  /** A link into it, by a gateway of `domain` or by a client. Nothing is said yet. */
  dialIn(role: Role, domain: string): ScriptedPeer {
    const { clock } = this
    return new ScriptedPeer({
      ...{ channel: this.open(role).initiating, side: 'initiating', domain },
      seconds: () => Math.floor(clock.wall() / 1000),
      settle: () => clock.advance(0),
    })
  }

  /** A client that is attached as a user of its domain, whose key the directory lists. */
  async attached(user: Address): Promise<ScriptedPeer> {
    const key = userKey(user.text)
    this.core.entries.set(user.text, { keys: [key.x] })
    const client = this.dialIn('client', this.domain)
    client.sayHello({ role: 'client' })
    const claims = { iss: user.text, aud: this.domain }
    client.prove({ key, claims }, [[wire.tag.publicKey, Buffer.from(key.x, 'base64url')]])
    await this.clock.advance(100)
    return client
  }
}

/** Two of them, each of which the other can reach as long as `isUp`. */
export class JoinedPeers {
  readonly clock = new ManualClock()
  readonly a: LonePeer
  readonly b: LonePeer
  isUp = true
  #channels: MemoryPair[] = []

  constructor(limits: Partial<Limits> = {}) {
    const { clock } = this
    const to = (far: () => LonePeer) => () => (this.isUp ? this.#channelTo(far()) : undefined)
    this.a = new LonePeer({ clock, domain: 'a.example', limits, connect: to(() => this.b) })
    this.b = new LonePeer({ clock, domain: 'b.example', limits, connect: to(() => this.a) })
  }

  /** Everything between them breaks, and both are told. */
  cut(): undefined {
    this.isUp = false
    for (const channels of this.#channels.splice(0)) channels.cut('both')
  }

  #channelTo(far: LonePeer): Channel {
    const channels = far.open('gateway')
    channels.toReceiving.latencyMs = 5
    channels.toInitiating.latencyMs = 5
    this.#channels.push(channels)
    return channels.initiating
  }
}
