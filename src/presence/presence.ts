/**
 * The stage of presence: what our users publish, who watches them, and whom they watch.
 *
 *   publish, fetch   user ─▶ notifier/presentities
 *   subscribe        watcher ─▶ notifier/subscriptions ─▶ audience by `via`, or home
 *   watch            user ─▶ subscriber/watches ─▶ subscriber/requests ─▶ outside
 *   notify           domain ─▶ subscriber/watches ─▶ show
 *
 * The roles are those of RFC 6665: for our presentities we are the notifier, for our watchers the subscriber.
 *
 * In:    calls that policy admits and, if they are about one of ours, its owner; what adapters say of their ways.
 * Out:   one answer for each call; requests and notifications by the ports.
 * Fails: the status of an answer.
 * Spec:  [LINK-6.8-1] to [LINK-6.14-3]; draft §3, §5.5.1, §6.6
 */
import type { Address } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import type { Env } from '../env.ts'
import { isSuccess, isTemporary } from '../errors.ts'
import type { Counter } from '../lib/meter.ts'
import {
  answered,
  type Call,
  type Caller,
  later,
  type Outcome,
  outcomeOf,
} from '../operation/call.ts'
import type { Hop, Notifies, Reachability } from '../operation/ports.ts'
import type { Fetch, Notice, Notify, Publish, Renew, Subscribe } from '../operation/presence.ts'
import type { Account } from '../shares/account.ts'
import { fullMs } from './lease.ts'

import { Presentities } from './notifier/presentities.ts'
import { Subscriptions } from './notifier/subscriptions.ts'
import { SubscriberRequests } from './subscriber/requests.ts'
import { Watches } from './subscriber/watches.ts'
import { Ways, wayOf } from './ways.ts'

/** The sessions of our users: `notify` is for those who watch our users. */
export interface HomePort extends Notifies {
  /** What a user of ours watches elsewhere; a document is only lent. `only`: the one session that asked. */
  show(
    watcher: Address,
    subscription: string,
    presentity: Address,
    notice: Notice,
    only: Caller | undefined,
  ): undefined
  /** Whether a session is no longer attached. */
  isGone(session: Caller): boolean
}

export type PresencePorts = {
  isHosted(domain: Domain): boolean
  /** To other domains; a notification by the adapter that its audience names. */
  readonly outside: Hop
  readonly home: HomePort
  /** Who pays for what is held for somebody, or told to it. */
  accountOf(address: Address): Account
}

export class PresenceStage {
  readonly #env: Env
  readonly #ports: PresencePorts
  readonly #ways = new Ways()
  readonly #presentities: Presentities
  readonly #subscriptions: Subscriptions
  readonly #watches: Watches
  readonly #requests: SubscriberRequests
  readonly #received: Counter

