/**
 * Messages that are kept, which are their own duplicate records: the model of a table.
 *
 * A row begins under way at a node, ends with a status, and goes once its time is over. While it holds its message, in
 * an inbox or in the queue, it stays. Bounded as the records alone are (`duplicates.ts`).
 * Spec: [LINK-6.7-11] settled
 */
import type { Status } from '../errors.ts'
import type { Limits } from '../limits.ts'
import type { Message, Place } from '../operation/message.ts'
import type { Holder } from './leases.ts'

export type Row = {
  readonly seq: number
  /** Sender and id. */
  readonly key: string
  /** Sender and recipient. */
  readonly lane: string
  readonly content: string
  readonly place: Place
  readonly domain: string
  readonly at: number
  readonly holder: Holder
  /** Nothing: its holder is at it. */
  status: Status | undefined
  /** While it is in an inbox or in the queue; its bytes are its own. */
  message: Message | undefined
}

export type NewRow = Omit<Row, 'seq' | 'domain'> & { readonly message: Message }

export class Rows {
  readonly #limits: Limits
  readonly #isAlive: (holder: Holder) => boolean
  readonly #byKey = new Map<string, Row>()
  readonly #bySeq = new Map<number, Row>()
  readonly #lanes = new Map<string, Set<Row>>()
  readonly #inboxes = new Map<string, Set<Row>>()
  /** In the order in which they were settled. */
  readonly #settled = new Set<Row>()
  #seq = 0

  constructor(limits: Limits, isAlive: (holder: Holder) => boolean) {
    this.#limits = limits
    this.#isAlive = isAlive
  }

  get size(): number {
    return this.#byKey.size
  }

  find(key: string): Row | undefined {
    return this.#byKey.get(key)
  }

  at(seq: number): Row | undefined {
    return this.#bySeq.get(seq)
  }

  /** How it ended: what its node was at when it went is in the inbox. Nothing: it has not. */
  statusOf({ status, holder }: Row): Status | undefined {
    return status ?? (this.#isAlive(holder) ? undefined : 'stored')
  }

  inbox(user: string): ReadonlySet<Row> {
    return this.#inboxes.get(user) ?? new Set()
  }

  /** Nothing: no room. Its place is above all that anybody has seen. */
  add(made: NewRow, isInInbox: boolean): Row | undefined {
    if (this.size >= this.#limits.duplicates && !this.#makeRoom()) return undefined
    const row: Row = { ...made, seq: ++this.#seq, domain: made.message.from.domain }
    this.#byKey.set(row.key, row)
    this.#bySeq.set(row.seq, row)
    setOf(this.#lanes, row.lane).add(row)
    if (isInInbox) setOf(this.#inboxes, made.message.to.text).add(row)
    return row
  }

  /** It has left inbox or queue, and goes on as a record. */
  strip(row: Row): undefined {
    if (row.message === undefined) return
    drop(this.#inboxes, row.message.to.text, row)
    row.message.release()
    row.message = undefined
  }

  remove(row: Row): undefined {
    this.strip(row)
    this.#byKey.delete(row.key)
    this.#bySeq.delete(row.seq)
    drop(this.#lanes, row.lane, row)
    this.#settled.delete(row)
  }

  /** [LINK-6.7-11] The sender holds the answers of its lane up to `settled`, and asks for none of an earlier epoch. */
  settle(lane: string, { epoch, settled }: Place): undefined {
    if (settled === 0) return
    for (const row of this.#lanes.get(lane) ?? []) {
      const { place } = row
      const isHeld = place.epoch < epoch || (place.epoch === epoch && place.sequence <= settled)
      // What is under way has no answer that anybody could hold, whatever the sender says.
      if (isHeld && this.statusOf(row) !== undefined) this.#settled.add(row)
    }
  }

  sweep(now: number): undefined {
    const { duplicateMs, duplicateSettledMs } = this.#limits
    for (const row of this.#byKey.values()) {
      const life = this.#settled.has(row) ? duplicateSettledMs : duplicateMs
      if (this.#isRecord(row) && now - row.at > life) this.remove(row)
    }
  }

  /** It has ended and holds no message: nobody loses anything but the answer. */
  #isRecord(row: Row): boolean {
    return row.message === undefined && this.statusOf(row) !== undefined
  }

  /** The oldest settled record goes, else a sixteenth of all, of the domain that holds most. False: there is none. */
  #makeRoom(): boolean {
    for (const row of this.#settled) {
      if (!this.#isRecord(row)) continue
      this.remove(row)
      return true
    }
    const records = [...this.#byKey.values()].filter((row) => this.#isRecord(row))
    const domains = Map.groupBy(records, ({ domain }) => domain).values()
    const most = [...domains].reduce((a, b) => (b.length > a.length ? b : a), [])
    most.sort((a, b) => a.at - b.at || a.seq - b.seq)
    for (const row of most.slice(0, Math.ceil(this.#limits.duplicates / 16))) this.remove(row)
    return most.length > 0
  }
}

function setOf(sets: Map<string, Set<Row>>, key: string): Set<Row> {
  const set = sets.get(key) ?? new Set<Row>()
  sets.set(key, set)
  return set
}

function drop(sets: Map<string, Set<Row>>, key: string, row: Row): undefined {
  const set = sets.get(key)
  set?.delete(row)
  if (set?.size === 0) sets.delete(key)
}
