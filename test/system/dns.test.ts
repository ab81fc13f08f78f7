/** The whole stage on real sockets: against NSD, unbound, our own authority and a hostile server. */
import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Domain } from '../../src/address/domain.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { Meter } from '../../src/lib/meter.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { type Limits, limitsWith } from '../../src/limits.ts'
import { type Authority, startAuthority } from '../../src/resolve/authority.ts'
import { DialError, dialTargets } from '../../src/resolve/dial.ts'
import type { DnsServer } from '../../src/resolve/exchange.ts'
import { QuestionLine } from '../../src/resolve/in-turn.ts'
import { createLookup } from '../../src/resolve/lookup.ts'
import type { RecordType } from '../../src/resolve/message.ts'
import { createResolver } from '../../src/resolve/resolver.ts'
import { ServerList } from '../../src/resolve/server-list.ts'
import { systemExchange } from '../../src/resolve/system-exchange.ts'
import { contractZone, exchangeContract } from '../support/dns-exchange-contract.ts'
import {
  answerTo,
  both,
  framed,
  type HostileDns,
  questionOf,
  silentBehaviour,
  startHostileDns,
} from '../support/hostile-dns.ts'
import {
  freePort,
  hasNameServers,
  hasSigner,
  type NameServer,
  signZone,
  startNsd,
  startUnbound,
} from '../support/name-servers.ts'
import { roomShares } from '../support/room-shares.ts'
import { zoneRecords } from '../support/zone-text.ts'

const b = 'b.example' as Domain
const open = new AbortController().signal
const clock = systemClock
const random = systemRandom
const usual = limitsWith()

function setUp(servers: readonly DnsServer[], limits: Limits = usual) {
  const meter = new Meter()
  const exchange = systemExchange
  const needs = { exchange, servers, clock, random, limits, meter }
  const lookup = createLookup({ ...needs, servers: new ServerList(servers, clock, limits) })
  const resolver = createResolver({
    ...needs,
    staticRoutes: new Map(),
    allowRanges: ['127.0.0.0/8', '::1'],
    fallback: 'draft',
    defaultPort: 5279,
    isProven: () => false,
  })
  const ask = (name: string, type: RecordType = 'A') => lookup(name, type, open)
  return { meter, exchange, resolver, ask, limits }
}

const { exchange: sharedExchange } = setUp([])

/** Sockets that are open in this process. */
const sockets = (): number =>
  readdirSync('/proc/self/fd').filter((fd) => linkOf(fd).startsWith('socket:')).length

const linkOf = (fd: string): string => {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return 'closed meanwhile'
  }
}

const zoneLines = (origin: string): string =>
  contractZone
    .split('\n')
    .filter((line) => line !== '' && !line.includes('SOA'))
    .map((line) => line.replaceAll(`.${origin}`, ''))
    .join('\n')

