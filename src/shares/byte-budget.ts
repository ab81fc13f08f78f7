/**
 * Bytes of messages that wait: a bound for all, and within it the share of whoever sent them.
 *
 * Fails: `take` says no; what was taken is given back by the same account.
 */
import type { Account } from './account.ts'
import type { Shares } from './shares.ts'

export class ByteBudget {
  readonly #most: number
  readonly #shares: Shares
  #used = 0

  constructor(most: number, shares: Shares) {
    this.#most = most
    this.#shares = shares
  }

  get used(): number {
    return this.#used
  }

  /** False: so much is not free, or not for `payer`; nothing: for nobody in particular. */
  take(payer: Account | undefined, bytes: number): boolean {
    if (this.#used + bytes > this.#most) return false
    if (payer !== undefined && !this.#shares.take(payer, 'bytes', bytes)) return false
    this.#used += bytes
    return true
  }

  give(payer: Account | undefined, bytes: number): undefined {
    this.#used -= bytes
    if (payer !== undefined) this.#shares.give(payer, 'bytes', bytes)
  }
}
