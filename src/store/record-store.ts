/**
 * The store of a gateway that keeps no message: duplicate records in flat memory, and nothing that outlives the
 * process.
 *
 * Nothing is shared with another process: everything is told within the call, and messages ask no lease. There is no
 * inbox and no queue: what cannot go out fails with its cause.
 * Fails: `busy` without room for a record.
 * Spec:  [LINK-6.7-9] same id and content, [LINK-6.7-10] same id and other content
 */

import type { Env } from '../env.ts'
import { isTemporary, type Status, statusNumber, statusOf } from '../errors.ts'
import type { ContentHash } from '../lib/content-hash.ts'
import type { Counter } from '../lib/meter.ts'
import type { Lane } from '../operation/lane.ts'
import type { Message } from '../operation/message.ts'
import type { Kept, Queued, QueueTaker, Store, Taker } from '../operation/store.ts'
import { Duplicates, type RecordedLanes } from './duplicates.ts'
import { MemoryBackend } from './memory-backend.ts'
import { MemoryNode } from './memory-node.ts'

export class RecordStore extends MemoryNode implements Store {
  readonly #duplicates: Duplicates
  /** Of the message that is judged. */
  readonly #content: ContentHash
  readonly #hits: Counter

  constructor(env: Env, lanes: () => RecordedLanes, node = 'here') {
    const backend = new MemoryBackend(env)
    super(backend, node)
    this.#duplicates = new Duplicates(env.limits, env.random, env.shares, lanes)
    env.meter.gauge('duplicate_records', {}, () => this.size)
    this.#content = backend.content
    this.#hits = backend.hits('duplicates')
  }

  get size(): number {
    return this.#duplicates.table.size
  }

  /** The place in the inbox is the slot of the record. */
  accept(message: Message, isInOrder: boolean, taker: Taker): undefined {
    const { lane, buffer, idAt } = message
    const duplicates = this.#duplicates
    duplicates.settle(lane, message.place)
    this.#content.take(buffer, message.fieldsAt, message.end)
    const known = duplicates.table.find(lane.sender.number, buffer, idAt)
    if (known !== -1) return this.#repeat(message, known, taker)
    if (!isInOrder) return taker.outOfOrder(message)
    const slot = duplicates.add(message, this.#content)
    if (slot !== -1) return taker.kept(message, slot)
    this.#hits.n++
    return taker.failed(message, 'busy')
  }

  settle(_: Message, slot: number, status: Status): undefined {
    const { table } = this.#duplicates
    if (isTemporary(status)) table.remove(slot)
    else table.end(slot, statusNumber(status))
  }

  sweep(now: number): undefined {
    this.#duplicates.sweep(now)
  }

  giveUp(lane: Lane): boolean {
    return this.#duplicates.giveUp(lane)
  }

  async inbox(): Promise<readonly Kept[]> {
    return []
  }

  confirm(): undefined {}

  enqueue(message: Message, _: Queued['caller'], cause: Status, taker: QueueTaker): undefined {
    taker.failed(message, cause)
  }

  async claim(): Promise<readonly Queued[]> {
    return []
  }

  async attempted(): Promise<boolean> {
    return false
  }

  /** [LINK-6.7-9] The same answer again. */
  #repeat(message: Message, slot: number, taker: Taker): undefined {
    const { table } = this.#duplicates
    // [LINK-6.7-10]
    if (!table.hasContent(slot, this.#content)) return taker.conflict(message)
    if (!table.isEnded(slot)) return taker.underWay(message, slot)
    taker.known(message, statusOf(table.status(slot)) ?? 'internal')
  }
}
