/**
 * Two whole gateways in this process, joined over loopback, with a user on each: for tests that look at them from
 * outside. Everything is closed and removed when the test is over.
 */

import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type Client, connectClient } from '../../src/client/client.ts'
import { createDevelopmentCa, createLeaf } from '../../src/config/certificates.ts'
import { checkFiles } from '../../src/config/files.ts'
import { parseConfig } from '../../src/config/load.ts'
import { generateKeyPair, type KeyPair, writePrivateKey } from '../../src/credential/ed25519.ts'
import { statuses } from '../../src/errors.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { silentLog } from '../../src/lib/log.ts'
import { type Labels, Meter } from '../../src/lib/meter.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { type Limits, limitTable } from '../../src/limits.ts'
import { type MetricRow, metrics, processMetrics } from '../../src/metrics.ts'
import { systemExchange } from '../../src/resolve/system-exchange.ts'
import { type Running, startGateway } from '../../src/run.ts'

export type OneSide = {
  readonly running: Running
  readonly meter: Meter
  readonly limits: Limits
  readonly client: Client
  /** Series that the table of metrics does not allow. */
  readonly strangers: () => readonly string[]
}

export type Joined = {
  readonly a: OneSide
  readonly b: OneSide
  /** Three messages each way, a message that nobody takes, and presence. */
  readonly exchange: () => Promise<undefined>
}

export async function joinedGateways(wish: { readonly watch: readonly string[] }): Promise<Joined> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-joined-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const [first = 0, second = 0] = await freePorts(2)
  const ca = await createDevelopmentCa({ days: 3, wall: systemClock.wall })
  const keep = (name: string, text: string) =>
    writeFile(join(folder, name), text, { mode: 0o600 }).then(() => undefined)
  await keep('ca.pem', ca.certificatePem)
  const side = async (
    domain: string,
    name: string,
    port: number,
    peer: string,
    peerPort: number,
  ) => {
    const user = generateKeyPair(systemRandom)
    const leaf = await createLeaf(ca, [domain], { days: 3, wall: systemClock.wall })
    await keep(`${domain}.crt`, leaf.certificatePem)
    await keep(`${domain}.tls`, leaf.keyPem)
    await keep(`${domain}.key`, writePrivateKey(generateKeyPair(systemRandom)))
    const config = {
      domains: [
        {
          ...{ name: domain, key: `${domain}.key` },
          ...{ certificate: `${domain}.crt`, certificateKey: `${domain}.tls` },
          directory: { kind: 'static', users: { [name]: { keys: [user.publicKey.x] } } },
        },
      ],
      listen: {
        peers: [{ address: '127.0.0.1', port }],
        clients: [{ address: '127.0.0.1', port: 0, tls: false }],
      },
      resolve: {
        routes: { [peer]: [`127.0.0.1:${peerPort}`] },
        allowRanges: ['127.0.0.0/8'],
        trustedCertificates: ['ca.pem'],
      },
      metrics: { watch: wish.watch },
      // The first one lets its user write as fast as it likes: what is too much is too much for the second.
      limits: domain === 'a.example' ? { laneBurst: 1000, senderBurst: 1000 } : {},
    }
    await keep(`${domain}.yaml`, JSON.stringify(config))
    return oneSide(join(folder, `${domain}.yaml`), `${name}@${domain}`, user)
  }
  const a = await side('a.example', 'alice', first, 'b.example', second)
  const b = await side('b.example', 'bob', second, 'a.example', first)
  return { a, b, exchange: () => exchange(a, b) }
}

async function oneSide(file: string, user: string, key: KeyPair): Promise<OneSide> {
  const loaded = parseConfig(await readFile(file, 'utf8'), file)
  if ('mistakes' in loaded) throw new Error(JSON.stringify(loaded.mistakes))
  const { files, mistakes } = await checkFiles(loaded, { readFile, stat, wall: systemClock.wall })
  if (files === undefined) throw new Error(JSON.stringify(mistakes))
  const meter = new Meter()
  const { config } = loaded
  const { limits } = config
  const running = await startGateway({
    ...{ config, files, meter, clock: systemClock, random: systemRandom, log: silentLog },
    software: 'gatehouse/test',
    exchange: systemExchange,
    systemServers: () => [],
  })
  onTestFinished(() => running.close().then(() => undefined))
  const client = await connectClient({
    ...{ user, key, host: '127.0.0.1', port: running.ports.clients[0] as number, tls: false },
    onMessage: () => undefined,
  })
  onTestFinished(() => client.close())
  return { running, meter, limits, client, strangers: () => strangersIn(meter) }
}

async function exchange({ client: alice }: OneSide, { client: bob }: OneSide): Promise<undefined> {
  for (const body of ['one', 'two', 'three']) {
    await alice.send({ to: 'bob@b.example', body })
    await bob.send({ to: 'alice@a.example', body })
  }
  await alice.send({ to: 'nobody@b.example', body: 'into the void' })
  await alice.publish({ tuples: { desk: { basic: 'open' } } })
  const seen = Promise.withResolvers<undefined>()
  bob.subscribe('alice@a.example', ({ document }) => {
    if (document !== undefined) seen.resolve(undefined)
  })
  await seen.promise
}

/** Series with a name, a label or a value that the table does not know. */
function strangersIn({ counters, gauges, histograms }: Meter): readonly string[] {
  const table: Readonly<Record<string, MetricRow>> = { ...metrics, ...processMetrics }
  const strangers: string[] = []
  for (const all of [counters, gauges, histograms]) {
    for (const [name, series] of all) {
      const row = table[name]
      for (const { labels } of series.values()) {
        if (row === undefined || !isAllowed(labels, row)) {
          strangers.push(`${name} ${JSON.stringify(labels)}`)
        }
      }
    }
  }
  return strangers
}

const sets: Readonly<Record<string, (value: string) => boolean>> = {
  status: (value) => Object.hasOwn(statuses, value),
  limit: (value) => Object.hasOwn(limitTable, value),
  domain: (value) => /^[ab]\.example$/.test(value),
  peer: (value) => /^(_other|(a|b|silent)\.example)$/.test(value),
  text: () => true,
}

function isAllowed(labels: Labels, row: MetricRow): boolean {
  const names = Object.keys(row.labels)
  return (
    names.length === Object.keys(labels).length &&
    names.every((name) => {
      const allowed = row.labels[name]
      const value = labels[name] ?? ''
      if (typeof allowed === 'string') return sets[allowed]?.(value) === true
      return allowed?.includes(value) === true
    })
  )
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
