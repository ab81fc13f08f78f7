/** Code, table and page name the same metrics. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { metricsPage } from '../../../src/admin/documents.ts'
import type { Refusal } from '../../../src/link/handshake.ts'
import { type MetricRow, metrics, otherPeers, processMetrics } from '../../../src/metrics.ts'
import { outcomes } from '../../../src/observe/peer-metrics.ts'
import type { DestinationState } from '../../../src/peer/destinations.ts'
import type { ProofKind } from '../../../src/peer/pair.ts'
import type { RecordType } from '../../../src/resolve/message.ts'
import type { LeftOut } from '../../../src/resolve/order.ts'
import type { Failure } from '../../../src/resolve/outcome.ts'
import { classNames } from '../../../src/wire/registry.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const table: Readonly<Record<string, MetricRow>> = metrics

type Call = {
  readonly file: string
  readonly type: string
  readonly name: string
  /** `undefined`: the labels come from elsewhere. */
  readonly labels: readonly string[] | undefined
}

/** They know no name: one keeps what is asked for, the other goes through the table. */
const walkers = ['lib/meter.ts', 'admin/metrics.ts']

/** Every place where the code asks a meter for something. */
const calls: readonly Call[] = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !walkers.includes(file))
  .flatMap((file) => callsIn(file, readFileSync(join(root, 'src', file), 'utf8')))

function callsIn(file: string, text: string): readonly Call[] {
  const pattern = /\.(counter|gauge|histogram)\(\s*(?:'(\w+)')?\s*(?:,\s*(\{[^}]*\}|[\w.]+))?/g
  return [...text.matchAll(pattern)].map(([, type = '', name = '', labels]) => ({
    ...{ file, type, name },
    labels: labels === undefined || labels.startsWith('{') ? keysOf(labels ?? '{}') : undefined,
  }))
}

function keysOf(literal: string): readonly string[] {
  return literal
    .replace(/^\{\s*|\s*,?\s*\}$/g, '')
    .split(/,\s*/)
    .filter((member) => member !== '')
    .map((member) => (member.split(':')[0] as string).trim())
    .sort()
}

test('the search finds the calls there are', () => {
  expect(calls.length).toBeGreaterThan(50)
  expect(calls.find(({ name }) => name === 'link_accepts_total')?.labels).toEqual(['result'])
})

test('every metric is asked for by a name that can be searched for', () => {
  expect(calls.filter(({ name }) => name === '')).toEqual([])
})

test('the code uses no metric that the table lacks, and none of another type', () => {
  const known: Readonly<Record<string, MetricRow>> = { ...table, ...processMetrics }
  const strangers = calls.filter(({ name, type }) => known[name]?.type !== type)
  expect(strangers).toEqual([])
})

test('the table has no metric that the code does not use', () => {
  const used = new Set(calls.map(({ name }) => name))
  expect(Object.keys(table).filter((name) => !used.has(name))).toEqual([])
})

test('the labels in the code are those of the table', () => {
  const wrong = calls
    .filter(({ labels }) => labels !== undefined)
    .filter(({ name, labels }) => {
      const wanted = Object.keys(table[name]?.labels ?? {}).sort()
      return JSON.stringify(wanted) !== JSON.stringify(labels)
    })
  expect(wrong).toEqual([])
})

test('only the questions to DNS servers take their labels from elsewhere', () => {
  const others = calls.filter(({ labels }) => labels === undefined)
  expect(others.map(({ name }) => name)).toEqual(['dns_queries_total'])
})

test.for(Object.entries(table))('%s is named as Prometheus wants it', ([name, row]) => {
  const { type, unit, help } = row
  expect(name).toMatch(/^[a-z][a-z0-9_]*$/)
  expect(name.endsWith('_total')).toBe(type === 'counter')
  if (unit !== 'count') expect(name).toMatch(new RegExp(`_${unit}(_total)?$`))
  else expect(name).not.toMatch(/_(seconds|bytes)(_total)?$/)
  expect(help).toMatch(/^[A-Z0-9].*[^.]\.$/)
})

test('docs/metrics.md says what the table says', () => {
  const file = join(root, 'docs/metrics.md')
  if (process.env['UPDATE_DOCS'] !== undefined) writeFileSync(file, metricsPage())
  expect(readFileSync(file, 'utf8'), 'run with UPDATE_DOCS=1 to write it').toBe(metricsPage())
})

/** A compile error, if the two lists of words are not the same. */
type Same<A extends string, B extends string> = [A] extends [B]
  ? [B] extends [A]
    ? true
    : never
  : never
type Value<N extends keyof typeof metrics, L extends string> = (typeof metrics)[N] extends {
  readonly labels: { readonly [key in L]: readonly (infer V extends string)[] }
}
  ? V
  : never

test('label values are the words of the code', () => {
  const accepts: Same<Value<'link_accepts_total', 'result'>, Refusal | 'ok'> = true
  const proofs: Same<Value<'proofs_total', 'kind'>, ProofKind> = true
  const states: Same<Value<'peer_state', 'state'>, DestinationState> = true
  const types: Same<Value<'dns_lookups_total', 'type'>, RecordType> = true
  const refused: Same<
    Value<'dns_refused_total', 'reason'>,
    LeftOut['why'] | 'alias' | 'address'
  > = true
  const silences: readonly (Failure | 'answer')[] = metrics.dns_queries_total.labels.outcome
  expect([accepts, proofs, states, types, refused].every(Boolean)).toBe(true)
  expect(silences).toContain('answer')
  expect(metrics.waiting_requests.labels.class).toEqual(classNames)
  expect(metrics.peer_messages_total.labels.outcome).toEqual(outcomes)
  const tally = readFileSync(join(root, 'src/observe/peer-metrics.ts'), 'utf8')
  expect(tally).toContain(`const other = '${otherPeers}'`)
})
