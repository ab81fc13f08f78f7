/**
 * The numbers of a meter as Prometheus reads them.
 *
 * In:    the table of `metrics.ts`, the series of the meter.
 * Out:   text, with the prefix; each row of the table with its help, and each series whose labels are known beforehand
 *        from the first scrape on: an alert on what rises sees no rise in a series that begins with 1.
 * Fails: never. What is not in the table is not told.
 *
 * A registry of its own for each exporter: two gateways fit into one process.
 */
import { type Metric, type MetricType, Registry } from 'prom-client'
import { statuses } from '../errors.ts'
import type { Histogram, Labels, Meter } from '../lib/meter.ts'
import { limitTable } from '../limits.ts'
import { exportedName, type LabelSet, type MetricRow, metrics, otherPeers } from '../metrics.ts'

export type Exporter = {
  readonly contentType: string
  readonly text: () => Promise<string>
}

export function createExporter(meter: Meter): Exporter {
  const registry = new Registry()
  for (const [name, row] of Object.entries<MetricRow>(metrics)) {
    for (const labels of combinations(row.labels)) begin(meter, name, row, labels)
    // The registry asks a metric for nothing but its name and what `get` returns.
    registry.registerMetric(collector(meter, name, row) as unknown as Metric)
  }
  return { contentType: registry.contentType, text: () => registry.metrics() }
}

/** A gauge is there from the start, by whoever tells it. */
function begin(meter: Meter, name: string, { type }: MetricRow, labels: Labels): undefined {
  if (type === 'histogram') meter.histogram(name, labels)
  // What is read as it is told has a reader already.
  if (type === 'counter' && !meter.gauges.has(name)) meter.counter(name, labels)
}

/** Values that a label may have, as far as they are known beforehand. */
const valuesOf: Readonly<Record<LabelSet, readonly string[]>> = {
  status: Object.keys(statuses),
  limit: Object.keys(limitTable),
  peer: [otherPeers],
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

function collector(meter: Meter, bareName: string, { type, help }: MetricRow) {
  const name = exportedName(bareName)
  const collect = (): Collected => ({ name, help, type, values: samples(meter, bareName, name) })
  return { name, get: async () => collect() }
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
