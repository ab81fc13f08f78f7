import { describe, expect, test } from 'vitest'
import type { Domain } from '../../../src/address/domain.ts'
import { GatewayError } from '../../../src/errors.ts'
import { Meter } from '../../../src/lib/meter.ts'
import { limitsWith } from '../../../src/limits.ts'
import { type DnsExchange, type Heard, silent } from '../../../src/resolve/exchange.ts'
import { createResolver, type ResolverOptions } from '../../../src/resolve/resolver.ts'
import type { Target } from '../../../src/resolve/target.ts'
import { DnsTable } from '../../support/dns-table.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { seededRandom } from '../../support/seeded-random.ts'

const open = new AbortController().signal
const b = 'b.example' as Domain
const minute = 60_000

const srv = '_im._mitp.b.example 60 SRV 10 0 5270 gw.b.example'
const gw = 'gw.b.example 60 A 198.51.100.1'
const own = 'b.example 60 A 198.51.100.99'

function setUp(lines: readonly string[], options: Partial<ResolverOptions> = {}) {
  const clock = new ManualClock()
  const dns = new DnsTable(clock, ...lines)
  const meter = new Meter()
  const resolver = createResolver({
    exchange: dns.exchange,
    servers: [{ ip: '192.0.2.53', port: 53 }],
    clock,
    random: seededRandom(1),
    limits: limitsWith(),
    meter,
    staticRoutes: new Map(),
    allowRanges: [],
    fallback: 'proven',
    defaultPort: 5279,
    isProven: () => false,
    ...options,
  })
  /** Every target, as a line of text. */
  const targets = async (service: 'im' | 'pres' = 'im', signal = open) => {
    const resolution = await resolver.resolve(b, service, signal)
    const found: string[] = []
    for await (const target of resolution.targets) found.push(line(target))
    return found
  }
  const code = () => codeOf(targets())
  return { clock, dns, meter, resolver, targets, code }
}

const line = ({ host, port, addresses, via, needsKnownKey, stale }: Target): string =>
  [
    `${via} ${host}:${port} at ${addresses.map(({ ip }) => ip).join(' ')}`,
    ...(needsKnownKey ? ['known key'] : []),
    ...(stale ? ['stale'] : []),
  ].join(', ')

const codeOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work
    return 'no error'
  } catch (error) {
    return error instanceof GatewayError ? error.code : String(error)
  }
}

