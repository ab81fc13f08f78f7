/**
 * How often the far side may send PROVE and KEYS, which need no credit.
 *
 * Spec: [LINK-6.1-2] beyond it they are refused, [LINK-8.1-1] each of those may cost an answer that nobody reads
 */
import { TokenBucket } from '../lib/token-bucket.ts'
import type { Limits } from '../limits.ts'

export class ClaimPace {
  readonly #bucket: TokenBucket
  readonly #mostExcess: number
  #excess = 0

  constructor(limits: Limits, now: number) {
    this.#bucket = new TokenBucket(limits.claimsPerSecond, limits.claimsBurst, now)
    this.#mostExcess = limits.claimsExcess
  }

  judge(now: number): 'ok' | 'refuse' | 'flood' {
    if (this.#bucket.take(now)) return 'ok'
    return ++this.#excess > this.#mostExcess ? 'flood' : 'refuse'
  }
}
