/** What DNS or the system says now is what counts: by command, at a reload, and where files name other servers. */
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { type Authority, startAuthority } from '../../src/resolve/authority.ts'
import { runCli, temporaryFolder } from '../support/cli-host.ts'
import type { Process } from '../support/gatehouse.ts'
import { gateway, ports, type Site, set, twoSites } from '../support/sites.ts'
import { zoneRecords } from '../support/zone-text.ts'

const soa = 'example 300 SOA 300\n'

const zoneOf = (domain: string, { peer }: Site): string => `${soa}
_im._mitp.${domain} 300 SRV 0 0 ${peer} gw.${domain}
_pres._pitp.${domain} 300 SRV 0 0 ${peer} gw.${domain}
gw.${domain} 300 A 127.0.0.1
`

async function authority(zone: string): Promise<Authority> {
  const started = await startAuthority({ address: '127.0.0.1', port: 0, zone: zoneRecords(zone) })
  onTestFinished(() => started.close().then(() => undefined))
  return started
}

const run = (words: readonly string[]) =>
  runCli(words, { clock: systemClock, random: systemRandom })

const status = async ({ config }: Site): Promise<unknown> => {
  const words = ['send', 'bob@b.example', 'x', '--json', '--user', 'alice', '--config', config]
  return JSON.parse((await run(words)).out).status
}

const reloaded = async (one: Process): Promise<readonly unknown[]> => {
  const before = one.lines.length
  one.signal('SIGHUP')
  await one.until(() => one.lines.slice(before).find(({ event }) => event === 'config.reloaded'))
  return one.lines.slice(before).map(({ event }) => event)
}

const end = async (one: Process): Promise<void> => {
  one.signal('SIGTERM')
  await one.ended
}

/** The same domain on other ports. */
async function copyOf({ folder }: Site): Promise<Omit<Site, 'folder'>> {
  const copy = join(await temporaryFolder(), 'copy')
  await cp(folder, copy, { recursive: true })
  const config = join(copy, 'gatehouse.yaml')
  const [peer = 0, client = 0, admin = 0] = await ports(3)
  await set(config, {
    peers: `[{address: 127.0.0.1, port: ${peer}}]`,
    clients: `[{address: 127.0.0.1, port: ${client}}]`,
    port: `${admin}`,
  })
  return { config, peer, client, admin }
}

const isProof = ({ event, remote }: Readonly<Record<string, unknown>>): boolean =>
  event === 'link.proven' && remote === 'a.example'

const there = 'inbox-closed'

test('a domain that comes into DNS is found after "dns flush", after SIGHUP, and by other servers', async () => {
  const { a, b } = await twoSites()
  const [empty, full] = await Promise.all([authority(soa), authority(zoneOf('b.example', b))])
  const servers = ({ port }: Authority) => `["127.0.0.1:${port}"]`
  await set(a.config, { routes: '{}', servers: servers(empty) })
  const [one] = await Promise.all([gateway(a), gateway(b)])
  const flush = (...words: readonly string[]) => run(['dns', 'flush', ...words, '-c', a.config])

  expect(await status(a)).toBe('remote-not-found')
  empty.replace(zoneRecords(zoneOf('b.example', b)))
  expect(await status(a)).toBe('remote-not-found')
  const other = await flush('c.example', '--json')
  expect(JSON.parse(other.out)).toEqual({ domain: 'c.example', answers: 0, waits: 0 })
  expect(await status(a)).toBe('remote-not-found')
  const { code, out } = await flush('b.example')
  expect([code, out]).toEqual([0, expect.stringMatching(/^asked anew: [1-9]\d* answers of DNS; /)])
  expect(await status(a)).toBe(there)
  expect(one.lines.find(({ event }) => event === 'dns.flushed')).toMatchObject({ level: 'info' })

  // The same with a gateway that knows nothing yet.
  empty.replace(zoneRecords(soa))
  await end(one)
  const two = await gateway(a)
  expect(await status(a)).toBe('remote-not-found')
  empty.replace(zoneRecords(zoneOf('b.example', b)))
  expect(await reloaded(two)).toContain('dns.flushed')
  expect(await status(a)).toBe(there)

  empty.replace(zoneRecords(soa))
  await end(two)
  const three = await gateway(a)
  expect(await status(a)).toBe('remote-not-found')
  await set(a.config, { servers: servers(full) })
  expect(await reloaded(three)).toContain('dns.servers-changed')
  expect(await status(a)).toBe(there)
})

test('an open link follows its SRV record, and nobody waits for it', async () => {
  const { a, b } = await twoSites()
  const second = { folder: b.folder, ...(await copyOf(b)) }
  const dns = await authority(zoneOf('b.example', b))
  const quick = '{dnsMinTtlMs: 200, dnsFollowMs: 300}'
  await set(a.config, { routes: '{}', servers: `["127.0.0.1:${dns.port}"]`, limits: quick })
  const [one, ...hosts] = await Promise.all([gateway(a), gateway(b), gateway(second)])
  const links = () => hosts.map(({ lines }) => lines.filter(isProof).length)

  expect(await status(a)).toBe(there)
  await expect.poll(links).toEqual([1, 0])
  dns.replace(zoneRecords(zoneOf('b.example', second).replaceAll(' 300 ', ' 1 ')))
  // The answer that is known lives for 300 s.
  expect((await run(['dns', 'flush', 'b.example', '-c', a.config])).code).toBe(0)
  const moved = await one.line(({ event }) => event === 'link.moved')
  expect(moved).toMatchObject({ remote: 'b.example', to: `gw.b.example:${second.peer}` })
  await one.line(({ event, cause }) => event === 'link.closed' && cause === 'age-release')
  expect(await status(a)).toBe(there)
  await expect.poll(links).toEqual([1, 1])

  // Back again, by itself.
  dns.replace(zoneRecords(zoneOf('b.example', b)))
  await one.line(({ event, to }) => event === 'link.moved' && to === `gw.b.example:${b.peer}`)
  expect(await status(a)).toBe(there)
})

test('"dns flush" says why no gateway was told', async () => {
  const { a } = await twoSites()
  const { code, err } = await run(['dns', 'flush', '-c', a.config])
  expect([code, err]).toEqual([75, expect.stringContaining('connection refused')])
  const { code: bad } = await run(['dns', 'flush', 'b_b', '-c', a.config])
  expect(bad).toBe(65)
})