describe('a domain with SRV records', () => {
  test('is at their targets, in their order, and last at its own addresses for a known key', async () => {
    const { targets } = setUp([
      '_im._mitp.b.example 60 SRV 20 0 5271 second.b.example',
      '_im._mitp.b.example 60 SRV 10 0 5270 gw.b.example',
      'second.b.example 60 A 198.51.100.2',
      ...[gw, own],
    ])
    expect(await targets()).toEqual([
      'srv gw.b.example:5270 at 198.51.100.1',
      'srv second.b.example:5271 at 198.51.100.2',
      'address b.example:5279 at 198.51.100.99, known key',
    ])
  })

  test.for([
    ['proven', ['address b.example:5279 at 198.51.100.99, known key']],
    ['draft', ['address b.example:5279 at 198.51.100.99']],
    ['strict', []],
  ] as const)('falls back as the setting "%s" says', async ([fallback, last]) => {
    const { targets } = setUp([srv, gw, own], { fallback })
    expect(await targets()).toEqual(['srv gw.b.example:5270 at 198.51.100.1', ...last])
  })

  test('has one name for messages and one for presence (RFC 3861 §3)', async () => {
    const { targets, dns } = setUp([
      '_pres._pitp.b.example 60 SRV 0 0 5280 pres.b.example',
      'pres.b.example 60 A 198.51.100.3',
    ])
    expect(await targets('pres')).toEqual(['srv pres.b.example:5280 at 198.51.100.3'])
    expect(dns.questions).toContain('_pres._pitp.b.example SRV')
    expect(dns.questions).not.toContain('_im._mitp.b.example SRV')
  })

  test('may hand the whole service to a provider by an alias', async () => {
    const { targets } = setUp([
      '_im._mitp.b.example 60 CNAME _im._mitp.provider.example',
      '_im._mitp.provider.example 60 SRV 0 0 5279 gw.provider.example',
      'gw.provider.example 60 AAAA 2a00::1',
      'gw.provider.example 60 A 198.51.100.7',
    ])
    expect(await targets()).toEqual(['srv gw.provider.example:5279 at 2a00::1 198.51.100.7'])
  })

  test('that says "." offers nothing, whatever addresses it has [A107]', async () => {
    for (const fallback of ['proven', 'draft', 'strict'] as const) {
      const { code } = setUp(['_im._mitp.b.example 60 SRV 0 0 0 .', own], { fallback })
      expect(await code()).toBe('remote-declines')
    }
  })

  test('whose target is an alias loses that target [A117]', async () => {
    const { targets, meter } = setUp([
      '_im._mitp.b.example 60 SRV 10 0 5270 alias.b.example',
      '_im._mitp.b.example 60 SRV 20 0 5270 gw.b.example',
      'alias.b.example 60 CNAME gw.b.example',
      gw,
    ])
    expect(await targets()).toEqual(['srv gw.b.example:5270 at 198.51.100.1'])
    // Once for AAAA and once for A.
    expect(meter.total('dns_refused_total', { reason: 'alias' })).toBe(2)
  })

  test('whose targets have no address is unreachable, which may pass', async () => {
    const { code } = setUp([srv], { fallback: 'strict' })
    expect(await code()).toBe('remote-unreachable')
  })

  test('looks up a target only when the one before it has failed', async () => {
    const { dns, resolver } = setUp([
      srv,
      gw,
      '_im._mitp.b.example 60 SRV 20 0 5271 second.b.example',
      'second.b.example 60 A 198.51.100.2',
    ])
    const { targets } = await resolver.resolve(b, 'im', open)
    expect(dns.questions).not.toContain('second.b.example A')
    for await (const target of targets) if (target.host === 'second.b.example') break
    expect(dns.questions).toContain('second.b.example A')
  })

  test('uses 16 records of 17 [A115]', async () => {
    const lines = Array.from({ length: 17 }, (_, i) => [
      `_im._mitp.b.example 60 SRV ${i} 0 5279 h${i}.b.example`,
      `h${i}.b.example 60 A 198.51.100.${i + 1}`,
    ]).flat()
    const { targets, meter } = setUp(lines, { fallback: 'strict' })
    expect(await targets()).toHaveLength(16)
    expect(meter.total('limit_hits_total', { limit: 'dnsRecords' })).toBe(1)
  })
})

describe('SRV records that cannot be used', () => {
  test.for([
    [
      'a target with a dot inside a label',
      '5279 x\\.gw.b.example',
      'x\\.gw.b.example cannot be used',
    ],
    ['a target that is an address', '5279 198.51.100.1', '198.51.100.1 cannot be used'],
    ['port 0', '0 gw.b.example', 'port 0 cannot be dialled'],
  ])(
    '[LINK-9.1-8] are no reason to go to the addresses of the domain: %s',
    async ([, record = '', why = '']) => {
      for (const fallback of ['proven', 'draft', 'strict'] as const) {
        const { resolver } = setUp([`_im._mitp.b.example 60 SRV 0 0 ${record}`, own], { fallback })
        const { result, sentence, targets } = await resolver.explain(b, 'im')
        expect([result, targets]).toEqual(['remote-unreachable', []])
        expect(sentence).toContain(why)
      }
    },
  )

  test('are left out beside one that can', async () => {
    const odd = '_im._mitp.b.example 60 SRV 0 0 5279 x\\.gw.b.example'
    const { targets, meter } = setUp([odd, srv, gw, own], { fallback: 'strict' })
    expect(await targets()).toEqual(['srv gw.b.example:5270 at 198.51.100.1'])
    expect(meter.total('dns_refused_total', { reason: 'not-a-host-name' })).toBe(1)
  })
})

