/** `docs/errors.md` is written by hand and says of each code what the table says. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { type StatusRow, statuses } from '../../src/errors.ts'
import { limitTable } from '../../src/limits.ts'
import { metricPrefix, metrics } from '../../src/metrics.ts'

const page = readFileSync(fileURLToPath(new URL('../../docs/errors.md', import.meta.url)), 'utf8')
const sections = new Map(
  page
    .split(/^### /m)
    .slice(1)
    .map((section) => {
      const [heading = '', , facts = '', , meaning = '', , ...advice] = section
        .replace(/\n## [\s\S]*$/, '')
        .split('\n')
      return [heading, { facts, meaning, advice: advice.join(' ').trim() }] as const
    }),
)

test('the page has a heading for every code, once, and no other', () => {
  expect([...page.matchAll(/^### (.*)$/gm)].map(([, code]) => code).sort()).toEqual(
    Object.keys(statuses).sort(),
  )
})

test.for(Object.entries<StatusRow>(statuses))('%s is told as the table has it', ([code, row]) => {
  const { number, scope, retry, side, meaning } = row
  const digits = number?.toString(16).toUpperCase().padStart(4, '0')
  const shown = digits === undefined ? 'no number' : `0x${digits}`
  const section = sections.get(code)
  expect(section?.facts).toBe(`${shown} · ends: ${scope} · try again: ${retry} · side: ${side}`)
  expect(section?.meaning).toBe(meaning)
  expect(section?.advice).toMatch(/^[A-Z`].{12,}\.$/)
})

test('the metrics and limits that it names exist', () => {
  const named = [...page.matchAll(/`gatehouse_(\w+)`/g)].map(([, name]) => name as string)
  expect(named.filter((name) => !Object.hasOwn(metrics, name))).toEqual([])
  expect(named.length).toBeGreaterThan(5)
  expect(metricPrefix).toBe('gatehouse_')
  const limits = [...page.matchAll(/`limits\.(\w+)`/g)].map(([, name]) => name as string)
  expect(limits.filter((name) => !Object.hasOwn(limitTable, name))).toEqual([])
})
