/** Whose questions are asked when there are more than may be under way. */
import { describe, expect, test } from 'vitest'
import type { Domain } from '../../../src/address/domain.ts'
import { Meter } from '../../../src/lib/meter.ts'
import { type Limits, limitsWith } from '../../../src/limits.ts'
import { QuestionLine } from '../../../src/resolve/in-turn.ts'
import { createResolver } from '../../../src/resolve/resolver.ts'
import type { Account } from '../../../src/shares/account.ts'
import { DnsTable } from '../../support/dns-table.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { roomShares } from '../../support/room-shares.ts'
import { seededRandom } from '../../support/seeded-random.ts'

const open = new AbortController().signal

const newcomers = Array.from({ length: 12 }, (_, n) => `new${Math.floor(n / 2)}${n % 2}`)

function setUp(overrides: Partial<Limits> = {}) {
  const clock = new ManualClock()
  const limits = limitsWith(overrides)
  const meter = new Meter()
  const shares = roomShares(limits, clock)
  const dns = new DnsTable(
    clock,
    ...['here', ...newcomers].flatMap((name) => [
      `_im._mitp.${name}.example 60 SRV 10 0 5270 gw.${name}.example`,
      `gw.${name}.example 60 A 198.51.100.1`,
    ]),
  )
  dns.latencyMs = 20
  const resolver = createResolver({
    ...{ exchange: dns.exchange, servers: [{ ip: '192.0.2.53', port: 53 }], clock, limits, meter },
    ...{ random: seededRandom(1), staticRoutes: new Map(), allowRanges: [], fallback: 'proven' },
    ...{ defaultPort: 5279, isProven: () => false, line: new QuestionLine(shares, limits, meter) },
  })
  /** Milliseconds until the first target is known; what it failed with. */
  const find = async (name: string, payer: Account): Promise<number | string> => {
    const begun = clock.now()
    return resolver.resolve(name as Domain, 'im', open, payer).then(
      () => clock.now() - begun,
      (error: Error & { code: string }) => error.code,
    )
  }
  let dead = 0
  /** Names of which no server says anything. */
  const flood = (payer: Account, count: number): void => {
    for (let n = 0; n < count; n++) {
      const name = `dead${++dead}.example`
      for (const asked of [name, `_im._mitp.${name}`]) dns.fail(asked, 'silent')
      void find(name, payer)
    }
  }
  return { clock, limits, meter, shares, dns, find, flood }
}

describe('six users who write to names of which no server knows', () => {
  test('do not slow the first contact of another user, or of a newcomer', async () => {
    const { clock, limits, shares, dns, find, flood, meter } = setUp()
    const users = Array.from({ length: 6 }, (_, n) => shares.tree.user(`flooder${n}@a.example`))
    // As many as the burst of a sender allows, then so many a second.
    for (const user of users) flood(user, 50)
    await clock.advance(100)
    const took: (number | string)[] = []
    for (let second = 0; second < 6; second++) {
      const payers = [
        shares.tree.user(`alice${second}@a.example`),
        shares.tree.network(`${second}`),
      ]
      for (const [n, payer] of payers.entries()) {
        void find(`new${second}${n}.example`, payer).then((ms) => took.push(ms))
      }
      for (const user of users) flood(user, 10)
      await clock.advance(1000)
    }
    await clock.advance(1000)
    expect(meter.total('limit_hits_total', { limit: 'dnsSockets' })).toBeGreaterThan(100)
    expect(dns.questions.filter((name) => name.includes('dead')).length).toBeGreaterThan(800)
    expect(took.length).toBe(12)
    // At worst, where all places were taken at once, until the first question has had its time.
    for (const ms of took) expect(ms).toBeLessThan(limits.dnsTryMs + 100)
    expect(took.filter((ms) => Number(ms) < 200).length).toBeGreaterThanOrEqual(10)
  })

  test('are told so themselves, and nothing of it is remembered of the names', async () => {
    const { clock, shares, dns, find, flood } = setUp({ dnsSockets: 8, dnsWaiting: 2 })
    const flooder = shares.tree.user('flooder@a.example')
    flood(flooder, 50)
    await clock.advance(10)
    const told = find('here.example', flooder)
    await clock.advance(0)
    expect(await told).toBe('dns-failed')
    expect(dns.questions).not.toContain('_im._mitp.here.example SRV')
    const found = find('here.example', shares.tree.user('alice@a.example'))
    await clock.advance(500)
    expect(await found).toBeLessThan(200)
  })
})

test('no more questions are under way than there are places, and all are given back', async () => {
  const { clock, shares, dns, flood, limits } = setUp({ dnsSockets: 12 })
  for (let n = 0; n < 10; n++) flood(shares.tree.user(`u${n}@a.example`), 3)
  for (let n = 0; n < 60; n++) {
    await clock.advance(200)
    expect(dns.underWay).toBeLessThanOrEqual(limits.dnsSockets)
  }
  expect([dns.underWay, shares.used(shares.tree.all, 'questions')]).toEqual([0, 0])
})
