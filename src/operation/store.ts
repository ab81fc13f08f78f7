/**
 * The store of a domain: inboxes with their duplicate records, the queue to other domains, and what else has to last.
 *
 * Each member is an intent, so that each engine does it in one go. Which node speaks, and in which epoch of its lease,
 * is inside the object: after a lost lease every write fails. Nothing here blocks the caller.
 */
import type { Address } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import type { Status } from '../errors.ts'
import type { Caller, Outcome } from './call.ts'
import type { Lane } from './lane.ts'
import type { Message } from './message.ts'

/** Told what became of a message, in the order of the calls and after the commit: exactly one of these, once. */
export interface Taker {
  /** A new one: it has its place `seq` in the inbox of its recipient, and is its duplicate record from now on. */
  kept(message: Message, seq: number): undefined
  /** A repetition of one that has ended: the same answer again. */
  known(message: Message, status: Status): undefined
  /** A repetition of one that is under way in this process. */
  underWay(message: Message, seq: number): undefined
  /** A repetition of one that another node is at. */
  elsewhere(message: Message): undefined
  /** Its id stands for another content. */
  conflict(message: Message): undefined
  /** It is new and out of its place: nothing is kept. */
  outOfOrder(message: Message): undefined
  /** Nothing is kept; what follows in its lane and is under way fails, too. */
  failed(message: Message, status: Status): undefined
}

/** Told whether a message is in the queue: in the order of the calls, after the commit. */
export interface QueueTaker {
  queued(message: Message): undefined
  failed(message: Message, status: Status): undefined
}

/** A message in an inbox. */
export type Kept = { readonly seq: number; readonly message: Message }

/** A message in the queue; never a credential, a link or a number of a lane: those are made at the send. */
export type Queued = {
  readonly row: number
  readonly message: Message
  /** Whose word it is: policy is asked again before it is sent. */
  readonly caller: Pick<Caller, 'door' | 'via' | 'domain' | 'user'>
  readonly cause: Status
  readonly attempts: number
  /** The adapter by which it may have gone out: it stays on that one. */
  readonly via: string | undefined
}

/** Records of one kind under text keys. */
export interface Records<T> {
  get(key: string): Promise<T | undefined>
  put(key: string, value: T): Promise<undefined>
  delete(key: string): Promise<undefined>
  /** In the order of keys, from the first that is above `after`; at most `most`. */
  scan(after: string, most: number): Promise<readonly (readonly [key: string, value: T])[]>
}

export interface Store {
  /** Looks a message up and, if it is new and in its place, keeps it. */
  accept(message: Message, isInOrder: boolean, taker: Taker): undefined
  /**
   * How a message ended that was kept. Not waited for: after a crash the row says `stored`, which is also a success. A
   * status that is temporary takes the row away: the sender repeats it.
   */
  settle(message: Message, seq: number, status: Status): undefined
  /** What is not confirmed, from the first place above `after`; at most `most`. */
  inbox(user: Address, after: number, most: number): Promise<readonly Kept[]>
  confirm(user: Address, seq: number): undefined
  enqueue(message: Message, caller: Queued['caller'], cause: Status, taker: QueueTaker): undefined
  /** Takes what is due to `remote`, in the order of each lane, and of each lane only what has nothing before it. */
  claim(local: Domain, remote: Domain, most: number): Promise<readonly Queued[]>
  /**
   * How a send of `item` went. `next`: it is tried again in that time, and may have gone out `via`; nothing: it has
   * ended, and row, outcome and report change in one transaction. False: the item is not this node's any more.
   */
  attempted(
    item: Queued,
    outcome: Outcome,
    next: { readonly inMs: number; readonly via: string | undefined } | undefined,
  ): Promise<boolean>
  /** Holds `name` for `ms` from now, or goes on holding it; false: another node does. */
  lease(name: string, ms: number): Promise<boolean>
  /** The first of `count` numbers that nobody ever gets again. */
  reserve(counter: string, count: number): Promise<number>
  records<T>(room: string): Records<T>
  /** Another node has changed something about `topic`; returns how to stop listening. */
  onWake(topic: string, wake: () => undefined): () => undefined
  /** Once a minute: what has outlived its time goes. */
  sweep(now: number): undefined
  /** Gives up what is remembered of a lane; false while a message of it is under way. */
  giveUp(lane: Lane): boolean
  /** Records by which a repetition is known again. */
  readonly size: number
  close(): Promise<undefined>
}
