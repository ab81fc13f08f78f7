/**
 * Every session there is: made together with its link, and kept until the link is closed.
 *
 * In:    channels, dialled or accepted.
 * Out:   sessions; what happens on a link, told to one owner with the session that it happened on.
 */
import type { Domain } from '../address/domain.ts'
import type { Status } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { Meter } from '../lib/meter.ts'
import { jitter, type Random } from '../lib/random.ts'
import type { Limits } from '../limits.ts'
import type { Channel } from '../link/channel.ts'
import type { Hello, Role } from '../link/hello.ts'
import { Link, type LinkOwner, type RequestView } from '../link/link.ts'
import type { AnswerView } from '../link/outgoing.ts'
import { askToForget } from './credentials.ts'
import { type Dialled, Session } from './session.ts'
import type { Mint } from './shown-credentials.ts'

export type SessionOwner = {
  readonly greeted: (session: Session, hello: Hello) => Status | undefined
  readonly request: (session: Session, request: RequestView) => undefined
  readonly orphan: (session: Session, answer: AnswerView) => undefined
  readonly draining: (session: Session) => undefined
  readonly closed: (session: Session, reason: Status, detail: string) => undefined
  readonly isUsed: (session: Session) => boolean
}

export type RosterNeeds = {
  readonly hello: (role: Role, local: Domain) => Hello
  readonly readDomain: (text: string) => Domain | undefined
  readonly mint: Mint
  readonly clock: Clock
  readonly random: Random
  readonly limits: Limits
  readonly meter: Meter
}

export class Roster {
  readonly #needs: RosterNeeds
  readonly #owner: SessionOwner
  readonly #limitHit: (limit: string) => undefined
  readonly #sessions = new Set<Session>()
  readonly #counters

  constructor(needs: RosterNeeds, owner: SessionOwner, limitHit: (limit: string) => undefined) {
    const { meter } = needs
    this.#needs = needs
    this.#owner = owner
    this.#limitHit = limitHit
    this.#counters = {
      framesIn: meter.counter('frames_total', { direction: 'in' }),
      framesOut: meter.counter('frames_total', { direction: 'out' }),
      bytesIn: meter.counter('link_bytes_total', { direction: 'in' }),
      bytesOut: meter.counter('link_bytes_total', { direction: 'out' }),
      creditWaits: meter.counter('link_waits_total', {}),
    }
  }

  get all(): ReadonlySet<Session> {
    return this.#sessions
  }

  /** One more, on a channel that was dialled for something, or accepted. Its link is started by the caller. */
  add(channel: Channel, role: Role, dialled: Dialled | undefined, local: Domain): Session {
    const { limits, clock, random, mint, readDomain } = this.#needs
    const tie = new Tie(this.#owner)
    const link = new Link({
      channel,
      side: dialled === undefined ? 'receiving' : 'initiating',
      hello: this.#needs.hello('gateway', local),
      owner: tie,
      limits,
      clock,
      answerMs: role === 'client' ? limits.confirmMs : limits.requestMs,
      ageMs: jitter(random, limits.linkAgeMs, 1, 2),
      counters: this.#counters,
      limitHit: this.#limitHit,
      readDomain,
    })
    const session = new Session(link, role, dialled, limits, mint, askToForget, clock.now())
    tie.session = session
    this.#sessions.add(session)
    return session
  }

  remove(session: Session): undefined {
    this.#sessions.delete(session)
  }
}

/** Ties a link to its session; made first, since the link is part of the session. */
class Tie implements LinkOwner {
  session: Session | undefined = undefined
  readonly #owner: SessionOwner

  constructor(owner: SessionOwner) {
    this.#owner = owner
  }

  greeted(_link: Link, hello: Hello): Status | undefined {
    return this.#owner.greeted(this.session as Session, hello)
  }

  request(_link: Link, request: RequestView): undefined {
    return this.#owner.request(this.session as Session, request)
  }

  orphan(_link: Link, answer: AnswerView): undefined {
    return this.#owner.orphan(this.session as Session, answer)
  }

  opened(): undefined {}

  draining(): undefined {
    return this.#owner.draining(this.session as Session)
  }

  closed(_link: Link, reason: Status, detail: string): undefined {
    return this.#owner.closed(this.session as Session, reason, detail)
  }

  isUsed(): boolean {
    return this.#owner.isUsed(this.session as Session)
  }
}
