import { describe, expect, test } from 'vitest'
import { Meter } from '../../../src/lib/meter.ts'
import { type Limits, limitsWith } from '../../../src/limits.ts'
import { DnsCache, type Found } from '../../../src/resolve/cache.ts'
import { createLookup } from '../../../src/resolve/lookup.ts'
import { ServerList } from '../../../src/resolve/server-list.ts'
import { DnsTable } from '../../support/dns-table.ts'
import { dose } from '../../support/dose.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { seededRandom } from '../../support/seeded-random.ts'

const open = new AbortController().signal
const second = 1000
const minute = 60 * second
const hour = 60 * minute

function setUp(lines: readonly string[], limits: Limits = limitsWith()) {
  const clock = new ManualClock()
  const dns = new DnsTable(clock, ...lines)
  const meter = new Meter()
  const servers = new ServerList([{ ip: '192.0.2.53', port: 53 }], clock, limits)
  const needs = { clock, limits, meter, servers, exchange: dns.exchange, random: seededRandom(1) }
  const cache = new DnsCache({ ...needs, lookup: createLookup(needs) })
  const find = (name = 'b.example', mayBeStale = false, signal = open): Promise<Found> =>
    cache.find({ name, type: 'A', mayBeStale, signal })
  const count = (outcome: string) => meter.total('dns_lookups_total', { type: 'A', outcome })
  return { clock, dns, meter, cache, find, count, limits }
}

describe('what DNS said is kept [A112]', () => {
  test.for([
    ['a TTL of 0 as 30 s', 'b.example 0 A 192.0.2.1', 30 * second],
    ['a TTL of 29 s as 30 s', 'b.example 29 A 192.0.2.1', 30 * second],
    ['a TTL of 31 s as it is', 'b.example 31 A 192.0.2.1', 31 * second],
    ['a TTL of an hour as it is', 'b.example 3600 A 192.0.2.1', hour],
    ['a TTL of 2^31 - 2 as an hour', 'b.example 2147483646 A 192.0.2.1', hour],
    ['a TTL of 2^31 as none (RFC 2181 §8)', 'b.example 2147483648 A 192.0.2.1', 30 * second],
    ['a TTL of 2^32 - 1 as none', 'b.example 4294967295 A 192.0.2.1', 30 * second],
    ['"no" for 0 s as 10 s', 'b.example 300 SOA 0', 10 * second],
    ['"no" for two minutes as it is', 'b.example 300 SOA 120', 2 * minute],
    ['"no" for a year as 5 min', 'b.example 31536000 SOA 31536000', 5 * minute],
  ] as const)('%s', async ([, line, ms]) => {
    const { clock, dns, find } = setUp([line])
    expect(await find()).toMatchObject({ source: 'network', ageMs: 0, leftMs: ms })
    await clock.advance(ms - 1)
    expect(await find()).toMatchObject({ source: 'cache', ageMs: ms - 1, leftMs: 1 })
    expect(dns.asked).toHaveLength(1)
    await clock.advance(1)
    expect(await find()).toMatchObject({ source: 'network' })
    expect(dns.asked).toHaveLength(2)
  })

  test('no longer than the limit of entries lets it [A121]', async () => {
    const names = ['a.example', 'b.example', 'c.example']
    const lines = names.map((name) => `${name} 300 A 192.0.2.1`)
    const { dns, find, meter } = setUp(lines, limitsWith({ dnsCacheEntries: 2 }))
    for (const name of [...names, 'c.example', 'b.example', 'a.example']) await find(name)
    expect(dns.questions).toEqual([...names, 'a.example'].map((name) => `${name} A`))
    expect(meter.total('limit_hits_total', { limit: 'dnsCacheEntries' })).toBe(2)
    expect(meter.gauges.get('dns_cache_entries')?.values().next().value?.value()).toBe(2)
  })

  test('no more of it than the limit of records lets it', async () => {
    const many = Array.from({ length: 40 }, (_, i) => `b.example 300 A 192.0.2.${i}`)
    const { dns, find } = setUp(many, limitsWith({ dnsCacheEntries: 2, dnsRecords: 16 }))
    expect((await find()).outcome.records).toHaveLength(40)
    await find()
    expect(dns.questions.length).toBeGreaterThan(1)
  })
})

