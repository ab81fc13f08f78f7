/**
 * Timer wheel: many deadlines, one timer. Items wait in buckets of one tick, and a bucket is emptied when its tick has
 * come.
 *
 * In:    an item and the time at which it is due. The item carries its slot in `field`, so that moving and deleting
 *        cost the same for one item and for a million.
 * Out:   `due(item)`, not before its time and at most one tick after it.
 * Fails: never. The timer is set to the first bucket that holds something, and `stop` ends it.
 */
import type { Cancel, Clock } from './clock.ts'

/** The slot of an item that waits in no bucket. */
export const nowhere = -1

/** Items handled in one turn of the event loop; the others follow in the next. */
const turnItems = 4096

export type TimerWheelNeeds<K extends string, T> = {
  readonly clock: Clock
  readonly tickMs: number
  readonly field: K
  readonly due: (item: T) => undefined
}

export class TimerWheel<K extends string, T extends { [slot in K]: number }> {
  readonly #needs: TimerWheelNeeds<K, T>
  readonly #buckets = new Map<number, Set<T>>()
  #size = 0
  /** No bucket before this one holds anything. */
  #next = 0
  #armedFor = nowhere
  #cancel: Cancel | undefined

  constructor(needs: TimerWheelNeeds<K, T>) {
    this.#needs = needs
  }

  get size(): number {
    return this.#size
  }

  /** Makes `item` due at `atMs`, and no longer at another time; what is past is due at the next tick. */
  set(item: T, atMs: number): undefined {
    this.#take(item)
    const slot = Math.max(Math.ceil(atMs / this.#needs.tickMs), this.#current() + 1)
    const bucket = this.#buckets.get(slot)
    if (bucket === undefined) this.#buckets.set(slot, new Set([item]))
    else bucket.add(item)
    this.#write(item, slot)
    this.#next = this.#size === 0 ? slot : Math.min(this.#next, slot)
    this.#size++
    if (this.#armedFor === nowhere || slot < this.#armedFor) this.#arm()
  }

  delete(item: T): undefined {
    this.#take(item)
    if (this.#size === 0) this.#disarm()
  }

  /** Forgets everything. */
  stop(): undefined {
    this.#disarm()
    for (const bucket of this.#buckets.values()) {
      for (const item of bucket) this.#write(item, nowhere)
    }
    this.#buckets.clear()
    this.#size = 0
  }

  #current(): number {
    return Math.floor(this.#needs.clock.now() / this.#needs.tickMs)
  }

  #take(item: T): undefined {
    const slot = item[this.#needs.field]
    if (slot === nowhere) return
    const bucket = this.#buckets.get(slot)
    bucket?.delete(item)
    if (bucket?.size === 0) this.#buckets.delete(slot)
    this.#write(item, nowhere)
    this.#size--
  }

  #write(item: T, slot: number): undefined {
    const slots: { [slot in K]: number } = item
    slots[this.#needs.field] = slot
  }

  #arm(): undefined {
    this.#disarm()
    if (this.#size === 0) return
    const { clock, tickMs } = this.#needs
    this.#next = this.#first()
    this.#armedFor = this.#next
    this.#cancel = clock.after(this.#next * tickMs - clock.now(), () => this.#turn())
  }

  #disarm(): undefined {
    this.#cancel?.()
    this.#cancel = undefined
    this.#armedFor = nowhere
  }

  /** The first bucket: nearly always a near one, else the least of all. */
  #first(): number {
    for (let slot = this.#next; slot < this.#next + 64; slot++) {
      if (this.#buckets.has(slot)) return slot
    }
    let first = Number.POSITIVE_INFINITY
    for (const slot of this.#buckets.keys()) first = Math.min(first, slot)
    return first
  }

  #turn(): undefined {
    try {
      this.#empty()
    } finally {
      this.#arm()
    }
  }

  #empty(): undefined {
    let left = turnItems
    for (const current = this.#current(); this.#size > 0 && this.#next <= current; ) {
      const slot = this.#next
      for (const item of this.#buckets.get(slot) ?? []) {
        if (left-- === 0) return
        this.#take(item)
        this.#needs.due(item)
      }
      if (this.#next === slot) this.#next = slot + 1
    }
  }
}
