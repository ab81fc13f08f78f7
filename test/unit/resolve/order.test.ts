import { describe, expect, test } from 'vitest'
import type { SrvRecord } from '../../../src/resolve/message.ts'
import { chooseRecords, orderRecords } from '../../../src/resolve/order.ts'
import { seededRandom } from '../../support/seeded-random.ts'

const record = (target: string, weight = 0, priority = 0, port = 5279): SrvRecord => ({
  type: 'SRV',
  owner: '_im._mitp.b.example',
  ttl: 60,
  priority,
  weight,
  port,
  target,
})

const names = (records: readonly SrvRecord[]) => records.map(({ target }) => target)

/** How often each record came first in `draws` draws. */
function firsts(records: readonly SrvRecord[], draws: number): readonly number[] {
  const random = seededRandom(20_260_101)
  const counts = new Map(records.map(({ target }) => [target, 0]))
  for (let i = 0; i < draws; i++) {
    const target = orderRecords(records, random)[0]?.target ?? ''
    counts.set(target, (counts.get(target) ?? 0) + 1)
  }
  return [...counts.values()]
}

const chiSquare = (seen: readonly number[], expected: readonly number[]): number =>
  seen.reduce((sum, n, i) => sum + (n - (expected[i] ?? 0)) ** 2 / (expected[i] ?? 1), 0)

describe('the order of SRV records (RFC 2782)', () => {
  test('is by priority first, whatever the weights are', () => {
    const records = [record('c', 0, 20), record('a', 0, 1), record('b', 65_535, 10)]
    for (let seed = 0; seed < 50; seed++) {
      expect(names(orderRecords(records, seededRandom(seed)))).toEqual(['a', 'b', 'c'])
    }
  })

  test('holds every record once', () => {
    const records = Array.from({ length: 40 }, (_, i) => record(`h${i}`, i % 7, i % 3))
    const ordered = orderRecords(records, seededRandom(7))
    expect(new Set(names(ordered)).size).toBe(40)
    expect(ordered).toHaveLength(40)
  })

  // 99.9 % points of chi-square for 1 to 4 degrees of freedom: 10.83, 13.82, 16.27, 18.47.
  test.for([
    // The draw is from 0 to the sum inclusive, so a weight w comes first with (w + 1 if first in line, else w) / (sum + 1).
    ['mixed weights', [60, 30, 10], 13.82],
    ['equal weights', [65_535, 65_535, 65_535, 65_535], 16.27],
    ['weights of 0 only', [0, 0, 0, 0, 0], 18.47],
  ] as const)('shares the load as the weights ask: %s [A122]', ([, weights, bound]) => {
    const draws = 60_000
    const records = weights.map((weight, i) => record(`h${i}`, weight))
    const sum = weights.reduce<number>((total, weight) => total + weight, 0)
    // The place first in line goes to each in turn, so its extra chance is shared out evenly.
    const expected = weights.map((weight) => (draws * (weight + 1 / weights.length)) / (sum + 1))
    expect(chiSquare(firsts(records, draws), expected)).toBeLessThan(bound)
  })

  test('gives a weight of 0 beside others a very small chance, but one', () => {
    const [zero = 0, heavy = 0] = firsts([record('zero', 0), record('heavy', 99)], 20_000)
    expect(zero).toBeGreaterThan(100)
    expect(zero).toBeLessThan(320)
    expect(zero + heavy).toBe(20_000)
  })

  test('draws from 0 to the sum inclusive: a weight of 0 beside a weight of 1 comes first half the time', () => {
    const seen = firsts([record('zero', 0), record('one', 1)], 10_000)
    expect(chiSquare(seen, [5000, 5000])).toBeLessThan(10.83)
  })
})

describe('of the records of one answer', () => {
  const random = seededRandom(1)

  test('a lone "." says that the service is not offered [A107]', () => {
    expect(chooseRecords([record('.', 0, 0, 0)], 16, random).isDeclined).toBe(true)
    expect(chooseRecords([record('.'), record('.')], 16, random).isDeclined).toBe(true)
  })

  test('a "." beside others is left out', () => {
    const choice = chooseRecords([record('.'), record('gw.b.example')], 16, random)
    expect(choice.isDeclined).toBe(false)
    expect(names(choice.ordered)).toEqual(['gw.b.example'])
    expect(choice.leftOut).toMatchObject([{ why: 'root' }])
  })

  test.for([
    ['port 0', record('gw.b.example', 0, 0, 0), 'port-zero'],
    ['the port of a mail server', record('gw.b.example', 0, 0, 25), 'port-blocked'],
    ['an IPv4 address', record('192.0.2.1'), 'not-a-host-name'],
    ['an IPv6 address', record('2001:db8::1'), 'not-a-host-name'],
    ['a number', record('2130706433'), 'not-a-host-name'],
    ['a short address', record('127.1'), 'not-a-host-name'],
    ['a hexadecimal address', record('0x7f.0x1'), 'not-a-host-name'],
    ['a name with a space', record('gw b.example'), 'not-a-host-name'],
    ['an empty label', record('gw..example'), 'not-a-host-name'],
    ['a name over 253 characters', record(`${'a.'.repeat(130)}example`), 'not-a-host-name'],
  ] as const)('%s is left out', ([, bad, why]) => {
    const choice = chooseRecords([bad, record('ok.example')], 16, random)
    expect(names(choice.ordered)).toEqual(['ok.example'])
    expect(choice.leftOut).toEqual([{ record: bad, why }])
  })

  test('the best are used up to the limit, and the others told [A115]', () => {
    const records = Array.from({ length: 17 }, (_, i) => record(`h${i}.example`, 0, 100 - i))
    const atLimit = chooseRecords(records.slice(1), 16, random)
    expect([atLimit.ordered.length, atLimit.leftOut.length]).toEqual([16, 0])
    const over = chooseRecords(records, 16, random)
    expect(over.ordered).toHaveLength(16)
    expect(over.ordered[0]?.target).toBe('h16.example')
    expect(over.leftOut).toMatchObject([{ why: 'too-many', record: { target: 'h0.example' } }])
  })
})
