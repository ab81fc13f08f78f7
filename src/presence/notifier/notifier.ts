/**
 * When each watcher gets what: the first change at once, then at most one in `limits.notifyMs` per subscription, and
 * always the last value (a register, not a log).
 *
 * In:    subscriptions that may have something to get: one (`mark`), or all of a presentity or a domain, however many.
 * Out:   `notify` when one of them has. Its work is charged to whoever watches: what its account has too much of waits,
 *        and nobody waits behind it.
 * Fails: never. State and domain are looked at when it is sent, not when it is marked: after a refusal nothing goes out.
 */

import type { Env } from '../../env.ts'
import { backOff } from '../../lib/back-off.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Counter } from '../../lib/meter.ts'
import { nowhere, TimerWheel } from '../../lib/timer-wheel.ts'
import type { Presence } from '../../operation/presence.ts'
import type { Account } from '../../shares/account.ts'
import { byteMs } from '../../shares/prices.ts'
import type { Shares } from '../../shares/shares.ts'
import type { Subscription, WatchedPresentity } from './subscription.ts'

const tickMs = 100

/** Wait after the first refusal, and the longest. */
export const againMs = 1000
const mostAgainMs = 60_000

/** Subscriptions that are looked at in one turn of the event loop: 100 000 watchers of one presentity hold up nobody else. */
const turnLooks = 8192
/** Of them, those of one presentity or domain before it is the next one's turn. */
const crowdLooks = 1024
/** Notifications made in one turn; as long as there are some to be looked at, one part of it. */
const turnNotifications = 1024
/** Of them, those to one account before it is the next one's turn. */
const accountNotifications = 64
/** Where they take longer than they should, there are fewer of them. */
const turnMs = 4

/** What one takes, beside its bytes: found by measuring, since a stopwatch for each would cost more than it tells. */
const notificationMs = 0.012
/** Wait of what an account has too much of. */
const overMs = 2000
/** No version. */
const unknown = -1

/** Watchers of a presentity, or of a domain, by whatever they are kept. */
type Crowd = { values(): Iterator<Subscription> }

/** How far a crowd is looked at. */
type Walk = {
  readonly rest: Iterator<Subscription>
  /** What those of them have who do not wait for a change already. */
  readonly before: number
  /** Another change came meanwhile, with this before it: they are looked at once more. */
  next: number | undefined
  isOver: boolean
}

export class Notifier {
  readonly #clock: Clock
  readonly #shares: Shares
  readonly #notify: (subscription: Subscription) => undefined
  readonly #pauseTicks: number
  readonly #coalesced: Counter
  /** By who pays; each has its turn. */
  readonly #ready = new Map<Account, Set<Subscription>>()
  readonly #walks = new Map<Crowd, Walk>()
  readonly #later: TimerWheel<'laterSlot', Subscription>
  #isArmed = false

