/**
 * Flood guard: frames that cost their sender nothing are counted, and few of them are taken.
 *
 * In:    what arrives, and the time.
 * Out:   false: one too many.
 * Spec:  [LINK-8.1-1]
 */
import { TokenBucket } from '../lib/token-bucket.ts'
import type { Limits } from '../limits.ts'

/** A CHUNK with less is tiny: it costs more than it carries. */
const tinyBytes = 256

export class FloodGuard {
  readonly #cancels: TokenBucket
  readonly #unknown: TokenBucket
  readonly #pings: TokenBucket
  readonly #idle: TokenBucket
  readonly #mostEmpty: number
  #empty = 0
  #tinyBudget: number

  constructor(limits: Limits, now: number) {
    this.#cancels = new TokenBucket(limits.cancelsPerSecond, limits.cancelsBurst, now)
    this.#unknown = new TokenBucket(limits.mistakesPerSecond, limits.mistakesBurst, now)
    this.#pings = new TokenBucket(limits.pingsPerSecond, limits.pingsBurst, now)
    this.#idle = new TokenBucket(limits.idleFramesPerSecond, limits.idleFramesBurst, now)
    this.#mostEmpty = limits.emptyChunks
    this.#tinyBudget = limits.tinyChunkBytes
  }

  cancel(now: number): boolean {
    return this.#cancels.take(now)
  }

  /** A frame of a type that is not known. */
  unknown(now: number): boolean {
    return this.#unknown.take(now)
  }

  ping(now: number): boolean {
    return this.#pings.take(now)
  }

  /** A frame that changes nothing. */
  idle(now: number): boolean {
    return this.#idle.take(now)
  }

  /** A CHUNK that carries next to nothing; the last of a body may. */
  chunk(bytes: number, isLast: boolean): boolean {
    if (bytes === 0) return ++this.#empty <= this.#mostEmpty
    this.#empty = 0
    if (bytes >= tinyBytes || isLast) return true
    this.#tinyBudget -= tinyBytes
    return this.#tinyBudget >= 0
  }
}