// On a machine that CI uses they have to be there; elsewhere they may be missing.
describe.skipIf(!hasNameServers && process.env['CI'] === undefined)('with NSD and unbound', () => {
  let nsd: NameServer
  let unbound: NameServer
  let unbound6: NameServer
  let authority: Authority
  const signed = hasSigner
    ? signZone('signed.test', 'gw 300 IN A 192.0.2.7')
    : { text: '', anchor: '' }

  beforeAll(async () => {
    authority = await startAuthority({
      address: '127.0.0.1',
      port: 0,
      zone: zoneRecords(`
        demo.test 300 SOA 60
        _im._mitp.demo.test 60 SRV 0 0 5279 gw.demo.test
        gw.demo.test 60 A 127.0.0.1
      `),
    })
    nsd = await startNsd(
      {
        example: `${zoneLines('example')}
_im._mitp.b 120 SRV 10 60 5270 gw.b
_im._mitp.b 120 SRV 10 40 5270 gw2.b
gw.b 90 A 127.0.0.1
gw.b 90 AAAA ::1
gw2.b 90 A 127.0.0.2
_pres._pitp.b 120 CNAME _pres._pitp.provider
_pres._pitp.provider 60 SRV 0 0 5280 gw.b
_im._mitp.declines 60 SRV 0 0 0 .
declines 60 A 127.0.0.1
plain 60 A 127.0.0.3
odd 60 SRV 0 0 5279 we\\.ird.b
odd 60 SRV 0 0 5279 gw.b
c0 60 CNAME c1
c1 60 CNAME c2
c2 60 CNAME c3
c3 60 CNAME c4
c4 60 CNAME c5
c5 60 A 127.0.0.1
loop1 60 CNAME loop2
loop2 60 CNAME loop1
`,
      },
      hasSigner ? { 'signed.test': signed.text } : {},
    )
    const dead = { ip: '127.0.0.1', port: await freePort() }
    const stubs = {
      example: nsd.server,
      'signed.test': nsd.server,
      'demo.test': { ip: authority.address, port: authority.port },
      'dead.test': dead,
    }
    unbound = await startUnbound(stubs, [signed.anchor])
    unbound6 = await startUnbound(stubs, [], '::1')
  })

  afterAll(async () => {
    await Promise.all([nsd?.close(), unbound?.close(), unbound6?.close(), authority?.close()])
  })

  exchangeContract('with NSD', () => ({ exchange: sharedExchange, server: nsd.server }))
  exchangeContract('with unbound', () => ({ exchange: sharedExchange, server: unbound.server }))
  exchangeContract('with unbound over IPv6', () => ({
    exchange: sharedExchange,
    server: unbound6.server,
  }))

  describe.each([
    ['NSD', () => nsd.server],
    ['unbound', () => unbound.server],
    ['unbound at [::1]', () => unbound6.server],
  ] as const)('a domain is found through %s', (_, server) => {
    test('by its SRV records, with weights', async () => {
      const { resolver } = setUp([server()])
      const { targets, result, steps } = await resolver.explain(b, 'im')
      expect(result).toBe('ok')
      expect(targets.map(({ host }) => host).toSorted()).toEqual(['gw.b.example', 'gw2.b.example'])
      const gw = targets.find(({ host }) => host === 'gw.b.example')
      expect(gw?.addresses).toEqual([
        { ip: '::1', family: 6 },
        { ip: '127.0.0.1', family: 4 },
      ])
      expect(steps[0]?.leftMs).toBeGreaterThan(100_000)
    })

    test('through an alias to a provider', async () => {
      const { resolver } = setUp([server()])
      const { targets } = await resolver.explain(b, 'pres')
      expect(targets).toMatchObject([{ host: 'gw.b.example', port: 5280, via: 'srv' }])
    })

    test('by its own address where no SRV record is', async () => {
      const { resolver } = setUp([server()])
      const { targets } = await resolver.explain('plain.example' as Domain, 'im')
      expect(targets).toMatchObject([{ host: 'plain.example', port: 5279, via: 'address' }])
    })

    test('to offer nothing, where it says so [A107]', async () => {
      const { resolver } = setUp([server()])
      const { result } = await resolver.explain('declines.example' as Domain, 'im')
      expect(result).toBe('remote-declines')
    })

    test('not to be there, where it is not', async () => {
      const { resolver } = setUp([server()])
      const { result } = await resolver.explain('nobody.example' as Domain, 'im')
      expect(result).toBe('remote-not-found')
    })
  })

  test('80 records in one answer come over TCP, whole', async () => {
    const { ask, meter } = setUp([unbound.server])
    const { records, transport } = await ask('_im._mitp.large.example', 'SRV')
    expect([records.length, transport]).toEqual([80, 'tcp'])
    expect(meter.total('dns_queries_total', { transport: 'udp', outcome: 'truncated' })).toBe(1)
  })

  test('a target with a dot inside a label is not taken for another host', async () => {
    const { records } = await setUp([nsd.server]).ask('odd.example', 'SRV')
    const targets = records.map((record) => record.type === 'SRV' && record.target).toSorted()
    expect(targets).toEqual(['gw.b.example', 'we\\.ird.b.example'])
  })

  test('a chain of five aliases and a circle are failures [A117]', async () => {
    const { ask } = setUp([nsd.server])
    expect(await ask('c1.example')).toMatchObject({ kind: 'records' })
    expect(await ask('c0.example')).toMatchObject({ failure: 'too-many-aliases' })
    expect(await ask('loop1.example')).toMatchObject({ kind: 'failure' })
  })

  test('a zone whose servers are dead is a failure, not "no"', async () => {
    const { ask, resolver } = setUp([unbound.server])
    expect(await ask('b.dead.test')).toMatchObject({ kind: 'failure' })
    const { result } = await resolver.explain('b.dead.test' as Domain, 'im')
    expect(result).toBe('dns-failed')
  })

  test('a refusal is a failure, and the next server is asked', async () => {
    // NSD does not serve this zone; unbound knows who does.
    const { ask } = setUp([nsd.server, unbound.server])
    expect(await ask('gw.demo.test')).toMatchObject({ kind: 'records' })
  })

  test.skipIf(!hasSigner)('a validated answer is told from one that is not [A123]', async () => {
    const { ask } = setUp([unbound.server])
    expect(await ask('gw.signed.test')).toMatchObject({ kind: 'records', isAuthentic: true })
    expect(await ask('gw.b.example')).toMatchObject({ kind: 'records', isAuthentic: false })
    expect(await setUp([nsd.server]).ask('gw.signed.test')).toMatchObject({ isAuthentic: false })
  })

  test('a real resolver understands the demonstration server', async () => {
    const { resolver } = setUp([unbound.server])
    const { targets } = await resolver.explain('demo.test' as Domain, 'im')
    expect(targets).toMatchObject([{ host: 'gw.demo.test', via: 'srv' }])
  })

  test('a dead first server costs nothing, for its port says so at once', async () => {
    const { ask } = setUp([{ ip: '127.0.0.1', port: await freePort() }, nsd.server])
    const begun = performance.now()
    expect(await ask('gw.b.example')).toMatchObject({ kind: 'records' })
    expect(performance.now() - begun).toBeLessThan(usual.dnsTryMs)
  })

  test('500 questions at once use 8 sockets in turn and leave none open', async () => {
    const before = sockets()
    const limits = limitsWith({ dnsSockets: 8, dnsWaiting: 500 })
    const { exchange, meter } = setUp([nsd.server], limits)
    const shares = roomShares(limits, clock)
    const line = new QuestionLine(shares, limits, meter)
    const lookup = createLookup({
      ...{ exchange, clock, random, limits, meter, line },
      servers: new ServerList([nsd.server], clock, limits),
    })
    const names = Array.from({ length: 500 }, (_, i) => `n${i}.example`)
    let most = 0
    const outcomes = await Promise.all(
      names.map(async (name, i) => {
        const { kind } = await lookup(name, 'A', open, shares.tree.user(`u${i % 3}@a.example`))
        most = Math.max(most, sockets() - before)
        return kind
      }),
    )
    shares.stop()
    expect(new Set(outcomes)).toEqual(new Set(['nxdomain']))
    expect(most).toBeLessThanOrEqual(8)
    expect(meter.total('limit_hits_total', { limit: 'dnsSockets' })).toBeGreaterThan(490)
    await expect.poll(sockets).toBe(before)
  })
})

