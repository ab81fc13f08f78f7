/** What ships for those who run it: unit file, image, scrape configuration, alert rules, zones. */
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { Domain } from '../../src/address/domain.ts'
import { openAdmin } from '../../src/admin/admin.ts'
import { exitCodes } from '../../src/cli/exit-codes.ts'
import { parseConfig } from '../../src/config/load.ts'
import { dnsRecords } from '../../src/config/records.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { silentLog } from '../../src/lib/log.ts'
import { Meter } from '../../src/lib/meter.ts'
import { systemVitals } from '../../src/lib/vitals.ts'
import { limitsWith } from '../../src/limits.ts'
import { type MetricRow, metrics, processMetrics } from '../../src/metrics.ts'
import { runCli, temporaryFolder } from '../support/cli-host.ts'
import { all, parseDockerfile, type Stage } from '../support/dockerfile.ts'
import { run, start } from '../support/gatehouse.ts'
import { quietConfig, runningWith } from '../unit/admin/support.ts'

const root = resolve(import.meta.dirname, '../..')
const deploy = join(root, 'deploy')
const textOf = (file: string): string => readFileSync(join(root, file), 'utf8')

/** On a machine that CI uses the tool has to be there; elsewhere it may be missing. */
const isMissing = (tool: string): boolean => !existsSync(tool) && process.env['CI'] === undefined

function done(program: string, words: readonly string[], cwd = deploy): string {
  const { status, stdout, stderr, error } = spawnSync(program, words, { cwd, encoding: 'utf8' })
  expect({ status, stdout, stderr, error }).toMatchObject({ status: 0 })
  return stdout
}

describe('gatehouse.service', () => {
  const unit = textOf('deploy/gatehouse.service')
  const settings = (name: string): readonly string[] =>
    [...unit.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value]) => value as string)
  const program = '/usr/bin/env gatehouse'
  const analyze = '/usr/bin/systemd-analyze'
  const file = join(deploy, 'gatehouse.service')

  test.skipIf(isMissing(analyze))(
    'systemd finds nothing wrong with it as it ships, wherever npm installs',
    () => {
      expect(done(analyze, ['verify', file])).toBe('')
    },
  )

  test.skipIf(isMissing(analyze))('systemd finds little that it still may do', () => {
    done(analyze, ['security', '--offline=true', '--threshold=15', '--no-pager', file])
  })

  test('it has no privilege, and writes only where it has to', () => {
    expect(settings('AmbientCapabilities')).toEqual([''])
    expect(settings('CapabilityBoundingSet')).toEqual([''])
    expect(settings('NoNewPrivileges')).toEqual(['yes'])
    expect(settings('ProtectSystem')).toEqual(['strict'])
    expect(settings('User')).toEqual(['gatehouse'])
    expect(settings('ReadWritePaths')).toEqual([])
  })

  test('it starts commands that exist, the check of the configuration first', async () => {
    const [signal, ...reload] = settings('ExecReload')
    expect(signal).toBe('/usr/bin/env kill -HUP $MAINPID')
    const commands = [...settings('ExecStartPre'), ...settings('ExecStart'), ...reload]
    expect(commands).toEqual(['check-config', 'run', 'reload'].map((word) => `${program} ${word}`))
    for (const command of commands) {
      const [, , ...words] = command.split(' ')
      expect((await runCli([...words, '--help'])).code).toBe(0)
    }
  })

  test('it lets a drain end, restarts after a fault, and not after a mistake', () => {
    const { drainNoticeMs, drainMs, links } = limitsWith()
    expect(Number(settings('TimeoutStopSec')[0])).toBeGreaterThan((drainNoticeMs + drainMs) / 1000)
    expect([settings('Type'), settings('NotifyAccess')]).toEqual([['notify'], ['all']])
    expect(Number(settings('WatchdogSec')[0])).toBeGreaterThan(60)
    expect(Number(settings('LimitNOFILE')[0])).toBeGreaterThan(2 * links)
    expect(settings('Restart')).toEqual(['on-failure'])
    expect(settings('RestartPreventExitStatus')).toEqual([
      `${exitCodes.usage.number} ${exitCodes.config.number}`,
    ])
  })
})