  constructor(
    { clock, limits, meter, shares }: Env,
    notify: (subscription: Subscription) => undefined,
  ) {
    this.#clock = clock
    this.#shares = shares
    this.#notify = notify
    this.#pauseTicks = Math.ceil(limits.notifyMs / tickMs) + 1
    this.#coalesced = meter.counter('presence_updates_total', { action: 'coalesced' })
    this.#later = new TimerWheel({
      clock,
      tickMs,
      field: 'laterSlot',
      due: (subscription) => {
        this.mark(subscription)
        this.#soon()
      },
    })
  }

  /** All watchers of `watched` have something to get, unless they are told already. */
  changed(watched: WatchedPresentity, presence: Presence): undefined {
    const before = watched.presence.version.seq
    watched.presence = presence
    this.#walk(watched.subscriptions, before)
    this.flush()
  }

  /** All of `crowd` may have something to get that was held back. */
  resume(crowd: Crowd): undefined {
    this.#walk(crowd, unknown)
    this.flush()
  }

  /** The document goes to the watcher again, not before `atMs`. */
  snapshot(subscription: Subscription, atMs: number): undefined {
    const isNow = atMs <= this.#clock.now()
    subscription.snapshotTick = isNow ? Math.floor(atMs / tickMs) : Math.ceil(atMs / tickMs)
    // Who comes back too soon gets no change at once either, or coming back would pay.
    if (!isNow && subscription.notifyTick === 0) subscription.notifyTick = this.#nextTick()
    this.mark(subscription)
    // [LINK-6.10-3] Not in this turn: the answer to SUBSCRIBE goes first.
    this.#soon()
  }

  /** [LINK-6.13-6] NOTIFY was refused: the document goes to the watcher again, not before `leastMs` from now. */
  refused(subscription: Subscription, leastMs: number): undefined {
    const now = this.#clock.now()
    const isSoon = now < subscription.calmTick * tickMs
    subscription.refusals = isSoon ? subscription.refusals + 1 : 0
    const waitMs = Math.max(leastMs, backOff(subscription.refusals, againMs, mostAgainMs))
    subscription.calmTick = Math.ceil((now + waitMs + mostAgainMs) / tickMs)
    this.snapshot(subscription, now + waitMs)
  }

  /** Puts a subscription where it is found when its time comes; `flush` sends what is ready. */
  mark(subscription: Subscription): undefined {
    if (!maySend(subscription)) return
    const at = subscription.dueTick
    if (at === nowhere) return
    if (at * tickMs > this.#clock.now()) this.#later.set(subscription, at * tickMs)
    else {
      this.#later.delete(subscription)
      this.#readyOf(subscription.subscriber.account).add(subscription)
    }
  }

  flush(): undefined {
    // What has to wait for its turn keeps its mark.
    if (this.#isArmed) return
    this.#look()
    // Who is last in a crowd is not to wait for all that it is told.
    let left = this.#walks.size > 0 ? accountNotifications : turnNotifications
    const until = this.#clock.now() + turnMs
    for (const [account, own] of this.#ready) {
      if (left === 0 || this.#clock.now() > until) break
      left -= this.#serve(account, own, Math.min(left, accountNotifications))
      this.#ready.delete(account)
      // Whoever has more to get stands at the end.
      if (own.size > 0) this.#ready.set(account, own)
    }
    if (this.#walks.size > 0 || this.#ready.size > 0) this.#soon()
  }

  drop(subscription: Subscription): undefined {
    this.#later.delete(subscription)
    this.#ready.get(subscription.subscriber.account)?.delete(subscription)
  }

  stop(): undefined {
    this.#later.stop()
    this.#ready.clear()
    this.#walks.clear()
  }

  #walk(crowd: Crowd, before: number): undefined {
    const walk = this.#walks.get(crowd)
    if (walk !== undefined) walk.next = before
    else this.#walks.set(crowd, { rest: crowd.values(), before, next: undefined, isOver: false })
  }

  /** Marks the next ones of each crowd in turn. */
  #look(): undefined {
    let left = turnLooks
    for (const [crowd, walk] of this.#walks) {
      if (left <= 0) return
      this.#walks.delete(crowd)
      const looks = this.#lookAt(walk, Math.min(left, crowdLooks))
      left -= looks
      if (!walk.isOver) this.#walks.set(crowd, walk)
      else if (walk.next !== undefined) this.#walk(crowd, walk.next)
    }
  }

  /** Up to so many; those looked at. */
  #lookAt(walk: Walk, most: number): number {
    const { rest, before } = walk
    for (let n = 0; n < most; n++) {
      const { value: subscription, done } = rest.next()
      if (done === true) {
        walk.isOver = true
        return n
      }
      const { seq, state, watched } = subscription
      const isLate = seq !== before && seq !== watched.presence.version.seq
      if (isLate && before !== unknown && state === 'active') this.#coalesced.n++
      this.mark(subscription)
    }
    return most
  }

  /** Up to so many of one account; those looked at. */
  #serve(account: Account, own: Set<Subscription>, most: number): number {
    const isOver = this.#shares.isOver(account, 'time')
    let [looks, ms] = [0, 0]
    for (const subscription of own) {
      if (looks === most) break
      looks++
      own.delete(subscription)
      if (!maySend(subscription) || subscription.dueTick === nowhere) continue
      if (isOver) this.#later.set(subscription, this.#clock.now() + overMs)
      else {
        ms += notificationMs + subscription.watched.presence.document.length * byteMs
        this.#send(subscription)
      }
    }
    if (ms > 0) this.#shares.charge(account, ms)
    return looks
  }

  #readyOf(account: Account): Set<Subscription> {
    const known = this.#ready.get(account)
    if (known !== undefined) return known
    const made = new Set<Subscription>()
    this.#ready.set(account, made)
    return made
  }

  #send(subscription: Subscription): undefined {
    subscription.seq = subscription.watched.presence.version.seq
    subscription.snapshotTick = nowhere
    subscription.notifyTick = this.#nextTick()
    this.#notify(subscription)
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

const maySend = ({ state, isReachable }: Subscription): boolean => state === 'active' && isReachable
