/** `docs/troubleshooting.md` says of each trouble what to do, and names a test that is there and can run. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isCaseOf, meets, testsIn } from '../support/conformance-page.ts'

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

const files = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts'))
  .map((file) => {
    const source = readFileSync(join(root, 'test', file), 'utf8')
    return { name: file.replace(/\.test\.ts$/, ''), source, tests: testsIn(source) }
  })

/** One that is made of values alone would stand for anything. */
const isTelling = (written: string): boolean => written.replace(/%\w|\$\w+/g, '').length > 8

/** What is wrong with `title`, `group › title`, or `file › title`. A title may be one of its cases, as a run names it. */
function faultOf(cited: string): string | undefined {
  const path = cited.split(/ [›>] /)
  const named = files.find(({ name }) => name === path[0])
  const citation = { text: cited, file: '', path: named === undefined ? path : path.slice(1) }
  const found = (named === undefined ? files : [named]).flatMap(({ source, tests }) => {
    const isSame = (one: string, written: string): boolean =>
      one === written ||
      (isCaseOf(written, one) && (isTelling(written) || source.includes(`'${one}'`)))
    return tests.filter((test) => meets(citation, test.path, isSame))
  })
  if (found.length === 0) return 'not there'
  return found.every(({ runsSomewhere }) => runsSomewhere) ? undefined : 'does not run'
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
    titlesIn(tests).flatMap((title) => {
      const fault = faultOf(title)
      return fault === undefined ? [] : [`${seen}: ${title}: ${fault}`]
    }),
  )
  expect(faults).toEqual([])
})

/** A dash, and why: what no test can show. */
const titlesIn = (cell: string): readonly string[] =>
  /^– \(.+\)$/.test(cell)
    ? []
    : cell
        .replaceAll('\\|', '|')
        .split('<br>')
        .map((title) => title.trim().replace(/^`(.*)`$/, '$1'))
