/**
 * Unanswered requests, by id: the last ones to which no answer is expected, but which may be refused, or lost with the
 * link.
 *
 * A ring buffer as long as two send windows: what fell out of it was taken long ago.
 */
import type { Outgoing } from './outgoing.ts'

const empty = Buffer.alloc(0)

export class Unanswered {
  readonly #size: number
  /** Made with the first one: most links carry none. */
  #ring: (Outgoing | undefined)[] = []
  #ids: Float64Array = new Float64Array(0)
  #next = 0

  constructor(size: number) {
    this.#size = size
  }

  /** The bytes of `outgoing` are let go: they are written, and would hold the memory that they were written in. */
  add(id: number, outgoing: Outgoing): undefined {
    if (this.#ids.length === 0) {
      this.#ring = new Array<Outgoing | undefined>(this.#size).fill(undefined)
      this.#ids = new Float64Array(this.#size)
    }
    outgoing.buffer = empty
    outgoing.fieldsAt = 0
    outgoing.bodyAt = 0
    outgoing.end = 0
    this.#ring[this.#next] = outgoing
    this.#ids[this.#next] = id
    this.#next = (this.#next + 1) % this.#size
  }

  /** The one that was refused. Refusals are few: the ring is looked through. */
  take(id: number): Outgoing | undefined {
    const slot = this.#ids.indexOf(id)
    const outgoing = slot < 0 ? undefined : this.#ring[slot]
    if (slot >= 0) this.#ring[slot] = undefined
    return outgoing
  }

  /** Takes those with a higher id than `last`, in the order in which they were written. */
  takeAfter(last: number): readonly Outgoing[] {
    const taken: Outgoing[] = []
    for (let i = 0; i < this.#ring.length; i++) {
      const slot = (this.#next + i) % this.#size
      const outgoing = this.#ring[slot]
      if (outgoing === undefined || (this.#ids[slot] as number) <= last) continue
      this.#ring[slot] = undefined
      taken.push(outgoing)
    }
    return taken
  }
}
