/**
 * Who watches the presentities of our domains, and until when (RFC 6665 §4.2: the notifier).
 *
 * In:    SUBSCRIBE, RENEW and UNSUBSCRIBE of watchers that are admitted; `changed` of a presentity; which ways lead to
 *        the watchers; notifications that did not get through.
 * Out:   answers; `notify` for each subscription that has something to get.
 * Fails: `conflict` (the id stands for another watcher or presentity), `limit-reached` (of one watcher), `busy` (no room
 *        for the time being), `refused` (not the watcher's).
 * Spec:  [LINK-6.10-1] to [LINK-6.12-3]; RFC 3857 §4.7 (states); hardening A133–A136. A lapse is silent. Ids are scoped
 *        under the domain of the watcher: no domain can touch the subscriptions of another.
 */
import type { Address } from '../../address/address.ts'
import type { Domain } from '../../address/domain.ts'
import type { Env } from '../../env.ts'
import { isTemporary } from '../../errors.ts'
import { TimerWheel } from '../../lib/timer-wheel.ts'
import { answered, type Caller, later, type Outcome, outcomeOf } from '../../operation/call.ts'
import type { Presence, Renew, Subscribe } from '../../operation/presence.ts'
import type { Account } from '../../shares/account.ts'
import { fullMs, grantLease, subscriptionEnd } from '../lease.ts'
import { isAboutWay, type Ways, wayOf } from '../ways.ts'
import { againMs, Notifier } from './notifier.ts'
import { Places } from './places.ts'
import { SnapshotPace } from './snapshot-pace.ts'
import {
  Subscription,
  type WatchedPresentity,
  type Watcher,
  type WatcherDomain,
} from './subscription.ts'

/** Wait before a NOTIFY goes out again for which somebody has to put something right. */
const longAgainMs = 60_000

export type SubscriptionsPorts = {
  /** The document of one of ours as it is now. */
  presence(presentity: Address): Presence
  notify(subscription: Subscription): undefined
  /** Who pays for what a watcher is told, and for its places. */
  accountOf(watcher: Address): Account
  /** Whether a session of one of our users is gone. */
  isGone(session: Caller): boolean
}

export class Subscriptions {
  readonly #env: Env
  readonly #ways: Ways
  readonly #ports: SubscriptionsPorts
  readonly #domains = new Map<Domain, WatcherDomain>()
  readonly #watchers = new Map<string, Watcher>()
  readonly #watched = new Map<string, WatchedPresentity>()
  readonly #leases: TimerWheel<'leaseSlot', Subscription>
  readonly #places: Places
  readonly #notifier: Notifier
  readonly #pace: SnapshotPace

