import { expect, test } from 'vitest'
import { openFilesIn, withinOpenFiles } from '../../../src/cli/open-files.ts'
import { limitsWith } from '../../../src/limits.ts'

const table = `Limit                     Soft Limit           Hard Limit           Units
Max processes             127636               127636               processes
Max open files            1024                 524288               files
`

test('the limit in force is the soft one; none is none', () => {
  expect(openFilesIn(table)).toBe(1024)
  expect(openFilesIn(table.replace('1024  ', 'unlimited'))).toBe(undefined)
  expect(openFilesIn('')).toBe(undefined)
})

test.each([
  [undefined, 4096],
  [16_384, 4096],
  [4623, 4096],
  [4622, 4095],
  [1024, 857],
  [256, 166],
  [64, 1],
])('of %s open files %i may be links', (openFiles, links) => {
  const limits = limitsWith()
  expect(withinOpenFiles(limits, openFiles)).toEqual({ ...limits, links })
})
