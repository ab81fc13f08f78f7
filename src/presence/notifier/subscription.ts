/**
 * A subscription to one of ours, and what its watcher has to get: a register, last value wins. What is not sent yet is
 * a mark, never a copy.
 *
 * It is an audience of one: whoever carries a notification finds the value of that moment in it, and knows the
 * subscription again by the object. Times are ticks and not milliseconds: small integers take no memory of their own,
 * and there may be a million.
 */
import type { Address } from '../../address/address.ts'
import type { Domain } from '../../address/domain.ts'
import { nowhere } from '../../lib/timer-wheel.ts'
import type { Caller } from '../../operation/call.ts'
import type { Audience, Notice, Presence } from '../../operation/presence.ts'
import type { Account } from '../../shares/account.ts'
import type { SubscriptionState } from '../../wire/registry.ts'
import { active, terminated } from '../notices.ts'
import { wayOf } from '../ways.ts'

/** A presentity that somebody watches. */
export type WatchedPresentity = {
  readonly address: Address
  readonly subscriptions: Set<Subscription>
  presence: Presence
}

/** Somebody who watches. */
export type Watcher = {
  readonly address: Address
  /** Who pays: its domain; a user of ours for itself. */
  readonly account: Account
  count: number
}

/** A domain of watchers: their subscriptions, whose ids mean something only under it. */
export type WatcherDomain = {
  readonly domain: Domain
  readonly byId: Map<string, Subscription>
  /** Ways that do not lead there now. */
  readonly paused: Set<string>
}

export class Subscription implements Audience {
  readonly id: string
  readonly subscriber: Watcher
  readonly watched: WatchedPresentity
  readonly watcherDomain: WatcherDomain
  /** Of the last SUBSCRIBE. */
  via: string
  state: SubscriptionState
  /** Of our own users: who asked for it or renewed it last. */
  session: Caller | undefined = undefined
  /** It had to make room, and its watcher is told so. */
  isShed = false
  leaseSlot = nowhere
  /** Neighbours in the order of `places.ts`. */
  older: Subscription | undefined = undefined
  newer: Subscription | undefined = undefined
  /** What the watcher got last. */
  seq: number
  /** The next change may go out from here on. */
  notifyTick = 0
  /** The document is to be sent from here on even if the watcher has this version; `nowhere`: it is not. */
  snapshotTick = nowhere
  laterSlot = nowhere
  /** NOTIFY was refused so often, one refusal soon after the other; before `calmTick` the next one is soon. */
  refusals = 0
  calmTick = 0

  constructor(
    id: string,
    subscriber: Watcher,
    watched: WatchedPresentity,
    watcherDomain: WatcherDomain,
    via: string,
    state: SubscriptionState,
  ) {
    this.id = id
    this.subscriber = subscriber
    this.watched = watched
    this.watcherDomain = watcherDomain
    this.via = via
    this.state = state
    this.seq = watched.presence.version.seq
  }

  get address(): Address {
    return this.subscriber.address
  }

  get presentity(): Address {
    return this.watched.address
  }

  get domain(): Domain {
    return this.watcherDomain.domain
  }

  get isReachable(): boolean {
    const { paused } = this.watcherDomain
    return paused.size === 0 || !paused.has(wayOf(this.via, this.presentity.domain))
  }

  /** The tick from which on something may be sent; `nowhere`: the watcher has everything. */
  get dueTick(): number {
    if (this.seq !== this.watched.presence.version.seq) return this.notifyTick
    return this.snapshotTick === nowhere ? nowhere : Math.max(this.snapshotTick, this.notifyTick)
  }

  *members(): Generator<string> {
    if (this.#isTold) yield this.id
  }

  watcher(subscription: string): Address | undefined {
    return subscription === this.id && this.#isTold ? this.address : undefined
  }

  /**
   * [LINK-6.12-1] Nothing follows the end of a subscription, but for the word that it had to make room. Read when it
   * leaves: then the watcher has it.
   */
  latest(): Notice | undefined {
    if (this.isShed) return terminated('probation')
    if (this.state !== 'active') return undefined
    const { presence } = this.watched
    this.seq = presence.version.seq
    return active(presence)
  }

  get #isTold(): boolean {
    return this.state === 'active' || this.isShed
  }
}
