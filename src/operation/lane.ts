/**
 * Who sends and to whom: what is remembered of each sender and each lane, found once per message.
 *
 * A lane is one (sender, recipient) order domain. Each of its pockets belongs to one stage, which alone reads and writes
 * it: one table with typed pockets costs one look-up a message where a table for each stage would cost four.
 * Bounded by the shares of domains; what is idle and has nothing under way is forgotten.
 */
import type { Address } from '../address/address.ts'
import type { TokenBucket } from '../lib/token-bucket.ts'
import type { Account } from '../shares/account.ts'
import type { Shares } from '../shares/shares.ts'

/** What a hop keeps of a lane that it carries; the hop that made it knows it again by its class. */
export interface HopLane {
  /** Nothing of it is on the way. */
  readonly isQuiet: boolean
}

export class Lane {
  readonly sender: Sender
  readonly recipient: Address
  usedAt: number
  /** Whether it counts among the lanes that are remembered. */
  isKept = false
  /** route/: messages that wait for the facts about their recipient. */
  waiting = 0
  /** policy/: how much. */
  bucket: TokenBucket | undefined = undefined
  /** delivery/: the place that is awaited on the hop by which its messages come. Epoch 0: nothing is known. */
  epoch = 0
  next = 1
  /** delivery/, to another domain: messages without an answer; whether one of those given with them failed for a time. */
  unanswered = 0
  isFailing = false
  /** store/: duplicate records, in the order of their places, whose answer the sender may not hold yet. */
  records: number[] = []
  /** The hop that carries it. */
  hop: HopLane | undefined = undefined

  constructor(sender: Sender, recipient: Address, now: number) {
    this.sender = sender
    this.recipient = recipient
    this.usedAt = now
  }

  /** Whether it can be forgotten without losing anything but its place. */
  get isQuiet(): boolean {
    return !this.isUnderWay && this.records.length === 0
  }

  /** Whether a message of it waits, or is on its way to another domain. */
  get isUnderWay(): boolean {
    return this.waiting > 0 || this.unanswered > 0 || this.hop?.isQuiet === false
  }
}

export class Sender {
  readonly address: Address
  /** Names the sender in flat tables; never used again in this process. */
  readonly number: number
  /** Who pays: its domain; a user of ours for itself. */
  readonly account: Account
  readonly lanes = new Map<string, Lane>()
  /** policy/: how much, and how much of SUBSCRIBE and UNSUBSCRIBE. */
  bucket: TokenBucket | undefined = undefined
  watches: TokenBucket | undefined = undefined

  constructor(address: Address, number: number, account: Account) {
    this.address = address
    this.number = number
    this.account = account
  }
}

/** What is looked at to find one place that can be had. */
const mostLooks = 16

/** Lanes and senders take a place each; a full table takes back what is idle, of whoever has most. */
export class Lanes {
  readonly #byAddress = new Map<string, Sender>()
  /** In rotation: who was looked at goes to the end. */
  readonly #byAccount = new Map<Account, Set<Sender>>()
  readonly #shares: Shares
  /** Who pays for what is kept of an address. */
  readonly accountOf: (address: Address) => Account
  readonly #giveUp: (lane: Lane) => boolean
  #lanes = 0
  #numbered = 0

