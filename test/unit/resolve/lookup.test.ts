import { decode, encode, type WireMessage } from 'dns-packet'
import { describe, expect, test } from 'vitest'
import { Meter } from '../../../src/lib/meter.ts'
import { limitsWith } from '../../../src/limits.ts'
import type { DnsExchange, DnsServer } from '../../../src/resolve/exchange.ts'
import { createLookup } from '../../../src/resolve/lookup.ts'
import type { RecordType } from '../../../src/resolve/message.ts'
import { ServerList } from '../../../src/resolve/server-list.ts'
import { DnsTable } from '../../support/dns-table.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { seededRandom } from '../../support/seeded-random.ts'

const open = new AbortController().signal
const limits = limitsWith()
const first: DnsServer = { ip: '192.0.2.53', port: 53 }
const second: DnsServer = { ip: '2001:db8::53', port: 5353 }

function setUp(lines: readonly string[], servers: readonly DnsServer[] = [first]) {
  const clock = new ManualClock()
  const dns = new DnsTable(clock, ...lines)
  const meter = new Meter()
  const { exchange } = dns
  const random = seededRandom(1)
  const list = new ServerList(servers, clock, limits)
  const lookup = createLookup({ exchange, servers: list, clock, random, limits, meter })
  const ask = (name: string, type: RecordType = 'A') => lookup(name, type, open)
  /** For questions that need time to pass. */
  const askFor = async (ms: number, name: string) => {
    const outcome = ask(name)
    await clock.advance(ms)
    return outcome
  }
  return { clock, dns, meter, lookup, ask, askFor }
}

describe('a look-up', () => {
  test('tells records, no such name, no such record and failure apart', async () => {
    const { dns, ask } = setUp(['b.example 90 A 192.0.2.1'])
    dns.fail('broken.example', 'servfail')
    expect(await ask('b.example')).toMatchObject({
      kind: 'records',
      records: [{ type: 'A', ip: '192.0.2.1' }],
      ttlMs: 90_000,
      server: '192.0.2.53:53',
      transport: 'udp',
      failure: 'none',
    })
    expect(await ask('nobody.example')).toMatchObject({ kind: 'nxdomain', ttlMs: 60_000 })
    expect(await ask('b.example', 'AAAA')).toMatchObject({ kind: 'nodata', ttlMs: 60_000 })
    expect(await ask('broken.example')).toMatchObject({ kind: 'failure', failure: 'servfail' })
  })

  test('of a name that cannot be written asks nobody', async () => {
    const { dns, ask } = setUp([])
    for (const name of [`${'a'.repeat(64)}.example`, 'ť.example', 'a..example', 'A.example', '']) {
      expect(await ask(name)).toMatchObject({ kind: 'nxdomain' })
    }
    expect(dns.asked).toEqual([])
  })

  test('without servers fails', async () => {
    const { lookup } = setUp([], [])
    expect(await lookup('b.example', 'A', open)).toMatchObject({
      failure: 'no-servers',
      server: 'none',
    })
  })

  test('that nobody waits for any more asks no further', async () => {
    const { clock, dns, lookup } = setUp([])
    dns.fail('b.example', 'silent')
    const impatient = new AbortController()
    const outcome = lookup('b.example', 'A', impatient.signal)
    await clock.advance(100)
    impatient.abort()
    expect(await outcome).toMatchObject({ kind: 'failure', failure: 'cancelled' })
    expect(dns.asked).toHaveLength(1)
    expect(clock.pending).toBe(0)
  })

  test('believes the AD bit of a resolver on this machine only [A123]', async () => {
    const here = setUp(['b.example 90 A 192.0.2.1'], [{ ip: '127.0.0.1', port: 53 }])
    const there = setUp(['b.example 90 A 192.0.2.1'])
    here.dns.isAuthentic = true
    there.dns.isAuthentic = true
    expect(await here.ask('b.example')).toMatchObject({ isAuthentic: true })
    expect(await there.ask('b.example')).toMatchObject({ isAuthentic: false })
  })
})

