/**
 * Who watches the presentities of our domains, and until when.
 *
 * In:    SUBSCRIBE, RENEW and UNSUBSCRIBE of watchers that are proven; what policy/ decided about them; `changed` of a
 *        presentity; whether the domain of watchers can be reached.
 * Out:   answers; `notify` with the whole document.
 * Fails: `conflict` (the id stands for another watcher or presentity), `limit-reached`, `refused` (not the watcher's).
 * Spec:  draft §6.6 (leases); RFC 3857 §4.7 (states); hardening A133–A136. A lapse is silent. Ids are scoped
 *        under the domain of the watcher: no domain can touch the subscriptions of another.
 */
import type { Address } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import type { Clock } from '../lib/clock.ts'
import type { Meter } from '../lib/meter.ts'
import { nowhere, TimerWheel } from '../lib/timer-wheel.ts'
import type { LimitName, Limits } from '../limits.ts'
import type { Presence } from './document.ts'
import { grantLease, subscriptionEnd } from './lease.ts'
import { type Home, Notifier, type Notify, type Subscribed, type Watched } from './notifier.ts'
import { SnapshotPace } from './snapshot-pace.ts'
import type { SubscribeAnswer, SubscribeRequest } from './subscription.ts'

export type SubscriptionsNeeds = {
  readonly clock: Clock
  readonly limits: Limits
  readonly meter: Meter
  /** Shortest time between two documents that one watcher draws of one presentity by subscribing. */
  readonly snapshotMs: number
  /** The document of a presentity as it is now. */
  readonly presence: (presentity: Address) => Presence
  readonly notify: Notify
}

type Watcher = { readonly address: Address; count: number }

export class Subscriptions {
  readonly #needs: SubscriptionsNeeds
  readonly #homes = new Map<Domain, Home>()
  readonly #watchers = new Map<string, Watcher>()
  readonly #watched = new Map<string, Watched>()
  readonly #leases: TimerWheel<'leaseSlot', Subscribed>
  readonly #notifier: Notifier
  readonly #pace: SnapshotPace

