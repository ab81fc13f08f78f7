/** `gatehouse explain` beside gateways that run: what only they can know, and what it does without them. */

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { GatewayStatus } from '../../src/admin/status.ts'
import type { Diagnosis } from '../../src/diagnose/diagnosis.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { type Authority, startAuthority } from '../../src/resolve/authority.ts'
import { runCli } from '../support/cli-host.ts'
import { gateway, ports, type Site, set, twoSites } from '../support/sites.ts'
import { zoneRecords } from '../support/zone-text.ts'

const soa = 'example 300 SOA 60\n'

async function authority(zone: string): Promise<Authority> {
  const started = await startAuthority({ address: '127.0.0.1', port: 0, zone: zoneRecords(zone) })
  onTestFinished(() => started.close().then(() => undefined))
  return started
}

/** `domain` is found by DNS, at the ports of `site`. */
const zoneOf = (domain: string, { peer }: Site): string => `${soa}
_im._mitp.${domain} 300 SRV 0 0 ${peer} gw.${domain}
_pres._pitp.${domain} 300 SRV 0 0 ${peer} gw.${domain}
gw.${domain} 300 A 127.0.0.1
`

const asksAt = ({ port }: Authority) => ({ routes: '{}', servers: `["127.0.0.1:${port}"]` })

/** In this process: only the gateways have to be others. */
const run = (words: readonly string[]) =>
  runCli(words, { clock: systemClock, random: systemRandom })

/** A message to nobody who is attached: what it leaves behind is the link. */
const send = ({ config }: Site, to: string) =>
  run(['send', to, 'x', '--user', 'alice', '--config', config])

const explain = ({ config }: Site, what: string, ...words: readonly string[]) =>
  run(['explain', what, '--config', config, ...words])

async function explained(site: Site, what: string, ...words: readonly string[]) {
  const { code, out } = await explain(site, what, '--json', ...words)
  return { code, told: JSON.parse(out) as Diagnosis }
}