describe('the demonstration server', () => {
  let authority: Authority
  let authority6: Authority
  const zone = zoneRecords(contractZone)

  beforeAll(async () => {
    authority = await startAuthority({ address: '127.0.0.1', port: 0, zone })
    authority6 = await startAuthority({ address: '::1', port: 0, zone })
  })
  afterAll(async () => {
    await Promise.all([authority.close(), authority6.close()])
  })

  exchangeContract('with the demonstration server', () => ({
    exchange: sharedExchange,
    server: { ip: authority.address, port: authority.port },
  }))
  exchangeContract('with the demonstration server over IPv6', () => ({
    exchange: sharedExchange,
    server: { ip: authority6.address, port: authority6.port },
  }))

  test('listens at its address only, over TCP too', async () => {
    const socket = connect(authority.port, '::1')
    const [error] = await once(socket, 'error')
    expect(error).toMatchObject({ code: 'ECONNREFUSED' })
  })

  test('closes at once, though a client keeps its connection', async () => {
    const closing = await startAuthority({ address: '127.0.0.1', port: 0, zone })
    const client = connect(closing.port, '127.0.0.1')
    client.on('error', () => undefined)
    await once(client, 'connect')
    const ended = once(client, 'close')
    await closing.close()
    await ended
  })

  test('says when its port is taken', async () => {
    const again = startAuthority({ address: '127.0.0.1', port: authority.port, zone })
    await expect(again).rejects.toMatchObject({ code: 'port-unavailable' })
  })

  test('changes its records while it runs', async () => {
    const changing = await startAuthority({ address: '127.0.0.1', port: 0, zone })
    const { ask } = setUp([{ ip: changing.address, port: changing.port }])
    expect(await ask('new.example')).toMatchObject({ kind: 'nxdomain' })
    changing.replace([...zone, ...zoneRecords('new.example 60 A 192.0.2.9')])
    expect(await ask('new.example')).toMatchObject({ kind: 'records' })
    await changing.close()
  })
})

