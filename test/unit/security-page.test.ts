/** `docs/security.md` names tests that are there and can run. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { citationOf, faultOf } from '../support/conformance-page.ts'

const root = join(import.meta.dirname, '../..')
const page = readFileSync(join(root, 'docs/security.md'), 'utf8')

const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| kind'))
  .map((line) => line.split(' | '))

test('every row names a test that shows what it promises', () => {
  expect(rows.length).toBeGreaterThan(15)
  const faults = rows.flatMap((cells) =>
    (cells.at(-1) ?? '')
      .replace(/ \|$/, '')
      .split('<br>')
      .map(citationOf)
      .map((citation) => {
        const file = join(root, 'test', `${citation.file}.test.ts`)
        if (!existsSync(file)) return `${citation.text}: no such file`
        return faultOf(citation, readFileSync(file, 'utf8'))
      })
      .filter((fault) => fault !== undefined),
  )
  expect(faults).toEqual([])
})
