/** `docs/troubleshooting.md` says of each trouble what to do, and names a test that is there. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isCaseOf, testsIn } from '../support/conformance-page.ts'

const root = join(import.meta.dirname, '../..')
const page = readFileSync(join(root, 'docs/troubleshooting.md'), 'utf8')

/** What one sees, why, what to do, the tests. A bar inside a cell is written `\|`. */
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) => line.replace(/^\| | \|$/g, '').split(/ (?<!\\)\| /))
  .filter(([seen]) => seen !== 'what one sees')

/** Titles as they are written, alone and behind those of their groups, with the file; a title of variables alone fits anything. */
const titles = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts'))
  .flatMap((file) =>
    testsIn(readFileSync(join(root, 'test', file), 'utf8')).flatMap(({ path }) =>
      path.flatMap((_, from) =>
        [' › ', ' '].map((between) => ({
          file: file.replace('.test.ts', ''),
          title: path.slice(from).join(between),
        })),
      ),
    ),
  )
  .filter(({ title }) => /\w{3}/.test(title.replaceAll(/%[a-z]|\$\{[^}]*\}|\$[A-Za-z][\w.]*/g, '')))

const files = new Set(titles.map(({ file }) => file))

/** What is wrong with `file › group › title`, of which a title that is found may stand alone. */
function faultOf(cited: string): string | undefined {
  const [first = '', ...others] = cited.split(' › ')
  const inFile = files.has(first) ? first : undefined
  const title = inFile === undefined ? cited : others.join(' › ')
  const isThere = titles.some(
    (one) => (inFile === undefined || one.file === inFile) && isCaseOf(one.title, title),
  )
  return isThere ? undefined : 'not there'
}

test('every row says what one sees, why, and what to do', () => {
  expect(rows.length).toBeGreaterThan(50)
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
      .map((title) =>
        title
          .trim()
          .replace(/^`(.*)`$/, '$1')
          .replaceAll(' > ', ' › '),
      )
      .map((title) => [title, faultOf(title)] as const)
      .filter(([, fault]) => fault !== undefined)
      .map(([title, fault]) => `${seen}: ${title}: ${fault}`),
  )
  expect(faults).toEqual([])
})