type Rule = { readonly alert: string; readonly expr: string; readonly labels: { severity: string } }
type Panel = { readonly targets?: readonly { readonly expr: string }[] }
type Case = {
  readonly promql_expr_test?: readonly { readonly expr: string; readonly exp_samples: unknown[] }[]
}

describe('Prometheus', () => {
  const promtool = '/usr/bin/promtool'
  const rules: readonly Rule[] = parse(textOf('deploy/alerts.yml')).groups.flatMap(
    ({ rules: own }: { rules: readonly Rule[] }) => own,
  )
  const table: Readonly<Record<string, MetricRow>> = { ...metrics, ...processMetrics }
  const cases: readonly Case[] = parse(textOf('deploy/alerts.test.yml')).tests

  test.skipIf(isMissing(promtool))(
    'promtool accepts the scrape configuration and its rules',
    () => {
      expect(done(promtool, ['check', 'config', 'prometheus.yml'])).toContain('SUCCESS')
    },
  )

  test.skipIf(isMissing(promtool))(
    'the rules fire when they should, and only then',
    {
      timeout: 120_000,
    },
    () => {
      expect(done(promtool, ['test', 'rules', 'alerts.test.yml'])).toContain('SUCCESS')
    },
  )

  test.skipIf(isMissing(promtool))('promtool reads each query of the dashboard', async () => {
    const file = join(await temporaryFolder(), 'rules.yml')
    const queries = (JSON.parse(textOf('deploy/grafana.json')).panels as readonly Panel[])
      .flatMap(({ targets = [] }) => targets)
      .map(({ expr }, i) => ({
        record: `query:${i}`,
        expr: expr.replaceAll('$__rate_interval', '5m').replaceAll('$instance', '.*'),
      }))
    expect(queries.length).toBeGreaterThan(20)
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules: queries }] }))
    expect(done(promtool, ['check', 'rules', file])).toContain('SUCCESS')
  })

  test('it scrapes the port that a gateway opens by default', () => {
    const file = 'domains: [{name: a.example, key: k, certificate: c, certificateKey: t}]'
    const loaded = parseConfig(file, '/etc/gatehouse/gatehouse.yaml')
    if ('mistakes' in loaded) throw new Error(JSON.stringify(loaded.mistakes))
    const { address, port } = loaded.config.listen.admin
    const [job] = parse(textOf('deploy/prometheus.yml')).scrape_configs
    expect(job.static_configs[0].targets).toEqual([`${address}:${port}`])
  })

  test.for(rules.map((rule) => [rule.alert, rule] as const))(
    '%s asks for metrics that exist, with labels that they have',
    ([, { expr, labels }]) => {
      expect(['page', 'ticket']).toContain(labels.severity)
      for (const [, name = '', matchers = ''] of expr.matchAll(
        /\b((?:gatehouse|process)_\w+)(?:\{([^}]*)\})?/g,
      )) {
        const metric = name
          .replace(/^gatehouse_/, '')
          .replace(/(?<=_seconds)_(bucket|count|sum)$/, '')
        expect(Object.keys(table)).toContain(metric)
        const own = Object.keys(table[metric]?.labels ?? {})
        for (const [, label] of matchers.matchAll(/(\w+)\s*[=!]/g)) {
          // Every process has these: ours is told by its job.
          if (label !== 'job' || !name.startsWith('process_')) expect(own).toContain(label)
        }
      }
    },
  )

  test.for(rules.map(({ alert }) => alert))(
    '%s has a case in which it fires and one in which it is silent',
    (alert) => {
      const tried = cases
        .flatMap(({ promql_expr_test: tests }) => tests ?? [])
        .filter(({ expr }) => expr.includes(`alertname="${alert}"`))
      expect(tried.some(({ exp_samples: samples }) => samples.length > 0)).toBe(true)
      expect(tried.some(({ exp_samples: samples }) => samples.length === 0)).toBe(true)
    },
  )
})

