import { expect, test } from 'vitest'
import { withinHeap } from '../../../src/cli/heap-room.ts'
import { limitsWith } from '../../../src/limits.ts'

const mib = 2 ** 20

test.each([
  [4288, 256],
  [1024, 256],
  [304, 76],
  [Number.POSITIVE_INFINITY, 256],
])('of a heap of %i MiB %i are for what is held for others', (heap, held) => {
  const limits = limitsWith()
  expect(withinHeap(limits, heap * mib).heldBytes).toBe(held * mib)
})

test('tables that a heap of 4 GiB has room for are as large as the limits say', () => {
  const limits = limitsWith()
  expect(withinHeap(limits, 4096 * mib)).toEqual(limits)
})

test('tables of a smaller heap are smaller by as much', () => {
  const { credentials, lanes, duplicates, subscriptions, presentities, keySets } = withinHeap(
    limitsWith(),
    256 * mib,
  )
  const within = { credentials, lanes, duplicates, subscriptions, presentities, keySets }
  expect(within).toEqual({
    ...{ credentials: 12_500, lanes: 6250, duplicates: 12_500 },
    ...{ subscriptions: 62_500, presentities: 62_500, keySets: 625 },
  })
})

test('tables that the operator sets stay', () => {
  const own = { heldBytes: 1000, lanes: 1000, subscriptions: 2_000_000 }
  expect(withinHeap(limitsWith(own), 1024 * mib)).toMatchObject(own)
})