test('a target that is an alias is named where nothing else is left', async () => {
  const lines = [srv, 'gw.b.example 60 CNAME real.b.example', 'real.b.example 60 A 198.51.100.1']
  for (const fallback of ['proven', 'draft', 'strict'] as const) {
    const { result, sentence } = await setUp(lines, { fallback }).resolver.explain(b, 'im')
    expect(result).toBe('remote-unreachable')
    expect(sentence).toContain('gw.b.example is an alias')
  }
})

test('a resolver that takes 1.3 s for each question, one after the other, is waited for', async () => {
  const all = setUp([srv, gw, own])
  let turn: Promise<unknown> = Promise.resolve()
  const exchange: DnsExchange = (ask) => {
    const heard = turn.then(() => all.dns.exchange({ ...ask, signal: open }))
    turn = heard
    const ended = new Promise<Heard>((resolve) => {
      ask.signal.addEventListener('abort', () => resolve(silent('cancelled')))
    })
    return Promise.race([heard, ended])
  }
  all.dns.latencyMs = 1300
  const { resolver } = setUp([], { clock: all.clock, exchange })
  const found = resolver.explain(b, 'im')
  await all.clock.advance(minute)
  expect(await found).toMatchObject({ result: 'ok' })
})

describe('the service by which a domain is found', () => {
  const at = (service: 'im' | 'pres', host: string) =>
    `_${service === 'im' ? 'im._mitp' : 'pres._pitp'}.b.example 60 SRV 0 0 ${host}`
  const none = '0 .'
  const host = '5279 gw.b.example'
  test.for([
    ['im', 'both, in one place', [at('im', host), at('pres', host), gw]],
    ['im', 'messages alone', [at('im', host), gw, own]],
    ['pres', 'presence alone', [at('pres', host), gw]],
    ['pres', 'presence alone, beside an address', [at('pres', host), gw, own]],
    ['pres', 'presence, and declines messages', [at('im', none), at('pres', host), gw, own]],
    [
      'pres',
      'a host for messages that has no address',
      [at('im', '1 x.example'), at('pres', host), gw],
    ],
    ['im', 'nothing, but has an address', [own]],
    ['pres', 'that it declines messages, and has an address', [at('im', none), own]],
    [undefined, 'that it declines both', [at('im', none), at('pres', none), own]],
    [undefined, 'nothing', []],
  ] as const)('is %s where DNS names %s', async ([service, , lines]) => {
    expect(await setUp(lines).resolver.foundBy(b, open)).toBe(service)
  })

  test('is unknown while DNS cannot say, and asked of nobody where a route says it', async () => {
    const { dns, clock, resolver } = setUp([own])
    dns.fail('_im._mitp.b.example', 'servfail')
    dns.fail('_pres._pitp.b.example', 'servfail')
    const unknown = resolver.foundBy(b, open)
    await clock.advance(minute)
    expect(await unknown).toBeUndefined()
    const routes = new Map([['b.example', [{ host: '198.51.100.1', port: 5279 }]]])
    const routed = setUp([], { staticRoutes: routes })
    expect([await routed.resolver.foundBy(b, open), routed.dns.questions]).toEqual(['im', []])
  })
})

describe('a domain without SRV records', () => {
  test('is at its own addresses and the default port', async () => {
    const { targets } = setUp([own, 'b.example 60 AAAA 2a00::99'])
    expect(await targets()).toEqual(['address b.example:5279 at 2a00::99 198.51.100.99'])
  })

  test('may be an alias itself', async () => {
    const { targets } = setUp(['b.example 60 CNAME www.example', 'www.example 60 A 198.51.100.9'])
    expect(await targets()).toEqual(['address b.example:5279 at 198.51.100.9'])
  })

  test('and without addresses is not found', async () => {
    expect(await setUp([]).code()).toBe('remote-not-found')
    expect(await setUp(['other.b.example 60 A 198.51.100.1']).code()).toBe('remote-not-found')
  })

  test('is asked for with three separate questions at once (RFC 9619)', async () => {
    const { dns, clock, targets } = setUp([own])
    dns.latencyMs = 10
    const found = targets()
    await clock.advance(10)
    expect(dns.questions.toSorted()).toEqual([
      '_im._mitp.b.example SRV',
      'b.example A',
      'b.example AAAA',
    ])
    expect(await found).toHaveLength(1)
    expect(dns.asked).toHaveLength(3)
  })
})

