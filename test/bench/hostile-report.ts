/**
 * What the hostile bench says: a table, one row a flood, and the JSON of the last line.
 *
 * In:    what was felt, fought and left behind, and the quiet values of the same run.
 * Out:   text; which bars were missed.
 * Fails: never.
 */
import { statusOf } from '../../src/errors.ts'
import type { Fought } from './hostile-attacker.ts'
import type { Flood } from './hostile-floods.ts'
import type { Measured } from './hostile-innocents.ts'
import { percentile, spreadOf } from './measure.ts'
import { aligned, rounded } from './report.ts'

export type Endured = {
  readonly flood: Pick<Flood, 'name' | 'rows' | 'says'>
  readonly felt: Measured
  readonly fought: Fought
  /** Parts of one core. */
  readonly cpu: {
    readonly attacker: number
    readonly gateway: number
    readonly innocents: number
    /** What had no part in it: with much of that, times say little. */
    readonly others: number
  }
  readonly rssMiB: { readonly before: number; readonly peak: number; readonly after: number }
  /** How the gateway ended, if it did. */
  readonly ended: string | undefined
}

export type HostileRun = {
  readonly quiet: readonly Measured[]
  readonly endured: readonly Endured[]
}

/** What each flood may do at most. */
export const bars = { p99Ratio: 3, rssRatio: 1.2 } as const

type Felt = {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly messages: number
  readonly lost: number
  readonly refused: number
  /** Of newcomers that were met. */
  readonly contactMs: number
  readonly contactMaxMs: number
  readonly unmet: number
  readonly contactRefusals: number
}

/** Several measurements as one. */
export function feltIn(all: readonly Measured[]): Felt {
  const latencies = all.flatMap(({ latenciesMs }) => latenciesMs)
  const contacts = all.flatMap((each) => each.contacts)
  const met = contacts.flatMap(({ ms }) => (ms === undefined ? [] : [ms]))
  const sum = (of: (each: Measured) => number): number => all.reduce((n, each) => n + of(each), 0)
  return {
    p50Ms: percentile(latencies, 50),
    p99Ms: percentile(latencies, 99),
    messages: sum(({ sent }) => sent),
    lost: sum(({ sent, received }) => sent - received),
    refused: sum(({ refused }) => Object.values(refused).reduce((n, count) => n + count, 0)),
    contactMs: percentile(met, 50),
    contactMaxMs: percentile(met, 100),
    unmet: contacts.length - met.length,
    contactRefusals: contacts.reduce((n, { refusals }) => n + refusals, 0),
  }
}

/** The quiet values: of each figure the median over the quiet spells, so that one that was disturbed does not count. */
export function calmIn(all: readonly Measured[]): Felt {
  const spells = all.map((each) => feltIn([each]))
  const median = (of: (felt: Felt) => number): number => spreadOf(spells.map(of)).median
  return {
    ...feltIn(all),
    p50Ms: median(({ p50Ms }) => p50Ms),
    p99Ms: median(({ p99Ms }) => p99Ms),
    contactMs: median(({ contactMs }) => contactMs),
  }
}

/** Which bars a flood went over, in words. */
export function missed(quiet: Felt, { felt, rssMiB, ended }: Endured): readonly string[] {
  const { p99Ms, lost, refused, unmet } = feltIn([felt])
  return [
    ...(ended === undefined ? [] : ['crash']),
    ...(p99Ms <= quiet.p99Ms * bars.p99Ratio ? [] : ['p99']),
    ...(lost <= 0 ? [] : ['lost']),
    ...(refused === 0 ? [] : ['refused']),
    ...(unmet === 0 ? [] : ['newcomers']),
    ...(ended !== undefined || rssMiB.after <= rssMiB.before * bars.rssRatio ? [] : ['memory']),
  ]
}

