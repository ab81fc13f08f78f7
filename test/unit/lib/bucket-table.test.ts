import { expect, test } from 'vitest'
import { BucketTable } from '../../../src/lib/bucket-table.ts'

test('each name has a bucket of its own, kept until it is full again', () => {
  const table = new BucketTable(1, 2, 10)
  expect([1, 2, 3].map(() => table.of('a', 0).take(0))).toEqual([true, true, false])
  expect(table.of('b', 0).take(0)).toBe(true)
  table.sweep(1000)
  expect(table.size).toBe(1)
  expect([1, 2].map(() => table.of('a', 1000).take(1000))).toEqual([true, false])
  table.sweep(60_000)
  expect(table.size).toBe(0)
})

test('a name that comes when there is no room takes the place of an older one', () => {
  const table = new BucketTable(1, 1, 100)
  for (let n = 0; n < 1000; n++) {
    table.of(`n${n}`, 0).take(0)
    expect(table.size).toBeLessThanOrEqual(100)
  }
  expect(table.size).toBe(100)
  expect(table.of('n999', 0).take(0)).toBe(false)
})

test('names whose buckets are full leave as others come, behind those that are not', () => {
  const table = new BucketTable(1, 10, 100)
  for (let n = 0; n < 99; n++) table.of(`n${n}`, 0).take(0)
  const spent = table.of('spent', 0)
  for (let n = 0; n < 10; n++) spent.take(0)
  for (let n = 0; n < 60; n++) table.of(`later${n}`, 5000).take(5000)
  expect(table.size).toBeLessThan(70)
  expect(table.of('spent', 5000)).toBe(spent)
})
