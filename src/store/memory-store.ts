/**
 * The store in memory as one node sees it: inboxes and queue with the bytes of their messages. It is the model of the
 * stores on disk: what it does, they do.
 *
 * In:    messages, lent.
 * Out:   what became of each, in the order of the calls and after the commit.
 * Fails: `busy` without room for a record or for bytes, `inbox-full`, `internal` if a commit fails or the lease of the
 *        node has ended.
 * Spec:  [LINK-6.7-9] same id and content, [LINK-6.7-10] same id and other content, [LINK-6.7-11] settled
 */
import type { Address } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import { isTemporary, type Status } from '../errors.ts'
import type { Outcome } from '../operation/call.ts'
import type { Lane } from '../operation/lane.ts'
import { Message } from '../operation/message.ts'
import type { Kept, Queued, QueueTaker, Store, Taker } from '../operation/store.ts'
import { topics } from '../operation/store.ts'
import { type Arrival, Arrivals } from './arrivals.ts'
import type { MemoryBackend } from './memory-backend.ts'
import { MemoryNode } from './memory-node.ts'
import { pairOf, type Waiting } from './queue.ts'
import type { Row } from './rows.ts'

export class MemoryStore extends MemoryNode implements Store {
  readonly #arrivals: Arrivals
  /** By place, what this process keeps: how it was settled, while that is not committed; nothing: it is not settled. */
  readonly #underWay = new Map<number, Status | undefined>()

  constructor(backend: MemoryBackend, node: string) {
    super(backend, node)
    this.#arrivals = new Arrivals(backend)
  }

  get size(): number {
    return this.backend.rows.size
  }

