import { describe, expect, test } from 'vitest'
import type { Domain } from '../../../src/address/domain.ts'
import { Meter } from '../../../src/lib/meter.ts'
import { limitsWith } from '../../../src/limits.ts'
import { createResolver, type Explanation } from '../../../src/resolve/resolver.ts'
import type { Fallback } from '../../../src/resolve/target.ts'
import { DnsTable } from '../../support/dns-table.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { seededRandom } from '../../support/seeded-random.ts'

const b = 'b.example' as Domain

function setUp(lines: readonly string[], fallback: Fallback = 'proven') {
  const clock = new ManualClock()
  const dns = new DnsTable(clock, ...lines)
  const resolver = createResolver({
    exchange: dns.exchange,
    servers: [{ ip: '192.0.2.53', port: 53 }],
    clock,
    random: seededRandom(1),
    limits: limitsWith(),
    meter: new Meter(),
    staticRoutes: new Map([['static.example', [{ host: '10.0.0.7', port: 5279 }]]]),
    allowRanges: [],
    fallback,
    defaultPort: 5279,
    isProven: () => true,
  })
  return { clock, dns, resolver, explain: (domain = b) => resolver.explain(domain, 'im') }
}

const told = ({ steps }: Explanation): readonly string[] =>
  steps.map(({ phase, asked, source, answer, decision }) =>
    [phase, asked, source, answer, decision].join(' | '),
  )

const lines = [
  '_im._mitp.b.example 60 SRV 10 5 5270 gw.b.example',
  '_im._mitp.b.example 60 SRV 10 5 25 mail.b.example',
  'gw.b.example 600 A 198.51.100.1',
  'gw.b.example 600 A 10.0.0.1',
  'b.example 600 A 198.51.100.99',
]

describe('an explanation', () => {
  test('tells every step, what was asked, of whom, and what was decided', async () => {
    const explanation = await setUp(lines).explain()
    expect(told(explanation)).toEqual([
      'srv | _im._mitp.b.example SRV | network | 10 5 5270 gw.b.example; 10 5 25 mail.b.example | use',
      'srv | b.example | rule | 10 5 25 mail.b.example | skip',
      'address | gw.b.example AAAA | network | nodata | skip',
      'address | gw.b.example A | network | 198.51.100.1; 10.0.0.1 | use',
      'target | gw.b.example:5270 | rule | 198.51.100.1:5270 | use',
      'fallback | b.example | rule | fallback: proven | go-on',
      'address | b.example AAAA | cache | nodata | skip',
      'address | b.example A | cache | 198.51.100.99 | use',
      'target | b.example:5279 | rule | 198.51.100.99:5279 | use',
    ])
    expect(explanation).toMatchObject({
      domain: 'b.example',
      service: 'im',
      at: 1_790_000_000_000,
      result: 'ok',
      sentence: 'im:b.example has 2 targets.',
    })
    expect(explanation.steps[0]).toMatchObject({
      server: '192.0.2.53:53',
      ageMs: 0,
      leftMs: 60_000,
    })
    expect(explanation.steps[3]?.reason).toBe('Not dialled: 10.0.0.1 lies in 10.0.0.0/8 (private).')
  })

  test('shows the cache as it is, with ages, and asks nobody again', async () => {
    const { clock, dns, explain } = setUp(lines)
    await explain()
    const asked = dns.asked.length
    await clock.advance(12_000)
    const [first] = (await explain()).steps
    expect(first).toMatchObject({ source: 'cache', ageMs: 12_000, leftMs: 48_000 })
    expect(dns.asked).toHaveLength(asked)
  })

  test('shows an answer that has run out as such', async () => {
    const { clock, dns, explain } = setUp(lines)
    await explain()
    await clock.advance(70_000)
    dns.fail('192.0.2.53', 'servfail')
    const { steps, targets } = await explain()
    expect(steps[0]).toMatchObject({ source: 'stale', ageMs: 70_000, leftMs: -10_000 })
    expect(targets[0]).toMatchObject({ host: 'gw.b.example', stale: true })
  })

  test('gives the static route and nothing else', async () => {
    const { dns, explain } = setUp([])
    expect(told(await explain('static.example' as Domain))).toEqual([
      'route | static.example | configuration | 10.0.0.7 port 5279 | use',
      'target | 10.0.0.7:5279 | rule | 10.0.0.7:5279 | use',
    ])
    expect(dns.asked).toEqual([])
  })

  test('ends with the code and the reason when there is no target', async () => {
    const nothing = await setUp([]).explain()
    expect(nothing).toMatchObject({ result: 'remote-not-found', targets: [] })
    expect(nothing.steps.at(-1)).toMatchObject({ phase: 'result', decision: 'stop' })
    const declined = await setUp(['_im._mitp.b.example 60 SRV 0 0 0 .']).explain()
    expect(declined).toMatchObject({ result: 'remote-declines' })
    const { dns, explain } = setUp(lines)
    dns.fail('_im._mitp.b.example', 'refused')
    const failed = await explain()
    expect(failed).toMatchObject({ result: 'dns-failed' })
    expect(failed.steps[0]).toMatchObject({ answer: 'failure: refused', decision: 'stop' })
  })

  test('ends when nobody waits any more', async () => {
    const { dns, clock, resolver } = setUp(lines)
    dns.fail('_im._mitp.b.example', 'silent')
    const ended = new AbortController()
    const explaining = resolver.explain(b, 'im', ended.signal)
    await clock.advance(100)
    ended.abort()
    expect(await explaining).toMatchObject({ result: 'cancelled', targets: [] })
  })

  test('says why it does not fall back', async () => {
    const strict = await setUp(lines, 'strict').explain()
    expect(strict.steps.at(-1)).toMatchObject({ phase: 'fallback', decision: 'stop' })
    const { dns, explain } = setUp(lines, 'draft')
    dns.fail('gw.b.example', 'servfail')
    const { steps } = await explain()
    expect(steps.find(({ phase }) => phase === 'fallback')?.reason).toContain(
      'could not be looked up',
    )
  })

  test('is plain JSON', async () => {
    const explanation = await setUp(lines).explain()
    expect(JSON.parse(JSON.stringify(explanation))).toEqual(explanation)
  })
})
