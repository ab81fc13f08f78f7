/** When time is scarce: others wait, and it is our work that they wait for. */
import { describe, expect, test } from 'vitest'
import { LoopScarcity } from '../../../src/shares/scarcity.ts'

type Turn = { readonly wall: number; readonly charged: number; readonly waited?: number }

/** Whether time is scarce after each of some turns. */
function scarceAfter(...turns: readonly Turn[]): readonly boolean[] {
  const loop = new LoopScarcity()
  return turns.map(({ wall, charged, waited = 0 }) => loop.turn(wall, 100, charged, waited))
}

describe('time is scarce', () => {
  test.each([
    ['lags', { wall: 130, charged: 70 }],
    [
      'hardly lags, since reading is cut, and links wait for their turns',
      { wall: 103, charged: 60, waited: 60 },
    ],
  ])('where the loop %s twice in a row under work of ours', (_, full) => {
    const idle = { wall: 100, charged: 1 }
    expect(scarceAfter(full, full)).toEqual([false, true])
    expect(scarceAfter(full, idle, full, idle)).toEqual([false, false, false, false])
  })

  test.each([
    ['lags without work of ours', { wall: 400, charged: 100 }],
    ['is busy, and nobody waits', { wall: 105, charged: 100 }],
    ['is busy, and links wait now and then', { wall: 105, charged: 100, waited: 40 }],
    ['lets links wait without work of ours', { wall: 105, charged: 20, waited: 90 }],
  ])('but not where it %s', (_, turn) => {
    expect(scarceAfter(turn, turn, turn)).toEqual([false, false, false])
  })

  test('until nobody has waited for a second', () => {
    const full = { wall: 105, charged: 90, waited: 80 }
    const calm = { wall: 100, charged: 90, waited: 20 }
    const nine = Array<Turn>(9).fill(calm)
    expect(scarceAfter(full, full, ...nine).at(-1)).toBe(true)
    expect(scarceAfter(full, full, ...nine, calm).at(-1)).toBe(false)
    expect(scarceAfter(full, full, ...nine, full, ...nine).at(-1)).toBe(true)
  })
})
