/**
 * Duplicates: what was answered for (sender, id), so that a repetition is answered the same and shown once.
 *
 * In memory, bounded: the oldest record whose answer the sender holds goes first; without any, the oldest ones of the
 * domain that holds most, so that one that never says what it holds costs the others nothing.
 * Spec: [LINK-6.7-9] same id and content, [LINK-6.7-10] same id and other content, [LINK-6.7-11] settled
 */
import type { ContentHash } from '../lib/content-hash.ts'
import type { Random } from '../lib/random.ts'
import type { Limits } from '../limits.ts'
import { type Lane, lanesByDomain, type Sender } from '../operation/lane.ts'
import type { Message, Place } from '../operation/message.ts'
import { RecordTable } from './record-table.ts'

export class Duplicates {
  readonly table: RecordTable
  readonly #most: number
  readonly #limits: Limits
  /** Slots in the order in which they were settled; those before `#from` are given back. */
  #settled: number[] = []
  #from = 0
  readonly #senders: () => Iterable<Sender>
  /** Until then it is of no use to look for room again. */
  #fullUntil = Number.NEGATIVE_INFINITY

  constructor(limits: Limits, random: Random, senders: () => Iterable<Sender>) {
    this.#limits = limits
    this.#senders = senders
    this.#most = limits.duplicates
    this.table = new RecordTable(limits.duplicates, random)
  }

  /** Slot of a new record; -1: no room. */
  add({ lane, buffer, idAt, place }: Message, content: ContentHash): number {
    const { epoch, sequence } = place
    const { number } = lane.sender
    // The lane was looked up when the message came.
    const now = lane.usedAt
    if (this.table.isFull && !this.#evict() && !this.#makeRoom(now)) return -1
    const slot = this.table.add(number, buffer, idAt, content, epoch, sequence, now)
    lane.records.push(slot)
    return slot
  }

  /** [LINK-6.7-11] The sender holds the answers of its lane up to `settled`. */
  settle({ records }: Lane, { epoch, settled }: Place): undefined {
    if (settled === 0 || records.length === 0) return
    let n = 0
    while (n < records.length) {
      const slot = records[n] as number
      const ofEpoch = this.table.epoch(slot)
      if (ofEpoch > epoch || (ofEpoch === epoch && this.table.sequence(slot) > settled)) break
      // What is under way has no answer that anybody could hold, whatever the sender says.
      if (!this.#isOver(slot)) break
      this.table.settle(slot)
      this.#settled.push(slot)
      n++
    }
    if (n === records.length) records.length = 0
    else if (n > 0) records.splice(0, n)
  }

  /** The lane is forgotten: its records are kept as if they were settled. False while one of them is under way. */
  giveUp({ records }: Lane): boolean {
    if (records.some((slot) => !this.#isOver(slot))) return false
    for (const slot of records) {
      this.table.settle(slot)
      this.#settled.push(slot)
    }
    records.length = 0
    return true
  }

  /** Once a minute: what is too old is forgotten. */
  sweep(now: number): undefined {
    const { duplicateMs, duplicateSettledMs } = this.#limits
    const { table } = this
    for (const slot of table.slots()) {
      const life = table.isSettled(slot) ? duplicateSettledMs : duplicateMs
      if (table.isEnded(slot) && table.ageMs(slot, now) > life) table.remove(slot)
    }
    for (const { lanes } of this.#senders()) {
      for (const lane of lanes.values()) {
        if (!lane.records.some((slot) => table.isGone(slot))) continue
        for (const slot of lane.records) if (table.isGone(slot)) table.free(slot)
        lane.records = lane.records.filter((slot) => !table.isGone(slot))
      }
    }
    const gone = this.#settled.slice(this.#from)
    for (const slot of gone) if (table.isGone(slot)) table.free(slot)
    this.#settled = gone.filter((slot) => !table.isGone(slot))
    this.#from = 0
  }

  /** The oldest settled record goes; one under way is not settled. False: there is none. */
  #evict(): boolean {
    if (this.#from === this.#settled.length) return false
    this.table.free(this.#settled[this.#from++] as number)
    if (this.#from > 4096 && this.#from * 2 > this.#settled.length) {
      this.#settled = this.#settled.slice(this.#from)
      this.#from = 0
    }
    return true
  }

  /** The domain that holds most loses its oldest records, a sixteenth of all at once. False: all are under way. */
  #makeRoom(now: number): boolean {
    if (now < this.#fullUntil) return false
    const held = lanesByDomain(this.#senders()).map((lanes) =>
      lanes.flatMap((lane) =>
        lane.records.filter((slot) => this.#isOver(slot)).map((slot) => ({ slot, lane })),
      ),
    )
    const most = held.reduce((a, b) => (b.length > a.length ? b : a), [])
    if (most.length === 0) {
      this.#fullUntil = now + 1000
      return false
    }
    most.sort((a, b) => this.table.ageMs(b.slot, now) - this.table.ageMs(a.slot, now))
    const oldest = most.slice(0, Math.ceil(this.#most / 16))
    const gone = new Set(oldest.map(({ slot }) => slot))
    for (const lane of new Set(oldest.map((one) => one.lane))) {
      lane.records = lane.records.filter((slot) => !gone.has(slot))
    }
    for (const slot of gone) this.table.free(slot)
    return true
  }

  /** Nobody waits for it any more. */
  #isOver(slot: number): boolean {
    return this.table.isEnded(slot) || this.table.isGone(slot)
  }
}