  accept(message: Message, isInOrder: boolean, taker: Taker): undefined {
    const arrival = this.#arrivals.take(message)
    this.#transact(
      () => this.#accept(arrival, isInOrder, taker),
      () => this.#fail(arrival, 'internal', taker),
    )
  }

  settle({ lane }: Message, seq: number, status: Status): undefined {
    const { rows } = this.backend
    this.#underWay.set(seq, status)
    this.#arrivals.ended(lane)
    const settle = (): undefined => {
      this.#underWay.delete(seq)
      const row = rows.at(seq)
      if (row === undefined || !this.isAlive) return
      if (isTemporary(status)) return rows.remove(row)
      row.status = status
      if (status !== 'stored') rows.strip(row)
    }
    this.#transact(settle, () => {
      this.#underWay.delete(seq)
    })
  }

  async inbox(user: Address, after: number, most: number): Promise<readonly Kept[]> {
    return [...this.backend.rows.inbox(user.text)]
      .filter(({ seq }) => seq > after)
      .slice(0, most)
      .map(({ seq, message }) => ({ seq, message: copyOf(message as Message) }))
  }

  confirm(user: Address, seq: number): undefined {
    const { rows } = this.backend
    const confirm = (): undefined => {
      const row = rows.at(seq)
      if (row === undefined || !this.isAlive || !rows.inbox(user.text).has(row)) return
      rows.strip(row)
      this.backend.changed(topics.inbox(user), this.holder)
    }
    this.#transact(confirm, () => undefined)
  }

  enqueue(message: Message, caller: Queued['caller'], cause: Status, taker: QueueTaker): undefined {
    const arrival = this.#arrivals.take(message)
    this.#transact(
      () => this.#enqueue(arrival, caller, cause, taker),
      () => this.#fail(arrival, 'internal', taker),
    )
  }

  claim(local: Domain, remote: Domain, most: number): Promise<readonly Queued[]> {
    const { queue } = this.backend
    return this.write(() =>
      queue.claim(pairOf(local, remote), most, this.holder, this.backend.now).map(queuedOf),
    )
  }

  attempted(
    { row, message }: Queued,
    { status }: Outcome,
    next: { readonly inMs: number; readonly via: string | undefined } | undefined,
  ): Promise<boolean> {
    const pair = pairOf(message.from.domain, message.to.domain)
    return this.commit(() => {
      const waiting = this.backend.queue.claimed(pair, row, this.holder)
      if (waiting === undefined || !this.isAlive) return false
      if (next === undefined) this.#leaveQueue(waiting, status)
      else {
        waiting.claimedBy = undefined
        waiting.dueAt = this.backend.now + next.inMs
        waiting.via = next.via ?? waiting.via
      }
      return true
    })
  }

  sweep(now: number): undefined {
    this.#transact(
      () => (this.isAlive ? this.backend.rows.sweep(now) : undefined),
      () => undefined,
    )
  }

  giveUp(lane: Lane): boolean {
    return !this.#arrivals.isUnderWay(lane)
  }

  #transact(run: () => undefined, fail: () => undefined): undefined {
    this.backend.commit(this.holder.node, run, fail)
  }

  #accept(arrival: Arrival, isInOrder: boolean, taker: Taker): undefined {
    if (!this.isAlive) return this.#fail(arrival, 'internal', taker)
    const { message } = arrival
    const { rows, env } = this.backend
    rows.settle(arrival.lane, message.place)
    const known = rows.find(arrival.key)
    if (known !== undefined) return this.#repeat(arrival, known, taker)
    const lost = this.#arrivals.lostBefore(arrival)
    if (!isInOrder || lost === 'conflict') {
      this.#arrivals.ended(message.lane)
      return taker.outOfOrder(message)
    }
    if (lost !== undefined) return this.#fail(arrival, lost, taker)
    if (rows.inbox(message.to.text).size >= env.limits.inboxMessages) {
      this.backend.hits('inboxMessages').n++
      return this.#fail(arrival, 'inbox-full', taker)
    }
    const row = this.#keep(arrival, undefined)
    if (row === undefined) return this.#fail(arrival, 'busy', taker)
    this.#underWay.set(row.seq, undefined)
    this.backend.changed(topics.inbox(message.to), this.holder)
    taker.kept(message, row.seq)
  }

  #repeat(arrival: Arrival, row: Row, taker: Taker): undefined {
    const { message, content } = arrival
    if (row.content !== content) return this.#conflict(arrival, taker)
    const isOurs = this.#underWay.has(row.seq)
    const status = isOurs ? this.#underWay.get(row.seq) : this.backend.rows.statusOf(row)
    // It shares the answer of the first one, which leaves no record.
    if (status !== undefined && isTemporary(status)) return this.#fail(arrival, status, taker)
    this.#arrivals.ended(message.lane)
    // [LINK-6.7-9]
    if (status !== undefined) return taker.known(message, status)
    if (isOurs) return taker.underWay(message, row.seq)
    // It was settled here, without a commit.
    if (row.holder === this.holder) return taker.known(message, 'stored')
    taker.elsewhere(message)
  }

  #enqueue(
    arrival: Arrival,
    caller: Queued['caller'],
    cause: Status,
    taker: QueueTaker,
  ): undefined {
    if (!this.isAlive) return this.#fail(arrival, 'internal', taker)
    const { message } = arrival
    const { rows, queue, env, now } = this.backend
    const known = rows.find(arrival.key)
    if (known !== undefined) return this.#repeatQueued(arrival, known, taker)
    const lost = this.#arrivals.lostBefore(arrival)
    if (lost !== undefined) return this.#fail(arrival, lost === 'conflict' ? 'order' : lost, taker)
    const pair = pairOf(message.from.domain, message.to.domain)
    if (queue.count(pair) >= env.limits.queueMessages) {
      this.backend.hits('queueMessages').n++
      return this.#fail(arrival, 'busy', taker)
    }
    const row = this.#keep(arrival, 'queued')
    if (row === undefined) return this.#fail(arrival, 'busy', taker)
    const fresh = { attempts: 0, via: undefined, dueAt: now, claimedBy: undefined }
    queue.add({ row, pair, caller, cause, ...fresh })
    this.backend.changed(topics.queue(message.to.domain), this.holder)
    this.#arrivals.ended(message.lane)
    taker.queued(message)
  }

  #repeatQueued(arrival: Arrival, row: Row, taker: QueueTaker): undefined {
    const { message, content } = arrival
    if (row.content !== content) return this.#conflict(arrival, taker)
    const status = this.backend.rows.statusOf(row) ?? 'stored'
    this.#arrivals.ended(message.lane)
    if (status === 'queued') taker.queued(message)
    else taker.known(message, status)
  }

  /** [LINK-6.7-10] */
  #conflict(arrival: Arrival, taker: Taker | QueueTaker): undefined {
    const { message } = arrival
    this.#arrivals.lost(arrival, 'conflict')
    this.#arrivals.ended(message.lane)
    taker.conflict(message)
  }

  #fail(arrival: Arrival, status: Status, taker: Taker | QueueTaker): undefined {
    const { message } = arrival
    this.#arrivals.lost(arrival, status)
    this.#arrivals.ended(message.lane)
    taker.failed(message, status)
  }

  /** Nothing: no room. `status`: it is not for an inbox. */
  #keep({ message, key, lane, content, hasBytes }: Arrival, status: 'queued' | undefined) {
    const { rows, env } = this.backend
    const own = copyOf(message)
    if (!hasBytes || !own.detach(env.held)) return undefined
    const { holder } = this
    const row = rows.add(
      {
        key,
        lane,
        content,
        holder,
        status,
        place: message.place,
        at: this.backend.now,
        message: own,
      },
      status === undefined,
    )
    if (row !== undefined) return row
    own.release()
    this.backend.hits('duplicates').n++
    return undefined
  }

  #leaveQueue(waiting: Waiting, status: Status): undefined {
    const { queue, rows } = this.backend
    const { row } = waiting
    queue.remove(waiting)
    if (isTemporary(status)) return rows.remove(row)
    row.status = status
    rows.strip(row)
  }
}

const noPlace = { epoch: 0, sequence: 0, settled: 0 }

/** The same bytes, without a place in a lane. */
const copyOf = (message: Message): Message => {
  const { from, to, hops, unknownField, buffer, idAt, fieldsAt, bodyAt, end } = message
  return new Message(from, to, noPlace, hops, unknownField, buffer, idAt, fieldsAt, bodyAt, end)
}

const queuedOf = ({ row, caller, cause, attempts, via }: Waiting): Queued => ({
  row: row.seq,
  message: copyOf(row.message as Message),
  caller,
  cause,
  attempts,
  via,
})