describe('a failure', () => {
  test('is kept 5 s, then twice as long each time, up to a minute (RFC 9520)', async () => {
    const { clock, dns, find } = setUp([])
    dns.fail('b.example', 'servfail')
    for (const wait of [5, 10, 20, 40, 60, 60]) {
      const asked = dns.asked.length
      expect(await find()).toMatchObject({ source: 'network', leftMs: wait * second })
      await clock.advance(wait * second - 1)
      expect(await find()).toMatchObject({ source: 'cache', outcome: { kind: 'failure' } })
      expect(dns.asked).toHaveLength(asked + 2)
      await clock.advance(1)
    }
  })

  test('of long ago counts no more', async () => {
    const { clock, dns, find } = setUp([])
    dns.fail('b.example', 'servfail')
    await find()
    await clock.advance(10 * minute)
    expect(await find()).toMatchObject({ leftMs: 5 * second })
  })

  test('is forgotten with the first answer', async () => {
    const { clock, dns, find } = setUp(['b.example 30 A 192.0.2.1'])
    dns.fail('b.example', 'servfail')
    await find()
    await clock.advance(5 * second)
    dns.heal('b.example')
    expect(await find()).toMatchObject({ outcome: { kind: 'records' } })
    await clock.advance(30 * second)
    dns.fail('b.example', 'servfail')
    expect(await find()).toMatchObject({ leftMs: 5 * second })
  })
})

describe('an answer that has run out', () => {
  const lost = async () => {
    const all = setUp(['b.example 60 A 192.0.2.1'])
    await all.find()
    await all.clock.advance(minute)
    all.dns.fail('b.example', 'servfail')
    return all
  }

  test('serves where it may while DNS fails, and says how old it is (RFC 8767)', async () => {
    const { find, clock } = await lost()
    expect(await find('b.example', false)).toMatchObject({ outcome: { kind: 'failure' } })
    await clock.advance(5 * second)
    expect(await find('b.example', true)).toMatchObject({
      source: 'stale',
      outcome: { kind: 'records', records: [{ ip: '192.0.2.1' }] },
      ageMs: 65 * second,
      leftMs: -5 * second,
    })
  })

  test('serves a day, and not a moment longer', async () => {
    const { find, clock, limits } = await lost()
    await clock.advance(limits.dnsStaleMs - 1)
    expect(await find('b.example', true)).toMatchObject({ source: 'stale' })
    await clock.advance(1)
    expect(await find('b.example', true)).toMatchObject({ outcome: { kind: 'failure' } })
  })

  test('never serves once DNS has said "no"', async () => {
    const { dns, find, clock } = await lost()
    dns.heal('b.example')
    dns.remove('b.example')
    expect(await find('b.example', true)).toMatchObject({ outcome: { kind: 'nxdomain' } })
    await clock.advance(hour)
    dns.fail('b.example', 'servfail')
    expect(await find('b.example', true)).toMatchObject({ outcome: { kind: 'failure' } })
  })

  test('"no" is never made longer', async () => {
    const { dns, find, clock } = setUp([])
    expect(await find()).toMatchObject({ outcome: { kind: 'nxdomain' } })
    await clock.advance(minute)
    dns.fail('b.example', 'servfail')
    expect(await find('b.example', true)).toMatchObject({ outcome: { kind: 'failure' } })
  })

  test('serves after the time of one try while the servers are silent, and the question goes on', async () => {
    const { dns, find, clock, limits } = await lost()
    dns.fail('b.example', 'silent')
    dns.latencyMs = 100
    const found = find('b.example', true)
    await clock.advance(limits.dnsTryMs / 2)
    dns.heal('b.example')
    await clock.advance(limits.dnsTryMs / 2)
    expect(await found).toMatchObject({ source: 'stale' })
    expect(dns.underWay).toBe(1)
    // A server that is alone is asked again after twice the time of a try.
    await clock.advance(limits.dnsTryMs + 100)
    expect(await find('b.example', true)).toMatchObject({ source: 'cache', leftMs: minute })
    expect(clock.pending).toBe(0)
  })
})

