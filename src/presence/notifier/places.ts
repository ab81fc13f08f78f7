/**
 * Places of subscriptions: how many there are of each account, and which of them goes first when there are too many.
 *
 * In:    subscriptions as they come, are asked for again or renewed, and end.
 * Out:   whether there is room for one more; the one of an account that was asked for longest ago.
 * Fails: never.
 * Cost:  the same for one subscription and for a million: each account has a list of its own, linked in the rows.
 */
import type { Account } from '../../shares/account.ts'
import type { Shares } from '../../shares/shares.ts'
import type { Subscription } from './subscription.ts'

type Line = { oldest: Subscription; newest: Subscription }

export class Places {
  readonly #shares: Shares
  readonly #lines = new Map<Account, Line>()

  constructor(shares: Shares) {
    this.#shares = shares
  }

  /** A place for one more; whoever takes it calls `add`. */
  take(account: Account): boolean {
    return this.#shares.take(account, 'subscriptions')
  }

  add(subscription: Subscription): undefined {
    const { account } = subscription.subscriber
    const line = this.#lines.get(account)
    if (line === undefined) {
      this.#lines.set(account, { oldest: subscription, newest: subscription })
      return
    }
    subscription.older = line.newest
    line.newest.newer = subscription
    line.newest = subscription
  }

  renew(subscription: Subscription): undefined {
    if (this.#lines.get(subscription.subscriber.account)?.newest === subscription) return
    this.#unlink(subscription)
    this.add(subscription)
  }

  /** The place is free again. */
  delete(subscription: Subscription): undefined {
    this.#unlink(subscription)
    this.#shares.give(subscription.subscriber.account, 'subscriptions')
  }

  /** The one that was asked for longest ago first. */
  *of(account: Account): Generator<Subscription> {
    let subscription = this.#lines.get(account)?.oldest
    while (subscription !== undefined) {
      const { newer } = subscription
      yield subscription
      subscription = newer
    }
  }

  #unlink(subscription: Subscription): undefined {
    const { older, newer } = subscription
    const { account } = subscription.subscriber
    const line = this.#lines.get(account)
    if (line === undefined) return
    subscription.older = undefined
    subscription.newer = undefined
    if (older !== undefined) older.newer = newer
    else if (newer !== undefined) line.oldest = newer
    else this.#lines.delete(account)
    if (newer !== undefined) newer.older = older
    else if (older !== undefined) line.newest = older
  }
}
