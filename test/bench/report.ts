/**
 * Report: what the bench says: a progress line, a table, and the JSON of the last line.
 *
 * In:    the reports of the subjects (the floor first) and the figures of the probes.
 * Out:   text for the terminal; plain where it is no terminal or NO_COLOR is set.
 * Fails: never.
 */
import { styleText } from 'node:util'
import type { Spread } from './measure.ts'
import type { FigureName, SubjectReport } from './rounds.ts'

type Row = { readonly name: FigureName; readonly label: string; readonly digits: number }

const rows: readonly Row[] = [
  { name: 'cpuUsA', label: 'CPU per message, gateway A (us)', digits: 2 },
  { name: 'cpuUsB', label: 'CPU per message, gateway B (us)', digits: 2 },
  { name: 'cpuUsPair', label: 'CPU per message, both (us)', digits: 2 },
  { name: 'cpuUsLoad', label: 'CPU per message, load (us)', digits: 2 },
  { name: 'perSecond', label: 'messages per second', digits: 0 },
  { name: 'linkBytesOverhead', label: 'link bytes beyond the body, flood', digits: 1 },
  { name: 'pacedLinkBytesOverhead', label: 'link bytes beyond the body, light rate', digits: 1 },
  { name: 'p50Ms', label: 'latency p50, light rate (ms)', digits: 3 },
  { name: 'p99Ms', label: 'latency p99, light rate (ms)', digits: 3 },
  { name: 'lost', label: 'messages lost', digits: 0 },
  { name: 'unanswered', label: 'messages without an answer', digits: 0 },
  { name: 'refused', label: 'messages refused', digits: 0 },
]

/** A dotted name and its number, as a probe gives it: `cold.keysCachedMs`. */
export type Figures = Readonly<Record<string, number>>

export function tableOf(reports: readonly SubjectReport[], probes: Figures): string {
  const [floor, ...others] = reports
  if (floor === undefined) return ''
  const head = ['', floor.name, 'min..max']
  for (const { name } of others) head.push(name, 'min..max', 'ratio', 'min..max')
  const body = rows.map(({ name, label, digits }) => {
    const cells = [label, ...both(floor.figures[name], digits)]
    for (const { figures, ratios } of others) {
      cells.push(...both(figures[name], digits), ...both(ratios[name], 2))
    }
    return cells
  })
  body.push(['RSS idle, A / B (MiB)', ...memoryCells(reports)])
  const parts = [aligned([head, ...body]), aligned(countRows(reports))]
  if (Object.keys(probes).length > 0) {
    parts.push(aligned([['probe', ''], ...pairs(probes)]))
  }
  return parts.join('\n\n')
}

/** Under each subject's median; the cells of its spread and ratio stay empty. */
const memoryCells = (reports: readonly SubjectReport[]): string[] =>
  reports.flatMap(({ rssMiB: { a, b } }, i) => [
    `${fixed(a, 0)} / ${fixed(b, 0)}`,
    ...(i === 0 ? [''] : ['', '', '']),
  ])

/** Checks are to run once per message; limits are to be hit never, so their hits are not divided. */
function countRows(reports: readonly SubjectReport[]): string[][] {
  const names = [...new Set(reports.flatMap(({ counts }) => Object.keys(counts)))].toSorted()
  return [
    ['checks per message, limits in all', ...reports.map(({ name }) => name)],
    ...names.map((name) => [
      name,
      ...reports.map(({ counts, messages }) =>
        fixed((counts[name] ?? Number.NaN) / (name.startsWith('limits.') ? 1 : messages), 3),
      ),
    ]),
  ]
}

const pairs = (figures: Figures): string[][] =>
  Object.entries(figures).map(([name, value]) => [name, fixed(value, 3)])

const both = ({ median, min, max }: Spread, digits: number): readonly [string, string] => [
  fixed(median, digits),
  Number.isNaN(median) ? '' : `${fixed(min, digits)}..${fixed(max, digits)}`,
]

/** No figure is an empty cell: a ratio of two zeros, say. */
const fixed = (value: number, digits: number): string =>
  Number.isFinite(value) ? value.toFixed(digits) : ''

/** A figure of the JSON: three digits behind the point, and `null` for no number. */
export const rounded = (value: number): number | null =>
  Number.isFinite(value) ? Math.round(value * 1000) / 1000 : null

/** The first column to the left, numbers to the right (words to the left), the head in bold. */
export function aligned(
  lines: readonly (readonly string[])[],
  side: 'left' | 'right' = 'right',
): string {
  const widths: number[] = []
  for (const line of lines) {
    line.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length)
    })
  }
  const padded = lines.map((line) =>
    line
      .map((cell, i) =>
        i === 0 || side === 'left' ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  )
  const [head = '', ...rest] = padded
  // `styleText` looks at the stream and at NO_COLOR by itself.
  return [styleText('bold', head, { stream: process.stdout }), ...rest].join('\n')
}

/** Shows what runs now, on standard error: one line that changes on a terminal, else a line for each step. */
export class Progress {
  readonly #startedMs = performance.now()
  readonly #aboutMs: number

  constructor(aboutMs: number) {
    this.#aboutMs = aboutMs
  }

  readonly show = (text: string): undefined => {
    const seconds = Math.round((performance.now() - this.#startedMs) / 1000)
    const line = `${seconds} s of about ${Math.ceil(this.#aboutMs / 1000)} s: ${text}`
    process.stderr.write(process.stderr.isTTY ? `\r\u001b[K${line}` : `${line}\n`)
  }

  clear(): undefined {
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K')
  }
}
