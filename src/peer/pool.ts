/**
 * Which link leads to a domain: links by (our domain, their domain, service), dials joined, failures backed off.
 *
 * In:    sessions as they are proven, requests that need a link.
 * Out:   a session, or a dial; requests wait for it, bounded in number and time, and go in order.
 * Fails: the code of the dial, at once while backing off, with the time to wait; `remote-timeout`.
 * Spec:  design of links in `docs/protocol.md` 9; [LINK-9.2-1] simultaneous dials
 */
import type { Service } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import type { Env } from '../env.ts'
import { GatewayError, type Status } from '../errors.ts'
import { backOff } from '../lib/back-off.ts'
import { jitter } from '../lib/random.ts'
import type { Outgoing } from '../link/outgoing.ts'
import type { Journal } from '../operation/journal.ts'
import {
  type Destination,
  type DestinationState,
  Destinations,
  type Send,
  services,
  stateOf,
  type Waiting,
} from './destinations.ts'
import { areApart, duplicatesOf, inOrderWith } from './duplicate-links.ts'
import type { Session } from './session.ts'

/** Makes a link to `remote` and claims `local` on it; rejects with a GatewayError. `user`: who wants it; empty: no user. */
export type Dial = (
  local: Domain,
  remote: Domain,
  service: Service,
  user: string,
) => Promise<Session>

export class Pool {
  readonly #env: Env
  readonly #journal: Pick<Journal, 'note'>
  readonly #dialTo: Dial
  readonly #destinations: Destinations
  /** Those for which requests wait. */
  readonly #awaited = new Set<Destination>()
  #isStopped = false

  constructor(env: Env, journal: Pick<Journal, 'note'>, dial: Dial) {
    this.#env = env
    this.#journal = journal
    this.#dialTo = dial
    this.#destinations = new Destinations(env)
  }

  /** A link that is ready now. */
  find(local: Domain, remote: Domain, service: Service): Session | undefined {
    const sessions = this.#destinations.known(local, remote, service)?.sessions
    if (sessions === undefined) return undefined
    for (const session of sessions) if (session.link.isUsable) return session
    return undefined
  }

