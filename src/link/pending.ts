/**
 * Requests that wait for their answer, by id. Ids rise and answers mostly come in order, so a ring serves nearly all;
 * one that waits while the ring goes round moves to a map.
 */
import type { Outgoing } from './outgoing.ts'

/** A link that asks little keeps little. */
const firstSlots = 8
const mostSlots = 1024

export class Pending {
  #ring: (Outgoing | undefined)[] = []
  #ids: Float64Array = new Float64Array(0)
  readonly #late = new Map<number, Outgoing>()
  #size = 0

  get size(): number {
    return this.#size
  }

  has(id: number): boolean {
    return this.get(id) !== undefined
  }

  get(id: number): Outgoing | undefined {
    const slot = this.#slot(id)
    return this.#ids[slot] === id ? this.#ring[slot] : this.#late.get(id)
  }

  set(id: number, outgoing: Outgoing): undefined {
    if (this.#ids.length === 0) this.#resize(firstSlots)
    while (this.#ring[this.#slot(id)] !== undefined && this.#ids.length < mostSlots) {
      this.#resize(this.#ids.length * 4)
    }
    this.#put(id, outgoing)
    this.#size++
  }

  take(id: number): Outgoing | undefined {
    const slot = this.#slot(id)
    let outgoing: Outgoing | undefined
    if (this.#ids[slot] === id) {
      outgoing = this.#ring[slot]
      this.#ring[slot] = undefined
    } else {
      outgoing = this.#late.get(id)
      this.#late.delete(id)
    }
    if (outgoing !== undefined) this.#size--
    return outgoing
  }

  /** Takes those whose answer is awaited since `time` or before, in the order of their ids. */
  takeOlder(time: number): readonly Outgoing[] {
    return this.#takeAll((_id, { since }) => since <= time)
  }

  /** Since when the answer to one of them is awaited; `Infinity`: to none. */
  oldest(): number {
    let oldest = Number.POSITIVE_INFINITY
    if (this.#size === 0) return oldest
    for (const outgoing of this.#ring) {
      if (outgoing !== undefined && outgoing.since < oldest) oldest = outgoing.since
    }
    for (const { since } of this.#late.values()) oldest = Math.min(oldest, since)
    return oldest
  }

  /** Takes those with a higher id than `last`, in the order of their ids. */
  takeAfter(last: number): readonly Outgoing[] {
    return this.#takeAll((id) => id > last)
  }

  #slot(id: number): number {
    return (id / 2) & (this.#ids.length - 1)
  }

  #put(id: number, outgoing: Outgoing): undefined {
    const slot = this.#slot(id)
    const before = this.#ring[slot]
    if (before !== undefined) this.#late.set(this.#ids[slot] as number, before)
    this.#ring[slot] = outgoing
    this.#ids[slot] = id
  }

  #resize(slots: number): undefined {
    const ring = this.#ring
    const ids = this.#ids
    this.#ring = new Array<Outgoing | undefined>(slots).fill(undefined)
    this.#ids = new Float64Array(slots)
    for (const [i, outgoing] of ring.entries()) {
      if (outgoing !== undefined) this.#put(ids[i] as number, outgoing)
    }
  }

  #takeAll(goes: (id: number, outgoing: Outgoing) => boolean): readonly Outgoing[] {
    if (this.#size === 0) return []
    const ids: number[] = []
    for (const [id, outgoing] of this.#late) if (goes(id, outgoing)) ids.push(id)
    for (const [slot, outgoing] of this.#ring.entries()) {
      const id = this.#ids[slot] as number
      if (outgoing !== undefined && goes(id, outgoing)) ids.push(id)
    }
    return ids.sort((a, b) => a - b).map((id) => this.take(id) as Outgoing)
  }
}
