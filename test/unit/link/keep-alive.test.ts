import { expect, test } from 'vitest'
import { limitsWith } from '../../../src/limits.ts'
import { KeepAlive } from '../../../src/link/keep-alive.ts'

test('a far side that is doubted again and again is asked once in a while', () => {
  const { doubtMs } = limitsWith()
  const asked: number[] = []
  let now = 0
  const keepAlive = new KeepAlive(limitsWith(), 1e9, () => {
    asked.push(now)
  })
  for (; now <= 2 * doubtMs; now += 50) {
    keepAlive.doubt(now)
    keepAlive.heard()
  }
  expect(asked).toEqual([0, doubtMs, 2 * doubtMs])
})
