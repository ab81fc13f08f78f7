/**
 * Duplicate records: what was answered for (sender, id), so that a repetition is answered the same and shown once.
 *
 * In memory, bounded: the oldest record whose answer the sender holds goes first; without any, there is no room.
 * Spec: [LINK-6.7-9] same id and content, [LINK-6.7-10] same id and other content, [LINK-6.7-11] settled
 */
import type { Envelope, LanePlace } from '../envelope.ts'
import type { DuplicateRecord, Lane, Sender } from '../lane.ts'
import type { Limits } from '../limits.ts'

export class Duplicates {
  readonly #most: number
  readonly #limits: Limits
  /** In the order in which they were settled; those before `#from` are gone. */
  #settled: DuplicateRecord[] = []
  #from = 0
  #count = 0

  constructor(limits: Limits) {
    this.#limits = limits
    this.#most = limits.duplicates
  }

  get size(): number {
    return this.#count
  }

  /** `undefined`: no room. */
  add(lane: Lane, envelope: Envelope, id: string, digest: string): DuplicateRecord | undefined {
    if (this.#count >= this.#most && !this.#evict()) return undefined
    const { sender } = lane
    const { epoch, sequence } = envelope.cameAs
    const record: DuplicateRecord = {
      sender,
      id,
      digest,
      epoch,
      sequence,
      status: undefined,
      first: envelope,
      others: undefined,
      at: envelope.at,
      isSettled: false,
      isGone: false,
    }
    sender.records.set(id, record)
    this.#count++
    if (sequence > 0) lane.unsettled.push(record)
    return record
  }

  /** The message failed for a time: a repetition is a new try. */
  remove(record: DuplicateRecord): undefined {
    if (record.isGone) return
    record.isGone = true
    record.sender.records.delete(record.id)
    this.#count--
  }

  /** [LINK-6.7-11] The sender holds the answers of its lane up to `settled`. */
  settle({ unsettled }: Lane, { epoch, settled }: LanePlace): undefined {
    if (settled === 0 || unsettled.length === 0) return
    let n = 0
    while (n < unsettled.length) {
      const record = unsettled[n] as DuplicateRecord
      if (record.epoch > epoch || (record.epoch === epoch && record.sequence > settled)) break
      record.isSettled = true
      if (!record.isGone) this.#settled.push(record)
      n++
    }
    if (n === unsettled.length) unsettled.length = 0
    else if (n > 0) unsettled.splice(0, n)
  }

  /** Once a minute: what is too old is forgotten. */
  sweep(senders: Iterable<Sender>, now: number): undefined {
    const { duplicateMs, duplicateSettledMs } = this.#limits
    for (const { records, lanes } of senders) {
      for (const record of records.values()) {
        const life = record.isSettled ? duplicateSettledMs : duplicateMs
        if (record.status !== undefined && now - record.at > life) this.remove(record)
      }
      for (const lane of lanes.values()) {
        if (lane.unsettled.every(({ isGone }) => isGone)) lane.unsettled.length = 0
      }
    }
    this.#compact()
  }

  #evict(): boolean {
    while (this.#from < this.#settled.length) {
      const record = this.#settled[this.#from++] as DuplicateRecord
      if (this.#from > 4096 && this.#from * 2 > this.#settled.length) this.#compact()
      if (record.isGone || record.status === undefined) continue
      this.remove(record)
      return true
    }
    return false
  }

  #compact(): undefined {
    this.#settled = this.#settled.slice(this.#from).filter(({ isGone }) => !isGone)
    this.#from = 0
  }
}
