/**
 * Token buckets by name, at most so many. A bucket that is full again says nothing and is forgotten; with no room left
 * even one that is not makes room.
 */
import { TokenBucket } from './token-bucket.ts'

export class BucketTable {
  readonly #buckets = new Map<string, TokenBucket>()
  readonly #perSecond: number
  readonly #burst: number
  readonly #most: number

  constructor(perSecond: number, burst: number, most: number) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#most = most
  }

  get size(): number {
    return this.#buckets.size
  }

  /** The bucket of `name`; one look-up if there is one. */
  of(name: string, now: number): TokenBucket {
    const known = this.#buckets.get(name)
    if (known !== undefined) return known
    this.#makeRoom(now)
    const bucket = new TokenBucket(this.#perSecond, this.#burst, now)
    this.#buckets.set(name, bucket)
    return bucket
  }

  /** Forgets all that are full. */
  sweep(now: number): undefined {
    for (const [name, bucket] of this.#buckets) if (bucket.isFull(now)) this.#buckets.delete(name)
  }

  /** One comes, so two are looked at: what is not full goes to the end, if there is room. */
  #makeRoom(now: number): undefined {
    let turns = 2
    for (const [name, bucket] of this.#buckets) {
      if (turns-- === 0) return
      this.#buckets.delete(name)
      const hasRoom = this.#buckets.size + 1 < this.#most
      if (hasRoom && !bucket.isFull(now)) this.#buckets.set(name, bucket)
    }
  }
}
