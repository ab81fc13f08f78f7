import { describe, expect, test } from 'vitest'
import { LaneOut } from '../../../src/peer/lane-out.ts'
import { MessagesOut, Sending } from '../../../src/peer/messages-out.ts'
import { bob, TestAsker, zoe } from '../../support/middle/calls.ts'
import { TestPool } from '../../support/middle/carriers.ts'
import { roomEnv } from '../../support/middle/env.ts'
import { laneOf, makeMessage } from '../../support/middle/messages.ts'

const firstEpoch = 1000

function makeLane() {
  const lane = new LaneOut()
  const by = new MessagesOut(roomEnv(), new TestPool())
  const message = makeMessage({ from: bob, to: zoe, lane: laneOf(bob, zoe) })
  const next = (): Sending => {
    const sending = new Sending(message, new TestAsker(), lane, by)
    lane.number(sending, () => firstEpoch)
    return sending
  }
  return { lane, next }
}

const placeOf = ({ laneEpoch, laneSequence }: Sending) => [laneEpoch, laneSequence]

describe('[LINK-6.7-4] the numbers of a lane', () => {
  test('rise by one in an epoch, which rises over restarts of this gateway', () => {
    const { next } = makeLane()
    expect([next(), next(), next()].map(placeOf)).toEqual([
      [firstEpoch, 1],
      [firstEpoch, 2],
      [firstEpoch, 3],
    ])
  })

  test('[LINK-6.7-6] begin at 1 in the next epoch', () => {
    const { lane, next } = makeLane()
    next()
    lane.restart()
    expect([next(), next()].map(placeOf)).toEqual([
      [firstEpoch + 1, 1],
      [firstEpoch + 1, 2],
    ])
  })

  test('begin anew once, however many messages of an epoch are lost', () => {
    const { lane, next } = makeLane()
    const { laneEpoch } = next()
    lane.restart(laneEpoch)
    lane.restart(laneEpoch)
    expect(placeOf(next())).toEqual([firstEpoch + 1, 1])
  })
})

describe('[LINK-6.7-11] what is settled', () => {
  const settledAfter = (...answered: readonly number[]): number => {
    const { lane, next } = makeLane()
    for (let n = 0; n < 5; n++) next()
    for (const sequence of answered) lane.settle(firstEpoch, sequence)
    return next().settled
  }

  test.each([
    [[], 0],
    [[1], 1],
    [[2, 3], 0],
    [[2, 3, 1], 3],
    [[5, 3, 1, 2], 3],
    [[5, 4, 3, 2, 1], 5],
  ] as const)('after answers to %j is %i: all before it have theirs', (answered, settled) => {
    expect(settledAfter(...answered)).toBe(settled)
  })

  test('is of this epoch alone', () => {
    const { lane, next } = makeLane()
    next()
    next()
    lane.settle(firstEpoch, 2)
    lane.restart()
    lane.settle(firstEpoch, 1)
    next()
    lane.settle(firstEpoch + 1, 1)
    expect(next().settled).toBe(1)
  })
})

describe('what is not on the way', () => {
  test('is taken in the order of its places, then what never had one', () => {
    const { lane, next } = makeLane()
    const [one, two] = [next(), next()]
    lane.restart()
    const three = next()
    const waiting = next()
    lane.back.push(three, two, one)
    lane.waiting.push(waiting)
    expect(lane.isQuiet).toBe(false)
    expect(lane.takeUnsent()).toEqual([one, two, three, waiting])
    expect([lane.takeUnsent(), lane.isQuiet]).toEqual([[], true])
  })

  test('a lane is quiet once nothing is asked, waits or has come back', () => {
    const { lane, next } = makeLane()
    expect(lane.isQuiet).toBe(true)
    lane.asked = 1
    expect(lane.isQuiet).toBe(false)
    lane.asked = 0
    lane.waiting.push(next())
    expect(lane.isQuiet).toBe(false)
  })
})
