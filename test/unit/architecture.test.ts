/** The import law of `docs/architecture.md`, as a table; and the packages, each behind its one door. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { expect, test } from 'vitest'

const src = resolve(import.meta.dirname, '../../src')

/** What may be imported by whom: a stage sees what lies below it and never its neighbour. */
const base = ['errors', 'limits', 'lib']
const law: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  limits: [],
  lib: ['limits'],
  metrics: ['lib'],
  address: base,
  wire: base,
  // What travels, and the seams between the rooms.
  operation: [...base, 'address', 'wire'],
  store: [...base, 'address', 'wire', 'operation'],
  observe: [...base, 'address', 'operation'],
  lane: [...base, 'address', 'wire', 'envelope'],
  envelope: [...base, 'address', 'wire', 'lane'],
  credential: [...base, 'address', 'wire'],
  link: [...base, 'address', 'wire'],
  command: [...base, 'address', 'wire'],
  policy: [...base, 'address', 'lane'],
  delivery: [...base, 'address', 'wire', 'lane', 'envelope'],
  presence: [...base, 'address', 'wire', 'operation'],
  resolve: [...base, 'address'],
  adapter: [...base, 'address', 'wire', 'envelope'],
  config: [...base, 'address'],
  // Why a domain can be reached or not: pure, over the steps of the search and the journal.
  diagnose: [...base, 'address', 'operation', 'resolve'],
  admin: [...base, 'address', 'metrics', 'operation', 'diagnose'],
  // Who is at the far end of a link stands on the link and on credentials.
  peer: [...base, 'address', 'wire', 'operation', 'link', 'command', 'credential'],
  client: [...base, 'address', 'wire', 'link', 'command', 'credential'],
  // The roads join the stages; what joins the roads is the gateway.
  road: [
    ...base,
    'address',
    'wire',
    'lane',
    'envelope',
    'link',
    'command',
    'credential',
    'peer',
    'policy',
    'delivery',
    'presence',
  ],
  gateway: ['*'],
  run: ['*'],
  cli: ['*'],
  demo: ['*'],
  main: ['*'],
}

/** Above the gateway: seen by nobody below. */
const tops = ['gateway', 'run', 'cli', 'demo', 'main', 'admin', 'config', 'client']

/** Each package is used in these files alone. */
const packages: Readonly<Record<string, readonly string[]>> = {
  dns2: ['resolve/message.ts', 'resolve/authority.ts'],
  'lru-cache': ['resolve/cache.ts', 'observe/journal.ts'],
  pino: ['main.ts', 'cli/log.ts'],
  'prom-client': ['admin/metrics.ts'],
  zod: ['config/'],
  yaml: ['config/', 'cli/print-config.ts'],
  commander: ['cli/'],
  '@peculiar/x509': ['config/certificates.ts'],
  'reflect-metadata': ['config/certificates.ts'],
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
  .map((file) => file.replaceAll('\\', '/'))

/** At the start of a line, so that an example in a comment is none. */
const importLine =
  /^(?:import\b.*|export\b.*|\}) from '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm

const importsOf = (file: string): readonly string[] =>
  [...readFileSync(join(src, file), 'utf8').matchAll(importLine)].map(
    ([, from, bare, lazy]) => from ?? bare ?? lazy ?? '',
  )

const stageOf = (file: string): string => (file.split('/')[0] as string).replace(/\.ts$/, '')

test('every folder of src stands in the law', () => {
  const stages = new Set(files.map(stageOf))
  expect([...stages].filter((stage) => law[stage] === undefined)).toEqual([])
})

test('a stage imports only what lies below it', () => {
  const broken = files.flatMap((file) => {
    const stage = stageOf(file)
    const allowed = law[stage] ?? []
    return importsOf(file)
      .filter((name) => name.startsWith('.'))
      .map((name) => stageOf(relative(src, resolve(src, dirname(file), name))))
      .filter((other) => other !== stage)
      .filter((other) => (allowed.includes('*') ? false : !allowed.includes(other)))
      .map((other) => `${file} imports ${other}`)
  })
  expect(broken).toEqual([])
})

test('nothing below the gateway imports what stands above it', () => {
  const broken = files
    .filter((file) => !tops.includes(stageOf(file)))
    .flatMap((file) =>
      importsOf(file)
        .filter((name) => name.startsWith('.'))
        .map((name) => stageOf(relative(src, resolve(src, dirname(file), name))))
        .filter((other) => tops.includes(other))
        .map((other) => `${file} imports ${other}`),
    )
  expect(broken).toEqual([])
})

test('each package is behind its own door', () => {
  const broken = files.flatMap((file) =>
    importsOf(file).flatMap((name) => {
      const doors =
        packages[name] ??
        packages[
          name
            .split('/')
            .slice(0, name.startsWith('@') ? 2 : 1)
            .join('/')
        ]
      if (name.startsWith('.') || name.startsWith('node:')) return []
      if (doors === undefined) return [`${file} imports ${name}, which has no door`]
      return doors.some((door) => file.startsWith(door)) ? [] : [`${file} imports ${name}`]
    }),
  )
  expect(broken).toEqual([])
})

test('chance comes in as an argument', () => {
  const users = files.filter((file) =>
    readFileSync(join(src, file), 'utf8').includes('Math.random'),
  )
  expect(users).toEqual(['lib/random.ts'])
})
