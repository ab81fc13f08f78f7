/**
 * Room for what waits a short while: whoever has much of it leaves some to others.
 *
 * In:    for whom a place is wanted.
 * Out:   how to give it back. Nobody may have more than a part of what is free, for its weight and at each step of the
 *        tree (dynamic thresholds, as of shared buffers in switches): so something is left for whoever comes next.
 * Fails: never. `undefined`: there is none.
 */
import type { Account } from './account.ts'

/** Strangers together have three quarters of all; a network, a domain or a user alone has a third. */
const timesFree = { ofClass: 3, below: 1 / 2 }

export class FairRoom {
  readonly #most: number
  /** Of each account, what is taken for it and those below it. */
  readonly #taken = new Map<Account, number>()
  #total = 0

  constructor(most: number) {
    this.#most = most
  }

  /** A place for `account`: call what is returned once, when it is free again. */
  take(account: Account): (() => undefined) | undefined {
    // Once for all: the account may move in the tree meanwhile.
    const steps: Account[] = []
    const free = this.#most - this.#total
    for (let a = account; a.parent !== undefined; a = a.parent) {
      const isClass = a.parent.parent === undefined
      const most = free * a.weight * (isClass ? timesFree.ofClass : timesFree.below)
      if ((this.#taken.get(a) ?? 0) >= most) return undefined
      steps.push(a)
    }
    if (this.#total >= this.#most) return undefined
    this.#add(steps, 1)
    return () => this.#add(steps, -1)
  }

  #add(steps: readonly Account[], n: number): undefined {
    this.#total += n
    for (const step of steps) {
      const taken = (this.#taken.get(step) ?? 0) + n
      if (taken > 0) this.#taken.set(step, taken)
      else this.#taken.delete(step)
    }
  }
}
