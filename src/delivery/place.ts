/**
 * Order on the way in: a message that came too early is refused, so that nothing overtakes.
 *
 * Spec: [LINK-6.7-5] (gap), [LINK-6.7-6] (epoch), [LINK-6.7-8] (go back after a temporary failure)
 */
import type { Lane } from '../operation/lane.ts'
import type { Place } from '../operation/message.ts'

/** Whether the message at this place is the next of its lane; then it counts as taken. */
export function takePlace(lane: Lane, { epoch, sequence }: Place): boolean {
  if (sequence === 0) return true
  if (epoch === lane.epoch && sequence === lane.next) {
    lane.next++
    return true
  }
  // Of a lane that is not known only the beginning is sure to be in order.
  if (epoch <= lane.epoch || sequence !== 1) return false
  lane.epoch = epoch
  lane.next = 2
  return true
}

/** The message at this place failed for a time: it has to come again before what follows it. */
export function goBack(lane: Lane, { epoch, sequence }: Place): undefined {
  if (sequence > 0 && lane.epoch === epoch && lane.next > sequence) lane.next = sequence
}
