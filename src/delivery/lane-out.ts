/**
 * Order on the way out: the messages of a lane are numbered and stay on one link.
 *
 * Spec: [LINK-6.7-4] numbers, [LINK-6.7-6] epochs, [LINK-6.7-11] settled
 */
import type { Envelope } from '../envelope.ts'
import type { Lane } from '../lane.ts'

/** Gives `envelope` the next place. `firstEpoch` rises over restarts: seconds since 1970. */
export function numberNext(lane: Lane, envelope: Envelope, firstEpoch: () => number): undefined {
  if (lane.outEpoch === 0) lane.outEpoch = firstEpoch()
  envelope.laneEpoch = lane.outEpoch
  envelope.laneSequence = ++lane.outSequence
  envelope.settled = lane.outSettled
}

/** The answer to the message at this place is here. */
export function noteAnswer(lane: Lane, epoch: number, sequence: number): undefined {
  if (epoch !== lane.outEpoch) return
  if (sequence !== lane.outSettled + 1) {
    lane.late.add(sequence)
    return
  }
  lane.outSettled = sequence
  while (lane.late.size > 0 && lane.late.delete(lane.outSettled + 1)) lane.outSettled++
}

/** The count starts anew: a message of `epoch` was lost, or refused for a time. */
export function restart(lane: Lane, epoch: number): undefined {
  if (epoch !== lane.outEpoch) return
  lane.outEpoch++
  lane.outSequence = 0
  lane.outSettled = 0
  lane.late.clear()
}
