/**
 * Every session there is: made together with its link, and kept until the link is closed.
 *
 * In:    channels, dialled or accepted.
 * Out:   sessions.
 */
import type { Domain } from '../address/domain.ts'
import type { Env } from '../env.ts'
import type { Meter } from '../lib/meter.ts'
import { TimerWheel } from '../lib/timer-wheel.ts'
import type { Channel } from '../link/channel.ts'
import type { LinkCounters } from '../link/counters.ts'
import type { Hello, Role } from '../link/hello.ts'
import { askToForget } from './credentials.ts'
import { shedBusy } from './load-shedding.ts'
import { type Dialled, Session, type SessionRooms } from './session.ts'
import type { Mint } from './shown-credentials.ts'

/** A session is looked at so often, while anything goes on there; and so exact. */
const lookMs = 1000
const tickMs = 250

export type SessionParts = {
  readonly hello: (local: Domain, isDialled: boolean) => Hello
  readonly mint: Mint
  readonly isHosted: (domain: string) => boolean
}

export class SessionTable {
  readonly #env: Env
  readonly #parts: SessionParts
  readonly #rooms: SessionRooms
  readonly #sessions = new Set<Session>()
  readonly #counters: LinkCounters
  /** Sessions by when they are due: one that rests is looked at twice a minute. */
  readonly #wheel: TimerWheel<'slot', Session>

  constructor(env: Env, parts: SessionParts, rooms: SessionRooms) {
    this.#env = env
    this.#parts = parts
    this.#rooms = rooms
    this.#counters = countersOf(env.meter)
    this.#wheel = new TimerWheel({
      ...{ clock: env.clock, tickMs, field: 'slot' },
      due: (session) => {
        const now = env.clock.now()
        const next = session.tick(now)
        const isBusy = shedBusy(env, session, now)
        if (this.#sessions.has(session)) this.#wheel.set(session, isBusy ? now + lookMs : next)
      },
    })
  }

  get all(): ReadonlySet<Session> {
    return this.#sessions
  }

  /** One more, on a channel that was dialled for something, or accepted. Its link is started by the caller. */
  add(channel: Channel, role: Role, dialled: Dialled | undefined, local: Domain): Session {
    const stirred = (session: Session): undefined => this.#due(session)
    const parts = { ...this.#parts, evict: askToForget, counters: this.#counters, stirred }
    const hello = this.#parts.hello(local, dialled !== undefined)
    const options = { ...parts, channel, role, dialled, hello }
    const session = new Session(this.#env, options, this.#rooms)
    this.#sessions.add(session)
    this.#due(session)
    return session
  }

  remove(session: Session): undefined {
    if (this.#sessions.delete(session)) session.leave()
    this.#wheel.delete(session)
  }

  /** None is looked at any more. */
  stop(): undefined {
    this.#wheel.stop()
  }

  #due(session: Session): undefined {
    this.#wheel.set(session, this.#env.clock.now() + lookMs)
  }
}

const countersOf = (meter: Meter): LinkCounters => ({
  framesIn: meter.counter('frames_total', { direction: 'in' }),
  framesOut: meter.counter('frames_total', { direction: 'out' }),
  bytesIn: meter.counter('link_bytes_total', { direction: 'in' }),
  bytesOut: meter.counter('link_bytes_total', { direction: 'out' }),
  creditWaits: meter.counter('link_waits_total', {}),
})
