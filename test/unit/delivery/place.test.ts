import { describe, expect, test } from 'vitest'
import { goBack, takePlace } from '../../../src/delivery/place.ts'
import { laneOf, makeMessage } from '../../support/middle/messages.ts'

/** Takes places one after the other, and says which were the next of the lane. */
function take(...places: readonly (readonly [epoch: number, sequence: number])[]) {
  const lane = laneOf()
  return places.map(([epoch, sequence]) => takePlace(makeMessage({ lane, epoch, sequence })))
}

describe('the place of a message in its lane', () => {
  test('[LINK-6.7-5] is the next, or there is a gap', () => {
    expect(take([1, 1], [1, 2], [1, 4], [1, 3], [1, 4])).toEqual([true, true, false, true, true])
  })

  test('[LINK-6.7-5] that was taken is not taken again', () => {
    expect(take([1, 1], [1, 1], [1, 2], [1, 1])).toEqual([true, false, true, false])
  })

  test('[LINK-6.7-6] starts at 1 in a new epoch, and an old one is over', () => {
    expect(take([5, 1], [6, 2], [6, 1], [5, 2], [6, 2])).toEqual([true, false, true, false, true])
  })

  test('of a lane that is not known is the first, or nothing is sure', () => {
    expect(take([7, 3], [7, 2], [7, 1])).toEqual([false, false, true])
  })

  test('does not count where the door does not count', () => {
    expect(take([0, 0], [1, 1], [0, 0], [1, 2])).toEqual([true, true, true, true])
  })
})

describe('[LINK-6.7-8] a message that failed for a time', () => {
  function makeLane() {
    const lane = laneOf()
    const take = (sequence: number, epoch = 1) => {
      const message = makeMessage({ lane, epoch, sequence })
      takePlace(message)
      return message
    }
    return { lane, take }
  }

  test('comes again before what follows it', () => {
    const { take } = makeLane()
    const [, second] = [1, 2, 3].map((sequence) => take(sequence))
    if (second !== undefined) goBack(second)
    expect([4, 2, 3].map((sequence) => take(sequence).hasPlace)).toEqual([false, true, true])
  })

  test('takes the lane back once, to the first of those that failed', () => {
    const { lane, take } = makeLane()
    for (const message of [1, 2, 3].map((sequence) => take(sequence)).slice(1)) goBack(message)
    expect(lane.next).toBe(2)
  })

  test('takes nothing back that it did not take: not in this epoch, not twice, not uncounted', () => {
    const { lane, take } = makeLane()
    const old = take(1)
    for (const sequence of [1, 2]) take(sequence, 7)
    for (const message of [old, take(1, 7), take(9, 7), take(0, 0)]) goBack(message)
    expect([lane.epoch, lane.next]).toEqual([7, 3])
  })
})