describe.each(['127.0.0.1', '::1'])('a hostile server at %s', (ip) => {
  let hostile: HostileDns
  const quick = limitsWith({ dnsTryMs: 150, dnsTotalMs: 1000 })
  const good = { name: 'b.example', type: 'A', ttl: 60, data: '192.0.2.1' }
  const evil = { name: 'evil.example', type: 'A', ttl: 60, data: '192.0.2.66' }
  const set = () => setUp([hostile.server], quick)

  beforeEach(async () => {
    hostile = await startHostileDns(ip)
  })
  afterEach(async () => {
    await hostile.close()
  })

  const strays: readonly (readonly [string, (query: Buffer) => Buffer])[] = [
    [
      'the answer to another question',
      (query) => answerTo(query, [evil], { questions: [{ name: 'evil.example', type: 'A' }] }),
    ],
    [
      'an answer with another id',
      (query) => answerTo(query, [evil], { id: query.readUInt16BE(0) ^ 1 }),
    ],
    ['the query itself (QR=0)', (query) => query],
    ['an answer without a question', (query) => answerTo(query, [evil], { questions: [] })],
    [
      'the answer for another type',
      (query) => answerTo(query, [evil], { questions: [{ name: 'b.example', type: 'AAAA' }] }),
    ],
    ['half a header', (query) => query.subarray(0, 6)],
    ['nothing', () => Buffer.alloc(0)],
  ]
  test.for(strays)('cannot put in %s: the right one still counts [A109]', async ([, stray]) => {
    const { ask, meter } = set()
    hostile.behaviour = {
      ...silentBehaviour,
      udp: (query) => [
        stray(query),
        stray(query),
        stray(query),
        stray(query),
        answerTo(query, [good]),
      ],
    }
    expect(await ask('b.example')).toMatchObject({
      kind: 'records',
      records: [{ ip: '192.0.2.1' }],
    })
    expect(meter.total('dns_strays_total')).toBe(4)
  })

  test.for(strays)('that sends only %s has failed, which is not "no"', async ([, stray]) => {
    const { ask } = set()
    hostile.behaviour = { ...silentBehaviour, udp: (query) => [stray(query)] }
    expect(await ask('b.example')).toMatchObject({ kind: 'failure', failure: 'timeout' })
  })

  test('that guesses is asked over TCP after five guesses [A118]', async () => {
    const { ask } = set()
    const guess = (query: Buffer, i: number) => answerTo(query, [evil], { id: i })
    hostile.behaviour = {
      udp: (query) =>
        Array.from({ length: 5 }, (_, i) => guess(query, (query.readUInt16BE(0) + i + 1) & 0xffff)),
      tcp: (query) => framed(answerTo(query, [good])),
    }
    expect(await ask('b.example')).toMatchObject({
      transport: 'tcp',
      records: [{ ip: '192.0.2.1' }],
    })
  })

  test('cannot answer for another owner', async () => {
    const { ask } = set()
    hostile.behaviour = both((query) => answerTo(query, [evil]))
    expect(await ask('b.example')).toMatchObject({ kind: 'nodata', records: [] })
  })

  const malformed: readonly (readonly [string, (query: Buffer) => Buffer])[] = [
    ['pointers in a circle', (query) => tail(query, 1, Buffer.from([0xc0, 0xff, 0, 1]), true)],
    ['counts of 65 535', (query) => tail(query, 65_535, Buffer.alloc(0))],
    ['a record cut short', (query) => answerTo(query, [good]).subarray(0, -1)],
    [
      'a name of 64 letters in a label',
      (query) => tail(query, 1, Buffer.concat([Buffer.from([64]), Buffer.alloc(64, 97)])),
    ],
  ]
  test.for(malformed)(
    'that sends %s has failed at once, over UDP and TCP [A110, A111]',
    async ([, bytes]) => {
      const { ask } = setUp([hostile.server])
      hostile.behaviour = both(bytes)
      const begun = performance.now()
      expect(await ask('b.example')).toMatchObject({ kind: 'failure', failure: 'malformed' })
      expect(performance.now() - begun).toBeLessThan(usual.dnsTryMs)
      expect(hostile.seen).toEqual({ udp: 2, tcp: 2 })
    },
  )

  test('that says "too large" and is silent over TCP costs its time and no more [A119]', async () => {
    const { ask } = set()
    hostile.behaviour = {
      ...silentBehaviour,
      udp: (query) => [answerTo(query, [], { flags: 0x200 })],
    }
    const begun = performance.now()
    expect(await ask('b.example')).toMatchObject({ kind: 'failure', failure: 'timeout' })
    expect(performance.now() - begun).toBeLessThan(2 * quick.dnsTotalMs)
  })

  test.for([
    ['closes it', 'close', 'closed'],
    ['announces more than is read', Buffer.from([0xff, 0xff]), 'too-long'],
    ['sends another answer', framed(Buffer.alloc(12)), 'strays'],
  ] as const)('that %s over TCP has failed at once', async ([, answer, failure]) => {
    const { ask } = setUp([hostile.server])
    hostile.behaviour = {
      udp: (query) => [answerTo(query, [], { flags: 0x200 })],
      tcp: () => answer,
    }
    expect(await ask('b.example')).toMatchObject({ kind: 'failure', failure })
  })

  test('that sends an answer over TCP byte by byte is understood', async () => {
    const { ask } = setUp([hostile.server])
    hostile.behaviour = {
      udp: (query) => [answerTo(query, [], { flags: 0x200 })],
      tcp: (query) => Buffer.concat([framed(answerTo(query, [good])), Buffer.from('more')]),
    }
    expect(await ask('b.example')).toMatchObject({ kind: 'records', transport: 'tcp' })
  })

  test('that is silent ends in a time-out, after two tries', async () => {
    const { ask } = set()
    expect(await ask('b.example')).toMatchObject({ kind: 'failure', failure: 'timeout' })
    expect(hostile.seen).toEqual({ udp: 2, tcp: 0 })
  })

  test('leaves no socket of ours open, however a question ends', async () => {
    const before = sockets()
    const { exchange, ask } = set()
    await ask('b.example')
    hostile.behaviour = {
      ...silentBehaviour,
      udp: (query) => [answerTo(query, [], { flags: 0x200 })],
    }
    await ask('b.example')
    for (const transport of ['udp', 'tcp'] as const) {
      const impatient = new AbortController()
      const query = answerTo(Buffer.alloc(12), [])
      const isAnswer = () => false
      const { server } = hostile
      const { signal } = impatient
      const heard = exchange({ server, transport, query, isAnswer, signal })
      setImmediate(() => impatient.abort())
      expect((await heard).silence).toBe('cancelled')
    }
    await expect.poll(sockets).toBe(before)
  })

  test.for([
    ['SERVFAIL', 2, 'servfail'],
    ['REFUSED', 5, 'refused'],
    ['NOTIMP', 4, 'other-rcode'],
  ] as const)('that says %s leads to no address record [A108]', async ([, rcode, failure]) => {
    const { ask, resolver } = set()
    hostile.behaviour = both((query) =>
      questionOf(query).type === 'SRV'
        ? answerTo(query, [], { flags: rcode })
        : answerTo(query, [good]),
    )
    expect(await ask('_im._mitp.b.example', 'SRV')).toMatchObject({ kind: 'failure', failure })
    expect(await resolver.explain(b, 'im')).toMatchObject({ result: 'dns-failed', targets: [] })
  })

  test('that declines with "." is believed [A107]', async () => {
    const { resolver } = set()
    const data = { priority: 0, weight: 0, port: 0, target: '.' }
    hostile.behaviour = both((query) =>
      questionOf(query).type === 'SRV'
        ? answerTo(query, [{ name: questionOf(query).name, type: 'SRV', ttl: 60, data }])
        : answerTo(query, [good]),
    )
    expect(await resolver.explain(b, 'im')).toMatchObject({ result: 'remote-declines' })
  })

  test.for([
    [0, 30_000],
    [2 ** 31, 30_000],
    [2 ** 32 - 1, 30_000],
  ] as const)('that gives a TTL of %i is kept within our bounds [A112]', async ([ttl, leftMs]) => {
    const { resolver } = set()
    hostile.behaviour = both((query) =>
      answerTo(query, questionOf(query).type === 'A' ? [{ ...good, ttl }] : []),
    )
    const { steps } = await resolver.explain(b, 'im')
    const step = steps.find(({ asked }) => asked === 'b.example A')
    expect(step?.leftMs).toBeGreaterThan(leftMs - 5000)
    expect(step?.leftMs).toBeLessThanOrEqual(leftMs)
  })
})

