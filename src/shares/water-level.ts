/**
 * Max-min fairness: how much each may have when all want more than there is (progressive filling).
 *
 * In:   what each uses and the weight it uses it with.
 * Out:  the water level: with nobody above `level × weight`, all together use `room`.
 * Cost: one pass over a histogram of powers of the square root of two; no sort, nothing made.
 */

/** Twice per power of two, from 2^-24 to 2^40: from a hundredth of a microsecond to a terabyte. */
const perPower = 2
const lowest = -24
const buckets = 64 * perPower

export class WaterLevel {
  readonly #uses = new Float64Array(buckets)
  readonly #weights = new Float64Array(buckets)
  #isEmpty = true

  /** One more who uses `use`. */
  add(use: number, weight: number): undefined {
    if (use <= 0) return
    const power = Math.floor((Math.log2(use / weight) - lowest) * perPower)
    const at = Math.min(buckets - 1, Math.max(0, power))
    this.#uses[at] = (this.#uses[at] as number) + use
    this.#weights[at] = (this.#weights[at] as number) + weight
    this.#isEmpty = false
  }

  /** The level for `room`, and the start of a new account. Infinity: all have what they want. */
  take(room: number): number {
    if (this.#isEmpty) return Number.POSITIVE_INFINITY
    const level = this.#find(room)
    this.#uses.fill(0)
    this.#weights.fill(0)
    this.#isEmpty = true
    return level
  }

  /** In the first bucket in which it can be, all below have what they want, and all others so much each. */
  #find(room: number): number {
    let weight = 0
    for (let at = 0; at < buckets; at++) weight += this.#weights[at] as number
    let below = 0
    for (let at = 0; at < buckets && weight > least; at++) {
      const level = Math.max(0, room - below) / weight
      if (level < upperOf(at)) return level
      below += this.#uses[at] as number
      weight -= this.#weights[at] as number
    }
    return Number.POSITIVE_INFINITY
  }
}

/** Below it nobody is left: sums of fractions are not exact. */
const least = 1e-9

/** What is in a bucket is less than this for each unit of weight. */
const upperOf = (at: number): number => 2 ** ((at + 1) / perPower + lowest)
