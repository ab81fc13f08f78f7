/**
 * Real sessions on channels in memory, each with a scripted far end: for rooms that decide about sessions.
 *
 * In:    the world around, and what a test wants to differ.
 * Out:   the session, what it told the rooms, and its far end.
 */
import type { Service } from '../../../src/address/address.ts'
import type { Domain } from '../../../src/address/domain.ts'
import { ownCounters } from '../../../src/link/counters.ts'
import type { Hello, Role } from '../../../src/link/hello.ts'
import type { ProofKind } from '../../../src/peer/pair.ts'
import { type Dialled, Session, type SessionRooms } from '../../../src/peer/session.ts'
import { type MemoryPair, memoryChannelPair, plainFacts, tlsLikeFacts } from '../memory-channel.ts'
import { ScriptedPeer } from '../script/peer.ts'
import { domain } from './calls.ts'
import type { RoomEnv } from './env.ts'

export type SessionWish = {
  readonly role?: Role
  /** What HELLO of this side says. Default: `b.example`. */
  readonly local?: string
  /** Who is at the far end. Default: `a.example`. */
  readonly remote?: string
  /** What this side dialled for; not said: it was accepted. */
  readonly dialled?: Partial<Dialled>
  readonly isPlain?: boolean
  /** Domains that the certificate of the far side names. */
  readonly certified?: readonly string[]
  readonly isHosted?: (name: string) => boolean
  readonly rooms?: Partial<SessionRooms>
  readonly mint?: (subject: string) => string
  readonly stirred?: () => undefined
}

export type TestSession = {
  readonly session: Session
  readonly far: ScriptedPeer
  readonly pair: MemoryPair
  /** Why the link ended. */
  readonly ended: () => string | undefined
}

let channels = 0

export function openSession(env: RoomEnv, wish: SessionWish = {}): TestSession {
  const { role = 'gateway', local = 'b.example', remote = 'a.example', dialled } = wish
  const names = wish.certified ?? [remote]
  const certificate = {
    covers: (name: Domain) => names.includes(name),
    fingerprint: 'shown by the far side',
  }
  const isOurs = dialled !== undefined
  const own = { covers: (name: Domain) => name === local, fingerprint: 'own' }
  const name = `channel ${++channels}`
  const facts = wish.isPlain ? plainFacts() : tlsLikeFacts(isOurs ? certificate : own, name)
  const pair = memoryChannelPair({ clock: env.clock, ...facts })
  const far = new ScriptedPeer({
    channel: isOurs ? pair.receiving : pair.initiating,
    side: isOurs ? 'receiving' : 'initiating',
    domain: remote,
    seconds: () => Math.floor(env.clock.wall() / 1000),
    settle: () => env.clock.advance(0),
  })
  let ended: string | undefined
  const rooms: SessionRooms = {
    greeted: () => undefined,
    request: () => undefined,
    orphan: () => undefined,
    draining: () => undefined,
    isUsed: () => true,
    ...wish.rooms,
    closed: (session, reason, detail) => {
      ended = reason
      return wish.rooms?.closed?.(session, reason, detail)
    },
  }
  const session = new Session(
    env,
    {
      channel: isOurs ? pair.initiating : pair.receiving,
      role,
      dialled: isOurs ? dialledFor(local, remote, dialled) : undefined,
      hello: helloOf(local),
      mint: (subjects) => {
        const names = subjects.map(({ text }) => text).join(', ')
        const now = env.clock.now()
        const times = { mayRefreshAt: now + 45_000, refreshAt: now + 60_000 }
        return { token: wish.mint?.(names) ?? `token of ${names}`, subjects, ...times }
      },
      isHosted: wish.isHosted ?? ((one) => one === local),
      evict: () => undefined,
      counters: ownCounters(),
      stirred: wish.stirred ?? (() => undefined),
    },
    rooms,
  )
  session.link.start()
  return { session, far, pair, ended: () => ended }
}

/** Says HELLO at the far end, and proves the pair by `kinds`, or none. */
export async function openProven(
  env: RoomEnv,
  wish: SessionWish & {
    readonly services?: readonly Service[]
    readonly references?: number
    readonly kinds?: readonly ProofKind[]
  } = {},
): Promise<TestSession> {
  const opened = openSession(env, wish)
  const { services = ['im', 'pres'], references = 16, kinds = ['key'] } = wish
  const limits = { messageBytes: 65_536, references }
  opened.far.sayHello({ services, limits, role: wish.role ?? 'gateway' })
  await env.clock.advance(0)
  if (wish.role !== 'client' && kinds.length > 0)
    proveBy(opened.session, wish.local, wish.remote, kinds)
  opened.session.link.proven()
  await env.clock.advance(0)
  return opened
}

export function proveBy(
  session: Session,
  local = 'b.example',
  remote = 'a.example',
  kinds: readonly ProofKind[] = ['key'],
): undefined {
  const pair = { local: domain(local), remote: domain(remote), kinds: new Set(kinds), key: 'kid' }
  session.admit(session.prove(pair), ['im', 'pres'])
}

const dialledFor = (local: string, remote: string, wish: Partial<Dialled>): Dialled => ({
  ...{ local: domain(local), remote: domain(remote), service: 'im', host: `gate.${remote}` },
  ...{ port: 5279, needsKnownKey: false, forKeys: false },
  ...wish,
})

const helloOf = (local: string): Hello => ({
  ...{
    role: 'gateway',
    domain: domain(local),
    software: 'under test',
    boot: 'boot',
    state: 'state',
  },
  ...{ nonce: 'A'.repeat(43), services: ['im', 'pres'], messageBytes: 65_536, references: 16 },
  subjects: 64,
})