describe('the zones', () => {
  const checker = '/usr/sbin/nsd-checkzone'

  /** The records of the zone, each with its whole name. */
  const published = (zone: string): readonly string[] => {
    let origin = ''
    let owner = ''
    const records: string[] = []
    for (const line of done(checker, ['-p', zone, `zones/${zone}.zone`]).split('\n')) {
      const [first = '', ...rest] = line.split(/\s+/)
      if (first === '$ORIGIN') origin = rest[0] ?? ''
      if (!/^\d+$/.test(rest[0] ?? '')) continue
      if (first !== '') owner = `${first}.${origin}`
      records.push([owner, ...rest].join(' '))
    }
    return records
  }

  test.skipIf(isMissing(checker))('a.example publishes what `gatehouse init` prints', () => {
    const records = dnsRecords({
      ...{ domain: 'a.example' as Domain, host: 'gw.a.example', port: 5279, ttlSeconds: 3600 },
      ...{ addresses: ['192.0.2.7', '2001:db8:a::7'], services: ['im', 'pres'] },
    })
    const lines = published('a.example')
    expect(records).toHaveLength(4)
    for (const { name, ttlSeconds, type, data } of records) {
      expect(lines).toContain(`${name} ${ttlSeconds} IN ${type} ${data}`)
    }
  })

  test.skipIf(isMissing(checker))('b.example has a second host, and no presence', () => {
    const lines = published('b.example')
    expect(lines).toContain('_im._mitp.b.example. 3600 IN SRV 10 0 5279 gw1.b.example.')
    expect(lines).toContain('_im._mitp.b.example. 3600 IN SRV 20 0 5279 gw2.b.example.')
    expect(lines).toContain('_pres._pitp.b.example. 3600 IN SRV 0 0 0 .')
  })
})