describe('of two servers', () => {
  test('the first is asked as long as it knows', async () => {
    const { dns, ask } = setUp(['b.example 90 A 192.0.2.1'], [first, second])
    await ask('b.example')
    expect(dns.asked.map(({ server }) => server)).toEqual([first.ip])
  })

  test.for(['servfail', 'refused', 'closed'] as const)(
    'the second is asked at once when the first is %s',
    async (trouble) => {
      const { dns, ask } = setUp(['b.example 90 A 192.0.2.1'], [first, second])
      dns.fail(first.ip, trouble)
      expect(await ask('b.example')).toMatchObject({
        kind: 'records',
        server: '[2001:db8::53]:5353',
      })
    },
  )

  test('the second is asked after the time of one try when the first is silent, and is then asked first', async () => {
    const { dns, ask, askFor, clock } = setUp(['b.example 90 A 192.0.2.1'], [first, second])
    dns.fail(first.ip, 'silent')
    expect(await askFor(limits.dnsTryMs, 'b.example')).toMatchObject({ kind: 'records' })
    expect(await ask('b.example')).toMatchObject({ kind: 'records' })
    expect(dns.asked.map(({ server }) => server)).toEqual([first.ip, second.ip, second.ip])
    dns.heal(first.ip)
    await clock.advance(limits.dnsMaxFailureMs)
    expect(await ask('b.example')).toMatchObject({ server: '192.0.2.53:53' })
  })

  test('the first stays first when it only could not find out about one name', async () => {
    const { dns, ask } = setUp(['b.example 90 A 192.0.2.1'], [first, second])
    dns.fail(first.ip, 'servfail')
    await ask('b.example')
    dns.heal(first.ip)
    expect(await ask('b.example')).toMatchObject({ server: '192.0.2.53:53' })
  })

  test('each is asked at most twice', async () => {
    const { dns, ask } = setUp([], [first, second])
    dns.fail('b.example', 'servfail')
    await ask('b.example')
    expect(dns.asked.map(({ server }) => server)).toEqual([
      first.ip,
      second.ip,
      first.ip,
      second.ip,
    ])
  })
})

test('silent servers cost no more than the time of one look-up [A119]', async () => {
  const many = Array.from({ length: 9 }, (_, i) => ({ ip: `192.0.2.${i + 1}`, port: 53 }))
  const { clock, dns, ask, meter } = setUp([], many)
  dns.fail('b.example', 'silent')
  const outcome = ask('b.example')
  await clock.advance(limits.dnsTotalMs)
  expect(await outcome).toMatchObject({ kind: 'failure', failure: 'timeout' })
  expect(meter.total('limit_hits_total', { limit: 'dnsTotalMs' })).toBe(1)
  expect(dns.asked).toHaveLength(Math.ceil(limits.dnsTotalMs / limits.dnsTryMs))
  expect([clock.pending, dns.underWay]).toEqual([0, 0])
})

describe('a server', () => {
  test.for(['formerr-with-opt', 'badvers-with-opt'] as const)(
    'that answers %s is asked without OPT, and stays so asked',
    async (trouble) => {
      const lines = ['b.example 90 CNAME c.test', 'c.test 90 A 192.0.2.1']
      const { dns, ask } = setUp(lines)
      dns.fail('b.example', trouble)
      expect(await ask('b.example')).toMatchObject({ kind: 'records' })
      expect(dns.asked.map(({ hasOpt }) => hasOpt)).toEqual([true, false])
    },
  )

  test('is asked at most twice over UDP (RFC 9520)', async () => {
    const { dns, ask } = setUp([])
    dns.fail('b.example', 'formerr')
    expect(await ask('b.example')).toMatchObject({ kind: 'failure', failure: 'other-rcode' })
    expect(dns.asked.map(({ hasOpt }) => hasOpt)).toEqual([true, false])
  })

  test.for(['truncated', 'garbage-over-udp', 'strays-over-udp'] as const)(
    'is asked over TCP at once when UDP brings %s [A118]',
    async (trouble) => {
      const { dns, ask, meter } = setUp(['b.example 90 A 192.0.2.1'])
      dns.fail('b.example', trouble)
      expect(await ask('b.example')).toMatchObject({ kind: 'records', transport: 'tcp' })
      expect(dns.asked.map(({ transport }) => transport)).toEqual(['udp', 'tcp'])
      expect(meter.total('dns_queries_total', { transport: 'tcp', outcome: 'answer' })).toBe(1)
      expect(meter.total('dns_strays_total')).toBe(trouble === 'strays-over-udp' ? 5 : 0)
    },
  )

  test('that sends nothing readable has failed, which is not "no" [A110]', async () => {
    const { dns, ask } = setUp(['b.example 90 A 192.0.2.1'])
    dns.fail('b.example', 'garbage')
    expect(await ask('b.example')).toMatchObject({ kind: 'failure', failure: 'malformed' })
  })
})

