/**
 * Who sends and to whom: what is remembered of each sender and each lane, found once per message.
 *
 * A lane is one (sender, recipient) order domain. Its parts belong to different stages, each of which reads and writes
 * its own and no other: `policy/` the buckets, `delivery/` the places and the records.
 * Bounded; what is idle and has nothing under way is forgotten.
 */
import type { Address } from './address/address.ts'
import type { Envelope } from './envelope.ts'
import type { TokenBucket } from './lib/token-bucket.ts'

export class Lane {
  readonly sender: Sender
  readonly recipient: Address
  usedAt: number
  /** policy/: how much. */
  bucket: TokenBucket | undefined = undefined

  /** delivery/, on the way in: the place that is awaited. Epoch 0: nothing is known. */
  inEpoch = 0
  inNext = 1
  /** Slots of duplicate records, in the order of their places, whose answer the sender may not hold yet. */
  unsettled: number[] = []

  /** delivery/, on the way out: the place that was given last. */
  outEpoch = 0
  outSequence = 0
  /** The epoch in which a message failed for a time: what follows it there must not overtake it. */
  failedEpoch = 0
  /** All places of this epoch up to here are answered, and those that were answered early. */
  outSettled = 0
  readonly late = new Set<number>()
  /** The link that the lane is on while something of it is unanswered there. */
  way: unknown = undefined
  unanswered = 0
  /** Messages that were not taken: they go first, as soon as all others of their count have their answer. */
  back: Envelope[] = []
  /** Messages that wait until the lane has turned, or may change its link. */
  held: Envelope[] = []

  constructor(sender: Sender, recipient: Address, now: number) {
    this.sender = sender
    this.recipient = recipient
    this.usedAt = now
  }

  /** Whether it can be forgotten without losing anything but its place. */
  get isQuiet(): boolean {
    return this.unanswered === 0 && this.unsettled.length === 0
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

export class Senders {
  readonly #byAddress = new Map<string, Sender>()
  readonly #most: number
  #lanes = 0
  #numbered = 0

  constructor(mostLanes: number) {
    this.#most = mostLanes
  }

  get lanes(): number {
    return this.#lanes
  }

  get all(): Iterable<Sender> {
    return this.#byAddress.values()
  }

  sender(address: Address): Sender {
    let sender = this.#byAddress.get(address.text)
    if (sender === undefined) {
      sender = new Sender(address, ++this.#numbered)
      this.#byAddress.set(address.text, sender)
    }
    return sender
  }

  /** `undefined`: there are too many lanes, and all of them are used. */
  lane(sender: Sender, recipient: Address, now: number): Lane | undefined {
    let lane = sender.lanes.get(recipient.text)
    if (lane === undefined) {
      if (this.#lanes >= this.#most) this.sweep(now, 0)
      if (this.#lanes >= this.#most) return undefined
      lane = new Lane(sender, recipient, now)
      sender.lanes.set(recipient.text, lane)
      this.#lanes++
    }
    lane.usedAt = now
    return lane
  }

  /** Forgets lanes that were not used for `idleMs`, and senders of whom nothing is left. */
  sweep(now: number, idleMs: number): undefined {
    for (const [text, sender] of this.#byAddress) {
      for (const [recipient, lane] of sender.lanes) {
        if (!lane.isQuiet || now - lane.usedAt < idleMs) continue
        if (lane.bucket !== undefined && !lane.bucket.isFull(now)) continue
        sender.lanes.delete(recipient)
        this.#lanes--
      }
      const isIdle = sender.bucket === undefined || sender.bucket.isFull(now)
      if (isIdle && sender.lanes.size === 0) {
        this.#byAddress.delete(text)
      }
    }
  }
}
