/**
 * Duplicates: what was answered for (sender, id), so that a repetition is answered the same and shown once.
 *
 * In memory, bounded: the oldest record whose answer the sender holds goes first, and takes nobody's place. All others are
 * places of the domain of their sender: one that never says what it holds gives up its own.
 * Spec: [LINK-6.7-9] same id and content, [LINK-6.7-10] same id and other content, [LINK-6.7-11] settled
 */
import type { ContentHash } from '../lib/content-hash.ts'
import type { Random } from '../lib/random.ts'
import type { Limits } from '../limits.ts'
import type { Lane, Sender } from '../operation/lane.ts'
import type { Message, Place } from '../operation/message.ts'
import type { Account } from '../shares/account.ts'
import type { Shares } from '../shares/shares.ts'
import { RecordTable } from './record-table.ts'

/** Of whose lanes the records are kept. */
export type RecordedLanes = {
  readonly all: Iterable<Sender>
  some(account: Account): Iterable<Lane>
}

/** More than may be under way of one lane. */
const mostLooks = 64

export class Duplicates {
  readonly table: RecordTable
  readonly #shares: Shares
  readonly #limits: Limits
  /** Slots in the order in which they were settled; those before `#from` are given back. */
  #settled: number[] = []
  #from = 0
  readonly #lanes: () => RecordedLanes

  constructor(limits: Limits, random: Random, shares: Shares, lanes: () => RecordedLanes) {
    this.#limits = limits
    this.#shares = shares
    this.#lanes = lanes
    shares.onFull('duplicates', { shed: (account) => this.#shed(account), isReplaceable: true })
    this.table = new RecordTable(limits.duplicates, random)
  }

  /** Slot of a new record; -1: no room. */
  add({ lane, buffer, idAt, place }: Message, content: ContentHash): number {
    const { epoch, sequence } = place
    const { number } = lane.sender
    // The lane was looked up when the message came.
    const now = lane.usedAt
    if (!this.#shares.take(lane.sender.account, 'duplicates')) return -1
    // Those that take a place are fewer than there are slots.
    if (this.table.isFull) this.#evict()
    const slot = this.table.add(number, buffer, idAt, content, epoch, sequence, now)
    lane.records.push(slot)
    return slot
  }

  /** [LINK-6.7-11] The sender holds the answers of its lane up to `settled`. */
  settle({ records, sender }: Lane, { epoch, settled }: Place): undefined {
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
    if (n === 0) return
    this.#shares.give(sender.account, 'duplicates', n)
    if (n === records.length) records.length = 0
    else records.splice(0, n)
  }

  /** The lane is forgotten: its records are kept as if they were settled. False while one of them is under way. */
  giveUp({ records, sender }: Lane): boolean {
    if (records.some((slot) => !this.#isOver(slot))) return false
    for (const slot of records) {
      this.table.settle(slot)
      this.#settled.push(slot)
    }
    this.#shares.give(sender.account, 'duplicates', records.length)
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
    for (const { lanes, account } of this.#lanes().all) {
      for (const lane of lanes.values()) {
        const gone = lane.records.filter((slot) => table.isGone(slot))
        if (gone.length === 0) continue
        for (const slot of gone) table.free(slot)
        this.#shares.give(account, 'duplicates', gone.length)
        lane.records = lane.records.filter((slot) => !gone.includes(slot))
      }
    }
    const gone = this.#settled.slice(this.#from)
    for (const slot of gone) if (table.isGone(slot)) table.free(slot)
    this.#settled = gone.filter((slot) => !table.isGone(slot))
    this.#from = 0
  }

  /** The oldest settled record goes; one under way is not settled. */
  #evict(): undefined {
    if (this.#from === this.#settled.length) return
    this.table.free(this.#settled[this.#from++] as number)
    if (this.#from > 4096 && this.#from * 2 > this.#settled.length) {
      this.#settled = this.#settled.slice(this.#from)
      this.#from = 0
    }
  }

  /** A lane of `account` gives up its oldest record. False: all that is looked at are under way. */
  #shed(account: Account): boolean {
    for (const { records } of this.#lanes().some(account)) {
      const at = records.slice(0, mostLooks).findIndex((slot) => this.#isOver(slot))
      if (at < 0) continue
      this.table.free(records[at] as number)
      records.splice(at, 1)
      this.#shares.give(account, 'duplicates')
      return true
    }
    return false
  }

  /** Nobody waits for it any more. */
  #isOver(slot: number): boolean {
    return this.table.isEnded(slot) || this.table.isGone(slot)
  }
}
