import { expect, test } from 'vitest'
import { backOff } from '../../../src/lib/back-off.ts'

test('doubles from the first wait up to the cap', () => {
  expect([0, 1, 2, 3, 4, 5, 6].map((attempt) => backOff(attempt, 200, 5000))).toEqual([
    200, 400, 800, 1600, 3200, 5000, 5000,
  ])
})

test('never exceeds the cap, not even at first', () => {
  expect(backOff(0, 2000, 500)).toBe(500)
})

test('stays a number after any number of attempts', () => {
  expect(backOff(1_000_000, 200, 60_000)).toBe(60_000)
  expect(backOff(1_000_000, 0, 60_000)).toBe(0)
})
