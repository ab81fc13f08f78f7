import { expect, test } from 'vitest'
import { withinOpenFiles } from '../../../src/cli/open-files.ts'
import { openFilesIn } from '../../../src/lib/vitals.ts'
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
  [undefined, 512, 4096, 8192],
  [65_536, 512, 4096, 8192],
  [16_384, 512, 4096, 8192],
  [1024, 107, 321, 322],
  [256, 24, 74, 76],
  [128, 12, 37, 38],
  [8, 1, 2, 2],
])(
  'of %s open files %i are for links without proof, %i for gateways, %i for clients',
  (openFiles, unprovenLinks, links, clients) => {
    const limits = limitsWith()
    const fit = withinOpenFiles(limits, openFiles)
    expect(fit).toEqual({ ...limits, unprovenLinks, links, clients })
  },
)

test('what is kept free is enough for the admin port', () => {
  for (const openFiles of [128, 256, 1024, 4096]) {
    const { unprovenLinks, links, clients } = withinOpenFiles(limitsWith(), openFiles)
    expect(openFiles - 2 * unprovenLinks - links - clients).toBeGreaterThan(openFiles / 10)
  }
})
