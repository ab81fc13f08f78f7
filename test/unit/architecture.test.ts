/** The import law of `docs/architecture.md`, as a table; and the packages, each behind its one door. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { expect, test } from 'vitest'

const src = resolve(import.meta.dirname, '../../src')

/** Words that any room may use. */
const base = ['errors', 'limits', 'lib', 'shares']
/** What every room above the floor may import: what travels, and the ports. */
const middle = [...base, 'env', 'address', 'wire', 'operation']

/** What may be imported by whom: a room sees what lies below it and never its neighbour. */
const law: Readonly<Record<string, readonly string[]>> = {
  // Tables
  errors: [],
  limits: [],
  metrics: ['lib', 'shares'],
  // The floor
  lib: ['limits'],
  shares: ['limits', 'lib'],
  env: ['limits', 'lib', 'shares'],
  address: base,
  wire: base,
  credential: [...base, 'address', 'wire'],
  certificate: [...base, 'address'],
  link: [...base, 'address', 'wire', 'certificate'],
  command: [...base, 'address', 'wire'],
  resolve: [...base, 'address'],
  // What travels, and the seams between the rooms
  operation: [...base, 'address', 'wire'],
  // Stages: none imports another, and the route calls them by its ports
  policy: middle,
  route: middle,
  delivery: middle,
  presence: middle,
  home: middle,
  store: middle,
  observe: middle,
  // Doors and adapters, each beside the others
  peer: [...middle, 'link', 'command', 'credential'],
  // Beside the gateway
  client: [...base, 'address', 'wire', 'link', 'command', 'credential'],
  config: [...base, 'address', 'certificate', 'credential'],
  // Pure, over what the resolver, the rules, the links and the journal tell
  diagnose: [...base, 'address', 'operation', 'resolve'],
  admin: [...base, 'address', 'metrics', 'operation', 'diagnose'],
  // What joins the rooms
  gateway: ['*'],
  run: ['*'],
  connect: ['*'],
  cli: ['*'],
  demo: ['*'],
  main: ['*'],
}

/** Above the gateway: seen by nobody below. */
const tops = ['gateway', 'run', 'connect', 'cli', 'demo', 'main', 'admin', 'config', 'client']

/** Each package is used in these files alone. */
const packages: Readonly<Record<string, readonly string[]>> = {
  dns2: ['resolve/message.ts', 'resolve/authority.ts'],
  'lru-cache': ['lib/bounded-map.ts'],
  pino: ['cli/process-log.ts'],
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

test('each door is used', () => {
  const doors = Object.entries(packages).flatMap(([name, places]) =>
    places.map((place) => ({ name, place })),
  )
  const isUsed = (name: string, place: string) =>
    files
      .filter((file) => file.startsWith(place))
      .some((file) => importsOf(file).some((one) => one === name || one.startsWith(`${name}/`)))
  expect(doors.filter(({ name, place }) => !isUsed(name, place))).toEqual([])
})

test('chance comes in as an argument', () => {
  const users = files.filter((file) =>
    readFileSync(join(src, file), 'utf8').includes('Math.random'),
  )
  expect(users).toEqual(['lib/random.ts'])
})

const linesOf = (file: string): number =>
  readFileSync(join(src, file), 'utf8').split('\n').length - 1

/** Tables: a row for each thing. */
const tables = [
  'errors.ts',
  'limits.ts',
  'metrics.ts',
  'wire/registry.ts',
  'address/precis-tables.ts',
]

test('no file but a table is longer than 400 lines', () => {
  const long = files.filter((file) => !tables.includes(file) && linesOf(file) > 400)
  expect(long).toEqual([])
})

test('the map of the rooms is at most 150 lines', () => {
  expect(linesOf('gateway.ts')).toBeLessThanOrEqual(150)
})

test('the page of the architecture names every room', () => {
  const page = readFileSync(join(src, '../docs/architecture.md'), 'utf8')
  const rooms = new Set(files.filter((file) => file.includes('/')).map(stageOf))
  expect([...rooms].filter((room) => !page.includes(`\`${room}\``))).toEqual([])
})

test('every path that the page of the architecture names is there', () => {
  const page = readFileSync(join(src, '../docs/architecture.md'), 'utf8')
  const named = [...page.matchAll(/`((?:[\w-]+\/)+[\w-]+\.ts)`/g)].map(([, file = '']) => file)
  expect(named.length).toBeGreaterThan(10)
  const missing = named.filter((file) => !files.includes(file.replace(/^src\//, '')))
  expect(missing).toEqual([])
})

/** Members of the store that wait for a store on disk; `test/support/store-contract.ts` says what they keep. */
const isOfStore = (file: string): boolean =>
  file.startsWith('store/') || file === 'operation/store.ts'

test('every member of a class is used outside its declaration', () => {
  const all = files.map((file) => readFileSync(join(src, file), 'utf8')).join('\n')
  const uses = all.matchAll(/[.](\w+)|'(\w+)(?=')|[{,(]\s*(\w+)(?=\s*[,}:])/g)
  const named = new Set([...uses].map(([, ...names]) => names.find((name) => name !== undefined)))
  const member =
    /^ {2}(?:(?:readonly|get|async|override|abstract|static) )*([a-z]\w*)(?:[(<:]| =|;)/gm
  const unused = files
    .filter((file) => !isOfStore(file))
    .flatMap((file) => {
      const text = readFileSync(join(src, file), 'utf8')
      const bodies = [...text.matchAll(/^(?:export )?(?:abstract )?class [^{]*\{\n([\s\S]*?)^\}/gm)]
      return bodies.flatMap(([, body = '']) =>
        [...body.matchAll(member)]
          .map(([, name = '']) => name)
          .filter((name) => name !== 'constructor')
          .filter((name) => !named.has(name))
          .map((name) => `${file}: ${name}`),
      )
    })
  expect(unused).toEqual([])
})

test('the states of a subscription are listed once', () => {
  const lists = files.filter((file) =>
    /'terminated'\s*\||\|\s*'terminated'|terminated: \d/.test(
      readFileSync(join(src, file), 'utf8'),
    ),
  )
  expect(lists).toEqual(['wire/registry.ts'])
})
