/** Memory that the system has back at once. */
import { expect, test } from 'vitest'
import { giveBack, ownPages } from '../../../src/lib/own-pages.ts'
import { dose } from '../../support/dose.ts'

test('pages of its own are given back at once', () => {
  const count = dose(2000, 500)
  const all = Array.from({ length: count }, () => ownPages(100_000).fill(1))
  const filled = process.memoryUsage.rss()
  for (const bytes of all) giveBack(bytes)
  expect(process.memoryUsage.rss()).toBeLessThan(filled - count * 50_000)
  expect(all.map(({ length }) => length)).toEqual(all.map(() => 0))
})

test('of other memory nothing is given back', () => {
  const bytes = Buffer.alloc(10, 7)
  giveBack(bytes)
  expect([...bytes]).toEqual(Array(10).fill(7))
})
