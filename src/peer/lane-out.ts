/**
 * A lane on its way to another domain: the numbers of its messages, and the link that it is on.
 *
 * Go-back-N with a window of the caller: messages are numbered in an epoch and stay on one link; after a loss those that
 * were not taken are sent again in a new epoch.
 * Spec: [LINK-6.7-4] numbers, [LINK-6.7-6] epochs, [LINK-6.7-7] one link, [LINK-6.7-11] settled, [LINK-6.7-18] search
 */
import type { Cancel } from '../lib/clock.ts'
import type { HopLane } from '../operation/lane.ts'
import type { Carrier } from './carrier.ts'
import type { Sending } from './messages-out.ts'

const nothing = (): undefined => undefined

export class LaneOut implements HopLane {
  /** The link that the lane is on while something of it is unanswered there. */
  session: Carrier | undefined = undefined
  /** Messages that were given to the link, or wait for one, and have not ended. */
  asked = 0
  /** The epoch in which a message ended badly for a time: what follows it there must not overtake it. */
  failedEpoch = 0
  /** The epoch of which even the beginning was refused: nothing behind it there could be in order. */
  lowEpoch = 0
  /** Messages that were not taken: they go first, as soon as all others of their count have their answer. */
  back: Sending[] = []
  /** Ends the wait of those. */
  stopWaiting: Cancel = nothing
  /** Messages that wait until then, or until the lane may change its link. */
  waiting: Sending[] = []
  #epoch = 0
  #sequence = 0
  /** How much higher the next epoch is. */
  #step = 1
  /** All places of this epoch up to here are answered, and those that were answered early. */
  #settled = 0
  readonly #late = new Set<number>()

  get isQuiet(): boolean {
    return this.asked === 0 && this.back.length === 0 && this.waiting.length === 0
  }

  /** Nothing of it has come back, and its link, if it is on one, takes more. */
  get isOpen(): boolean {
    return this.back.length === 0 && this.session?.link.isUsable !== false
  }

  /** Gives `sending` the next place. `firstEpoch` rises over restarts: seconds since 1970. */
  number(sending: Sending, firstEpoch: () => number): undefined {
    if (this.#epoch === 0) this.#epoch = firstEpoch()
    sending.laneEpoch = this.#epoch
    sending.laneSequence = ++this.#sequence
    sending.settled = this.#settled
  }

  /** The answer to the message at this place is here. */
  settle(epoch: number, sequence: number): undefined {
    if (epoch !== this.#epoch) return
    if (sequence !== this.#settled + 1) {
      this.#late.add(sequence)
      return
    }
    this.#settled = sequence
    while (this.#late.size > 0 && this.#late.delete(this.#settled + 1)) this.#settled++
  }

  /** The count starts anew: a message of `epoch` was lost, or refused for a time. */
  restart(epoch: number = this.#epoch): undefined {
    if (epoch !== this.#epoch) return
    this.#epoch += this.#step
    this.#step = 1
    this.#sequence = 0
    this.#settled = 0
    this.#late.clear()
  }

  /** This epoch is too low over there: the next one is higher by `step`. False: there is none so high. */
  leap(step: number): boolean {
    if (this.#epoch + step > highestEpoch) return false
    this.lowEpoch = this.#epoch
    this.#step = step
    return true
  }

  /** What was not taken and what waits, in its order; none of it is here any more. */
  takeUnsent(): Sending[] {
    this.stopWaiting()
    const unsent = [...this.back.sort(byPlace), ...this.waiting]
    this.back = []
    this.waiting = []
    return unsent
  }
}

const highestEpoch = 0xffffffff

const byPlace = (a: Sending, b: Sending): number =>
  a.laneEpoch - b.laneEpoch || a.laneSequence - b.laneSequence
