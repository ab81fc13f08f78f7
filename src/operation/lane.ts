/**
 * Who sends and to whom: what is remembered of each sender and each lane, found once per message.
 *
 * A lane is one (sender, recipient) order domain. Each of its pockets belongs to one stage, which alone reads and writes
 * it: one table with typed pockets costs one look-up a message where a table for each stage would cost four.
 * Bounded; what is idle and has nothing under way is forgotten.
 */
import type { Address } from '../address/address.ts'
import type { TokenBucket } from '../lib/token-bucket.ts'

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
  readonly lanes = new Map<string, Lane>()
  /** policy/: how much. */
  bucket: TokenBucket | undefined = undefined

  constructor(address: Address, number: number) {
    this.address = address
    this.number = number
  }
}

export class Lanes {
  readonly #byAddress = new Map<string, Sender>()
  readonly #most: number
  readonly #giveUp: (lane: Lane) => boolean
  #lanes = 0
  #numbered = 0
  /** Until then it is of no use to look for room again. */
  #fullUntil = Number.NEGATIVE_INFINITY

  /** `giveUp`: gives up what is remembered of a lane; false while a message of it is under way. */
  constructor(mostLanes: number, giveUp: (lane: Lane) => boolean) {
    this.#most = mostLanes
    this.#giveUp = giveUp
  }

  get lanes(): number {
    return this.#lanes
  }

  get all(): Iterable<Sender> {
    return this.#byAddress.values()
  }

  /** One that there is no room for is forgotten at once. */
  sender(address: Address, now: number): Sender {
    const known = this.#byAddress.get(address.text)
    if (known !== undefined) return known
    const sender = new Sender(address, ++this.#numbered)
    if (this.#byAddress.size >= this.#most) this.#makeRoom(now)
    if (this.#byAddress.size < this.#most) this.#byAddress.set(address.text, sender)
    return sender
  }

  /** A lane that is not known begins here, and is remembered by `keep` alone: a refused message leaves nothing. */
  lane(sender: Sender, recipient: Address, now: number): Lane {
    const lane = sender.lanes.get(recipient.text) ?? new Lane(sender, recipient, now)
    lane.usedAt = now
    return lane
  }

  /** False: there are too many lanes, and all of them are used. */
  keep(lane: Lane, now: number): boolean {
    if (lane.isKept) return true
    const { sender, recipient } = lane
    if (this.#lanes >= this.#most) this.#makeRoom(now)
    if (this.#lanes >= this.#most || this.#byAddress.get(sender.address.text) !== sender)
      return false
    sender.lanes.set(recipient.text, lane)
    lane.isKept = true
    this.#lanes++
    return true
  }

  /** Forgets lanes that were not used for `idleMs`, and senders of whom nothing is left. */
  sweep(now: number, idleMs: number): undefined {
    for (const { lanes } of this.#byAddress.values()) {
      for (const lane of lanes.values()) {
        if (lane.isQuiet && now - lane.usedAt >= idleMs && isRested(lane, now)) this.#forget(lane)
      }
    }
    this.#forgetSenders(now)
  }

  /**
   * The domain that has most lanes loses those that are idle longest, a sixteenth of all at once: what one domain
   * does costs the others nothing.
   */
  #makeRoom(now: number): undefined {
    if (now < this.#fullUntil) return
    this.#forgetSenders(now)
    const before = this.#lanes
    if (before < this.#most) return
    for (const lanes of lanesByDomain(this.#byAddress.values())) {
      this.#shed(lanes, now)
      if (this.#lanes < before) return this.#forgetSenders(now)
    }
    this.#fullUntil = now + 1000
  }

  #shed(lanes: readonly Lane[], now: number): undefined {
    const idle = lanes.filter((lane) => !lane.isUnderWay && isRested(lane, now))
    const share = Math.ceil(this.#most / 16)
    for (const lane of idle.sort((a, b) => a.usedAt - b.usedAt).slice(0, share)) {
      if (this.#giveUp(lane)) this.#forget(lane)
    }
  }

  #forget(lane: Lane): undefined {
    lane.sender.lanes.delete(lane.recipient.text)
    lane.isKept = false
    this.#lanes--
  }

  #forgetSenders(now: number): undefined {
    for (const [text, { bucket, lanes }] of this.#byAddress) {
      if (lanes.size === 0 && (bucket === undefined || bucket.isFull(now))) {
        this.#byAddress.delete(text)
      }
    }
  }
}

/** Whether its bucket says nothing any more. */
const isRested = ({ bucket }: Lane, now: number): boolean =>
  bucket === undefined || bucket.isFull(now)

/** The lanes of each domain of senders, the domain that has most of them first. */
export function lanesByDomain(senders: Iterable<Sender>): readonly (readonly Lane[])[] {
  const byDomain = new Map<string, Lane[]>()
  for (const { address, lanes } of senders) {
    const own = byDomain.get(address.domain) ?? []
    byDomain.set(address.domain, own)
    for (const lane of lanes.values()) own.push(lane)
  }
  return [...byDomain.values()].sort((a, b) => b.length - a.length)
}