  constructor(env: Env, ports: PresencePorts) {
    const { outside, home, accountOf } = ports
    this.#env = env
    this.#ports = ports
    this.#received = env.meter.counter('presence_updates_total', { action: 'received' })
    this.#presentities = new Presentities(env, accountOf, (presentity) =>
      this.#subscriptions.changed(presentity),
    )
    this.#subscriptions = new Subscriptions(env, this.#ways, {
      presence: (presentity) => this.#presentities.presence(presentity),
      notify: (subscription) =>
        (ports.isHosted(subscription.domain) ? home : outside).notify(
          subscription,
          subscription.id,
        ),
      accountOf,
      isGone: (session) => home.isGone(session),
    })
    this.#watches = new Watches(env, {
      work: (domain) => this.#requests.work(domain),
      show: ({ watcher, id, presentity }, notice) =>
        home.show(watcher, id, presentity, notice, undefined),
      accountOf,
      isGone: (session) => home.isGone(session),
    })
    env.shares.onFull('subscriptions', {
      shed: (account) => this.#subscriptions.shed(account) || this.#watches.shed(account),
      isReplaceable: false,
    })
    this.#requests = new SubscriberRequests(outside, this.#watches)
  }

  publish(call: Call<Publish>): undefined {
    call.answer(this.#presentities.publish(call.operation))
  }

  /** [LINK-6.9-1] Of somebody of ours. */
  fetch(call: Call<Fetch>): undefined {
    const presence = this.#presentities.presence(call.operation.presentity)
    call.answer(answered('ok', { presence }))
  }

  /** Asked there, its answer passed on. */
  fetchElsewhere(call: Call<Fetch>): undefined {
    this.#ports.outside.ask(call.operation, {
      ended: (_, outcome) => call.answer(outcome),
    })
  }

  /** [LINK-6.10-1] To somebody of ours, for a watcher of another domain or one of our own users. */
  subscribe(call: Call<Subscribe>): undefined {
    const { operation, caller } = call
    const session = caller.door === 'user' ? caller : undefined
    call.answer(this.#subscriptions.subscribe(operation, caller.via, 'active', session))
  }

  unsubscribe(call: Call<Subscribe>): undefined {
    call.answer(outcomeOf(this.#subscriptions.unsubscribe(call.operation)))
  }

  /** A user of ours watches somebody elsewhere. The first wish is asked there before it is answered here. */
  watch(call: Call<Subscribe>): undefined {
    const { operation, caller } = call
    const watched = this.#watches.watch(operation, caller)
    if (watched === 'busy') return call.answer(later(watched, fullMs))
    if (typeof watched === 'string') return call.answer(outcomeOf(watched))
    const { status, leaseSeconds, notice } = watched
    if (watched.mustSubscribe) {
      return this.#requests.subscribe(watched.watch, (outcome) =>
        call.answer(wishAnswer(outcome, leaseSeconds)),
      )
    }
    call.answer(answered(status, { leaseSeconds }))
    if (notice === undefined) return
    const { watcher, id, presentity } = operation
    this.#ports.home.show(watcher, id, presentity, notice, caller)
  }

  unwatch(call: Call<Subscribe>): undefined {
    const { watcher, id } = call.operation
    this.#watches.unwatch(watcher, id)
    call.answer(outcomeOf('ok'))
  }

  /** [LINK-6.11-1] Of a domain, or of a user for its own, whoever it watches. */
  renew(call: Call<Renew>): undefined {
    const { operation, caller } = call
    const { watcher, ids, leaseSeconds } = operation
    if (watcher === undefined) {
      return call.answer(answered('ok', { leases: this.#subscriptions.renew(operation) }))
    }
    const here = this.#subscriptions.renew(operation, caller)
    const elsewhere = this.#watches.renew(watcher, ids, leaseSeconds, caller)
    const leases = here.map((seconds, i) => Math.max(seconds, elsewhere[i] ?? 0))
    call.answer(answered('ok', { leases }))
  }

  /** [LINK-6.13-1] Another domain tells of one of its own. Only a failure is answered on the wire. */
  notify(call: Call<Notify>): undefined {
    this.#received.n++
    call.answer(outcomeOf(this.#watches.notified(call.operation)))
  }

  /**
   * What an adapter says of its way from `local` to `remote`: that it is up for each link that is added, once it is known
   * whether the store there is another one; that it is not, as soon as no link can be used.
   */
  reachable(
    via: string,
    local: Domain,
    remote: Domain,
    { isUp, isNew, restMs }: Reachability,
  ): undefined {
    const way = wayOf(via, local)
    if (isUp) {
      this.#ways.add(remote, way)
      this.#subscriptions.resume(remote, way)
      // [LINK-6.14-1] Another store: what we asked for is not there any more.
      return this.#watches.found(remote, isNew)
    }
    this.#ways.remove(remote, way)
    this.#subscriptions.pause(remote, way)
    // [LINK-6.14-3]
    if (!this.#ways.leadTo(remote)) {
      this.#watches.lost(remote, restMs + this.#env.limits.unknownMs)
    }
  }

  /**
   * A notification by `via` was not taken by `domain`, or did not get there; perhaps long after. For want of a way it
   * waits until the adapter says that there is one.
   */
  refused(via: string, domain: Domain, subscription: string, outcome: Outcome): undefined {
    this.#subscriptions.refused(via, domain, subscription, outcome)
  }

  /** Whether subscriptions make a silent link to `domain` normal. */
  isUsed(domain: Domain): boolean {
    return this.#subscriptions.count(domain) > 0 || this.#watches.count(domain) > 0
  }

  /** The operator bars domains: nothing is told to them or heard from them any more. */
  bar(isBarred: (domain: Domain) => boolean): undefined {
    this.#subscriptions.bar(isBarred)
    this.#watches.bar(isBarred)
  }

  stop(): undefined {
    this.#presentities.stop()
    this.#subscriptions.stop()
    this.#watches.stop()
  }
}

/** What does not work for now the gateway goes on trying, and the watcher will hear of it. */
function wishAnswer(outcome: Outcome, leaseSeconds: number): Outcome {
  const { status } = outcome
  if (isSuccess(status)) return answered(status, { leaseSeconds })
  return isTemporary(status) ? answered('pending', { leaseSeconds }) : outcome
}