describe('the running gateway is asked', () => {
  test('and tells its cache with ages, its links, and that they are enough', async () => {
    const { a, b } = await twoSites()
    const dns = await authority(zoneOf('b.example', b))
    await set(a.config, asksAt(dns))
    const [one] = await Promise.all([gateway(a), gateway(b)])
    await send(a, 'bob@b.example')
    // From here on nobody finds b.example but who knows it.
    dns.replace(zoneRecords(soa))

    const { code, told } = await explained(a, 'bob@b.example')
    expect(code).toBe(0)
    expect(told).toMatchObject({
      ...{ result: 'ok', claim: { local: 'a.example', isAsked: true } },
      sentence: 'im:b.example: 1 link is open, and they take us for a.example.',
      // They hold our keys; whoever does not, does not find us any more.
      ours: { result: 'remote-not-found', side: 'us' },
    })
    expect(told.by).toMatchObject({ who: 'gateway', pid: one.pid, domains: ['a.example'] })
    expect(told.rules).toEqual({ verdict: 'allow', rule: null })
    const [srv, , address] = told.steps
    expect(srv).toMatchObject({ phase: 'srv', source: 'cache', decision: 'use' })
    expect(srv?.ageMs).toBeGreaterThan(0)
    expect(address).toMatchObject({ asked: 'gw.b.example A', source: 'cache' })
    expect(told.steps.at(-1)).toMatchObject({ phase: 'connect', answer: 'ok' })
    expect(told.links).toMatchObject([{ local: 'a.example', direction: 'out', state: 'open' }])
    expect(told.links[0]?.proof).toContain('certificate')
    expect(told.events).toContainEqual(
      expect.objectContaining({ kind: 'proof', direction: 'out', cause: 'ok' }),
    )
    expect(JSON.stringify(told)).not.toMatch(/alice|bob/)

    const { out } = await explain(a, 'b.example')
    expect(out).toMatch(/^As the running gateway sees it: gatehouse\/\S+, process \d+, up for /)
    expect(out).toMatch(/\nout, open +a\.example +certificate\S* /)
    const fresh = await explained(a, 'b.example', '--offline')
    expect(fresh.code).toBe(69)
    expect(fresh.told).toMatchObject({ result: 'remote-not-found', by: { who: 'command' } })

    const { told: other } = await explained(b, 'a.example')
    expect(other.links).toMatchObject([{ local: 'b.example', direction: 'in' }])
    expect(other.inbound).toMatchObject({ result: 'ok', side: 'none' })
  })

  test('and tells that the far side does not take us for our domain', async () => {
    const { a, b } = await twoSites()
    await set(b.config, { deny: '[a.example]' })
    await Promise.all([gateway(a), gateway(b)])

    // Nothing went there before: it is asked now.
    const { code, told } = await explained(a, 'b.example')
    expect(code).toBe(69)
    expect(told).toMatchObject({
      ...{ result: 'domain-refused', side: 'peer', connect: { result: 'ok' } },
      sentence: 'im:b.example does not take us for a.example: they say: domain rules.',
      next: expect.stringContaining('their rules bar our domain'),
    })
    expect(told.events).toContainEqual(
      expect.objectContaining({ kind: 'claim', cause: 'domain-refused', side: 'peer' }),
    )
    // Without the gateway nothing is wrong.
    expect((await explained(a, 'b.example', '--offline')).code).toBe(0)

    const { code: theirs, told: there } = await explained(b, 'a.example')
    expect(theirs).toBe(69)
    expect(there).toMatchObject({
      ...{ result: 'domain-refused', side: 'us', rules: { verdict: 'deny', rule: 'a.example' } },
      inbound: { result: 'domain-refused', side: 'us' },
      events: [{ kind: 'proof', direction: 'in', cause: 'domain-refused' }],
    })
  })

  test('and tells on both sides that our keys cannot be fetched, since we do not stand in DNS', async () => {
    const { a, b } = await twoSites()
    const dns = await authority(zoneOf('b.example', b))
    for (const { config } of [a, b]) await set(config, asksAt(dns))
    await Promise.all([gateway(a), gateway(b)])
    const { code, told } = await explained(a, 'b.example')
    expect(code).not.toBe(0)
    expect(told).toMatchObject({
      ...{ result: 'credential-unverifiable', side: 'us' },
      sentence: expect.stringContaining('Others do not find a.example: '),
      next: expect.stringContaining('publish the SRV records of our domain'),
      ours: { domain: 'a.example', result: 'remote-not-found' },
    })
    const { out } = await explain(a, 'b.example')
    expect(out).toMatch(/\nTO US .*\n1 srv +_im\._mitp\.a\.example SRV/)
    const page = await fetch(`http://127.0.0.1:${b.admin}/status`)
    const { refused, peers } = (await page.json()) as GatewayStatus
    expect(refused).toMatchObject([
      { claimed: 'a.example', what: 'proof', cause: 'credential-unverifiable', side: 'network' },
    ])
    // Nobody proved that name.
    expect(peers).toEqual([])
    expect((await explained(a, 'a.example')).told).toMatchObject({ result: 'remote-not-found' })
    const { told: there } = await explained(b, 'a.example')
    expect(there).toMatchObject({
      result: 'remote-not-found',
      inbound: { result: 'credential-unverifiable', side: 'network' },
    })
  })

  test.for(['open', 'closed'] as const)('and tells that our port is %s to them', async (port) => {
    const { a, b } = await twoSites()
    const [shut = 0] = await ports(1)
    const seen = port === 'open' ? a : { ...a, peer: shut }
    const dns = await authority(
      `${zoneOf('b.example', b)}${zoneOf('a.example', seen).slice(soa.length)}`,
    )
    for (const { config } of [a, b]) await set(config, asksAt(dns))
    await Promise.all([gateway(a), gateway(b)])
    const { code, told } = await explained(a, 'b.example')
    if (port === 'open') {
      expect([code, told.result]).toEqual([0, 'ok'])
      expect(told.ours).toMatchObject({
        ...{ result: 'ok', side: 'none' },
        sentence: `Others find a.example at gw.a.example (127.0.0.1:${a.peer}): this gateway answers there.`,
      })
      return
    }
    expect(code).not.toBe(0)
    expect(told).toMatchObject({
      ...{ result: 'credential-unverifiable', side: 'us' },
      sentence: expect.stringMatching(/gets them from here: .*connection refused/),
      next: expect.stringContaining('is the port of the SRV record that of listen.peers'),
    })
  })

  test('and tells of a dial that failed, and when the next may start', async () => {
    const { a } = await twoSites()
    await set(a.config, { limits: '{redialMs: 60000, redialLostCapMs: 60000}' })
    await gateway(a)
    await send(a, 'bob@b.example')
    const { code, told } = await explained(a, 'b.example', '--no-connect')
    expect(code).toBe(75)
    expect(told).toMatchObject({ result: 'remote-unreachable', side: 'network' })
    expect(told.sentence).toMatch(/connection refused.*\. The next dial may start in \d+ s\.$/)
    expect(told.destinations[0]).toMatchObject({
      ...{ service: 'im', state: 'backing-off', cause: 'remote-unreachable', links: 0 },
    })
    expect(told.destinations[0]?.retryInMs).toBeGreaterThan(10_000)
    expect(told.events).toMatchObject([{ kind: 'dial', service: 'im', times: 1 }])
    const pres = await explained(a, 'b.example', '--no-connect', '--service', 'pres')
    expect(pres.told).toMatchObject({ result: 'ok', service: 'pres' })
  })

  test('with the token that it wants', async () => {
    const { a } = await twoSites()
    await set(a.config, { token: 'a-token-of-thirty-two-characters-' })
    await gateway(a)
    expect((await explained(a, 'b.example', '--no-connect')).told.by.who).toBe('gateway')
    await set(a.config, { token: 'another-token-of-thirty-two-char-' })
    const { code, out } = await explain(a, 'b.example', '--no-connect')
    expect(code).toBe(0)
    expect(out.split('\n')[0]).toBe(
      `The gateway at 127.0.0.1:${a.admin} does not say (its listen.admin.token is another one): explained by this command itself, with empty caches.`,
    )
    expect(out).not.toContain('another-token')
  })
})

