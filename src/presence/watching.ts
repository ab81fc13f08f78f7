/**
 * What our users watch at other domains: we say which subscriptions exist, the other domain says what is to be seen.
 *
 * In:    wishes of our sessions; NOTIFY of other domains; answers to our SUBSCRIBE, RENEW and UNSUBSCRIBE; links.
 * Out:   `deliver`, `unknown` and `terminated` for each wish; `work` when a domain has errands, which
 *        `dueToSubscribe`, `dueForRenewal` and `dueToUnsubscribe` then give out. What gets no answer is given out again.
 * Fails: `conflict` and `limit-reached` for sessions; `lease-unknown` and a bad document for NOTIFY.
 * Spec:  draft §6.6; hardening A068 (no NOTIFY without a subscription), A137 (no old version), 4.5 (renewal at 60–80 %,
 *        `unknown` instead of a stale or false value). One subscription serves all sessions of a watcher.
 */
import type { Address } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import { isSuccess, isTemporary, type Status, statuses, statusNumber } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { latin1 } from '../lib/latin1.ts'
import type { Counter, Meter } from '../lib/meter.ts'
import type { Random } from '../lib/random.ts'
import type { LimitName, Limits } from '../limits.ts'
import { Agenda } from './agenda.ts'
import { type Presence, parseDocument, type Version } from './document.ts'
import { type Interest, Interests } from './interests.ts'
import { subscriptionEnd } from './lease.ts'
import type { Refused, SubscriptionEvent } from './subscription.ts'
import {
  againSeconds,
  grant,
  isNews,
  never,
  newWatch,
  nothing,
  see,
  type Watch,
  type WatchRow,
} from './watch.ts'

export type WatchRequest = Interest & { readonly leaseSeconds: number | undefined }

export type Watched = {
  readonly leaseSeconds: number
  readonly watch: Watch
  /** SUBSCRIBE has to be sent for `watch` now, and its answer told with `subscribed`. */
  readonly mustSubscribe: boolean
  /** What was seen last, if it still holds. */
  readonly presence: Presence | undefined
}

export type WatchAnswer =
  | (Watched & { readonly status: 'ok' })
  | (Watched & { readonly status: 'pending' })
  | (Refused & { readonly status: 'conflict' })
  | (Refused & { readonly status: 'limit-reached' })

export type Notification = {
  readonly id: string
  /** The domain that is proven to speak. */
  readonly from: Domain
  readonly presentity: Address
}

export type WatchingNeeds = {
  readonly clock: Clock
  readonly random: Random
  readonly limits: Limits
  readonly meter: Meter
  /** `domain` has errands; while its link is lost that is a single SUBSCRIBE now and then, which finds out. */
  readonly work: (domain: Domain) => undefined
  /** `document` is only lent. */
  readonly deliver: (interest: Interest, document: Buffer, version: Version) => undefined
  /** Nobody can vouch any more for what was delivered last; said once. */
  readonly unknown: (interest: Interest) => undefined
  /** The other side ended it, and the interest is gone. */
  readonly terminated: (interest: Interest, event: SubscriptionEvent) => undefined
}

export class Watching {
  readonly #needs: WatchingNeeds
  readonly #interests: Interests
  readonly #agenda: Agenda
  /** The latest watch of each pair of watcher and presentity. */
  readonly #byPair = new Map<string, WatchRow>()
  readonly #dropped: (cause: string) => Counter
  /** The last document that was checked: a change comes to many watchers with the same bytes. */
  #checked = ''

