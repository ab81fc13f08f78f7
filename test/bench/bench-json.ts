/**
 * The JSON of the last line: one object, its names stable, for machines.
 *
 * The floor stands under `relay`, the gateway under `messages` with `latency`, `checks` and `limits` beside it, and every
 * other way to run the gateway under its own name. A figure that has no number is `null`.
 */
import type { Spread } from './measure.ts'
import { type Figures, rounded } from './report.ts'
import type { SubjectReport } from './rounds.ts'

/** `key` is where the subject's figures stand in the JSON. */
export type Keyed = { readonly key: string; readonly report: SubjectReport }

export function jsonOf(
  run: Readonly<Record<string, unknown>>,
  reports: readonly Keyed[],
  probes: Figures,
): string {
  const object: Record<string, unknown> = { ...run }
  for (const { key, report } of reports) {
    const isFloor = key === 'relay'
    const { latency, checks, limits, ...figures } = figuresOf(report, isFloor)
    object[key] = key === 'messages' ? figures : { ...figures, latency, checks, limits }
    if (key === 'messages') Object.assign(object, { latency, checks, limits })
  }
  for (const [name, value] of Object.entries(probes)) put(object, name, value)
  return JSON.stringify(object, (_key, value: unknown) =>
    typeof value === 'number' ? rounded(value) : value,
  )
}

function figuresOf(report: SubjectReport, isFloor: boolean) {
  const { figures, ratios, rssMiB, counts, messages } = report
  const { cpuUsA, cpuUsB, cpuUsPair, cpuUsLoad, perSecond, p50Ms, p99Ms } = figures
  const ratio = (of: Readonly<Record<string, Spread>>) =>
    isFloor ? {} : Object.fromEntries(Object.entries(of).map(([name, s]) => [name, s.median]))
  return {
    cpuUsPerMessage: {
      a: cpuUsA.median,
      b: cpuUsB.median,
      pair: cpuUsPair.median,
      load: cpuUsLoad.median,
    },
    perSecond: perSecond.median,
    ...ratio({ cpuRatio: ratios.cpuUsPair, rateRatio: ratios.perSecond }),
    linkBytesOverhead: figures.linkBytesOverhead.median,
    pacedLinkBytesOverhead: figures.pacedLinkBytesOverhead.median,
    lost: figures.lost.max,
    unanswered: figures.unanswered.max,
    refused: figures.refused.max,
    rssMiB,
    spread: spreads(figures),
    ...(isFloor ? {} : { ratioSpread: spreads(ratios) }),
    latency: {
      p50Ms: p50Ms.median,
      p99Ms: p99Ms.median,
      ...ratio({ p50Ratio: ratios.p50Ms, p99Ratio: ratios.p99Ms }),
    },
    ...countsOf(counts, messages),
  }
}

const spreads = (figures: Readonly<Record<string, Spread>>) =>
  Object.fromEntries(Object.entries(figures).map(([name, { min, max }]) => [name, [min, max]]))

/** Checks per message, which is to be 1; hits of limits in all, which is to be 0. */
function countsOf(counts: Figures, messages: number) {
  const checks: Record<string, number> = {}
  const limits: Record<string, number> = {}
  for (const [name, count] of Object.entries(counts)) {
    if (name.startsWith('checks.')) checks[name.slice('checks.'.length)] = count / messages
    if (name.startsWith('limits.')) limits[name.slice('limits.'.length)] = count
  }
  return { checks, limits }
}

/** `cold.keysCachedMs` becomes `{ cold: { keysCachedMs } }`. */
function put(object: Record<string, unknown>, name: string, value: number): undefined {
  const path = name.split('.')
  const last = path.pop() ?? name
  let at = object
  for (const part of path) {
    at[part] ??= {}
    at = at[part] as Record<string, unknown>
  }
  at[last] = value
}
