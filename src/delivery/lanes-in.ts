/**
 * Order on the way in: a message that came too early is refused, so that nothing overtakes.
 *
 * Spec: [LINK-6.7-5] (gap), [LINK-6.7-6] (epoch), [LINK-6.7-8] (go back after a temporary failure)
 */
import type { LanePlace } from '../envelope.ts'
import type { Limits } from '../limits.ts'

type Lane = { epoch: number; next: number; usedAt: number }

export class LanesIn {
  readonly #bySender = new Map<string, Map<string, Lane>>()
  readonly #limits: Limits
  #count = 0

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /** Whether the message at `place` is the next of its lane; then it counts as taken. */
  take(sender: string, recipient: string, { epoch, sequence }: LanePlace, now: number): boolean {
    if (sequence === 0) return true
    let own = this.#bySender.get(sender)
    if (own === undefined) {
      own = new Map()
      this.#bySender.set(sender, own)
    }
    const lane = own.get(recipient)
    if (lane === undefined) {
      // Nothing is known of the lane: only its beginning is sure to be in order.
      if (sequence !== 1) return false
      if (this.#count >= this.#limits.lanes) this.sweep(now, 0)
      own.set(recipient, { epoch, next: 2, usedAt: now })
      this.#count++
      return true
    }
    lane.usedAt = now
    if (epoch === lane.epoch && sequence === lane.next) {
      lane.next++
      return true
    }
    if (epoch <= lane.epoch || sequence !== 1) return false
    lane.epoch = epoch
    lane.next = 2
    return true
  }

  /** The message at `place` failed for a time: it has to come again before what follows it. */
  goBack(sender: string, recipient: string, { epoch, sequence }: LanePlace): undefined {
    const lane = this.#bySender.get(sender)?.get(recipient)
    if (lane !== undefined && lane.epoch === epoch && lane.next > sequence) lane.next = sequence
  }

  sweep(now: number, idleMs: number): undefined {
    for (const [sender, own] of this.#bySender) {
      for (const [recipient, lane] of own) {
        if (now - lane.usedAt < idleMs) continue
        own.delete(recipient)
        this.#count--
      }
      if (own.size === 0) this.#bySender.delete(sender)
    }
  }
}