/** The query as an answer whose record section is `bytes`; `isLooping` makes its first pointer point to itself. */
function tail(query: Buffer, count: number, bytes: Buffer, isLooping = false): Buffer {
  const name = query.indexOf(0, 12)
  const head = Buffer.from(query.subarray(0, name + 5))
  head.writeUInt16BE(0x8180, 2)
  head.writeUInt16BE(count, 6)
  head.writeUInt16BE(0, 10)
  const record = Buffer.from(bytes)
  if (isLooping) record.writeUInt16BE(0xc000 | head.length, 0)
  return Buffer.concat([head, record, Buffer.alloc(20)])
}

describe('from a name to a connection', () => {
  let server: Server
  let port: number
  let authority: Authority
  const accepted = new Set<Socket>()

  beforeAll(async () => {
    server = createServer((socket) => {
      accepted.add(socket)
      socket.on('error', () => undefined)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    port = typeof address === 'object' && address !== null ? address.port : 0
    authority = await startAuthority({
      address: '127.0.0.1',
      port: 0,
      zone: zoneRecords(`
        example 300 SOA 60
        _im._mitp.b.example 60 SRV 10 0 ${await freePort()} gone.b.example
        _im._mitp.b.example 60 SRV 20 0 ${port} gw.b.example
        gone.b.example 60 A 127.0.0.1
        gw.b.example 60 A 127.0.0.1
        gw.b.example 60 AAAA ::1
        _im._mitp.down.example 60 SRV 0 0 ${await freePort()} gone.b.example
      `),
    })
  })
  afterAll(async () => {
    for (const socket of accepted) socket.destroy()
    server.close()
    await authority.close()
  })

  const dial = async (domain: Domain) => {
    const { resolver, meter, limits } = setUp([{ ip: '127.0.0.1', port: authority.port }])
    const { targets } = await resolver.resolve(domain, 'im', open)
    return dialTargets({
      targets,
      connect: tcpConnect,
      close: (socket) => {
        socket.destroy()
      },
      clock,
      limits,
      meter,
      signal: open,
    })
  }

  test('the first target that stands is used, after those that refuse', async () => {
    const { value, target, ip } = await dial(b)
    expect([target.host, ip, value.remotePort]).toEqual(['gw.b.example', '127.0.0.1', port])
    value.destroy()
  })

  test('every attempt is told when none stands', async () => {
    const error = await dial('down.example' as Domain).catch((cause: unknown) => cause)
    expect(error).toBeInstanceOf(DialError)
    expect(error).toMatchObject({
      code: 'remote-unreachable',
      attempts: [{ host: 'gone.b.example', ip: '127.0.0.1', code: 'ECONNREFUSED' }],
    })
  })
})

const tcpConnect = async (
  host: string,
  port: number,
  _target: unknown,
  signal: AbortSignal,
): Promise<Socket> => {
  const socket = connect({ host, port, signal })
  await once(socket, 'connect')
  return socket
}