describe('an answer without a SOA record', () => {
  const scripted = (message: WireMessage) => {
    const asked: string[] = []
    const exchange: DnsExchange = async ({ query }) => {
      const { questions = [] } = decode(query)
      asked.push(questions[0]?.name ?? '')
      const bytes = encode({ type: 'response', id: query.readUInt16BE(0), questions, ...message })
      return { bytes, silence: undefined, strays: 0 }
    }
    const needs = { random: seededRandom(1), limits, meter: new Meter(), clock: new ManualClock() }
    const servers = new ServerList([first], needs.clock, limits)
    const lookup = createLookup({ ...needs, exchange, servers })
    return { asked, outcome: lookup('b.example', 'A', open) }
  }

  test('is believed when it says that the end of an alias does not exist', async () => {
    const answers = [{ name: 'b.example', type: 'CNAME', ttl: 30, data: 'gone.example' }]
    const { asked, outcome } = scripted({ answers, flags: 3 })
    expect(await outcome).toMatchObject({ kind: 'nxdomain', ttlMs: 0 })
    expect(asked).toEqual(['b.example'])
  })

  test('is no "no" when it only points to other servers', async () => {
    const authorities = [{ name: 'example', type: 'NS', ttl: 30, data: 'ns.example' }]
    expect(await scripted({ authorities }).outcome).toMatchObject({ failure: 'referral' })
  })

  test('and without anything else is "no such record"', async () => {
    expect(await scripted({}).outcome).toMatchObject({ kind: 'nodata', ttlMs: 0 })
  })
})

describe('aliases', () => {
  test('are followed inside an answer, with the lowest TTL on the way', async () => {
    const { dns, ask } = setUp([
      '_im._mitp.b.example 900 CNAME _im._mitp.provider.example',
      '_im._mitp.provider.example 20 CNAME srv.provider.example',
      'srv.provider.example 300 SRV 0 0 5279 gw.provider.example',
    ])
    expect(await ask('_im._mitp.b.example', 'SRV')).toMatchObject({
      kind: 'records',
      ttlMs: 20_000,
      aliases: ['_im._mitp.provider.example', 'srv.provider.example'],
    })
    expect(dns.asked).toHaveLength(1)
  })

  test('that lead out of an answer are asked for', async () => {
    // The table refuses names outside its zones but has given the alias, as an authoritative server does.
    const { dns, ask } = setUp(['b.example 90 CNAME elsewhere.invalid'])
    const outcome = await ask('b.example')
    expect(dns.questions).toEqual(['b.example A', 'elsewhere.invalid A', 'elsewhere.invalid A'])
    expect(outcome).toMatchObject({ kind: 'failure', failure: 'refused' })
  })

  test('to a name that does not exist say that it does not exist', async () => {
    const { ask } = setUp(['b.example 15 CNAME gone.example'])
    expect(await ask('b.example')).toMatchObject({ kind: 'nxdomain', ttlMs: 15_000 })
  })

  const chain = (length: number) => [
    ...Array.from({ length }, (_, i) => `c${i}.example 60 CNAME c${i + 1}.example`),
    `c${length}.example 60 A 192.0.2.1`,
  ]

  test('are followed four times and not five [A117]', async () => {
    expect(await setUp(chain(4)).ask('c0.example')).toMatchObject({ kind: 'records' })
    const { ask, meter } = setUp(chain(5))
    expect(await ask('c0.example')).toMatchObject({ failure: 'too-many-aliases' })
    expect(meter.total('limit_hits_total', { limit: 'dnsAliases' })).toBe(1)
  })

  test('in a circle are a failure [A117]', async () => {
    const { ask } = setUp(['a.example 60 CNAME b.example', 'b.example 60 CNAME a.example'])
    expect(await ask('a.example')).toMatchObject({ kind: 'failure', failure: 'alias-loop' })
  })

  test('to themselves are a failure', async () => {
    const { ask } = setUp(['a.example 60 CNAME a.example'])
    expect(await ask('a.example')).toMatchObject({ failure: 'alias-loop' })
  })
})
