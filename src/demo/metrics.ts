/**
 * The metrics of a gateway as its admin port tells them.
 *
 * In:    the address of an admin port.
 * Out:   sums of counters over those labels that one asks for.
 * Fails: `internal` if the port does not answer.
 * Spec:  the text format of Prometheus, version 0.0.4, as far as counters and gauges need it.
 */
import { GatewayError } from '../errors.ts'

export type Labels = Readonly<Record<string, string>>
type Sample = { readonly name: string; readonly labels: Labels; readonly value: number }

export class Metrics {
  readonly #samples: readonly Sample[]

  constructor(text: string) {
    this.#samples = text.split('\n').flatMap((line) => sampleOf(line) ?? [])
  }

  /** Sum over all series of `name` with these labels, and `but` those with those. */
  sum(name: string, labels: Labels = {}, but: Labels = {}): number {
    return this.#samples
      .filter((sample) => sample.name === `gatehouse_${name}` && hasAll(sample.labels, labels))
      .filter((sample) => Object.keys(but).length === 0 || !hasAll(sample.labels, but))
      .reduce((sum, { value }) => sum + value, 0)
  }

  /** Values of one label of `name`, where anything was counted. */
  values(name: string, label: string): readonly string[] {
    const values = this.#samples
      .filter((sample) => sample.name === `gatehouse_${name}` && sample.value > 0)
      .flatMap(({ labels }) => labels[label] ?? [])
    return [...new Set(values)].sort()
  }
}

export async function scrape(address: string, port: number): Promise<Metrics> {
  const url = `http://${address}:${port}/metrics`
  const response = await fetch(url, { headers: { connection: 'close' } })
  if (!response.ok) throw new GatewayError('internal', `${url} answered ${response.status}`)
  return new Metrics(await response.text())
}

const pattern = /^([a-z_:][a-z0-9_:]*)(?:\{(.*)\})? (\S+)/i
const labelPattern = /([a-z_][a-z0-9_]*)="((?:[^"\\]|\\.)*)"/gi

function sampleOf(line: string): Sample | undefined {
  const [, name, labels = '', value] = pattern.exec(line) ?? []
  if (name === undefined) return undefined
  const pairs = [...labels.matchAll(labelPattern)].map(([, label = '', text = '']) => [label, text])
  return { name, labels: Object.fromEntries(pairs) as Labels, value: Number(value) }
}

const hasAll = (labels: Labels, wanted: Labels): boolean =>
  Object.entries(wanted).every(([name, value]) => labels[name] === value)
