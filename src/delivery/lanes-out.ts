/**
 * Order on the way out: the messages of one sender to one recipient are numbered and stay on one link.
 *
 * State and its arithmetic only; `outbound.ts` acts.
 * Spec: [LINK-6.7-4] to [LINK-6.7-8]
 */
import type { Envelope } from '../envelope.ts'
import type { Limits } from '../limits.ts'

export class LaneOut<Way> {
  /** Rises with every new count of sequences, over restarts too: it starts at the seconds since 1970. */
  epoch: number
  sequence = 0
  /** The epoch in which a message failed for a time: what follows it there must not overtake it. */
  failedEpoch = 0
  /** The link that the lane is on while something of it is unanswered. */
  way: Way | undefined = undefined
  unanswered = 0
  /** Messages that wait until the lane may change its link. */
  held: Envelope[] = []
  usedAt: number
  /** All sequences of this epoch up to here are answered. */
  settled = 0
  readonly #late = new Set<number>()

  constructor(epoch: number, now: number) {
    this.epoch = epoch
    this.usedAt = now
  }

  /** Gives `envelope` the next place. */
  number(envelope: Envelope): undefined {
    envelope.laneEpoch = this.epoch
    envelope.laneSequence = ++this.sequence
    envelope.settled = this.settled
  }

  /** The answer to a message is here. */
  answered(epoch: number, sequence: number): undefined {
    if (epoch !== this.epoch) return
    if (sequence !== this.settled + 1) {
      this.#late.add(sequence)
      return
    }
    this.settled = sequence
    while (this.#late.delete(this.settled + 1)) this.settled++
  }

  /** The count starts anew: a message of `epoch` was lost or refused for a time. */
  restart(epoch: number): undefined {
    if (epoch !== this.epoch) return
    this.epoch++
    this.sequence = 0
    this.settled = 0
    this.#late.clear()
  }
}

/** All lanes out, by sender and recipient; bounded, the idle ones are forgotten. */
export class LanesOut<Way> {
  readonly #bySender = new Map<string, Map<string, LaneOut<Way>>>()
  readonly #limits: Limits
  readonly #firstEpoch: () => number
  #count = 0

  constructor(limits: Limits, firstEpoch: () => number) {
    this.#limits = limits
    this.#firstEpoch = firstEpoch
  }

  get size(): number {
    return this.#count
  }

  find(sender: string, recipient: string): LaneOut<Way> | undefined {
    return this.#bySender.get(sender)?.get(recipient)
  }

  /** `undefined`: too many lanes. */
  open(sender: string, recipient: string, now: number): LaneOut<Way> | undefined {
    const known = this.find(sender, recipient)
    if (known !== undefined) return known
    if (this.#count >= this.#limits.lanes) this.sweep(now, 0)
    if (this.#count >= this.#limits.lanes) return undefined
    const lane = new LaneOut<Way>(this.#firstEpoch(), now)
    const own = this.#bySender.get(sender) ?? new Map<string, LaneOut<Way>>()
    this.#bySender.set(sender, own)
    own.set(recipient, lane)
    this.#count++
    return lane
  }

  /** Forgets lanes that were not used for `idleMs` and have nothing under way. */
  sweep(now: number, idleMs: number): undefined {
    for (const [sender, own] of this.#bySender) {
      for (const [recipient, lane] of own) {
        if (lane.unanswered > 0 || lane.held.length > 0 || now - lane.usedAt < idleMs) continue
        own.delete(recipient)
        this.#count--
      }
      if (own.size === 0) this.#bySender.delete(sender)
    }
  }
}