describe('questions under way', () => {
  test('are shared by all who ask the same [A120]', async () => {
    const { dns, find, clock, count: counted } = setUp(['b.example 60 A 192.0.2.1'])
    dns.latencyMs = 50
    const count = dose(10_000, 2000)
    const found = Array.from({ length: count }, () => find())
    await clock.advance(50)
    const sources = (await Promise.all(found)).map(({ source }) => source)
    expect(dns.asked).toHaveLength(1)
    expect(sources.filter((source) => source === 'shared')).toHaveLength(count - 1)
    expect([counted('miss_ok'), counted('coalesced')]).toEqual([1, count - 1])
  })

  test('go on for those who stay when one leaves', async () => {
    const { dns, find, clock } = setUp(['b.example 60 A 192.0.2.1'])
    dns.latencyMs = 50
    const impatient = new AbortController()
    const left = find('b.example', false, impatient.signal)
    const stayed = find()
    await clock.advance(10)
    impatient.abort()
    expect(await left).toMatchObject({ outcome: { failure: 'cancelled' } })
    await clock.advance(40)
    expect(await stayed).toMatchObject({ outcome: { kind: 'records' } })
  })

  test('are given up when everybody has left, and leave no trace', async () => {
    const { dns, find, clock } = setUp(['b.example 60 A 192.0.2.1'])
    dns.fail('b.example', 'silent')
    const impatient = new AbortController()
    const left = find('b.example', false, impatient.signal)
    await clock.advance(10)
    impatient.abort()
    await left
    await clock.advance(0)
    expect([dns.underWay, clock.pending]).toEqual([0, 0])
    dns.heal('b.example')
    expect(await find()).toMatchObject({ source: 'network', outcome: { kind: 'records' } })
  })

  test('that a flush forgot are not kept', async () => {
    const { dns, find, clock, cache } = setUp(['b.example 60 A 192.0.2.1'])
    dns.latencyMs = 50
    const before = find()
    await clock.advance(10)
    cache.flush(() => true)
    await clock.advance(40)
    expect(await before).toMatchObject({ outcome: { kind: 'records' } })
    expect(cache.isFresh({ name: 'b.example', type: 'A' })).toBe(false)
  })
})

test('a flush forgets the names that are meant, and says how many', async () => {
  const { cache, find } = setUp(['a.example 60 A 192.0.2.1', 'b.example 60 A 192.0.2.1'])
  await find('a.example')
  await find('b.example')
  expect(cache.flush((name) => name === 'a.example')).toBe(1)
  expect(await find('a.example')).toMatchObject({ source: 'network' })
  expect(await find('b.example')).toMatchObject({ source: 'cache' })
})

test('every look-up is counted once, by what it brought', async () => {
  const { dns, find, clock, count } = setUp(['b.example 60 A 192.0.2.1', 'six.example 60 AAAA ::2'])
  dns.fail('broken.example', 'servfail')
  await find()
  await find()
  await find('nobody.example')
  await find('six.example')
  await find('broken.example')
  await find('broken.example')
  await clock.advance(minute)
  dns.fail('b.example', 'servfail')
  await find('b.example', true)
  const outcomes = ['hit', 'miss_ok', 'nxdomain', 'nodata', 'failure', 'stale', 'coalesced']
  expect(outcomes.map((outcome) => [outcome, count(outcome)])).toEqual([
    ['hit', 2],
    ['miss_ok', 1],
    ['nxdomain', 1],
    ['nodata', 1],
    ['failure', 1],
    ['stale', 1],
    ['coalesced', 0],
  ])
})