export function hostileTable({ quiet, endured }: HostileRun): string {
  const calm = calmIn(quiet)
  const head = [
    'flood',
    'row',
    'p50 ms',
    'p99 ms',
    'x quiet',
    'lost',
    'refused',
    'newcomer ms',
    'max',
  ]
  head.push(
    'unmet',
    'RSS before',
    'peak',
    '+30 s',
    'x',
    'gateway',
    'attackers',
    'others',
    'sent/s',
    'MB/s',
  )
  const cells = (felt: Felt): string[] => [
    ...[fixed(felt.p50Ms, 1), fixed(felt.p99Ms, 1), fixed(felt.p99Ms / calm.p99Ms, 1)],
    ...[`${felt.lost}`, `${felt.refused}`, fixed(felt.contactMs, 0), fixed(felt.contactMaxMs, 0)],
    `${felt.unmet}`,
  ]
  const rows = endured.map((each) => {
    const { flood, felt, fought, cpu, rssMiB } = each
    const seconds = fought.tookMs / 1000
    return [
      ...[flood.name, flood.rows, ...cells(feltIn([felt]))],
      ...[fixed(rssMiB.before, 0), fixed(rssMiB.peak, 0), fixed(rssMiB.after, 0)],
      fixed(rssMiB.after / rssMiB.before, 2),
      ...[percent(cpu.gateway), percent(cpu.attacker), percent(cpu.others)],
      ...[fixed(fought.requests / seconds, 0), fixed(fought.bytes / seconds / 1e6, 1)],
      [each.ended ?? [], ...missed(calm, each)].flat().join(' '),
    ]
  })
  const names = endured.map(({ flood: { name, says }, felt, fought }) => [
    name,
    `${says}${answersOf(fought.answers)}${refusalsOf(felt.refused)}`,
  ])
  const quietRow = ['quiet', '', ...cells(calm)]
  return [
    aligned([[...head, 'over the bar'], quietRow, ...rows]),
    aligned([['flood', ''], ...names], 'left'),
    notes,
  ].join('\n\n')
}

const notes = `p50, p99: message of an innocent user to its answer, 20 a second in all, default limits. x quiet: bar ${bars.p99Ratio}.
newcomer: a domain that nobody has met, first try to proof. RSS in MiB of the attacked gateway, heap 256 MB, after one flood that is not measured;
bar ${bars.rssRatio} x before.
gateway, attackers, others: CPU, parts of one core; all share the cores of this machine, attackers at the lowest priority, and others
have no part in it.`

const answersOf = (answers: Readonly<Record<number, number>>): string => {
  const text = statuses(answers)
  return text === '' ? '' : `; answered ${text}`
}

const refusalsOf = (refused: Readonly<Record<number, number>>): string => {
  const text = statuses(refused)
  return text === '' ? '' : `; innocents ${text}`
}

/** `busy 3, order 1`. */
export const statuses = (counts: Readonly<Record<number, number>>): string =>
  Object.entries(counts)
    .map(([status, count]) => `${statusOf(Number(status)) ?? status} ${count}`)
    .join(', ')

export function hostileJson(
  run: Readonly<Record<string, unknown>>,
  { quiet, endured }: HostileRun,
): string {
  const calm = calmIn(quiet)
  const found = endured.map((each) => {
    const { flood, felt, fought, cpu, rssMiB, ended } = each
    const { p99Ms, ...figures } = feltIn([felt])
    const ratios = { p99Ratio: p99Ms / calm.p99Ms, rssRatio: rssMiB.after / rssMiB.before }
    return [
      flood.name,
      { p99Ms, ...figures, ...ratios, rssMiB, cpu, fought, ended, missed: missed(calm, each) },
    ]
  })
  return JSON.stringify(
    { ...run, quiet: calm, floods: Object.fromEntries(found) },
    (_key, value) => (typeof value === 'number' ? rounded(value) : value),
  )
}

const fixed = (value: number, digits: number): string =>
  Number.isFinite(value) ? value.toFixed(digits) : ''

const percent = (share: number): string =>
  Number.isFinite(share) ? `${(share * 100).toFixed(0)} %` : ''