describe('"could not find out" is never "no" [A108]', () => {
  test.for(['servfail', 'refused', 'silent', 'garbage', 'closed'] as const)(
    'SRV %s does not lead to the address records',
    async (trouble) => {
      for (const fallback of ['proven', 'draft', 'strict'] as const) {
        const { dns, clock, code } = setUp([own], { fallback })
        dns.fail('_im._mitp.b.example', trouble)
        const told = code()
        await clock.advance(minute)
        expect(await told).toBe('dns-failed')
      }
    },
  )

  test('a target whose addresses are unknown does not lead to the address records', async () => {
    const { dns, code } = setUp([srv, gw, own], { fallback: 'draft' })
    dns.fail('gw.b.example', 'servfail')
    expect(await code()).toBe('dns-failed')
  })

  test('nor does it after another target was found', async () => {
    const { dns, targets } = setUp(
      [srv, gw, '_im._mitp.b.example 60 SRV 20 0 5271 lost.b.example', own],
      { fallback: 'draft' },
    )
    dns.fail('lost.b.example', 'servfail')
    expect(await targets()).toEqual(['srv gw.b.example:5270 at 198.51.100.1'])
  })

  test('one family is enough when the other cannot be found out', async () => {
    const { dns, targets } = setUp([srv, gw], { fallback: 'strict' })
    dns.fail('AAAA', 'servfail')
    expect(await targets()).toEqual(['srv gw.b.example:5270 at 198.51.100.1'])
  })

  test('"no" of one family and "don\'t know" of the other is "don\'t know"', async () => {
    const { dns, code } = setUp([])
    dns.fail('AAAA', 'servfail')
    expect(await code()).toBe('dns-failed')
  })
})

test('the slower family is waited for no longer than a dial would wait (RFC 8305)', async () => {
  const { dns, clock, targets } = setUp([own, 'b.example 60 AAAA 2a00::99'])
  dns.fail('AAAA', 'silent')
  const found = targets()
  await clock.advance(limitsWith().dialStaggerMs)
  expect(await found).toEqual(['address b.example:5279 at 198.51.100.99'])
})

describe('addresses and ports that are not dialled [A113]', () => {
  test('are dropped, and the others used', async () => {
    const { targets, meter } = setUp(
      [srv, gw, 'gw.b.example 60 A 127.0.0.1', 'gw.b.example 60 AAAA fd00::1'],
      { fallback: 'strict' },
    )
    expect(await targets()).toEqual(['srv gw.b.example:5270 at 198.51.100.1'])
    expect(meter.total('dns_refused_total', { reason: 'address' })).toBe(2)
  })

  test('make the domain unreachable for good if there are no others', async () => {
    expect(await setUp([srv, 'gw.b.example 60 A 10.0.0.1']).code()).toBe('address-blocked')
    expect(await setUp(['b.example 60 A 192.168.0.1']).code()).toBe('address-blocked')
  })

  test('are those below 1024 too [A116]', async () => {
    const { code } = setUp(['_im._mitp.b.example 60 SRV 0 0 25 gw.b.example', gw])
    expect(await code()).toBe('address-blocked')
  })

  test('may be dialled if the configuration lists them', async () => {
    const { targets } = setUp([srv, 'gw.b.example 60 A 10.0.0.1'], { allowRanges: ['10.0.0.0/8'] })
    expect(await targets()).toEqual(['srv gw.b.example:5270 at 10.0.0.1'])
  })

  test('are listed in the configuration as ranges, or the gateway does not start', () => {
    expect(() => setUp([], { allowRanges: ['10.0.0.0/99'] })).toThrow(
      expect.objectContaining({ code: 'config-invalid' }),
    )
  })
})

