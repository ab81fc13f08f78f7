import { expect, test } from 'vitest'
import type { Outgoing } from '../../../src/link/outgoing.ts'
import { Pending } from '../../../src/link/pending.ts'
import { seededRandom } from '../../support/seeded-random.ts'

const request = (since: number): Outgoing => ({ since }) as Outgoing

test('a request waits until it is taken, however far the numbers run ahead of it', () => {
  const pending = new Pending()
  const first = request(0)
  pending.set(1, first)
  for (let id = 3; id < 10_000; id += 2) {
    pending.set(id, request(0))
    expect(pending.take(id)).toBeDefined()
  }
  expect(pending.take(1)).toBe(first)
  expect(pending.take(1)).toBeUndefined()
  expect(pending.size).toBe(0)
})

test('agrees with a map under any order of asking and answering', () => {
  const random = seededRandom(7)
  const pending = new Pending()
  const model = new Map<number, Outgoing>()
  for (let id = 2; id < 40_000; id += 2) {
    const outgoing = request(id)
    pending.set(id, outgoing)
    model.set(id, outgoing)
    while (model.size > 0 && random.number() < 0.5) {
      const ids = [...model.keys()].slice(0, 50)
      const chosen = ids[Math.floor(random.number() * ids.length)] as number
      expect(pending.take(chosen)).toBe(model.get(chosen))
      model.delete(chosen)
    }
    if (model.size > 3000) break
  }
  expect(pending.size).toBe(model.size)
  const left = [...model.keys()]
  const middle = left[Math.floor(left.length / 2)] as number
  expect(pending.takeOlder(middle).map(({ since }) => since)).toEqual(
    left.filter((id) => id <= middle),
  )
  expect(pending.takeAfter(0).map(({ since }) => since)).toEqual(left.filter((id) => id > middle))
  expect(pending.size).toBe(0)
})