  /**
   * Sends a request to `remote`: by a link that is there, or by one that is dialled now. `send` is called with the
   * session when it is time; a request that no link takes fails with the reason.
   */
  send<R extends Outgoing>(
    local: Domain,
    remote: Domain,
    service: Service,
    request: R,
    send: Send<R>,
  ): undefined {
    const session = this.find(local, remote, service)
    if (session !== undefined) return send(session, request)
    if (this.#isStopped) return request.failed('link-stopped', false)
    const destination = this.#destinations.of(local, remote, service)
    if (destination === undefined) return request.failed('busy', false)
    const { clock, limits } = this.#env
    destination.isWanted = true
    const wait = destination.retryAt - clock.now()
    // A short rest is waited for; a long one is told at once.
    if (!destination.isDialling && wait > limits.restWaitMs) {
      return request.failed(destination.code, false)
    }
    if (isFull(destination.waiting, request.user, limits.windowRequests)) {
      this.#env.meter.hit('windowRequests')
      return request.failed('busy', false)
    }
    if (request.since < 0) request.since = clock.now()
    // The same request comes back with it.
    destination.waiting.push({ request, send: send as Send<Outgoing>, since: clock.now() })
    this.#awaited.add(destination)
    if (!destination.isDialling) this.#dialAfter(destination, Math.max(0, wait))
  }

  /** Makes sure that a link is there or on its way, unless its destination is backing off. */
  want(local: Domain, remote: Domain, service: Service): undefined {
    if (this.#isStopped || this.find(local, remote, service) !== undefined) return
    const destination = this.#destinations.of(local, remote, service)
    if (destination === undefined || destination.isDialling) return
    destination.isWanted = true
    if (destination.retryAt <= this.#env.clock.now()) this.#dialAfter(destination, 0)
  }

  /** Whether a proven link with `remote` is open. */
  isUp(remote: Domain): boolean {
    for (const { sessions } of this.#destinations.towards(remote)) {
      if (sessions.some(({ link }) => link.isUsable)) return true
    }
    return false
  }

  /** Whether the last attempt to reach `remote` failed, or it refused our claim, and there is no link for that since. */
  isFailing(remote: Domain): boolean {
    for (const { failures, sessions } of this.#destinations.towards(remote)) {
      if (failures > 0 && !sessions.some(({ link }) => link.isUsable)) return true
    }
    return false
  }

  /** How long until the next dial may start; 0: now, or one is under way. */
  retryAfterMs(local: Domain, remote: Domain, service: Service): number {
    const destination = this.#destinations.known(local, remote, service)
    if (destination === undefined || destination.isDialling) return 0
    return Math.max(0, Math.ceil(destination.retryAt - this.#env.clock.now()))
  }

  /** The session serves those of these services for which the pair is proven; a second link of it is judged. */
  list(session: Session, local: Domain, remote: Domain, offered: readonly Service[]): undefined {
    for (const service of services) {
      // What waited for the first service may have ended the link.
      if (!offered.includes(service) || !session.link.isUsable) continue
      if (!session.serves(local, remote, service)) continue
      const destination = this.#destinations.of(local, remote, service)
      if (destination === undefined) continue
      const isListed = destination.sessions.includes(session)
      destination.sessions = inOrderWith(session, destination.sessions, local, remote)
      if (isListed) continue
      // On a link that we dialled our own claim has to be accepted, too.
      if (session.dialled === undefined) destination.failures = 0
      destination.retryAt = 0
      this.#flush(destination)
    }
    this.#settleDuplicates(session, local, remote)
  }

  /** Our claim was refused: the session does not serve this pair any more, and the dial counts as failed. */
  withdraw(session: Session, local: Domain, remote: Domain, code: Status): undefined {
    for (const service of services) {
      const destination = this.#destinations.known(local, remote, service)
      if (destination?.sessions.includes(session) !== true) continue
      destination.sessions = destination.sessions.filter((other) => other !== session)
      this.#failed(destination, code, 'our claim was refused')
    }
  }

  /** Our claim was accepted: what failed before says nothing any more. */
  works(local: Domain, remote: Domain): undefined {
    for (const service of services) {
      const destination = this.#destinations.known(local, remote, service)
      if (destination !== undefined) destination.failures = 0
    }
  }

  /** The session serves nothing any more. [LINK-8.2-6] What it served is not dialled before its far side wants to. */
  unlist(session: Session): undefined {
    const { clock, random } = this.#env
    const { restMs } = session.link
    for (const { local, remote } of session.pairs) {
      for (const service of services) {
        const destination = this.#destinations.known(local, remote, service)
        if (destination?.sessions.includes(session) !== true) continue
        destination.sessions = destination.sessions.filter((other) => other !== session)
        destination.lostAt = clock.now()
        if (restMs === 0) continue
        // Not all at once, when it is back.
        destination.retryAt = clock.now() + jitter(random, restMs, 1, 1.2)
        destination.code = 'remote-unreachable'
      }
    }
  }

  /** The remote domain was heard of on a proven link: outbound may try at once. */
  wake(local: Domain, remote: Domain): undefined {
    for (const service of services) {
      const destination = this.#destinations.known(local, remote, service)
      if (destination !== undefined) destination.retryAt = 0
    }
  }

  /**
   * [LINK-9.3-1] Whoever runs this gateway ends the waits after failed dials, to one domain or to all; how many there were.
   * What a far side wished for when it let go of a link is kept to.
   */
  tryAgain(domain: Domain | undefined): number {
    const now = this.#env.clock.now()
    let count = 0
    for (const destination of this.#destinations.all()) {
      if (destination.failures === 0 || (domain ?? destination.remote) !== destination.remote)
        continue
      if (destination.retryAt > now) count++
      destination.failures = 0
      destination.retryAt = 0
      if (destination.cancel === undefined) continue
      destination.cancel()
      destination.cancel = undefined
      void this.#dial(destination)
    }
    return count
  }

  /** Once a second: [LINK-6.5-6] what waits too long for a link, however often it was to have another one. */
  sweep(now: number): undefined {
    this.#destinations.sweep(now)
    const latest = now - this.#env.limits.requestMs
    for (const destination of this.#awaited) {
      const { waiting } = destination
      const late = waiting.filter(({ request }) => request.since <= latest)
      if (late.length === 0) continue
      destination.waiting = waiting.filter(({ request }) => request.since > latest)
      if (destination.waiting.length === 0) this.#awaited.delete(destination)
      for (const { request } of late) request.failed('remote-timeout', false)
    }
  }

  /** Nothing is dialled any more; what waits for a link is told. */
  stop(): undefined {
    this.#isStopped = true
    for (const destination of this.#destinations.all()) {
      destination.cancel?.()
      for (const { request } of this.#takeWaiting(destination))
        request.failed('link-stopped', false)
    }
  }

  /** Every destination as an operator sees it. */
  *states(): Generator<{
    readonly local: Domain
    readonly remote: Domain
    readonly service: Service
    readonly state: DestinationState
    /** Why the last dial failed; `undefined`: it did not. */
    readonly code: Status | undefined
    readonly retryAfterMs: number
    readonly links: number
  }> {
    const now = this.#env.clock.now()
    for (const destination of this.#destinations.all()) {
      const { local, remote, service, failures, retryAt } = destination
      const links = destination.sessions.filter(({ link }) => link.isUsable).length
      const state = stateOf(destination, links, now)
      const code =
        links === 0 && (failures > 0 || state === 'backing-off') ? destination.code : undefined
      yield { local, remote, service, state, code, retryAfterMs: Math.max(0, retryAt - now), links }
    }
  }

  /** Requests that wait for a link: how many, and since when the oldest of them; `undefined`: none. */
  waiting(service: Service): { readonly count: number; readonly since: number | undefined } {
    let count = 0
    let since: number | undefined
    for (const destination of this.#destinations.all()) {
      const [oldest] = destination.waiting
      if (destination.service !== service || oldest === undefined) continue
      count += destination.waiting.length
      since = Math.min(since ?? oldest.since, oldest.since)
    }
    return { count, since }
  }

  #dialAfter(destination: Destination, ms: number): undefined {
    destination.isDialling = true
    if (ms <= 0) void this.#dial(destination)
    else {
      destination.cancel = this.#env.clock.after(ms, () => {
        destination.cancel = undefined
        void this.#dial(destination)
      })
    }
  }

  async #dial(destination: Destination): Promise<undefined> {
    const { local, remote, service, waiting } = destination
    // Who waits longest.
    const user = waiting[0]?.request.user ?? ''
    try {
      // One that was accepted meanwhile serves as well.
      const session =
        this.find(local, remote, service) ?? (await this.#dialTo(local, remote, service, user))
      destination.isDialling = false
      this.list(session, local, remote, [service])
      this.#flush(destination)
    } catch (error) {
      destination.isDialling = false
      const code = error instanceof GatewayError ? error.code : 'internal'
      const detail = error instanceof Error ? error.message : String(error)
      if (code !== 'link-stopped') {
        const event = { kind: 'dial', direction: 'out', local, remote, service } as const
        this.#journal.note({ ...event, cause: code, detail })
      }
      this.#failed(destination, code, detail)
    }
  }

  #failed(destination: Destination, code: Status, detail: string): undefined {
    const { clock, random, limits, log } = this.#env
    // An accepted link may have come while we failed.
    if (destination.sessions.some(({ link }) => link.isUsable)) return this.#flush(destination)
    // [LINK-9.3-1] A domain that was there a moment ago is looked for often, and the less the longer it is away.
    const { redialMs, redialLostCapMs, redialCapMs } = limits
    const lostForMs = clock.now() - destination.lostAt
    const capMs = Math.min(redialCapMs, Math.max(redialLostCapMs, lostForMs / lostPart))
    const ms = backOff(destination.failures, redialMs, capMs)
    destination.failures++
    destination.code = code
    const wait = jitter(random, ms, 0.8, 1.4)
    destination.retryAt = clock.now() + wait
    const { local, remote, service, failures } = destination
    const facts = { local, remote, service, cause: code, detail, failures }
    // Nothing is wrong with a link that ends because this gateway stops.
    if (code !== 'link-stopped') {
      log.warn('peer.unreachable', { ...facts, retryInMs: Math.ceil(wait) })
    }
    for (const { request } of this.#takeWaiting(destination)) request.failed(code, false)
  }

  #flush(destination: Destination): undefined {
    if (destination.waiting.length === 0) return
    const { local, remote, service } = destination
    const session = this.find(local, remote, service)
    if (session === undefined) {
      if (!destination.isDialling) {
        for (const { request } of this.#takeWaiting(destination))
          request.failed('remote-unreachable', false)
      }
      return
    }
    for (const { request, send } of this.#takeWaiting(destination)) send(session, request)
  }

  #takeWaiting(destination: Destination): readonly Waiting[] {
    const { waiting } = destination
    this.#awaited.delete(destination)
    destination.waiting = []
    return waiting
  }

  /** A second link of the pair is judged. */
  #settleDuplicates(session: Session, local: Domain, remote: Domain): undefined {
    const all = new Set<Session>()
    for (const service of services) {
      for (const session of this.#destinations.known(local, remote, service)?.sessions ?? []) {
        if (session.link.isUsable) all.add(session)
      }
    }
    for (const { link } of duplicatesOf(all, local, remote)) link.release('duplicate')
    // [LINK-9.2-3] One of the processes may be gone; the proof just now may be older than it seems.
    if (![...all].some((other) => areApart(session, other))) return
    const now = this.#env.clock.now()
    for (const { link } of all) link.keepAlive.doubt(now)
  }
}

/** Of the time since its last link was lost, a domain is not dialled for so great a part. */
const lostPart = 10

/** No place in all; or, once half of them are taken, none for a user who has an eighth. */
function isFull(waiting: readonly Waiting[], user: string, most: number): boolean {
  if (waiting.length < most / 2) return false
  const own = waiting.filter(({ request }) => request.user === user).length
  return waiting.length >= most || own > Math.ceil(most / 8)
}