describe('a static route', () => {
  const routes = (...list: readonly { host: string; port: number }[]) => ({
    staticRoutes: new Map([['b.example', list]]),
  })

  test('comes instead of DNS, in its order, and may name any address', async () => {
    const { dns, targets } = setUp(
      [srv, gw],
      routes({ host: '10.0.0.7', port: 443 }, { host: '::1', port: 22 }),
    )
    expect(await targets()).toEqual(['static 10.0.0.7:443 at 10.0.0.7', 'static ::1:22 at ::1'])
    expect(dns.asked).toEqual([])
  })

  test('may lead to a neighbour, in the zone that stands with the address', async () => {
    const { targets } = setUp([], routes({ host: 'fe80::2%eth0', port: 5279 }))
    expect(await targets()).toEqual(['static fe80::2%eth0:5279 at fe80::2%eth0'])
  })

  test('to a host name is looked up, and what DNS says is judged', async () => {
    const all = setUp(
      [gw, 'inside.b.example 60 A 10.0.0.1'],
      routes({ host: 'gw.b.example', port: 1 }),
    )
    expect(await all.targets()).toEqual(['static gw.b.example:1 at 198.51.100.1'])
    const inside = setUp(
      ['inside.b.example 60 A 10.0.0.1'],
      routes({ host: 'inside.b.example', port: 5279 }),
    )
    expect(await inside.code()).toBe('address-blocked')
  })

  test('that DNS cannot follow does not lead elsewhere', async () => {
    const { dns, code } = setUp([own], routes({ host: 'gw.b.example', port: 5279 }))
    dns.fail('gw.b.example', 'servfail')
    expect(await code()).toBe('dns-failed')
  })
})

describe('while DNS fails', () => {
  const lost = async (isProven: boolean) => {
    const all = setUp([srv, gw], { isProven: () => isProven, fallback: 'strict' })
    await all.targets()
    await all.clock.advance(2 * minute)
    all.dns.fail('192.0.2.53', 'servfail')
    return all
  }

  test('a domain that was proven before is still found, for a day (RFC 8767)', async () => {
    const { targets, clock, code } = await lost(true)
    expect(await targets()).toEqual(['srv gw.b.example:5270 at 198.51.100.1, stale'])
    await clock.advance(24 * 60 * minute)
    expect(await code()).toBe('dns-failed')
  })

  test('a stranger is not', async () => {
    const { code } = await lost(false)
    expect(await code()).toBe('dns-failed')
  })
})

test('other servers are asked at once: what was learnt of the old ones, and failures, are forgotten', async () => {
  const all = setUp([srv, gw], { fallback: 'strict' })
  all.dns.fail('192.0.2.53', 'servfail')
  expect(await all.code()).toBe('dns-failed')
  expect(await all.code()).toBe('dns-failed')
  all.resolver.ask([{ ip: '192.0.2.54', port: 53 }])
  expect(await all.targets()).toHaveLength(1)
  expect(all.dns.asked.at(-1)?.server).toBe('192.0.2.54')
})