  /** `giveUp`: gives up what is remembered of a lane; false while a message of it is under way. */
  constructor(
    shares: Shares,
    accountOf: (address: Address) => Account,
    giveUp: (lane: Lane) => boolean,
  ) {
    this.#shares = shares
    this.accountOf = accountOf
    this.#giveUp = giveUp
    shares.onFull('lanes', { shed: (account) => this.#shed(account), isReplaceable: true })
  }

  get lanes(): number {
    return this.#lanes
  }

  get all(): Iterable<Sender> {
    return this.#byAddress.values()
  }

  /** One that there is no room for is forgotten at once. */
  sender(address: Address): Sender {
    const known = this.#byAddress.get(address.text)
    if (known !== undefined) return known
    const account = this.accountOf(address)
    const sender = new Sender(address, ++this.#numbered, account)
    if (this.#shares.take(account, 'lanes')) {
      this.#byAddress.set(address.text, sender)
      const own = this.#byAccount.get(account)
      if (own === undefined) this.#byAccount.set(account, new Set([sender]))
      else own.add(sender)
    }
    return sender
  }

  /** A lane that is not known begins here, and is remembered by `keep` alone: a refused message leaves nothing. */
  lane(sender: Sender, recipient: Address, now: number): Lane {
    const lane = sender.lanes.get(recipient.text) ?? new Lane(sender, recipient, now)
    lane.usedAt = now
    return lane
  }

  /** False: there are too many lanes, and all of them are used. */
  keep(lane: Lane): boolean {
    if (lane.isKept) return true
    const { sender, recipient } = lane
    if (this.#byAddress.get(sender.address.text) !== sender) return false
    if (!this.#shares.take(sender.account, 'lanes')) return false
    sender.lanes.set(recipient.text, lane)
    lane.isKept = true
    this.#lanes++
    return true
  }

  /** Lanes of senders of `account`, a bounded number of them; the next time others come first. */
  *some(account: Account): Generator<Lane> {
    for (const { lanes } of this.#rotate(account)) {
      yield* rotated(lanes)
    }
  }

  /** Forgets lanes that were not used for `idleMs`, and senders of whom nothing is left. */
  sweep(now: number, idleMs: number): undefined {
    for (const sender of this.#byAddress.values()) {
      for (const lane of sender.lanes.values()) {
        if (lane.isQuiet && now - lane.usedAt >= idleMs && isRested(lane, now)) this.#forget(lane)
      }
      if (isSpent(sender, now)) this.#leave(sender)
    }
  }

  *#rotate(account: Account): Generator<Sender> {
    const own = this.#byAccount.get(account)
    let looks = Math.min(mostLooks, own?.size ?? 0)
    for (const sender of own ?? []) {
      if (looks-- === 0) return
      own?.delete(sender)
      own?.add(sender)
      yield sender
    }
  }

  /** One of `account` gives up a place: a sender of whom nothing is left, or a lane that waits for nothing. */
  #shed(account: Account): boolean {
    const now = this.#shares.now
    for (const sender of this.#rotate(account)) {
      if (isSpent(sender, now)) {
        this.#leave(sender)
        return true
      }
      for (const lane of rotated(sender.lanes)) {
        if (lane.isUnderWay || !isRested(lane, now) || !this.#giveUp(lane)) continue
        this.#forget(lane)
        return true
      }
    }
    return false
  }

  #forget(lane: Lane): undefined {
    lane.sender.lanes.delete(lane.recipient.text)
    lane.isKept = false
    this.#lanes--
    this.#shares.give(lane.sender.account, 'lanes')
  }

  #leave(sender: Sender): undefined {
    const { account } = sender
    this.#byAddress.delete(sender.address.text)
    const own = this.#byAccount.get(account)
    own?.delete(sender)
    if (own?.size === 0) this.#byAccount.delete(account)
    this.#shares.give(account, 'lanes')
  }
}

/** Some of them; the next time others come first. */
function* rotated(lanes: Map<string, Lane>): Generator<Lane> {
  let looks = Math.min(mostLooks, lanes.size)
  for (const [name, lane] of lanes) {
    if (looks-- === 0) return
    lanes.delete(name)
    lanes.set(name, lane)
    yield lane
  }
}

/** Whether its bucket says nothing any more. */
const isRested = ({ bucket }: Lane | Sender, now: number): boolean =>
  bucket === undefined || bucket.isFull(now)

const isSpent = (sender: Sender, now: number): boolean =>
  sender.lanes.size === 0 && isRested(sender, now) && sender.watches?.isFull(now) !== false