  constructor(env: Env, ways: Ways, ports: SubscriptionsPorts) {
    const { clock, limits, meter } = env
    this.#env = env
    this.#ways = ways
    this.#ports = ports
    this.#places = new Places(env.shares)
    this.#notifier = new Notifier(env, (subscription) => ports.notify(subscription))
    this.#pace = new SnapshotPace(clock, limits.snapshotMs, limits.subscriptions)
    this.#leases = new TimerWheel({
      clock,
      tickMs: 1000,
      field: 'leaseSlot',
      due: (subscription) => this.#end(subscription),
    })
    meter.gauge('presence_leases', { of: 'subscription' }, () => this.#leases.size)
  }

  /** Subscribes, or renews what has the same id; either way the document follows. `state`: what the owner decided. */
  subscribe(
    operation: Subscribe,
    via: string,
    state: 'active' | 'pending',
    session?: Caller,
  ): Outcome {
    const { id, watcher, presentity } = operation
    const known = this.#find(watcher.domain, id)
    // [LINK-6.10-2]
    if (known !== undefined && !isSame(known, operation)) return outcomeOf('conflict')
    const subscription = known ?? this.#add(operation, via, state)
    if (!(subscription instanceof Subscription)) return subscription
    subscription.via = via
    subscription.session = session
    subscription.state = state
    const leaseSeconds = this.#lease(subscription, operation.leaseSeconds)
    // A session of ours that begins to watch has seen nothing; each link of another domain may be one and the same.
    const isFirstSight = known === undefined && session !== undefined
    const pair = `${watcher.text} ${presentity.text}`
    const at = isFirstSight ? this.#env.clock.now() : this.#pace.draw(pair)
    this.#notifier.snapshot(subscription, at)
    return answered(state === 'active' ? 'ok' : 'pending', { leaseSeconds })
  }

  /**
   * [LINK-6.12-1] What is not there has been unsubscribed: a repeat gets the same answer. [LINK-6.12-2] Nobody cancels
   * for another (RFC 2779 §5.1.7, §5.1.8). [LINK-6.12-3] Id and watcher say which it is.
   */
  unsubscribe({ watcher, id }: Subscribe): 'ok' | 'refused' {
    const subscription = this.#find(watcher.domain, id)
    if (subscription === undefined) return 'ok'
    if (subscription.address.text !== watcher.text) return 'refused'
    this.#end(subscription)
    return 'ok'
  }

  /**
   * [LINK-6.11-2] For each id the granted seconds, or 0: whoever asks has no such subscription to somebody in that
   * domain.
   */
  renew({ local, remote, watcher, ids, leaseSeconds }: Renew, session?: Caller): readonly number[] {
    return ids.map((id) => {
      const found = this.#find(local, id)
      if (found === undefined) return 0
      const isMeant =
        (remote === undefined || found.presentity.domain === remote) &&
        (watcher === undefined || found.address.text === watcher.text)
      if (!isMeant) return 0
      found.session = session
      return this.#lease(found, leaseSeconds)
    })
  }

  /** The document of `presentity` is another one now. */
  changed(presentity: Address): undefined {
    const watched = this.#watched.get(presentity.text)
    if (watched !== undefined) this.#notifier.changed(watched, this.#ports.presence(presentity))
  }

  /**
   * [LINK-6.13-6] A notification that went by `via` was not taken: it goes out again, as it is then, unless nobody
   * there knows the subscription. [LINK-6.13-5] Without a way it waits for one.
   */
  refused(via: string, domain: Domain, id: string, { status, retryAfterMs }: Outcome): undefined {
    const subscription = this.#find(domain, id)
    // Since then it has been asked for by another way.
    if (subscription?.via !== via) return
    if (status === 'lease-unknown') return this.#end(subscription)
    const now = this.#env.clock.now()
    const way = wayOf(via, subscription.presentity.domain)
    if (isAboutWay(status) && !this.#ways.isUp(domain, way)) {
      subscription.watcherDomain.paused.add(way)
      return this.#notifier.snapshot(subscription, now)
    }
    // What may have been lost with one link is soon told by the next: nobody has refused it.
    if (status === 'link-lost') return this.#notifier.snapshot(subscription, now + againMs)
    const leastMs = isTemporary(status) ? againMs : longAgainMs
    this.#notifier.refused(subscription, Math.max(retryAfterMs, leastMs))
  }

  /** Subscriptions of whoever `isBarred` from now on are over, and nobody is told. */
  bar(isBarred: (domain: Domain) => boolean): undefined {
    for (const { domain, byId } of [...this.#domains.values()]) {
      if (isBarred(domain)) for (const subscription of [...byId.values()]) this.#end(subscription)
    }
  }

  /** `way` does not lead to `domain` any more: nothing is kept for it but what it has not got. */
  pause(domain: Domain, way: string): undefined {
    this.#domains.get(domain)?.paused.add(way)
  }

  /** `way` leads to `domain` again, which gets the latest of what it has missed. */
  resume(domain: Domain, way: string): undefined {
    const found = this.#domains.get(domain)
    if (found?.paused.delete(way) !== true) return
    this.#notifier.resume(found.byId)
  }

  /** Live subscriptions whose watchers are in `domain`. */
  count(domain: Domain): number {
    return this.#domains.get(domain)?.byId.size ?? 0
  }

  /**
   * One of `account` makes room. Its watcher is told to come again later (RFC 3857 §4.7.1, "probation"), unless there is
   * no way to it: then it subscribes again anyway.
   */
  shed(account: Account): boolean {
    const [subscription] = this.#places.of(account)
    if (subscription === undefined) return false
    this.#end(subscription)
    subscription.isShed = true
    if (subscription.isReachable) this.#ports.notify(subscription)
    return true
  }

  stop(): undefined {
    this.bar(() => true)
    this.#leases.stop()
    this.#notifier.stop()
    this.#pace.stop()
  }

  #find(domain: Domain, id: string): Subscription | undefined {
    return this.#domains.get(domain)?.byId.get(id)
  }

  #add(operation: Subscribe, via: string, state: 'active' | 'pending'): Subscription | Outcome {
    const { id, presentity } = operation
    const { limits, meter } = this.#env
    const watcher = this.#watcherOf(operation.watcher)
    if (watcher.count >= limits.subscriptionsPerWatcher && !this.#replaceGone(watcher)) {
      meter.hit('subscriptionsPerWatcher')
      return outcomeOf('limit-reached')
    }
    if (!this.#places.take(watcher.account)) {
      meter.hit('subscriptions')
      return full
    }
    this.#watchers.set(watcher.address.text, watcher)
    watcher.count++
    // Only now: somebody may have made room.
    const domain = this.#domainOf(operation.watcher.domain)
    const watched = this.#watchedOf(presentity)
    const made = new Subscription(id, watcher, watched, domain, via, state)
    domain.byId.set(id, made)
    watched.subscriptions.add(made)
    this.#places.add(made)
    return made
  }

  #domainOf(domain: Domain): WatcherDomain {
    const known = this.#domains.get(domain)
    if (known !== undefined) return known
    const made = { domain, byId: new Map(), paused: new Set<string>() }
    this.#domains.set(domain, made)
    return made
  }

  /** One of our users has as many as it may: what a session asked for that is gone makes room. */
  #replaceGone({ account }: Watcher): boolean {
    for (const subscription of this.#places.of(account)) {
      const { session } = subscription
      // Of another domain, which takes back what it does not need.
      if (session === undefined) return false
      if (!this.#ports.isGone(session)) continue
      this.#end(subscription)
      return true
    }
    return false
  }

  /** One of whom nothing is held is not kept. */
  #watcherOf(address: Address): Watcher {
    const known = this.#watchers.get(address.text)
    return known ?? { address, account: this.#ports.accountOf(address), count: 0 }
  }

  #watchedOf(address: Address): WatchedPresentity {
    const known = this.#watched.get(address.text)
    if (known !== undefined) return known
    const presence = this.#ports.presence(address)
    const made = { address, subscriptions: new Set<Subscription>(), presence }
    this.#watched.set(address.text, made)
    return made
  }

  #lease(subscription: Subscription, wantedSeconds: number | undefined): number {
    const { clock, limits } = this.#env
    const leaseSeconds = grantLease(wantedSeconds, limits)
    this.#places.renew(subscription)
    this.#leases.set(subscription, subscriptionEnd(clock.now(), leaseSeconds, limits))
    return leaseSeconds
  }

  #end(subscription: Subscription): undefined {
    const { id, subscriber, watched, watcherDomain } = subscription
    subscription.state = 'terminated'
    this.#leases.delete(subscription)
    this.#notifier.drop(subscription)
    this.#places.delete(subscription)
    watched.subscriptions.delete(subscription)
    if (watched.subscriptions.size === 0) this.#watched.delete(watched.address.text)
    watcherDomain.byId.delete(id)
    if (watcherDomain.byId.size === 0) this.#domains.delete(watcherDomain.domain)
    if (--subscriber.count === 0) this.#watchers.delete(subscriber.address.text)
  }
}

/** There is no room, for the time being. */
const full = later('busy', fullMs)

const isSame = (known: Subscription, { watcher, presentity }: Subscribe): boolean =>
  known.address.text === watcher.text && known.presentity.text === presentity.text
