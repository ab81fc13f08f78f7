/** What is made from the tables is committed: `UPDATE_DOCS=1 vitest …` writes it anew. */
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { configurationPage, limitsPage } from '../../../src/config/documents.ts'
import { parseConfig } from '../../../src/config/load.ts'
import { printJsonSchema } from '../../../src/config/print.ts'
import { sampleConfig } from '../../../src/config/sample.ts'
import { settings } from '../../../src/config/settings.ts'
import { limitTable } from '../../../src/limits.ts'
import { configOf, fileName, mistakesIn } from './support.ts'

const made = [
  ['docs/configuration.md', configurationPage],
  ['docs/limits.md', limitsPage],
  ['deploy/gatehouse.schema.json', printJsonSchema],
] as const

test.for(made)('%s says what the tables say', ([name, make]) => {
  const file = fileURLToPath(new URL(`../../../${name}`, import.meta.url))
  if (process.env['UPDATE_DOCS'] !== undefined) writeFileSync(file, make())
  expect(readFileSync(file, 'utf8'), `run with UPDATE_DOCS=1 to write ${name}`).toBe(make())
})

test('every limit stands in docs/limits.md', () => {
  const page = limitsPage()
  const missing = Object.keys(limitTable).filter((name) => !page.includes(`| \`${name}\` |`))
  expect(missing).toEqual([])
})

test('every limit bounds something', () => {
  const root = fileURLToPath(new URL('../../../src', import.meta.url))
  const files = globSync('**/*.ts', { cwd: root }).filter((file) => file !== 'limits.ts')
  const text = files.map((file) => readFileSync(join(root, file), 'utf8')).join('\n')
  const words = new Set(text.match(/\w+/g))
  expect(Object.keys(limitTable).filter((name) => !words.has(name))).toEqual([])
})

test('every setting has one sentence and a mark for reload', () => {
  const odd = settings().filter(
    ({ description, reload }) => !/^[A-Z:].*[^.]\.$/.test(description) || reload === undefined,
  )
  expect(odd).toEqual([])
  expect(
    settings()
      .filter(({ secret }) => secret)
      .map(({ path }) => path),
  ).toEqual(['listen.admin.token'])
})

test('the unit of a time stands in the name of its setting', () => {
  const numbers = settings().filter(({ default: value }) => typeof value === 'number')
  const withoutUnit = numbers.filter(
    ({ path, kind }) =>
      (kind === 'ms' && !/Ms$/.test(path)) || (kind === 'seconds' && !/Seconds$/.test(path)),
  )
  expect(withoutUnit).toEqual([])
})

describe('the sample file', () => {
  const start = { domain: 'a.example', key: 'k.pem', certificate: 'c.pem', certificateKey: 't.pem' }
  const sample = sampleConfig(start)
  /** What stands behind a `#` without a space. */
  const uncommented = sample.replace(/^(\s*)#(?! )/gm, '$1')

  test('has the settings that init knows, and every default for the rest', () => {
    const shortest = `domains: [{name: a.example, key: k.pem, certificate: c.pem, certificateKey: t.pem}]\n`
    expect(configOf(sample)).toEqual(configOf(shortest))
  })

  test('is right too with every # taken away', () => {
    expect(mistakesIn(uncommented)).toEqual([])
    expect(configOf(uncommented).policy.allow).toEqual(['b.example', '*.c.example'])
  })

  test('names every setting but the single limits', () => {
    const result = parseConfig(uncommented, fileName)
    if ('mistakes' in result) throw new Error('wrong')
    const names = settings()
      .map(({ path }) => path)
      .filter((path) => !/^limits|<user>|directory\.users/.test(path))
      .map((path) => path.split('.').at(-1) as string)
    expect(
      names.filter((name) => !new RegExp(`^ *-? *#?${name}:|[{ ]${name}:`, 'm').test(sample)),
    ).toEqual([])
  })

  test('has no line over 100 columns', () => {
    expect(sample.split('\n').filter((line) => line.length > 100)).toEqual([])
  })

  test('takes a domain and paths that YAML would read as something else', () => {
    const { domains } = configOf(sampleConfig({ ...start, key: '#1: {x}', certificate: '- c' }))
    expect(domains[0]).toMatchObject({
      key: '/etc/gatehouse/#1: {x}',
      certificate: '/etc/gatehouse/- c',
    })
  })
})
