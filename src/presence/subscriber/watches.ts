/**
 * What our users watch at other domains (RFC 6665 §4.1): we say which subscriptions exist, the other domain says what is
 * to be seen.
 *
 * In:    wishes of our users; NOTIFY of other domains; answers to our SUBSCRIBE, RENEW and UNSUBSCRIBE; ways.
 * Out:   `show` for each wish; `work` when requests are due at a domain, which `due` gives out, without an answer again.
 * Fails: `conflict`, `limit-reached` and `busy` for users; `credential-audience`, `lease-unknown` and a bad document for NOTIFY.
 * Spec:  [LINK-6.13-1] to [LINK-6.14-3]; draft §6.6; hardening A068 (no NOTIFY without a subscription), A137 (no old
 *        version), 4.5 (renewal at 60–80 %, `unknown` instead of a false value). One subscription serves all sessions.
 */
import type { Address } from '../../address/address.ts'
import type { Domain } from '../../address/domain.ts'
import type { Env } from '../../env.ts'
import { isSuccess, isTemporary, type Status } from '../../errors.ts'
import { latin1 } from '../../lib/latin1.ts'
import type { Counter } from '../../lib/meter.ts'
import { nowhere, TimerWheel } from '../../lib/timer-wheel.ts'
import type { Caller } from '../../operation/call.ts'
import type { Notice, Notify, Presence, Subscribe } from '../../operation/presence.ts'
import type { Account } from '../../shares/account.ts'
import { parseDocument } from '../../wire/document.ts'
import type { SubscriptionEvent } from '../../wire/registry.ts'
import { subscriptionEnd } from '../lease.ts'
import { active, terminated, unknown } from '../notices.ts'
import { type Interest, Interests } from './interests.ts'
import { Renewals } from './renewals.ts'
import {
  againSeconds,
  canBePutRight,
  grant,
  isNews,
  never,
  newWatch,
  nothing,
  type RequestKind,
  see,
  seen,
  shownOf,
  type Watch,
  type WatchRow,
} from './watch.ts'

/** What a wish was granted. */
export type Watched = {
  readonly status: 'ok' | 'pending'
  readonly leaseSeconds: number
  readonly watch: Watch
  /** SUBSCRIBE has to be sent for `watch` now, and its answer told with `subscribed`. */
  readonly mustSubscribe: boolean
  /** What whoever watches already is shown now; `undefined`: nothing yet. */
  readonly notice: Notice | undefined
}

export type WatchesPorts = {
  /** Requests are due at `domain`; while no way leads there that is a single SUBSCRIBE now and then, which finds out. */
  work(domain: Domain): undefined
  /** Tells whoever has the wish. A document is only lent. After `terminated` the wish is gone. */
  show(interest: Interest, notice: Notice): undefined
  accountOf(watcher: Address): Account
  /** Whether a session of the watcher is gone. */
  isGone(session: Caller): boolean
}

type Held = Pick<Watch, 'id' | 'presentity'>
const paceTickMs = 100

export class Watches {
  readonly #env: Env
  readonly #ports: WatchesPorts
  readonly #interests: Interests
  readonly #renewals: Renewals
  /** The latest watch of each pair of watcher and presentity. */
  readonly #byPair = new Map<string, WatchRow>()
  /** Watches with a value that is not shown yet. */
  readonly #paced: TimerWheel<'paceSlot', WatchRow>
  readonly #paceTicks: number
  readonly #coalesced: Counter
  /** The last document that was checked: a change comes to many watchers with the same bytes. */
  #checked = ''

