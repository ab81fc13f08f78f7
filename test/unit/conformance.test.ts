/** `docs/conformance.md` against the repository: numbers, answers, files, sums, and the RFCs that are cited. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '../..')
const textOf = (file: string): string => readFileSync(join(root, file), 'utf8')
const page = textOf('docs/conformance.md')

/** The cells of each line of a table. */
const lines = page
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  )

type Row = {
  readonly id: string
  readonly answer: string
  readonly where: readonly string[]
  readonly tests: readonly string[]
  /** What would build it, or why it is n/a. */
  readonly rest: string
}

const none = '–'
const listOf = (cell = ''): readonly string[] => (cell === none ? [] : cell.split(', '))

/** Rows with seven cells: number, section or strength, words, answer, where, tests, rest. */
const itemsWith = (number: RegExp): readonly Row[] =>
  lines
    .filter(([id = '']) => number.test(id))
    .map(([id = '', , , answer = '', where, tests, rest = '']) => ({
      id,
      answer,
      where: listOf(where),
      tests: listOf(tests),
      rest,
    }))

const draft = itemsWith(/^D\d+$/)
const numbered = itemsWith(/^\d\.\d\.\d+$/)
const unnumbered = itemsWith(/^[AP]-\d$/)
const items = [...draft, ...numbered, ...unnumbered]

/** Rows with five cells: number, words, answer, where, rest. */
const rfcs: readonly Row[] = lines
  .filter(([id = '']) => /^\d{4}$/.test(id))
  .map(([id = '', , answer = '', where, rest = '']) => ({
    id,
    answer,
    where: listOf(where),
    tests: [],
    rest,
  }))

/** Below src/, or from the root. */
const placeOf = (file: string): string => (/^docs\/|^[A-Z]+$/.test(file) ? file : join('src', file))
const testOf = (file: string): string =>
  join('test', file.endsWith('.ts') ? file : `${file}.test.ts`)

const upTo = (last: number): readonly number[] => Array.from({ length: last }, (_, i) => i + 1)
const isMissing = (file: string): boolean => !existsSync(join(root, file))

describe('the tables', () => {
  test('hold each item of the draft once, in order', () => {
    expect(draft.map(({ id }) => id)).toEqual(upTo(136).map((n) => `D${n}`))
  })

  test('hold each of the 93 requirements of RFC 2779 once, in order', () => {
    // How many there are in each section.
    const sections = {
      ...{ '2.1': 5, '2.2': 6, '2.3': 7, '2.4': 4, '2.5': 4 },
      ...{ '3.1': 6, '3.2': 5, '3.3': 3, '3.4': 1 },
      ...{ '4.1': 10, '4.2': 1, '4.3': 1, '4.4': 3 },
      ...{ '5.1': 18, '5.2': 6, '5.3': 3, '5.4': 10 },
    }
    const all = Object.entries(sections).flatMap(([name, last]) =>
      upTo(last).map((n) => `${name}.${n}`),
    )
    expect(all).toHaveLength(93)
    expect(numbered.map(({ id }) => id)).toEqual(all)
    expect(unnumbered.map(({ id }) => id)).toEqual(['P-1', 'P-2', 'P-3', 'A-1', 'A-2', 'A-3'])
  })

  test('hold each RFC once', () => {
    const ids = rfcs.map(({ id }) => id)
    expect(ids.filter((id, i) => ids.indexOf(id) !== i)).toEqual([])
  })

  test('have as many cells in each row as their heads have', () => {
    const odd = lines.filter(({ length }, i) => i > 0 && length !== lines[i - 1]?.length)
    // One for each table that follows one of another width.
    expect(odd.map(([first]) => first)).toEqual(['id', 'RFC'])
    expect(lines.flat()).not.toContain('')
  })

  test('have the sums of their rows', () => {
    const sums = [draft, numbered, unnumbered, rfcs].map((rows) =>
      ['yes', 'partly', 'no', 'n/a']
        .map((answer) => rows.filter((row) => row.answer === answer).length)
        .concat(rows.length),
    )
    const written = lines.filter(({ length }) => length === 6).slice(1)
    expect(written.map(([, ...cells]) => cells.map(Number))).toEqual(sums)
  })
})

describe('an answer', () => {
  test('is one of four, and of an RFC one of three', () => {
    expect(items.filter(({ answer }) => !/^(?:yes|partly|no|n\/a)$/.test(answer))).toEqual([])
    expect(rfcs.filter(({ answer }) => !/^(?:yes|partly|no)$/.test(answer))).toEqual([])
  })

  test('of yes or partly says where', () => {
    const bare = [...items, ...rfcs].filter(
      ({ answer, where }) => /^(?:yes|partly)$/.test(answer) && where.length === 0,
    )
    expect(bare).toEqual([])
  })

  test('of partly, no or n/a says what is missing, and of yes that nothing is', () => {
    const odd = items.filter(({ answer, rest }) => (answer === 'yes') !== (rest === none))
    expect(odd).toEqual([])
    expect(rfcs.filter(({ answer, rest }) => answer !== 'yes' && rest === none)).toEqual([])
  })

  test('of no claims no file and no test', () => {
    const odd = items.filter(
      ({ answer, where, tests }) => answer === 'no' && where.length + tests.length > 0,
    )
    expect(odd).toEqual([])
  })
})

describe('what is cited', () => {
  test('is there', () => {
    const files = [...items, ...rfcs].flatMap(({ where, tests }) => [
      ...where.map(placeOf),
      ...tests.map(testOf),
    ])
    expect([...new Set(files)].filter(isMissing)).toEqual([])
  })

  test('for an RFC names it', () => {
    const silent = rfcs.flatMap(({ id, where }) =>
      where
        .map(placeOf)
        .filter((file) => isMissing(file) || !textOf(file).includes(`RFC ${id}`))
        .map((file) => `${id} in ${file}`),
    )
    expect(silent).toEqual([])
  })

  test('as an RFC in source or documents has a row', () => {
    const files = ['src', 'docs'].flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .map((file) => join(folder, file))
        .filter((file) => /\.(?:ts|md)$/.test(file) && !file.endsWith('conformance.md')),
    )
    const known = new Set(rfcs.map(({ id }) => id))
    const strangers = [...files, 'README.md'].flatMap((file) =>
      [...textOf(file).matchAll(/\bRFC[ -]?(\d{3,5})/g)]
        .filter(([, id = '']) => !known.has(id))
        .map(([cited]) => `${cited} in ${file}`),
    )
    expect(files.length).toBeGreaterThan(100)
    expect(strangers).toEqual([])
  })
})

test('the page claims no more than it may', () => {
  expect(page).toContain('implements the system described by the PITP/MITP draft of March 2000')
  expect(page).not.toMatch(/\b(?:compliant|compliance|conform|conforms|conforming|conformant)\b/i)
})
