/**
 * The store of a domain: inboxes with their duplicate records, the queue to other domains, and what else has to last.
 *
 * Duplicate records alone are used today: `accept`, `settle`, `sweep`, `giveUp`, `size`. Inbox, queue, leases and records
 * wait for a store on disk; what such a store keeps is said by `storeContract` in `test/support`.
 *
 * Each member is an intent, so that each engine does it in one go. Which node speaks, and in which epoch of its lease,
 * is inside the object. Nothing here blocks the caller, and nothing is told before it is committed: the members that
 * tell a taker tell in the order of the calls, those that return a promise resolve after the commit.
 *
 * Fencing: an object writes while it holds the lease `node:<its name>`. Once that has ended every write of the object
 * fails, for good: a taker is told `failed`, `lease` and `attempted` say false, other promises reject with `internal`.
 * Others take what it was at for stored or free; it is closed, and another one opened.
 */
import type { Address } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import type { Status } from '../errors.ts'
import type { Caller, Outcome } from './call.ts'
import type { Lane } from './lane.ts'
import type { Message } from './message.ts'

/** Told what became of a message: exactly one of these, once. */
export interface Taker {
  /** A new one: it has its place `seq` in the inbox of its recipient, and is its duplicate record from now on. */
  kept(message: Message, seq: number): undefined
  /** [LINK-6.7-9] A repetition of one that has ended: the same answer again. */
  known(message: Message, status: Status): undefined
  /** A repetition of one that this object keeps, and that is not settled. */
  underWay(message: Message, seq: number): undefined
  /** A repetition of one that another node is at. */
  elsewhere(message: Message): undefined
  /** [LINK-6.7-10] Its id stands for another content. What is new and behind it in its lane is out of order. */
  conflict(message: Message): undefined
  /** It is new and out of its place: nothing is kept. */
  outOfOrder(message: Message): undefined
  /** Nothing is kept; what is new, behind it in its lane and under way fails, too. */
  failed(message: Message, status: Status): undefined
}

/** Told whether a message is in the queue: exactly one of these, once. */
export interface QueueTaker {
  /** It is, perhaps since an earlier call. */
  queued(message: Message): undefined
  /** It was in the queue, and has ended since. */
  known(message: Message, status: Status): undefined
  conflict(message: Message): undefined
  /** As in a `Taker`. */
  failed(message: Message, status: Status): undefined
}

/** A message in an inbox, with bytes of its own and without a place in a lane. */
export type Kept = { readonly seq: number; readonly message: Message }

/** A message in the queue; never a credential, a link or a number of a lane: those are made at the send. */
export type Queued = {
  readonly row: number
  readonly message: Message
  /** Whose word it is: policy is asked again before it is sent. */
  readonly caller: Pick<Caller, 'door' | 'via' | 'domain' | 'user'>
  readonly cause: Status
  /** How often it was claimed, this time included: counted before the send, so that no crash loses one. */
  readonly attempts: number
  /** The adapter by which it may have gone out: it stays on that one. */
  readonly via: string | undefined
}

/** Records of one kind under text keys. Values are JSON; what is put and what is got are copies. */
export interface Records<T> {
  get(key: string): Promise<T | undefined>
  put(key: string, value: T): Promise<undefined>
  delete(key: string): Promise<undefined>
  /** In the order of the bytes of the keys, from the first that is above `after`; at most `most`. */
  scan(after: string, most: number): Promise<readonly (readonly [key: string, value: T])[]>
}

/** What `onWake` listens to. */
export const topics = {
  /** Something came into the inbox of a user, or was confirmed there. */
  inbox: (user: Address): string => `inbox ${user.text}`,
  /** Something came into the queue to a domain. */
  queue: (remote: Domain): string => `queue ${remote}`,
  /** A record of a room was put or deleted. */
  records: (room: string): string => `records ${room}`,
}

export interface Store {
  /**
   * Looks a message up and, if it is new and in its place, keeps it. Its `settled` holds first. A store that tells
   * later than in the call detaches the message: there it has its bytes, whatever became of those it was lent.
   */
  accept(message: Message, isInOrder: boolean, taker: Taker): undefined
  /**
   * How a message ended that was kept. Not waited for: without the commit the row says `stored`, which is also a
   * success. After any other final status it leaves the inbox. One that is temporary takes the row away: the sender
   * repeats it.
   */
  settle(message: Message, seq: number, status: Status): undefined
  /** What is not confirmed, from the first place above `after`; at most `most`. What comes later has a higher place. */
  inbox(user: Address, after: number, most: number): Promise<readonly Kept[]>
  /** A session of `user` has it: it leaves the inbox. What a repetition is answered stays the same. */
  confirm(user: Address, seq: number): undefined
  /** Puts a message behind what is queued of its lane; from then on it is its duplicate record, with `queued`. */
  enqueue(message: Message, caller: Queued['caller'], cause: Status, taker: QueueTaker): undefined
  /**
   * Takes what is due to `remote`, oldest first, and of each lane only the run at its head: what is not due, or is
   * claimed, holds up what is behind it. A claim lasts until `attempted`, or until the lease of the node ends.
   */
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
  /**
   * Holds `name` for `ms` from now, or goes on holding it; false: another object does, or this one has lost the lease
   * of its node. What a node holds is free as soon as that lease ends.
   */
  lease(name: string, ms: number): Promise<boolean>
  /** The first of `count` numbers that nobody ever gets again. */
  reserve(counter: string, count: number): Promise<number>
  records<T>(room: string): Records<T>
  /**
   * Another node has changed something about `topic`: a hint to look, which may come without need, and of which one may
   * stand for several. What this object changes does not wake it. Returns how to stop listening.
   */
  onWake(topic: string, wake: () => undefined): () => undefined
  /** Once a minute: what has outlived its time goes. What is in an inbox or in the queue has not. */
  sweep(now: number): undefined
  /** Gives up what is remembered of a lane; false while a message of it is under way. */
  giveUp(lane: Lane): boolean
  /** Records by which a repetition is known again. */
  readonly size: number
  /** What is under way is told first. Then the leases are free, and writes fail. */
  close(): Promise<undefined>
}
