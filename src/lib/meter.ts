/**
 * Numbers about the running program, cheap enough for the hot road: a counter is an object whose `n` is raised.
 * `admin/metrics.ts` reads them when it is scraped; tests read them as they are.
 */
export type Counter = { n: number }

/** Cumulative buckets as Prometheus wants them: `counts[i]` observations were at most `bounds[i]` seconds. */
export type Histogram = {
  readonly bounds: readonly number[]
  readonly counts: number[]
  sum: number
  total: number
}

export type Labels = Readonly<Record<string, string>>

/** The network buckets, in seconds: 1 ms to 60 s. */
const secondsBuckets = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
]

export function observe(histogram: Histogram, seconds: number): undefined {
  histogram.sum += seconds
  histogram.total += 1
  const { bounds, counts } = histogram
  for (let i = 0; i < bounds.length; i++) {
    if (seconds <= (bounds[i] as number)) {
      counts[i] = (counts[i] as number) + 1
      return
    }
  }
}

export type Series<T> = { readonly labels: Labels; readonly value: T }

/** Names are given without the prefix; a series comes to life when it is first asked for, and stays. */
export class Meter {
  readonly counters = new Map<string, Map<string, Series<Counter>>>()
  readonly histograms = new Map<string, Map<string, Series<Histogram>>>()
  readonly gauges = new Map<string, Map<string, Series<() => number>>>()
  readonly #hits = new Map<string, Counter>()

  /** Ask once and keep the result; asking costs a look-up of the labels. */
  counter(name: string, labels: Labels = {}): Counter {
    return series(this.counters, name, labels, () => ({ n: 0 }))
  }

  /** A bound of `docs/limits.md` is reached; one look-up, so that it costs little even in a flood. */
  hit(limit: string): undefined {
    const known = this.#hits.get(limit)
    const hits = known ?? this.counter('limit_hits_total', { limit })
    if (known === undefined) this.#hits.set(limit, hits)
    hits.n++
  }

  histogram(
    name: string,
    labels: Labels = {},
    bounds: readonly number[] = secondsBuckets,
  ): Histogram {
    return series(this.histograms, name, labels, () => ({
      bounds,
      counts: bounds.map(() => 0),
      sum: 0,
      total: 0,
    }))
  }

  /** `read` is called at each scrape; a second gauge of the same name and labels replaces the first. */
  gauge(name: string, labels: Labels, read: () => number): undefined {
    const all = this.gauges.get(name) ?? new Map<string, Series<() => number>>()
    this.gauges.set(name, all)
    all.set(key(labels), { labels, value: read })
  }

  /** Sum of a counter over all its labels, or over those that match `labels`. */
  total(name: string, labels: Labels = {}): number {
    let sum = 0
    for (const { labels: own, value } of this.counters.get(name)?.values() ?? []) {
      if (Object.entries(labels).every(([label, wanted]) => own[label] === wanted)) sum += value.n
    }
    return sum
  }
}

const key = (labels: Labels): string =>
  Object.keys(labels)
    .sort()
    .map((name) => `${name}=${labels[name]}`)
    .join(',')

function series<T>(
  table: Map<string, Map<string, Series<T>>>,
  name: string,
  labels: Labels,
  make: () => T,
): T {
  const all = table.get(name) ?? new Map<string, Series<T>>()
  table.set(name, all)
  const known = all.get(key(labels))
  if (known !== undefined) return known.value
  const value = make()
  all.set(key(labels), { labels, value })
  return value
}
