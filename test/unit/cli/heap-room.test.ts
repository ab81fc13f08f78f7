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
  expect(withinHeap(limits, heap * mib)).toEqual({ ...limits, heldBytes: held * mib })
})

test('what the operator sets lower stays', () => {
  expect(withinHeap(limitsWith({ heldBytes: 1000 }), 1024 * mib).heldBytes).toBe(1000)
})
