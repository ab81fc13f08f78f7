/**
 * Two gateways with users who do nothing wrong, and around them whoever writes what it likes: a user of one of them, a
 * domain that dials, a domain that is dialled.
 *
 * In:    frames of the three.
 * Out:   `faults`: whatever those who do nothing wrong, or another domain, felt of it.
 */
import type { Limits } from '../../../src/limits.ts'
import type { Session } from '../../../src/peer/session.ts'
import * as wire from '../script/codec.ts'
import { JoinedWorlds, type LibraryUser } from '../script/joined-worlds.ts'
import type { ScriptedPeer } from '../script/peer.ts'
import { userKey } from '../script/world.ts'

/** No rate stands between the bytes and what they mean. */
const plenty: Partial<Limits> = {
  ...{ peerPerSecond: 1e9, peerBurst: 1e9, senderPerSecond: 1e9, senderBurst: 1e9 },
  ...{ peerNotifyPerSecond: 1e9, peerNotifyBurst: 1e9, lanePerSecond: 1e9, laneBurst: 1e9 },
  ...{ claimsPerSecond: 1e9, claimsBurst: 1e9, verificationsPerSecond: 1e9 },
  ...{ verificationsInAll: 1e9, claimVerificationsPerNetwork: 1e9 },
  ...{ unprovenLinksPerAddress: 1e6, handshakesPerAddress: 1e6, sessionsPerUser: 1e6 },
  laneInFlight: 1e6,
}

export const attacker = 'alice@a.example'
export const hostile = 'c.example'

export class Stand {
  readonly worlds = new JoinedWorlds({ limits: plenty, pinned: [hostile] })
  /** Those who read everything that comes, beside the library, and say nothing. */
  readonly readers: ScriptedPeer[] = []
  #users: readonly LibraryUser[] = []
  #links: readonly Session[] = []

  async open(): Promise<this> {
    const { worlds } = this
    const { a, b } = worlds
    a.users.set('alice', [userKey(attacker).x])
    this.#users = [
      await worlds.user(a, 'carol@a.example'),
      await worlds.user(a, 'erin@a.example'),
      await worlds.user(b, 'bob@b.example'),
    ]
    await this.#read(await a.attached('carol@a.example'))
    await this.#read(await b.attached('bob@b.example'))
    await this.#hear('bob@b.example')
    this.#links = worlds.links
    return this
  }

  get #erin(): LibraryUser {
    return this.#users[1] as LibraryUser
  }

  get bob(): LibraryUser {
    return this.#users[2] as LibraryUser
  }

  /** The user who writes what it likes. */
  async user(): Promise<ScriptedPeer> {
    return this.grant(await this.worlds.a.attached(attacker))
  }

  /** The domain that writes what it likes, by a link that it dialled, with two users. */
  async domain(): Promise<ScriptedPeer> {
    const peer = await this.worlds.b.provenPeer(hostile)
    for (const [i, name] of ['alice', 'mallory'].entries()) peer.show(i + 1, `${name}@${hostile}`)
    await this.run()
    return this.grant(peer)
  }

  /** The gateway may write as much as it likes. */
  grant(peer: ScriptedPeer): ScriptedPeer {
    for (const one of [0, 1, 2]) peer.grant(one, 1_000_000, 1_000_000_000)
    return peer
  }

  async run(ms = 20): Promise<void> {
    for (const reader of this.readers) reader.pong()
    await this.worlds.run(ms)
  }

  /** What those felt who do nothing wrong. */
  async faults(): Promise<readonly string[]> {
    const heard = await Promise.all(
      ['carol@a.example', 'bob@b.example'].map(async (to) => `${to}: ${await this.#hear(to)}`),
    )
    const lost = this.#users.filter(({ losses }) => losses > 0)
    const now = this.worlds.links
    const gone = this.#links.filter((session) => !now.includes(session))
    return [
      ...heard.filter((line) => !line.endsWith('delivered')),
      ...lost.map(({ client }) => `${client.user.text} lost its link`),
      ...gone.map(({ link }) => `the link between the gateways is ${link.state}`),
      ...this.readers.flatMap(({ release, isClosed }) =>
        isClosed ? [`a reader was let go of: ${release?.reason}`] : [],
      ),
    ]
  }

  async #hear(to: string): Promise<string> {
    const sent = this.#erin.client.send({ to, body: 'innocent' })
    await this.run(100)
    return (await sent).status
  }

  async #read(peer: ScriptedPeer): Promise<undefined> {
    this.readers.push(this.grant(peer))
    await this.run()
  }
}

/** A request and what came of its body in pieces. */
export function wholeBody(peer: ScriptedPeer, { id, body }: wire.Request): Buffer {
  const chunks = peer.frames.filter(
    (frame) =>
      frame.type === wire.type.chunk && frame.id === id && (frame.flags & wire.ofAnswer) === 0,
  )
  return Buffer.concat([body, ...chunks.map(({ payload }) => payload)])
}
