/**
 * `docs/conformance.md` against the repository: numbers, answers, files, tests, sums, and the RFCs that are cited.
 * Whether the tests that it names have passed is seen after a run (`test/run.ts`).
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { faultOf, none, readPage } from '../support/conformance-page.ts'

const root = resolve(import.meta.dirname, '../..')
const textOf = (file: string): string => readFileSync(join(root, file), 'utf8')
const page = textOf('docs/conformance.md')

const { lines, draft, numbered, unnumbered, rfcs } = readPage(page)
const items = [...draft, ...numbered, ...unnumbered]
const rows = [...items, ...rfcs]

/** Below src/, or from the root. */
const placeOf = (file: string): string => (/^docs\/|^[A-Z]+$/.test(file) ? file : join('src', file))
const testOf = (file: string): string => join('test', `${file}.test.ts`)

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
    const sums = [draft, numbered, unnumbered, rfcs].map((table) =>
      ['yes', 'partly', 'no', 'n/a']
        .map((answer) => table.filter((row) => row.answer === answer).length)
        .concat(table.length),
    )
    const written = lines.filter(([, ...cells]) => cells.every((cell) => /^\d+$/.test(cell)))
    expect(written.map(([, ...cells]) => cells.map(Number))).toEqual(sums)
  })
})

describe('an answer', () => {
  test('is one of four, and of an RFC one of three', () => {
    expect(items.filter(({ answer }) => !/^(?:yes|partly|no|n\/a)$/.test(answer))).toEqual([])
    expect(rfcs.filter(({ answer }) => !/^(?:yes|partly|no)$/.test(answer))).toEqual([])
  })

  test('of yes or partly says where', () => {
    const bare = rows.filter(
      ({ answer, where }) => /^(?:yes|partly)$/.test(answer) && where.length === 0,
    )
    expect(bare).toEqual([])
  })

  test('of yes or partly names a test, and no other answer does', () => {
    const odd = rows.filter(
      ({ answer, tests }) => /^(?:yes|partly)$/.test(answer) !== tests.length > 0,
    )
    expect(odd.map(({ id }) => id)).toEqual([])
  })

  test('of partly, no or n/a says what is missing, and of yes that nothing is', () => {
    const odd = items.filter(({ answer, rest }) => (answer === 'yes') !== (rest === none))
    expect(odd).toEqual([])
    expect(rfcs.filter(({ answer, rest }) => answer !== 'yes' && rest === none)).toEqual([])
  })

  test('of no claims no file', () => {
    const odd = items.filter(({ answer, where }) => answer === 'no' && where.length > 0)
    expect(odd).toEqual([])
  })
})

describe('what is cited', () => {
  test('is there', () => {
    const files = rows.flatMap(({ where, tests }) => [
      ...where.map(placeOf),
      ...tests.map(({ file }) => testOf(file)),
    ])
    expect([...new Set(files)].filter(isMissing)).toEqual([])
  })

  test('as a test is one, once, and can run on every machine', () => {
    const faults = rows.flatMap(({ id, tests }) =>
      tests.flatMap((citation) => {
        const file = testOf(citation.file)
        const fault = isMissing(file) ? `${file} is missing` : faultOf(citation, textOf(file))
        return fault === undefined ? [] : [`${id}: ${fault}`]
      }),
    )
    expect(faults).toEqual([])
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