describe('the image', () => {
  const stages = parseDockerfile(textOf('Dockerfile'))
  const last = stages.at(-1) as Stage
  const allowed = textOf('.dockerignore')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1))

  test('its stages rest on images with a version, and on each other', () => {
    expect(stages.map(({ name }) => name)).toEqual(['build', 'packages', '2'])
    for (const { image } of stages) expect(image).toBe('node:24-slim')
    const froms = stages.flatMap((stage) =>
      all(stage, 'COPY').flatMap((words) => words.filter((word) => word.startsWith('--from='))),
    )
    expect(new Set(froms)).toEqual(new Set(['--from=build', '--from=packages']))
  })

  test('what it copies is there, and is let through', () => {
    const sources = stages.flatMap((stage) =>
      all(stage, 'COPY')
        .filter((words) => !words.some((word) => word.startsWith('--from=')))
        .flatMap((words) => words.slice(0, -1)),
    )
    expect(sources).toContain('src')
    for (const source of sources) {
      expect(existsSync(join(root, source)), source).toBe(true)
      expect(allowed).toContain(source)
    }
    // Nothing else of the folder goes into the image: no keys, no tests, no history.
    expect(new Set(sources)).toEqual(new Set(allowed))
    expect(textOf('.dockerignore').split('\n')[0]).toBe('*')
  })

  test('it runs as nobody, with a number that Kubernetes can judge', () => {
    expect(all(last, 'USER')).toEqual([['1000:1000']])
  })

  test('the folder of its configuration belongs to whom it runs as, in a volume and in the commands at its head', () => {
    const made = all(last, 'RUN').find((words) => words.includes('/etc/gatehouse'))
    expect(made).toEqual(expect.arrayContaining(['install', '-d', '-o', '1000', '-g', '1000']))
    const head = textOf('Dockerfile').split('FROM')[0] ?? ''
    const [given, first] = [head.indexOf('chown 1000:1000 site'), head.indexOf(' init ')]
    expect([given > 0, given < first]).toEqual([true, true])
  })

  test('it opens the ports of a gateway', () => {
    expect(all(last, 'EXPOSE')).toEqual([['5279', '5280']])
  })

  const [command = []] = all(last, 'CMD')
  const [healthWords = []] = all(last, 'HEALTHCHECK')
  const check = healthWords.slice(healthWords.indexOf('CMD') + 1)
  const environment = Object.fromEntries(
    all(last, 'ENV')
      .flat()
      .map((pair) => pair.split('=', 2) as [string, string]),
  )

  /** What a command of the image sees: its folder as working directory, its environment, and ours on top. */
  const inside = (app: string, words: readonly string[], own: Readonly<Record<string, string>>) => {
    const path = `${dirname(process.execPath)}:/usr/bin:/bin`
    const set = Object.entries({ ...environment, PATH: path, ...own })
    const pairs = set.map(([name, value]) => `${name}=${value}`)
    return ['/usr/bin/env', '-C', app, ...pairs, ...words] as [string, ...string[]]
  }

  describe('laid out in a folder', () => {
    let app: string
    beforeAll(async () => {
      app = await mkdtemp(join(tmpdir(), 'gatehouse-image-'))
      const compiler = join(root, 'node_modules/typescript/bin/tsc')
      const words = ['-p', 'test/tsconfig.build.json', '--outDir', join(app, 'dist')]
      done(process.execPath, [compiler, ...words], root)
      copyFileSync(join(root, 'package.json'), join(app, 'package.json'))
      symlinkSync(join(root, 'node_modules'), join(app, 'node_modules'))
      return () => rm(app, { recursive: true, force: true })
    }, 120_000)

    test('the command that fills the cache of compiled code does', async () => {
      const cache = join(await temporaryFolder(), 'cache')
      const fill = all(last, 'RUN').at(-1) ?? []
      expect(fill.slice(0, 2)).toEqual(['node', 'dist/main.js'])
      const [program, ...words] = inside(app, fill, { NODE_COMPILE_CACHE: cache })
      expect(done(program, words)).toContain('run the gateway')
      const [version = ''] = readdirSync(cache)
      // The gateway itself is compiled, too, and not its command line alone.
      expect(readdirSync(join(cache, version)).length).toBeGreaterThan(100)
    })

    test('its start command runs a gateway until SIGTERM', async () => {
      const site = await temporaryFolder()
      expect((await run(['init', 'a.example', '-d', site])).code).toBe(0)
      const file = join(site, 'gatehouse.yaml')
      const free = '[{address: 127.0.0.1, port: 0}]'
      const text = readFileSync(file, 'utf8').replace(
        /^listen:[\s\S]*?(?=^\w)/m,
        `listen: {peers: ${free}, clients: ${free}, admin: {port: 0}}\n`,
      )
      writeFileSync(file, text)
      const gateway = start([], inside(app, command, { GATEHOUSE_CONFIG: file }))
      const started = await gateway.line(({ event }) => event === 'gateway.started')
      expect(started).toMatchObject({ domains: 'a.example', config: file })
      const place = expect.stringMatching(/^127\.0\.0\.1:\d+$/)
      expect(started).toMatchObject({ peers: place, clients: place, admin: place })
      const { admin } = started
      const url = { GATEHOUSE_ADMIN: `http://${admin}` }
      expect((await start([], inside(app, check, url)).ended).code).toBe(0)
      gateway.signal('SIGTERM')
      expect(await gateway.ended).toMatchObject({ code: 0, err: '' })
      expect(gateway.lines.map(({ event }) => event)).toContain('gateway.stopped')
    })
  })

  test('its health check passes while the gateway lives, and fails when it is gone', async () => {
    expect(check[0]).toBe('node')
    const admin = await openAdmin({
      ...{ running: runningWith(), software: 'gatehouse/0.1.0', meter: new Meter() },
      config: quietConfig,
      ...{ clock: systemClock, limits: limitsWith(), log: silentLog, vitals: systemVitals },
      listen: { address: '127.0.0.1', port: 0, token: null },
    })
    const health = async (): Promise<number | null> => {
      const url = { GATEHOUSE_ADMIN: `http://127.0.0.1:${admin.port}` }
      return (await start([], inside(root, check, url)).ended).code
    }
    expect(await health()).toBe(0)
    await admin.close()
    expect(await health()).toBe(1)
  })
})
