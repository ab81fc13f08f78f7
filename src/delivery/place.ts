/**
 * Order on the way in: a message that came too early is refused, so that nothing overtakes.
 *
 * Spec: [LINK-6.7-5] (gap), [LINK-6.7-6] (epoch), [LINK-6.7-8] (go back after a temporary failure)
 */
import type { Lane } from '../operation/lane.ts'
import type { Message, Place } from '../operation/message.ts'

/** Whether the message is the next of its lane; then its place counts as taken. */
export function takePlace(message: Message): boolean {
  message.hasPlace = take(message.lane, message.place)
  return message.hasPlace
}

/** The message failed for a time: if it took its place, it has to come again before what follows it. */
export function goBack({ lane, place, hasPlace }: Message): undefined {
  const { epoch, sequence } = place
  if (!hasPlace || sequence === 0) return
  if (lane.epoch === epoch && lane.next > sequence) lane.next = sequence
}

function take(lane: Lane, { epoch, sequence }: Place): boolean {
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
