import { describe, expect, test } from 'vitest'
import { WaterLevel } from '../../../src/shares/water-level.ts'
import { seededRandom } from '../../support/seeded-random.ts'

type Use = { readonly use: number; readonly weight: number }

function levelOf(uses: readonly Use[], room: number): number {
  const water = new WaterLevel()
  for (const { use, weight } of uses) water.add(use, weight)
  return water.take(room)
}

const given = (uses: readonly Use[], level: number): number =>
  uses.reduce((sum, { use, weight }) => sum + Math.min(use, level * weight), 0)

describe('the water level', () => {
  test('is infinite where all have what they want', () => {
    expect(levelOf([], 10)).toBe(Number.POSITIVE_INFINITY)
    expect(levelOf([{ use: 3, weight: 1 }], 10)).toBe(Number.POSITIVE_INFINITY)
  })

  test('shares evenly between equals', () => {
    const uses = Array.from({ length: 4 }, () => ({ use: 10, weight: 1 }))
    expect(levelOf(uses, 20)).toBeCloseTo(5)
  })

  test('leaves who wants little with all of it', () => {
    expect(
      levelOf(
        [
          { use: 1, weight: 1 },
          { use: 100, weight: 1 },
        ],
        11,
      ),
    ).toBeCloseTo(10)
  })

  test('gives a weight of four four times as much', () => {
    const uses = [
      { use: 100, weight: 4 },
      { use: 100, weight: 1 },
    ]
    expect(levelOf(uses, 50)).toBeCloseTo(10)
  })

  test('starts anew after each answer', () => {
    const water = new WaterLevel()
    water.add(100, 1)
    expect(water.take(10)).toBeCloseTo(10)
    expect(water.take(10)).toBe(Number.POSITIVE_INFINITY)
  })

  test.for([1, 2, 3, 4])('never gives more than there is, nor much less (seed %i)', (seed) => {
    const random = seededRandom(seed)
    for (let turn = 0; turn < 200; turn++) {
      const uses = Array.from({ length: 1 + Math.floor(random.number() * 50) }, () => ({
        use: 2 ** (random.number() * 30 - 8),
        weight: [0.25, 1, 4, 8][Math.floor(random.number() * 4)] as number,
      }))
      const wanted = given(uses, Number.POSITIVE_INFINITY)
      const room = wanted * random.number()
      const level = levelOf(uses, room)
      expect(given(uses, level)).toBeLessThanOrEqual(room * 1.0001)
      // Those of one bucket are taken to use the same: a root of two.
      expect(given(uses, level)).toBeGreaterThanOrEqual(room / 1.42)
    }
  })
})
