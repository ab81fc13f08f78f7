/** `docs/troubleshooting.md` says of each trouble what to do, and names a test that is there and can run. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { testsIn } from '../support/conformance-page.ts'

const root = join(import.meta.dirname, '../..')
const parts = join(root, 'docs/troubleshooting.d')
const page = join(root, 'docs/troubleshooting.md')

/** The page itself, and rows that are on their way into it. */
const texts = [
  ...(existsSync(page) ? [page] : []),
  ...(existsSync(parts) ? readdirSync(parts).map((file) => join(parts, file)) : []),
].map((file) => readFileSync(file, 'utf8'))

/** What one sees, why, what to do, the tests. A bar inside a cell is written `\|`. */
const rows = texts
  .flatMap((text) => text.split('\n'))
  .filter((line) => line.startsWith('| '))
  .map((line) => line.replace(/^\| | \|$/g, '').split(/ (?<!\\)\| /))
  .filter(([seen]) => seen !== 'what one sees')

/** Titles, alone and behind those of their groups, to whether each test of that name can run. */
const titles = new Map<string, boolean>()
for (const file of readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })) {
  if (!file.endsWith('.test.ts')) continue
  for (const { path, canRun } of testsIn(readFileSync(join(root, 'test', file), 'utf8'))) {
    for (let from = 0; from < path.length; from++) {
      const title = path.slice(from).join(' › ')
      titles.set(title, canRun && titles.get(title) !== false)
    }
  }
}

test('every row says what one sees, why, and what to do', () => {
  expect(rows.length).toBeGreaterThan(5)
  const faults = rows.filter(
    (cells) => cells.length !== 4 || cells.some((cell) => cell.trim() === ''),
  )
  expect(faults).toEqual([])
})

test('every row names a test that shows it', () => {
  const faults = rows.flatMap(([seen, , , tests = '']) =>
    tests
      .replaceAll('\\|', '|')
      .split('<br>')
      .map((title) => title.trim().replace(/^`(.*)`$/, '$1'))
      .filter((title) => titles.get(title) !== true)
      .map((title) => `${seen}: ${title}: ${titles.has(title) ? 'may not run' : 'not there'}`),
  )
  expect(faults).toEqual([])
})