describe('the place of a link', () => {
  const place = { host: 'gw.b.example', port: 5270, ip: '198.51.100.1' }
  const at = (all: ReturnType<typeof setUp>, where = place) =>
    all.resolver.naming(b, 'im', where, open)

  test.for([
    ['named', [srv, gw]],
    ['named', ['_im._mitp.b.example 60 SRV 0 0 5279 other.b.example', srv, gw]],
    [
      'host-gone',
      ['_im._mitp.b.example 60 SRV 0 0 5270 other.b.example', 'other.b.example 60 A 198.51.100.1'],
    ],
    ['host-gone', ['_im._mitp.b.example 60 SRV 0 0 5271 gw.b.example', gw]],
    ['address-gone', [srv, 'gw.b.example 60 A 198.51.100.2']],
    ['named', [srv, 'gw.b.example 60 AAAA 2a00::1']],
    ['host-gone', [own]],
    // Nothing to dial instead.
    ['named', []],
    ['named', ['_im._mitp.b.example 60 SRV 0 0 0 .']],
    ['named', ['_im._mitp.b.example 60 SRV 0 0 5270 other.b.example']],
  ] as const)('is %s by %j', async ([naming, lines]) => {
    expect(await at(setUp(lines, { fallback: 'strict' }))).toBe(naming)
  })

  test('is the same while DNS does not know, for a domain that was proven, too', async () => {
    const all = setUp([srv, gw], { isProven: () => true, fallback: 'strict' })
    await all.targets()
    all.dns.fail('192.0.2.53', 'servfail')
    all.resolver.flush(undefined)
    expect(await at(all, { ...place, port: 1 })).toBe('named')
    all.dns.heal('192.0.2.53')
    all.resolver.flush(undefined)
    expect(await at(all, { ...place, port: 1 })).toBe('host-gone')
  })

  test('is not concluded from more records than are used', async () => {
    const many = Array.from(
      { length: 20 },
      (_, i) => `_im._mitp.b.example 60 SRV 0 0 ${6000 + i} gw.b.example`,
    )
    expect(await at(setUp([...many, gw]))).toBe('named')
  })

  test('follows DNS when an answer has run out, and not before', async () => {
    const all = setUp([srv, gw])
    expect(await at(all)).toBe('named')
    all.dns.remove('_im._mitp.b.example')
    all.dns.add(
      '_im._mitp.b.example 60 SRV 0 0 5270 other.b.example',
      'other.b.example 60 A 198.51.100.2',
    )
    await all.clock.advance(59_000)
    expect(await at(all)).toBe('named')
    await all.clock.advance(1000)
    expect(await at(all)).toBe('host-gone')
  })
})

describe('a flush', () => {
  test('leaves what was good for as long as DNS fails', async () => {
    const all = setUp([srv, gw], { isProven: () => true, fallback: 'strict' })
    await all.targets()
    all.resolver.flush(undefined)
    all.dns.fail('192.0.2.53', 'servfail')
    expect(await all.targets()).toEqual(['srv gw.b.example:5270 at 198.51.100.1, stale'])
  })

  test('of a domain forgets its names and its targets, and nothing else', async () => {
    const { dns, resolver, targets } = setUp([
      '_im._mitp.b.example 60 SRV 0 0 5279 gw.provider.example',
      'gw.provider.example 60 A 198.51.100.7',
      'c.example 60 A 198.51.100.8',
    ])
    const c = 'c.example' as Domain
    await targets()
    await resolver.resolve(c, 'im', open)
    const before = dns.asked.length
    expect(resolver.flush(b)).toBe(5)
    await resolver.resolve(c, 'im', open)
    expect(dns.asked).toHaveLength(before)
    await targets()
    expect(dns.questions.slice(before)).toContain('gw.provider.example A')
    expect(resolver.flush(undefined)).toBe(8)
  })

  test('ends the wait after a failure', async () => {
    const { dns, resolver, targets, code } = setUp([srv, gw], { fallback: 'strict' })
    dns.fail('_im._mitp.b.example', 'servfail')
    expect(await code()).toBe('dns-failed')
    dns.heal('_im._mitp.b.example')
    expect(await code()).toBe('dns-failed')
    resolver.flush(b)
    expect(await targets()).toHaveLength(1)
  })
})

test('who does not wait any more is told so, and nothing is left behind', async () => {
  const { dns, clock, targets } = setUp([srv, gw])
  dns.latencyMs = 1000
  const impatient = new AbortController()
  const told = codeOf(targets('im', impatient.signal))
  await clock.advance(500)
  impatient.abort()
  expect(await told).toBe('cancelled')
  await clock.advance(0)
  expect([dns.underWay, clock.pending]).toEqual([0, 0])
})