  constructor(env: Env, ports: WatchesPorts) {
    const { clock, limits, meter } = env
    this.#env = env
    this.#ports = ports
    this.#interests = new Interests(clock, limits, (interest) => this.#leave(interest))
    this.#renewals = new Renewals(env, {
      work: (domain) => ports.work(domain),
      stale: (row) => this.#stale(row),
      over: (row) => this.#over(row),
    })
    this.#paced = new TimerWheel({
      clock,
      tickMs: paceTickMs,
      field: 'paceSlot',
      due: (row) => this.#showLast(row),
    })
    this.#paceTicks = Math.ceil(limits.notifyMs / paceTickMs)
    this.#coalesced = meter.counter('presence_updates_total', { action: 'coalesced' })
    meter.gauge('presence_leases', { of: 'interest' }, () => this.#interests.size)
    meter.gauge('presence_watches', {}, () => this.#renewals.size)
  }

  /** A session wants to watch; with the id of an interest that is there: it renews it. */
  watch(wish: Subscribe, session?: Caller): Watched | 'conflict' | 'limit-reached' | 'busy' {
    const { watcher, id, presentity, leaseSeconds: wanted } = wish
    const known = this.#interests.find(watcher, id)
    if (known !== undefined && known.presentity.text !== presentity.text) return 'conflict'
    const account = this.#byPair.get(pairOf(wish))?.account ?? this.#ports.accountOf(watcher)
    const refusal = known === undefined ? this.#refusalFor(watcher, account) : undefined
    if (refusal !== undefined) return refusal
    const interest = known ?? this.#interests.add(wish)
    const leaseSeconds = this.#interests.lease(watcher, id, wanted, session)
    const row = this.#rowFor(interest, account)
    const mustSubscribe = row.interests.length === 0
    if (known === undefined) row.interests = row.interests.concat(interest)
    row.wantedSeconds = Math.max(row.wantedSeconds, leaseSeconds)
    const status = row.state === 'active' ? 'ok' : 'pending'
    return { status, leaseSeconds, watch: row, mustSubscribe, notice: shownOf(row) }
  }

  /** Ends one interest; with the last one, the subscription. What is not there is ended already. */
  unwatch(watcher: Address, id: string): undefined {
    const interest = this.#interests.find(watcher, id)
    if (interest === undefined) return
    this.#interests.delete(interest)
    this.#leave(interest)
  }

  /** For each id of the watcher the granted seconds, or 0: no such interest (`lease-unknown`). */
  renew(
    watcher: Address,
    ids: readonly string[],
    leaseSeconds: number | undefined,
    session?: Caller,
  ): readonly number[] {
    return ids.map((id) => this.#interests.lease(watcher, id, leaseSeconds, session))
  }

  /**
   * The answer to SUBSCRIBE. What may pass is tried again; a refusal ends the watch. What somebody has to put right first
   * (a key, a limit, a DNS record) ends a new watch, but not one that was granted before.
   */
  subscribed({ id, presentity }: Held, status: Status, leaseSeconds: number): undefined {
    const row = this.#renewals.find(presentity.domain, id)
    if (row === undefined) return
    const isKept = row.leaseSeconds > 0 && canBePutRight(status)
    if (isSuccess(status)) this.#granted(row, leaseSeconds, status === 'pending')
    else if (isTemporary(status) || isKept) row.isAsked = false
    else this.#finish(row, 'rejected')
  }

  /** The answer to RENEW: granted seconds in the order of `ids`, 0 for what the far side does not know. */
  renewed(domain: Domain, ids: readonly string[], granted: readonly number[]): undefined {
    for (const [i, id] of ids.entries()) {
      const row = this.#renewals.find(domain, id)
      if (row?.next !== 'renew') continue
      const seconds = granted[i] ?? 0
      if (seconds > 0) this.#granted(row, seconds, row.state === 'pending')
      else this.#again(row, 0)
    }
  }

  /** The answer to UNSUBSCRIBE. */
  unsubscribed({ id, presentity }: Held): undefined {
    const row = this.#renewals.find(presentity.domain, id)
    if (row?.next === 'unsubscribe') this.#remove(row)
  }

  due(domain: Domain, kind: RequestKind, atMost: number): readonly Watch[] {
    return this.#renewals.take(domain, kind, atMost)
  }

  /** Subscriptions that we hold at `domain`, or still have to take back there. */
  count(domain: Domain): number {
    return this.#renewals.count(domain)
  }

  /** The last way to `domain` is gone; its word is kept for `keepMs`, then watchers see `unknown`. */
  lost(domain: Domain, keepMs: number): undefined {
    this.#renewals.lost(domain, keepMs)
  }

  /** There is a way to `domain`; `isNew`: it has lost its subscriptions. */
  found(domain: Domain, isNew: boolean): undefined {
    this.#renewals.found(domain, isNew)
  }

  /**
   * [LINK-6.13-2] NOTIFY, on the word of its presentity. `ok` also for what is passed over: there is nothing to answer.
   * [LINK-6.13-8] Nothing is shown of what we do not hold for this presentity.
   */
  notified({ subscription, presentity, audience, notice }: Notify): Status {
    const row = this.#renewals.find(presentity.domain, subscription)
    if (row !== undefined && row.watcher.domain !== audience) return 'credential-audience'
    // [LINK-6.13-1] The states between are for clients.
    if (notice.state !== 'active' && notice.state !== 'terminated') return 'ok'
    if (row?.presentity.text !== presentity.text || row.next === 'unsubscribe') {
      this.#drop('lease-unknown')
      return 'lease-unknown'
    }
    if (notice.state === 'terminated') return this.#ended(row, notice.event ?? 'noresource')
    return notice.presence === undefined ? 'ok' : this.#seen(row, notice.presence)
  }

  /** Nobody is asked any more at domains that are barred; who watches there is told. */
  bar(isBarred: (domain: Domain) => boolean): undefined {
    for (const row of this.#renewals.at(isBarred)) this.#finish(row, 'rejected')
  }

  /** A wish of `account` makes room, the one that nobody asked for longest ago. Its sessions may come again later. */
  shed(account: Account): boolean {
    const interest = this.#interests.oldest(account.name)
    if (interest === undefined) return false
    const row = this.#byPair.get(pairOf(interest))
    // [LINK-6.13-6] The far side is not told, which would take a place: it hears at its next notification.
    if (row?.interests.length === 1) this.#finish(row, 'probation')
    else {
      this.unwatch(interest.watcher, interest.id)
      this.#ports.show(interest, terminated('probation'))
    }
    return true
  }

  stop(): undefined {
    for (const row of this.#renewals.at(() => true)) this.#remove(row)
    this.#interests.stop()
    this.#renewals.stop()
    this.#paced.stop()
  }

  #seen(row: WatchRow, presence: Presence): Status {
    const { document, version } = presence
    if (!isNews(row, version)) {
      this.#drop('old-version')
      return 'ok'
    }
    const text = latin1(document, 0, document.length)
    if (text !== this.#checked) {
      const parsed = parseDocument(document, this.#env.limits)
      if (parsed.status !== 'ok') {
        this.#drop('bad-document')
        return parsed.status
      }
      this.#checked = text
    }
    see(row, this.#checked, version)
    if (this.#isInPace(row)) this.#show(row, active(presence))
    return 'ok'
  }

  /** [LINK-6.13-9] Whoever sends faster than the pace changes a value that waits. */
  #isInPace(row: WatchRow): boolean {
    const tick = Math.floor(this.#env.clock.now() / paceTickMs)
    if (tick >= row.paceTick) {
      row.paceTick = tick + this.#paceTicks
      return true
    }
    if (row.paceSlot === nowhere) this.#paced.set(row, row.paceTick * paceTickMs)
    else this.#coalesced.n++
    return false
  }

  #showLast(row: WatchRow): undefined {
    const presence = seen(row)
    if (presence !== undefined && this.#isInPace(row)) this.#show(row, active(presence))
  }

  #show({ interests }: WatchRow, notice: Notice): undefined {
    for (const interest of interests) this.#ports.show(interest, notice)
  }

  /** [LINK-6.13-7] The far side ends it. RFC 6665 §4.1.3 says which reasons invite to another try. */
  #ended(row: WatchRow, event: SubscriptionEvent): Status {
    const { random, limits } = this.#env
    if (event === 'deactivated' || event === 'timeout') {
      // At once; but whoever ends it again and again is not asked more often than one that does not answer.
      const now = this.#renewals.now()
      const isAgain = (now - row.revivedAt) * 1000 < limits.requestMs
      row.revivedAt = now
      this.#again(row, isAgain ? againSeconds(0, random, limits) : 0)
    } else if (event === 'probation' || event === 'giveup') {
      // Nobody can vouch for what was seen last until then.
      if (row.document !== undefined) this.#stale(row)
      this.#again(row, limits.leaseMinSeconds)
    } else this.#finish(row, event)
    return 'ok'
  }

  #drop(cause: 'old-version' | 'bad-document' | 'lease-unknown'): undefined {
    this.#env.meter.counter('presence_dropped_total', { cause }).n++
  }

  /** Why there is nothing more for `watcher`; else a place is taken. */
  #refusalFor(watcher: Address, account: Account): 'limit-reached' | 'busy' | undefined {
    const { shares, meter } = this.#env
    if (this.#interests.isFull(watcher) && !this.#replaceGone(watcher)) {
      meter.hit('subscriptionsPerWatcher')
      return 'limit-reached'
    }
    if (shares.take(account, 'subscriptions')) return undefined
    meter.hit('subscriptions')
    return 'busy'
  }

  /** What a session wished that is gone makes room; first over there, where the bound may be the same. */
  #replaceGone({ text }: Address): boolean {
    const wish = this.#interests.oldest(text, this.#ports.isGone)
    if (wish === undefined) return false
    this.unwatch(wish.watcher, wish.id)
    this.#ports.work(wish.presentity.domain)
    return true
  }

  /** [LINK-6.10-7] Held before it is asked for. One that is given up is taken back, unless the far side is told already. */
  #rowFor(interest: Interest, account: Account): WatchRow {
    const old = this.#byPair.get(pairOf(interest))
    if (old !== undefined && old.next !== 'unsubscribe') return old
    if (old !== undefined && !old.isAsked) {
      // It has kept its place.
      this.#env.shares.give(account, 'subscriptions')
      this.#ask(old)
      return old
    }
    const row = newWatch(interest, account, latin1(this.#env.random.bytes(16), 0, 16))
    this.#byPair.set(pairOf(interest), row)
    this.#renewals.add(row)
    this.#ask(row)
    return row
  }

  /** SUBSCRIBE is being sent. */
  #ask(row: WatchRow): undefined {
    row.state = 'asking'
    row.attempts = 0
    row.endsAt = never
    this.#renewals.give(row, 'subscribe')
  }

  #granted(row: WatchRow, seconds: number, isPending: boolean): undefined {
    grant(row, seconds, this.#renewals.now(), this.#env.limits)
    if (row.next === 'unsubscribe') return
    row.state = isPending ? 'pending' : 'active'
    this.#renewals.planRenewal(row)
  }

  /** The far side holds no subscription: ask for it anew. */
  #again(row: WatchRow, afterSeconds: number): undefined {
    row.state = 'asking'
    row.endsAt = never
    this.#renewals.plan(row, 'subscribe', this.#renewals.now() + afterSeconds)
  }

  #leave(interest: Interest): undefined {
    const row = this.#byPair.get(pairOf(interest))
    if (row === undefined) return
    row.interests = row.interests.filter((one) => one !== interest)
    // What the far side may still hold keeps its place.
    if (row.interests.length > 0) return this.#env.shares.give(row.account, 'subscriptions')
    this.#paced.delete(row)
    row.document = undefined
    row.seq = nothing
    row.paceTick = 0
    row.attempts = 0
    const now = this.#renewals.now()
    // A SUBSCRIBE without an answer may yet be granted; and the far side waits a while after the end of a lease.
    const leaseEnd = row.endsAt === never ? now + row.wantedSeconds : row.endsAt
    row.endsAt = Math.ceil(subscriptionEnd(leaseEnd * 1000, 0, this.#env.limits) / 1000)
    this.#renewals.plan(row, 'unsubscribe', now)
  }

  #over(row: WatchRow): undefined {
    if (row.next === 'unsubscribe') return this.#remove(row)
    this.#again(row, 0)
    this.#stale(row)
  }

  #remove(row: WatchRow): undefined {
    this.#renewals.remove(row)
    this.#env.shares.give(row.account, 'subscriptions', Math.max(1, row.interests.length))
    this.#paced.delete(row)
    if (this.#byPair.get(pairOf(row)) === row) this.#byPair.delete(pairOf(row))
  }

  #stale(row: WatchRow): undefined {
    if (row.isUnknown) return
    row.isUnknown = true
    this.#show(row, unknown)
  }

  #finish(row: WatchRow, event: SubscriptionEvent): undefined {
    this.#remove(row)
    for (const interest of row.interests) {
      this.#interests.delete(interest)
      this.#ports.show(interest, terminated(event))
    }
  }
}

const pairOf = ({ watcher, presentity }: { watcher: Address; presentity: Address }): string =>
  `${watcher.text} ${presentity.text}`
