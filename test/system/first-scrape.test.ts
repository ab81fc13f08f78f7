/**
 * What alerts and dashboards ask for is there on the first scrape of a gateway that has done nothing: a series that comes
 * to life with its first event shows no rise, so that nobody is told of it.
 */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { metricsPage } from '../../src/admin/documents.ts'
import { temporaryFolder } from '../support/cli-host.ts'
import { gateway, set, site } from '../support/sites.ts'

const root = resolve(import.meta.dirname, '../..')
const textOf = (file: string): string => readFileSync(join(root, file), 'utf8')

type Rule = { readonly alert: string; readonly expr: string }
type Panel = {
  readonly title: string
  readonly targets?: readonly { readonly expr: string }[]
  readonly panels?: readonly Panel[]
}
type Asked = { readonly by: string; readonly expr: string }

const alerts = parse(textOf('deploy/alerts.yml')).groups.flatMap(
  ({ rules }: { rules: readonly Rule[] }) => rules.map(({ alert, expr }) => ({ by: alert, expr })),
) as readonly Asked[]

const panelsOf = (panels: readonly Panel[]): readonly Asked[] =>
  panels.flatMap(({ title, targets = [], panels: inner = [] }) => [
    ...targets.map(({ expr }) => ({ by: title, expr })),
    ...panelsOf(inner),
  ])
const dashboard = panelsOf(JSON.parse(textOf('deploy/grafana.json')).panels)

const questions = [...metricsPage().matchAll(/^\| ([^|]+\?) \| `(.+)` \|$/gm)].map(
  ([, by = '', expr = '']) => ({ by, expr }),
)

type Labels = Readonly<Record<string, string>>

const pairsIn = (text: string): readonly (readonly [string, string, string])[] =>
  [...text.matchAll(/(\w+)(=~|!~|!=|=)"([^"]*)"/g)].map(([, name = '', how = '', value = '']) => [
    name,
    how,
    value,
  ])

/** The series that are told, by name. */
function seriesIn(scrape: string): ReadonlyMap<string, readonly Labels[]> {
  const all = new Map<string, Labels[]>()
  for (const [, name = '', labels = ''] of scrape.matchAll(/^([a-z]\w*)(?:\{(.*)\})? \S+$/gm)) {
    const own = Object.fromEntries(pairsIn(labels).map(([label, , value]) => [label, value]))
    all.set(name, [...(all.get(name) ?? []), own])
  }
  return all
}

/** What Prometheus adds, and what a dashboard lets people choose. */
const added = ['instance', 'job']

/** Selectors of an expression of which a series is missing: each value that it names wants one. */
function missing(expr: string, series: ReadonlyMap<string, readonly Labels[]>): readonly string[] {
  return [...expr.matchAll(/\b((?:gatehouse|process)_\w+)(?:\{([^}]*)\})?/g)].flatMap(
    ([whole, name = '', matchers = '']) => {
      const wanted = pairsIn(matchers).filter(([label]) => !added.includes(label))
      const wishes = wanted.map(([label, how, value]) => {
        if (how === '=' || how === '=~') {
          return value.split('|').map((one) => (own: Labels) => own[label] === one)
        }
        return [(own: Labels) => label in own && !value.split('|').includes(own[label] as string)]
      })
      const fits = (all: readonly ((own: Labels) => boolean)[]): boolean =>
        series.get(name)?.some((own) => all.every((one) => one(own))) === true
      const combinations = wishes.reduce<readonly (readonly ((own: Labels) => boolean)[])[]>(
        (all, alternatives) => all.flatMap((one) => alternatives.map((next) => [...one, next])),
        [[]],
      )
      return combinations.every(fits) ? [] : [whole]
    },
  )
}

test('each series that an alert, the dashboard or docs/metrics.md names is told from the start', async () => {
  const one = await site(await temporaryFolder(), 'a.example')
  await set(one.config, { watch: '[b.example]' })
  await gateway(one)
  const series = seriesIn(await (await fetch(`http://127.0.0.1:${one.admin}/metrics`)).text())
  expect([alerts, dashboard, questions].map(({ length }) => length > 8)).toEqual([true, true, true])
  const gaps = [...alerts, ...dashboard, ...questions].flatMap(({ by, expr }) =>
    missing(expr, series).map((selector) => `${by}: ${selector}`),
  )
  expect(gaps).toEqual([])
})
