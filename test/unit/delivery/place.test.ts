import { describe, expect, test } from 'vitest'
import { goBack, takePlace } from '../../../src/delivery/place.ts'
import { laneOf } from '../../support/middle/messages.ts'

/** Takes places one after the other, and says which were the next of the lane. */
function take(...places: readonly (readonly [epoch: number, sequence: number])[]) {
  const lane = laneOf()
  return places.map(([epoch, sequence]) => takePlace(lane, { epoch, sequence, settled: 0 }))
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
  test('comes again before what follows it', () => {
    const lane = laneOf()
    const at = (sequence: number) => ({ epoch: 1, sequence, settled: 0 })
    for (const sequence of [1, 2, 3]) takePlace(lane, at(sequence))
    goBack(lane, at(2))
    expect(takePlace(lane, at(4))).toBe(false)
    expect(takePlace(lane, at(2))).toBe(true)
    expect(takePlace(lane, at(3))).toBe(true)
  })

  test('takes the lane back once, to the first of those that failed', () => {
    const lane = laneOf()
    const at = (sequence: number, epoch = 1) => ({ epoch, sequence, settled: 0 })
    for (const sequence of [1, 2, 3]) takePlace(lane, at(sequence))
    goBack(lane, at(2))
    goBack(lane, at(3))
    goBack(lane, at(0))
    goBack(lane, at(1, 9))
    expect(lane.next).toBe(2)
  })
})
