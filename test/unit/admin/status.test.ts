import { expect, test } from 'vitest'
import { gatewayStatus } from '../../../src/admin/status.ts'
import { Meter } from '../../../src/lib/meter.ts'
import { limitsWith } from '../../../src/limits.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { roomShares } from '../../support/room-shares.ts'
import { dayMs, destination, link, ownDomain, runningWith, type Wish } from './support.ts'

const wallMs = 1_790_000_000_000

const statusOf = (wish: Wish, meter = new Meter()) =>
  gatewayStatus({
    running: runningWith(wish),
    readiness: { ready: true, reasons: [], warnings: [] },
    ...{ meter, software: 'gatehouse/0.1.0', startedAt: 1000, now: 61_000, wallMs },
  })

test('a domain shows how long its certificate and keys last', () => {
  const { domains, uptimeSeconds } = statusOf({
    domains: [ownDomain('a.example', wallMs + 3 * dayMs)],
  })
  expect(uptimeSeconds).toBe(60)
  expect(domains).toEqual([
    {
      name: 'a.example',
      services: ['im', 'pres'],
      certificateSecondsLeft: 259_200,
      keysSecondsLeft: 259_200,
    },
  ])
})

test('destinations in trouble stand first, with cause and next try, also when nobody asks for them any more', () => {
  const { destinations } = statusOf({
    destinations: [
      destination('idle.test', 'idle'),
      destination('good.test', 'running'),
      destination('bad.test', 'backing-off', 'dns-failed'),
      destination('was-bad.test', 'idle', 'remote-untrusted'),
    ],
  })
  expect(destinations.map(({ remote, cause }) => [remote, cause])).toEqual([
    ['bad.test', 'dns-failed'],
    ['was-bad.test', 'remote-untrusted'],
    ['good.test', null],
    ['idle.test', null],
  ])
  expect(destinations[0]?.retryInSeconds).toBe(4)
})

test('a link shows who is proven on it and how', () => {
  const { links } = statusOf({ links: [link('b.example')] })
  expect(links).toEqual([
    {
      pairs: [{ local: 'a.example', remote: 'b.example', proof: ['certificate', 'key'] }],
      ...{ direction: 'out', state: 'open', ageSeconds: 61, underWay: 2 },
      ...{ address: '192.0.2.7:5279', software: 'gatehouse/0.1.0' },
    },
  ])
})

test('links of clients and strangers are counted and not shown', () => {
  const { links, counts } = statusOf({
    links: [
      link('b.example', { dialled: undefined }),
      link('', { role: 'client', dialled: undefined, pairs: [] }),
      link('', { dialled: undefined, pairs: [] }),
    ],
  })
  expect(links.map(({ direction }) => direction)).toEqual(['in'])
  expect(counts).toMatchObject({ gatewayLinks: 2, clientLinks: 1, unprovenLinks: 1 })
})

test('a user on a link appears nowhere', () => {
  const client = { ...link('', { role: 'client', pairs: [] }), user: { text: 'alice@a.example' } }
  expect(JSON.stringify(statusOf({ links: [client] }))).not.toContain('alice')
})

test('a user who has more than the others appears nowhere, and is counted', async () => {
  const clock = new ManualClock()
  const shares = roomShares(limitsWith(), clock, ['b.example'])
  const [alice, peer] = [shares.tree.user('alice@a.example'), shares.domain('b.example', '')]
  shares.tree.sender(peer, 'eve@b.example')
  for (let turn = 0; turn < 5; turn++) {
    shares.charge(alice, 100)
    shares.charge(peer, 30)
    clock.stall(160)
    await clock.advance(0)
  }
  const status = statusOf({ shares })
  const [time] = status.shares.resources
  expect(time).toMatchObject({ name: 'time', scarce: true, classes: { ours: { over: 1 } } })
  expect(status.shares.most.map(({ name }) => name)).toEqual(['b.example'])
  expect(status.leftOut.shares).toBe(0)
  expect(JSON.stringify(status)).not.toMatch(/alice|eve|@/)
})

test('what failed most stands first, and what went well is no failure', () => {
  const meter = new Meter()
  const count = (result: string, n: number) => {
    meter.counter('messages_total', { direction: 'out', result }).n = n
  }
  count('delivered', 100)
  count('dns-failed', 2)
  count('refused', 7)
  meter.counter('messages_total', { direction: 'in', result: 'refused' }).n = 1
  meter.counter('limit_hits_total', { limit: 'links' }).n = 0
  meter.counter('limit_hits_total', { limit: 'lanes' }).n = 4
  expect(statusOf({}, meter).counts).toMatchObject({
    messagesIn: 1,
    messagesOut: 109,
    failures: [
      { name: 'refused', count: 8 },
      { name: 'dns-failed', count: 2 },
    ],
    limits: [{ name: 'lanes', count: 4 }],
  })
})

test('a domain with other letters is told as people read it, too', () => {
  const shares = roomShares(limitsWith(), new ManualClock(), ['xn--wgv71a.test'])
  shares.charge(shares.domain('xn--wgv71a.test', ''), 1)
  shares.charge(shares.domain('xn--fiqs8s.test', '192.0.2.0/24'), 1)
  const { names } = statusOf({
    shares,
    domains: [ownDomain('a.example', 0)],
    destinations: [destination('xn--bcher-kva.example', 'running')],
    links: [link('xn--mgbh0fb.test')],
  })
  expect(names).toEqual({
    'xn--bcher-kva.example': 'bücher.example',
    'xn--mgbh0fb.test': 'مثال.test',
    'xn--wgv71a.test': '日本.test',
    'xn--fiqs8s.test': '中国.test',
  })
})

test('lists are bounded, and what is left out is counted', () => {
  const many = Array.from({ length: 10_000 }, (_, i) => i)
  const { destinations, links, leftOut } = statusOf({
    destinations: many.map((i) => destination(`${i}.test`, 'running')),
    links: many.map((i) => link(`${i}.test`)),
  })
  expect([destinations.length, links.length]).toEqual([200, 200])
  expect(leftOut).toEqual({ peers: 9800, destinations: 9800, links: 9800, shares: 0 })
})