  constructor(needs: SubscriptionsNeeds) {
    const { clock, limits, meter, snapshotMs, notify } = needs
    this.#needs = needs
    this.#notifier = new Notifier(clock, limits, meter, notify)
    this.#pace = new SnapshotPace(clock, snapshotMs, limits.subscriptions)
    this.#leases = new TimerWheel({
      clock,
      tickMs: 1000,
      field: 'leaseSlot',
      due: (row) => this.#end(row),
    })
    meter.gauge('presence_leases', { of: 'subscription' }, () => this.#leases.size)
  }

  /** Subscribes, or renews what has the same id; either way the document follows. */
  subscribe(request: SubscribeRequest): SubscribeAnswer {
    const { id, watcher, presentity, state } = request
    const known = this.#homes.get(watcher.domain)?.byId.get(id)
    // [LINK-6.10-2]
    if (known !== undefined && !isSame(known, request)) {
      return { status: 'conflict', detail: 'the id stands for another subscription' }
    }
    if (known === undefined) {
      const limit = this.#limitFor(request)
      if (limit !== undefined) return this.#full(limit)
    }
    const row = known ?? this.#add(request)
    row.state = state
    const leaseSeconds = this.#lease(row, request.leaseSeconds)
    this.#notifier.snapshot(row, this.#pace.draw(`${watcher.text} ${presentity.text}`))
    return { status: state === 'active' ? 'ok' : 'pending', leaseSeconds }
  }

  /**
   * [LINK-6.12-2] What is not there has been unsubscribed: a repeat gets the same answer. Nobody cancels for
   * another (RFC 2779 §5.1.7, §5.1.8).
   */
  unsubscribe(watcher: Address, id: string): 'ok' | 'refused' {
    const row = this.#homes.get(watcher.domain)?.byId.get(id)
    if (row === undefined) return 'ok'
    if (row.watcher.text !== watcher.text) return 'refused'
    this.#end(row)
    return 'ok'
  }

  /**
   * [LINK-6.11-2] For each id the granted seconds, or 0: no such subscription of this domain to somebody in `audience`
   * (`undefined`: anywhere), or `lease-unknown`.
   */
  renew(
    domain: Domain,
    audience: Domain | undefined,
    ids: readonly string[],
    leaseSeconds: number | undefined,
  ): readonly number[] {
    const home = this.#homes.get(domain)
    return ids.map((id) => {
      const row = home?.byId.get(id)
      if (row === undefined) return 0
      const isMeant = audience === undefined || row.presentity.domain === audience
      return isMeant ? this.#lease(row, leaseSeconds) : 0
    })
  }

  /** The document of `presentity` is another one now. */
  changed(presentity: Address): undefined {
    const watched = this.#watched.get(presentity.text)
    if (watched !== undefined) this.#notifier.changed(watched, this.#needs.presence(presentity))
  }

  /** The domain of the watcher answered NOTIFY with `lease-unknown`. */
  forget(domain: Domain, id: string): undefined {
    const row = this.#homes.get(domain)?.byId.get(id)
    if (row !== undefined) this.#end(row)
  }

  /** NOTIFY failed for now: the document, as it is then, goes out again after `afterMs`. */
  retry(domain: Domain, id: string, afterMs: number): undefined {
    const row = this.#homes.get(domain)?.byId.get(id)
    if (row !== undefined) this.#notifier.snapshot(row, this.#needs.clock.now() + afterMs)
  }

  /** NOTIFY was refused: again not before `leastMs`, and later each time while refusals go on. */
  refused(domain: Domain, id: string, leastMs: number): undefined {
    const row = this.#homes.get(domain)?.byId.get(id)
    if (row !== undefined) this.#notifier.refused(row, leastMs)
  }

  /** Subscriptions of whoever `isBarred` from now on are over, and nobody is told. */
  bar(isBarred: (domain: Domain) => boolean): undefined {
    for (const { domain, byId } of [...this.#homes.values()]) {
      if (isBarred(domain)) for (const row of [...byId.values()]) this.#end(row)
    }
  }

  /** `from` cannot reach `domain`: nothing is kept for it but what it has not got. */
  pause(domain: Domain, from: Domain): undefined {
    this.#homes.get(domain)?.pausedFrom.add(from)
  }

  /** `from` can reach `domain` again, which gets the latest of what it has missed. */
  resume(domain: Domain, from: Domain): undefined {
    const home = this.#homes.get(domain)
    if (home?.pausedFrom.delete(from) !== true) return
    for (const row of home.byId.values()) this.#notifier.mark(row)
    this.#notifier.flush()
  }

  /** Live subscriptions whose watchers are in `domain`. */
  count(domain: Domain): number {
    return this.#homes.get(domain)?.byId.size ?? 0
  }

  stop(): undefined {
    this.#leases.stop()
    this.#notifier.stop()
    this.#pace.stop()
  }

  #limitFor({ watcher, presentity }: SubscribeRequest): LimitName | undefined {
    const { limits } = this.#needs
    const counts = this.#homes.get(watcher.domain)?.counts
    if (this.#leases.size >= limits.subscriptions) return 'subscriptions'
    if ((counts?.get(presentity.domain) ?? 0) >= limits.subscriptionsPerPair) {
      return 'subscriptionsPerPair'
    }
    const own = this.#watchers.get(watcher.text)?.count ?? 0
    return own >= limits.subscriptionsPerWatcher ? 'subscriptionsPerWatcher' : undefined
  }

  #full(limit: LimitName): SubscribeAnswer {
    this.#needs.meter.counter('limit_hits_total', { limit }).n++
    return { status: 'limit-reached', detail: `no room: ${limit}` }
  }

  #add({ id, watcher: address, presentity, state }: SubscribeRequest): Subscribed {
    const home = this.#homeOf(address.domain)
    const watcher = this.#watcherOf(address)
    const watched = this.#watchedOf(presentity)
    const row: Subscribed = {
      id,
      watcher: watcher.address,
      presentity: watched.presentity,
      watched,
      home,
      state,
      leaseSeconds: 0,
      leaseSlot: nowhere,
      seq: watched.presence.version.seq,
      notifyTick: 0,
      snapshotTick: nowhere,
      laterSlot: nowhere,
      refusals: 0,
      calmTick: 0,
    }
    home.byId.set(id, row)
    home.counts.set(presentity.domain, (home.counts.get(presentity.domain) ?? 0) + 1)
    watcher.count++
    watched.subscribed.add(row)
    return row
  }

  #homeOf(domain: Domain): Home {
    const home = this.#homes.get(domain) ?? {
      domain,
      byId: new Map(),
      counts: new Map(),
      pausedFrom: new Set(),
    }
    this.#homes.set(domain, home)
    return home
  }

  #watcherOf(address: Address): Watcher {
    const watcher = this.#watchers.get(address.text) ?? { address, count: 0 }
    this.#watchers.set(address.text, watcher)
    return watcher
  }

  #watchedOf(presentity: Address): Watched {
    const known = this.#watched.get(presentity.text)
    if (known !== undefined) return known
    const presence = this.#needs.presence(presentity)
    const watched = { presentity, subscribed: new Set<Subscribed>(), presence }
    this.#watched.set(presentity.text, watched)
    return watched
  }

  #lease(row: Subscribed, wantedSeconds: number | undefined): number {
    const { clock, limits } = this.#needs
    row.leaseSeconds = grantLease(wantedSeconds, limits)
    this.#leases.set(row, subscriptionEnd(clock.now(), row.leaseSeconds, limits))
    return row.leaseSeconds
  }

  #end(row: Subscribed): undefined {
    const { id, watcher, watched, home } = row
    row.state = 'terminated'
    this.#leases.delete(row)
    this.#notifier.drop(row)
    watched.subscribed.delete(row)
    if (watched.subscribed.size === 0) this.#watched.delete(watched.presentity.text)
    home.byId.delete(id)
    if (home.byId.size === 0) this.#homes.delete(home.domain)
    countDown(home.counts, watched.presentity.domain)
    const own = this.#watchers.get(watcher.text)
    if (own !== undefined && --own.count === 0) this.#watchers.delete(watcher.text)
  }
}

const isSame = (row: Subscribed, { watcher, presentity }: SubscribeRequest): boolean =>
  row.watcher.text === watcher.text && row.presentity.text === presentity.text

function countDown<K>(counts: Map<K, number>, key: K): undefined {
  const left = (counts.get(key) ?? 0) - 1
  if (left > 0) counts.set(key, left)
  else counts.delete(key)
}