  constructor(needs: WatchingNeeds) {
    const { clock, random, limits, meter, work } = needs
    this.#needs = needs
    this.#interests = new Interests(clock, limits, (interest) => this.#leave(interest))
    this.#agenda = new Agenda({
      clock,
      random,
      limits,
      work,
      stale: (row) => this.#stale(row),
      over: (row) => this.#over(row),
    })
    this.#dropped = (cause) => meter.counter('presence_dropped_total', { cause })
    meter.gauge('presence_leases', { of: 'interest' }, () => this.#interests.size)
    meter.gauge('presence_watches', {}, () => this.#agenda.size)
  }

  /** A session wants to watch; with the id of an interest that is there: it renews it. */
  watch(request: WatchRequest): WatchAnswer {
    const { watcher, id, presentity, leaseSeconds: wanted } = request
    const known = this.#interests.find(watcher, id)
    if (known !== undefined && known.presentity.text !== presentity.text) {
      return { status: 'conflict', detail: 'the id stands for another presentity' }
    }
    if (known === undefined) {
      const limit = this.#limitFor(watcher)
      if (limit !== undefined) return this.#full(limit)
    }
    const interest = known ?? this.#interests.add(request)
    const leaseSeconds = this.#interests.lease(watcher, id, wanted)
    const row = this.#rowFor(interest)
    const mustSubscribe = row.interests.length === 0
    if (known === undefined) row.interests = row.interests.concat(interest)
    row.wantedSeconds = Math.max(row.wantedSeconds, leaseSeconds)
    const status = row.state === 'active' ? 'ok' : 'pending'
    return { status, leaseSeconds, watch: row, mustSubscribe, presence: seen(row) }
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
  ): readonly number[] {
    return ids.map((id) => this.#interests.lease(watcher, id, leaseSeconds))
  }

  /**
   * The answer to SUBSCRIBE. What may pass is tried again; a refusal ends the watch. What somebody has to put right first
   * (a key, a limit, a DNS record) ends a new watch, but not one that was granted before.
   */
  subscribed({ id, presentity }: Watch, status: Status, leaseSeconds: number): undefined {
    const row = this.#agenda.find(presentity.domain, id)
    if (row === undefined) return
    const isKept = row.leaseSeconds > 0 && canBePutRight(status)
    if (isSuccess(status)) this.#granted(row, leaseSeconds, status === 'pending')
    else if (isTemporary(status) || isKept) row.isAsked = false
    else this.#finish(row, 'rejected')
  }

  /** The answer to RENEW: granted seconds in the order of `watches`, 0 for what the far side does not know. */
  renewed(watches: readonly Watch[], granted: readonly number[]): undefined {
    for (const [i, { id, presentity }] of watches.entries()) {
      const row = this.#agenda.find(presentity.domain, id)
      if (row?.errand !== 'renew') continue
      const seconds = granted[i] ?? 0
      if (seconds > 0) this.#granted(row, seconds, row.state === 'pending')
      else this.#again(row, 0)
    }
  }

  /** The answer to UNSUBSCRIBE. */
  unsubscribed({ id, presentity }: Watch): undefined {
    const row = this.#agenda.find(presentity.domain, id)
    if (row?.errand === 'unsubscribe') this.#remove(row)
  }

  dueToSubscribe(domain: Domain, atMost: number): readonly Watch[] {
    return this.#agenda.take(domain, 'subscribe', atMost)
  }

  dueForRenewal(domain: Domain, atMost: number): readonly Watch[] {
    return this.#agenda.take(domain, 'renew', atMost)
  }

  dueToUnsubscribe(domain: Domain, atMost: number): readonly Watch[] {
    return this.#agenda.take(domain, 'unsubscribe', atMost)
  }

  /** The domain of the watcher for whom the subscription `id` is held at `domain`. */
  watcherOf(domain: Domain, id: string): Domain | undefined {
    return this.#agenda.find(domain, id)?.watcher.domain
  }

  /** Subscriptions that we hold at `domain`, or still have to take back there. */
  count(domain: Domain): number {
    return this.#agenda.count(domain)
  }

  /** The last link to `domain` is gone; its word is kept for `keepMs`, then watchers see `unknown`. */
  linkLost(domain: Domain, keepMs: number): undefined {
    this.#agenda.linkLost(domain, keepMs)
  }

  /** There is a link to `domain`; `isNew`: it has lost its subscriptions (`state` of its HELLO). */
  linkUp(domain: Domain, isNew: boolean): undefined {
    this.#agenda.linkUp(domain, isNew)
  }

  /** NOTIFY with a whole document. `ok` also for what was seen before: there is nothing to answer. */
  notified(notification: Notification, document: Buffer, version: Version): Status {
    const row = this.#subject(notification)
    if (row === undefined) return 'lease-unknown'
    if (!isNews(row, version)) {
      this.#dropped('old-version').n++
      return 'ok'
    }
    const text = latin1(document, 0, document.length)
    if (text !== this.#checked) {
      const parsed = parseDocument(document, this.#needs.limits)
      if (parsed.status !== 'ok') {
        this.#dropped('bad-document').n++
        return parsed.status
      }
      this.#checked = text
    }
    see(row, this.#checked, version)
    for (const interest of row.interests) this.#needs.deliver(interest, document, version)
    return 'ok'
  }

  /** [LINK-6.13-7] NOTIFY that ends a subscription. RFC 6665 §4.1.3 says which reasons invite to another try. */
  ended(notification: Notification, event: SubscriptionEvent): Status {
    const row = this.#subject(notification)
    if (row === undefined) return 'lease-unknown'
    const { random, limits } = this.#needs
    if (event === 'deactivated' || event === 'timeout') {
      this.#again(row, againSeconds(0, random, limits))
    } else if (event === 'probation' || event === 'giveup') {
      this.#again(row, limits.leaseMinSeconds)
    } else {
      this.#finish(row, event)
    }
    return 'ok'
  }

  /** Nobody is asked any more at domains that are barred; who watches there is told. */
  bar(isBarred: (domain: Domain) => boolean): undefined {
    for (const row of this.#agenda.at(isBarred)) this.#finish(row, 'rejected')
  }

  stop(): undefined {
    this.#interests.stop()
    this.#agenda.stop()
  }

  /** [LINK-6.13-8] The watch that a NOTIFY is about: of this domain, of this presentity, and wanted. */
  #subject({ id, from, presentity }: Notification): WatchRow | undefined {
    const row = this.#agenda.find(from, id)
    if (row?.presentity.text === presentity.text && row.errand !== 'unsubscribe') return row
    this.#dropped('lease-unknown').n++
    return undefined
  }

  #full(limit: LimitName): WatchAnswer {
    this.#needs.meter.counter('limit_hits_total', { limit }).n++
    return { status: 'limit-reached', detail: `no room: ${limit}` }
  }

  #limitFor(watcher: Address): LimitName | undefined {
    // More than wishes: what is being unsubscribed is still held.
    const isFull = this.#agenda.size >= this.#needs.limits.subscriptions
    return isFull ? 'subscriptions' : this.#interests.limitFor(watcher)
  }

  /** The watch that serves `interest`. One that is being given up is taken back, unless the far side is told already. */
  #rowFor(interest: Interest): WatchRow {
    const old = this.#byPair.get(pairOf(interest))
    if (old !== undefined && old.errand !== 'unsubscribe') return old
    if (old !== undefined && !old.isAsked) {
      this.#ask(old)
      return old
    }
    const row = newWatch(interest, latin1(this.#needs.random.bytes(16), 0, 16))
    this.#byPair.set(pairOf(interest), row)
    this.#agenda.add(row)
    this.#ask(row)
    return row
  }

  /** SUBSCRIBE is being sent. */
  #ask(row: WatchRow): undefined {
    row.state = 'asking'
    row.attempts = 0
    row.endsAt = never
    this.#agenda.give(row, 'subscribe')
  }

  #granted(row: WatchRow, seconds: number, isPending: boolean): undefined {
    grant(row, seconds, this.#agenda.now(), this.#needs.limits)
    if (row.errand === 'unsubscribe') return
    row.state = isPending ? 'pending' : 'active'
    this.#agenda.planRenewal(row)
  }

  /** The far side holds no subscription: ask for it anew. */
  #again(row: WatchRow, afterSeconds: number): undefined {
    row.state = 'asking'
    row.endsAt = never
    this.#agenda.plan(row, 'subscribe', this.#agenda.now() + afterSeconds)
  }

  #leave(interest: Interest): undefined {
    const row = this.#byPair.get(pairOf(interest))
    if (row === undefined) return
    row.interests = row.interests.filter((one) => one !== interest)
    if (row.interests.length > 0) return
    row.document = undefined
    row.seq = nothing
    row.attempts = 0
    const now = this.#agenda.now()
    // A SUBSCRIBE without an answer may yet be granted; and the far side waits a while after the end of a lease.
    const leaseEnd = row.endsAt === never ? now + row.wantedSeconds : row.endsAt
    row.endsAt = Math.ceil(subscriptionEnd(leaseEnd * 1000, 0, this.#needs.limits) / 1000)
    this.#agenda.plan(row, 'unsubscribe', now)
  }

  #over(row: WatchRow): undefined {
    if (row.errand === 'unsubscribe') return this.#remove(row)
    this.#again(row, 0)
    this.#stale(row)
  }

  #remove(row: WatchRow): undefined {
    this.#agenda.remove(row)
    if (this.#byPair.get(pairOf(row)) === row) this.#byPair.delete(pairOf(row))
  }

  #stale(row: WatchRow): undefined {
    if (row.isUnknown) return
    row.isUnknown = true
    for (const interest of row.interests) this.#needs.unknown(interest)
  }

  #finish(row: WatchRow, event: SubscriptionEvent): undefined {
    this.#remove(row)
    for (const interest of row.interests) {
      this.#interests.delete(interest)
      this.#needs.terminated(interest, event)
    }
  }
}

/** The codes 0x05.. are about the way to the domain, not about the subscription. */
const canBePutRight = (status: Status): boolean =>
  statuses[status].retry === 'change' || statusNumber(status) >> 8 === 0x05

const pairOf = ({ watcher, presentity }: { watcher: Address; presentity: Address }): string =>
  `${watcher.text} ${presentity.text}`

function seen({ document, isUnknown, epoch, seq }: WatchRow): Presence | undefined {
  if (document === undefined || isUnknown) return undefined
  return { document: Buffer.from(document, 'latin1'), version: { epoch, seq } }
}
