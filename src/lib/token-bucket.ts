/** A token bucket: `perSecond` tokens a second, at most `burst` of them. Two numbers, no timer. */
export class TokenBucket {
  #tokens: number
  #at: number
  readonly #perMs: number
  readonly #burst: number

  constructor(perSecond: number, burst: number, now: number) {
    this.#perMs = perSecond / 1000
    this.#burst = burst
    this.#tokens = burst
    this.#at = now
  }

  /** Takes `cost` tokens if they are there. `now` in ms. */
  take(now: number, cost = 1): boolean {
    if (now > this.#at) {
      this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#perMs)
      this.#at = now
    }
    if (this.#tokens < cost) return false
    this.#tokens -= cost
    return true
  }

  /** Milliseconds until `cost` tokens are there. */
  waitMs(cost = 1): number {
    return Math.max(0, Math.ceil((cost - this.#tokens) / this.#perMs))
  }

  /** Whether the bucket is full again at `now`: then it can be forgotten without giving anything away. */
  isFull(now: number): boolean {
    return this.#tokens + (now - this.#at) * this.#perMs >= this.#burst
  }
}
