/**
 * The numbers of a meter as Prometheus reads them.
 *
 * In:    the table of `metrics.ts`, the series of the meter.
 * Out:   text, with the prefix; each row of the table with its help, and each series whose labels are known beforehand
 *        from the first scrape on: an alert on what rises sees no rise in a series that begins with 1. Then what every
 *        exporter tells of its process.
 * Fails: never. What is not in the table is not told.
 *
 * A registry of its own for each exporter: two gateways fit into one process.
 */
import { createRequire } from 'node:module'
import { type Metric, type MetricType, Registry } from 'prom-client'
import { statuses } from '../errors.ts'
import type { Histogram, Labels, Meter } from '../lib/meter.ts'
import { limitTable } from '../limits.ts'
import { type LabelSet, type MetricRow, metricPrefix, metrics, processMetrics } from '../metrics.ts'

export type Exporter = {
  readonly contentType: string
  readonly text: () => Promise<string>
}

export function createExporter(meter: Meter): Exporter {
  const registry = new Registry()
  for (const [name, row] of Object.entries<MetricRow>(metrics)) {
    for (const labels of combinations(row.labels)) begin(meter, name, row, labels)
    registry.registerMetric(collector(meter, name, row, metricPrefix))
  }
  for (const collect of ofProcess) collect(registry)
  for (const name of ownOfProcess) {
    registry.registerMetric(collector(meter, name, processMetrics[name], ''))
  }
  return { contentType: registry.contentType, text: () => registry.metrics() }
}

const require = createRequire(import.meta.url)

/**
 * The defaults of the library that are about the process. Not those about the runtime: they keep a timer of 10 ms and an
 * observer of each collection of garbage, and `event_loop_delay_seconds` and `heap_used_bytes` tell the same.
 */
const ofProcess = ['processCpuTotal', 'processStartTime', 'osMemoryHeap'].map(
  (name) => require(`prom-client/lib/metrics/${name}`) as (registry: Registry) => void,
)

/** The library reads the bound once, and says nothing of those that are open once none is left for the look. */
const ownOfProcess = ['process_open_fds', 'process_max_fds'] as const

/** A gauge is there from the start, by whoever tells it. */
function begin(meter: Meter, name: string, { type }: MetricRow, labels: Labels): undefined {
  if (type === 'histogram') meter.histogram(name, labels)
  if (type === 'counter') meter.counter(name, labels)
}

/** Values that a label may have, as far as they are known beforehand; those of peers `observe/peer-metrics.ts` begins. */
const valuesOf: Readonly<Record<LabelSet, readonly string[]>> = {
  status: Object.keys(statuses),
  limit: Object.keys(limitTable),
  peer: [],
  domain: [],
  text: [],
}

function combinations(labels: MetricRow['labels']): readonly Labels[] {
  let all: readonly Labels[] = [{}]
  for (const [label, values] of Object.entries(labels)) {
    const known = typeof values === 'string' ? valuesOf[values] : values
    all = all.flatMap((one) => known.map((value) => ({ ...one, [label]: value })))
  }
  return all
}

type Sample = {
  readonly metricName: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

type Collected = {
  readonly name: string
  readonly help: string
  readonly type: `${MetricType}`
  readonly values: readonly Sample[]
}

/** The registry asks a metric for nothing but its name and what `get` returns. */
function collector(meter: Meter, bareName: string, { type, help }: MetricRow, prefix: string) {
  const name = `${prefix}${bareName}`
  const collect = (): Collected => ({ name, help, type, values: samples(meter, bareName, name) })
  return { name, get: async () => collect() } as unknown as Metric
}

function samples(meter: Meter, bareName: string, metricName: string): readonly Sample[] {
  const { counters, gauges, histograms } = meter
  const sample = (labels: Labels, value: number): Sample => ({ metricName, labels, value })
  return [
    ...each(counters.get(bareName), (labels, { n }) => [sample(labels, n)]),
    ...each(gauges.get(bareName), (labels, read) => [sample(labels, read())]),
    ...each(histograms.get(bareName), (labels, value) => buckets(metricName, labels, value)),
  ]
}

type SeriesOf<T> = ReadonlyMap<string, { readonly labels: Labels; readonly value: T }> | undefined

const each = <T>(
  series: SeriesOf<T>,
  samplesOf: (labels: Labels, value: T) => readonly Sample[],
): readonly Sample[] =>
  [...(series?.values() ?? [])].flatMap(({ labels, value }) => samplesOf(labels, value))

/** The meter counts each observation once; Prometheus wants each bucket to hold all below it, too. */
function buckets(name: string, labels: Labels, histogram: Histogram): readonly Sample[] {
  const { bounds, counts, sum, total } = histogram
  let below = 0
  const filled = bounds.map((le, i): Sample => {
    below += counts[i] ?? 0
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: below }
  })
  return [
    ...filled,
    { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: total },
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: total },
  ]
}
