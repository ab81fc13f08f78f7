/**
 * Duplicate records: what was answered for (sender, id), so that a repetition is answered the same and shown once.
 *
 * In memory, bounded: the oldest record whose answer the sender holds goes first; without any, `busy`.
 * Spec: [LINK-6.7-9] same id and content, [LINK-6.7-10] same id and other content, [LINK-6.7-11] settled
 */
import type { Envelope, LanePlace } from '../envelope.ts'
import type { Status } from '../errors.ts'
import type { Limits } from '../limits.ts'

export type DuplicateRecord = {
  readonly sender: string
  readonly id: string
  /** SHA-256 of end-to-end fields and body. */
  readonly digest: string
  readonly place: LanePlace
  /** The final answer; `undefined` while the message is under way. */
  status: Status | undefined
  /** Requests that wait for the answer: the first and its repetitions. */
  waiting: Envelope[]
  readonly at: number
  isSettled: boolean
  isGone: boolean
}

export class Duplicates {
  readonly #limits: Limits
  readonly #bySender = new Map<string, Map<string, DuplicateRecord>>()
  /** Per (sender, recipient): records in the order of their sequence, those not settled yet. */
  readonly #unsettled = new Map<string, Map<string, DuplicateRecord[]>>()
  #settled: DuplicateRecord[] = []
  #settledFrom = 0
  #count = 0

  constructor(limits: Limits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#count
  }

  find(sender: string, id: string): DuplicateRecord | undefined {
    return this.#bySender.get(sender)?.get(id)
  }

  /** `undefined`: no room. */
  add(envelope: Envelope, id: string, digest: string, now: number): DuplicateRecord | undefined {
    if (this.#count >= this.#limits.duplicates && !this.#evict()) return undefined
    const sender = envelope.sender.text
    const record: DuplicateRecord = {
      sender,
      id,
      digest,
      place: envelope.cameAs,
      status: undefined,
      waiting: [envelope],
      at: now,
      isSettled: false,
      isGone: false,
    }
    let own = this.#bySender.get(sender)
    if (own === undefined) {
      own = new Map()
      this.#bySender.set(sender, own)
    }
    own.set(id, record)
    this.#count++
    if (record.place.sequence > 0) this.#queue(sender, envelope.recipient.text).push(record)
    return record
  }

  /** The message failed for a time: a repetition is a new try. */
  remove(record: DuplicateRecord): undefined {
    if (record.isGone) return
    record.isGone = true
    const own = this.#bySender.get(record.sender)
    own?.delete(record.id)
    if (own?.size === 0) this.#bySender.delete(record.sender)
    this.#count--
  }

  /** [LINK-6.7-11] The sender holds the answers of its lane up to `place.settled`. */
  settle(sender: string, recipient: string, { epoch, settled }: LanePlace): undefined {
    if (settled === 0) return
    const queue = this.#unsettled.get(sender)?.get(recipient)
    if (queue === undefined) return
    let n = 0
    while (n < queue.length) {
      const record = queue[n] as DuplicateRecord
      const { place } = record
      if (place.epoch > epoch || (place.epoch === epoch && place.sequence > settled)) break
      record.isSettled = true
      if (!record.isGone) this.#settled.push(record)
      n++
    }
    if (n > 0) queue.splice(0, n)
  }

  /** Once a minute: what is too old is forgotten. */
  sweep(now: number): undefined {
    for (const own of this.#bySender.values()) {
      for (const record of own.values()) {
        const life = record.isSettled ? this.#limits.duplicateSettledMs : this.#limits.duplicateMs
        if (record.status !== undefined && now - record.at > life) this.remove(record)
      }
    }
    this.#compact()
    for (const [sender, own] of this.#unsettled) {
      for (const [recipient, queue] of own) {
        if (queue.every(({ isGone }) => isGone)) own.delete(recipient)
      }
      if (own.size === 0) this.#unsettled.delete(sender)
    }
  }

  #queue(sender: string, recipient: string): DuplicateRecord[] {
    let own = this.#unsettled.get(sender)
    if (own === undefined) {
      own = new Map()
      this.#unsettled.set(sender, own)
    }
    let queue = own.get(recipient)
    if (queue === undefined) {
      queue = []
      own.set(recipient, queue)
    }
    return queue
  }

  #evict(): boolean {
    while (this.#settledFrom < this.#settled.length) {
      const record = this.#settled[this.#settledFrom++] as DuplicateRecord
      if (this.#settledFrom > 4096 && this.#settledFrom * 2 > this.#settled.length) this.#compact()
      if (record.isGone || record.status === undefined) continue
      this.remove(record)
      return true
    }
    return false
  }

  #compact(): undefined {
    this.#settled = this.#settled.slice(this.#settledFrom).filter(({ isGone }) => !isGone)
    this.#settledFrom = 0
  }
}