describe('the command explains by itself', () => {
  test('where no gateway answers, and says so first', async () => {
    const { a } = await twoSites()
    const { code, out } = await explain(a, 'b.example', '--no-connect')
    expect(code).toBe(0)
    expect(out.split('\n')[0]).toBe(
      `No gateway answers at 127.0.0.1:${a.admin} (connection refused): explained by this command itself, with empty caches.`,
    )
    const { told } = await explained(a, 'b.example')
    expect(told).toMatchObject({ result: 'remote-unreachable', by: { who: 'command' } })
  })

  test('and proves our domain with its keys, where nobody listens for us', async () => {
    const { a, b } = await twoSites()
    await set(b.config, { deny: '[a.example]' })
    await gateway(b)
    const { code, told } = await explained(a, 'b.example')
    expect(code).toBe(69)
    expect(told).toMatchObject({
      ...{ result: 'domain-refused', side: 'peer', by: { who: 'command', isProving: true } },
    })
    const other = await explain(a, 'b.example', '--from', 'c.example')
    expect(other).toMatchObject({ code: 64 })
    expect(other.err).toContain('"c.example" is no domain of this gateway')
  })

  test('what its own configuration bars', async () => {
    const { a } = await twoSites()
    await set(a.config, { deny: '[b.example]' })
    const { code, told } = await explained(a, 'b.example')
    expect(code).toBe(69)
    expect(told).toMatchObject({ result: 'domain-refused', connect: null, side: 'us' })
  })

  test('where another search is wanted than the gateway makes', async () => {
    const { a } = await twoSites()
    await gateway(a)
    for (const words of [['--server', '127.0.0.1:1'], ['--fallback', 'strict'], ['--offline']]) {
      const { told } = await explained(a, 'b.example', '--no-connect', ...words)
      expect(told.by).toEqual({ who: 'command', why: `As ${words[0]} wants it` })
    }
  })

  test.for([
    ['the gateway of another domain', 200, (): string => answerOf('c.example')],
    ['another program', 200, (): string => '{"steps": []}'],
    ['one that is of no use', 404, (): string => 'nothing'],
  ] as const)('where %s answers', async ([, status, body]) => {
    const { a } = await twoSites()
    const server = createServer((_request, response) => {
      response.writeHead(status).end(body())
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => {
      server.close()
      server.closeAllConnections()
    })
    await set(a.config, { port: `${(server.address() as AddressInfo).port}` })
    const { code, told } = await explained(a, 'b.example', '--no-connect')
    expect(code).toBe(0)
    expect(told.by.who).toBe('command')
  })
})

/** Whole, and of a gateway that does not serve the domain of the configuration. */
const answerOf = (domain: string): string =>
  JSON.stringify({
    by: { who: 'gateway', software: 'gatehouse/9', pid: 1, uptimeSeconds: 1, domains: [domain] },
    ...{ domain: 'b.example', service: 'im', at: 0, rules: null, isKnown: false, connect: null },
    ...{ steps: [], targets: [], destinations: [], links: [], events: [], inbound: null },
    search: { result: 'ok', sentence: '' },
    ...{ result: 'ok', sentence: '', side: 'none', next: '' },
    leftOut: { destinations: 0, links: 0 },
  })
