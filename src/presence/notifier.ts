/**
 * When each watcher gets what: a register, not a log. What is not sent yet is a mark, never a copy.
 *
 * In:    subscriptions that may have something to get (`mark`).
 * Out:   `notify` with the bytes of the whole document, the same for all watchers: the first change at once, then at
 *        most one in `limits.notifyMs` per subscription, and always the last value.
 * Fails: never. State and domain are looked at when it is sent, not when it is marked: after a refusal nothing goes out.
 */
import type { Address } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import type { Clock } from '../lib/clock.ts'
import type { Counter, Meter } from '../lib/meter.ts'
import { nowhere, TimerWheel } from '../lib/timer-wheel.ts'
import type { Limits } from '../limits.ts'
import type { Presence, Version } from './document.ts'
import type { Subscription, SubscriptionState } from './subscription.ts'

/** A presentity that somebody watches. */
export type Watched = {
  readonly presentity: Address
  readonly subscribed: Set<Subscribed>
  presence: Presence
}

/** The domain of watchers, which a domain of ours reaches or not as a whole. */
export type Home = {
  readonly domain: Domain
  readonly byId: Map<string, Subscribed>
  /** By the domain of the presentity. */
  readonly counts: Map<Domain, number>
  /** Domains of presentities that cannot reach it now. */
  readonly pausedFrom: Set<Domain>
}

/** Times are ticks and not milliseconds: small integers take no memory of their own, and there may be a million. */
export type Subscribed = {
  readonly id: string
  readonly watcher: Address
  readonly presentity: Address
  readonly watched: Watched
  readonly home: Home
  state: SubscriptionState
  leaseSeconds: number
  leaseSlot: number
  /** What the watcher got last. */
  seq: number
  /** The next change may go out from here on. */
  notifyTick: number
  /** The document is to be sent from here on even if the watcher has this version; `nowhere`: it is not. */
  snapshotTick: number
  laterSlot: number
  /** NOTIFY was refused so often, one refusal soon after the other; before `calmTick` the next one is soon. */
  refusals: number
  calmTick: number
}

export type Notify = (subscription: Subscription, document: Buffer, version: Version) => undefined

const tickMs = 100

/** Wait after the first refusal, and the longest: it doubles while refusals go on. */
const againMs = 1000
const mostAgainMs = 60_000

/** Notifications made in one turn of the event loop: a presentity with 100 000 watchers holds up nobody else. */
const turnNotifications = 1024

export class Notifier {
  readonly #clock: Clock
  readonly #notify: Notify
  readonly #pauseTicks: number
  readonly #coalesced: Counter
  readonly #ready = new Set<Subscribed>()
  readonly #later: TimerWheel<'laterSlot', Subscribed>
  #isArmed = false

  constructor(clock: Clock, limits: Limits, meter: Meter, notify: Notify) {
    this.#clock = clock
    this.#notify = notify
    this.#pauseTicks = Math.ceil(limits.notifyMs / tickMs) + 1
    this.#coalesced = meter.counter('presence_updates_total', { action: 'coalesced' })
    this.#later = new TimerWheel({
      clock,
      tickMs,
      field: 'laterSlot',
      due: (row) => {
        this.mark(row)
        this.flush()
      },
    })
  }

  /** All watchers of `watched` have something to get, unless they are told already. */
  changed(watched: Watched, presence: Presence): undefined {
    const before = watched.presence.version.seq
    watched.presence = presence
    for (const row of watched.subscribed) {
      if (row.seq !== before && row.state === 'active') this.#coalesced.n++
      this.mark(row)
    }
    this.flush()
  }

  /** The document goes to `row` again, not before `atMs`. */
  snapshot(row: Subscribed, atMs: number): undefined {
    const isNow = atMs <= this.#clock.now()
    row.snapshotTick = isNow ? Math.floor(atMs / tickMs) : Math.ceil(atMs / tickMs)
    // Who comes back too soon gets no change at once either, or coming back would pay.
    if (!isNow && row.notifyTick === 0) row.notifyTick = this.#nextTick()
    this.mark(row)
    // [LINK-6.10-3] Not in this turn: the answer to SUBSCRIBE goes first.
    this.#soon()
  }

  /** [LINK-6.13-6] NOTIFY was refused: the document goes to `row` again, not before `leastMs` from now. */
  refused(row: Subscribed, leastMs: number): undefined {
    const now = this.#clock.now()
    row.refusals = now < row.calmTick * tickMs ? row.refusals + 1 : 0
    const waitMs = Math.max(leastMs, Math.min(againMs * 2 ** row.refusals, mostAgainMs))
    row.calmTick = Math.ceil((now + waitMs + mostAgainMs) / tickMs)
    this.snapshot(row, now + waitMs)
  }

  /** Puts `row` where it is found when its time comes; `flush` sends what is ready. */
  mark(row: Subscribed): undefined {
    if (!isReachable(row)) return
    const at = dueTick(row)
    if (at === nowhere) return
    if (at * tickMs > this.#clock.now()) this.#later.set(row, at * tickMs)
    else {
      this.#later.delete(row)
      this.#ready.add(row)
    }
  }

  flush(): undefined {
    // What has to wait for its turn keeps its place in the row.
    if (this.#isArmed) return
    let left = turnNotifications
    for (const row of this.#ready) {
      if (left-- === 0) return this.#soon()
      this.#ready.delete(row)
      if (isReachable(row) && dueTick(row) !== nowhere) this.#send(row)
    }
  }

  drop(row: Subscribed): undefined {
    this.#later.delete(row)
    this.#ready.delete(row)
  }

  stop(): undefined {
    this.#later.stop()
    this.#ready.clear()
  }

  #send(row: Subscribed): undefined {
    const { document, version } = row.watched.presence
    row.seq = version.seq
    row.snapshotTick = nowhere
    row.notifyTick = this.#nextTick()
    this.#notify(row, document, version)
  }

  /** [LINK-6.13-3] */
  #nextTick(): number {
    return Math.floor(this.#clock.now() / tickMs) + this.#pauseTicks
  }

  #soon(): undefined {
    if (this.#isArmed) return
    this.#isArmed = true
    this.#clock.soon(() => {
      this.#isArmed = false
      this.flush()
    })
  }
}

const isReachable = ({ state, home, presentity }: Subscribed): boolean =>
  state === 'active' && !home.pausedFrom.has(presentity.domain)

/** The tick from which on `row` may be sent to; `nowhere`: it has everything. */
function dueTick({ seq, watched, notifyTick, snapshotTick }: Subscribed): number {
  if (seq !== watched.presence.version.seq) return notifyTick
  return snapshotTick === nowhere ? nowhere : Math.max(snapshotTick, notifyTick)
}
