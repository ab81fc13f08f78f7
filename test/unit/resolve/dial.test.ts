import { getEventListeners } from 'node:events'
import { describe, expect, test } from 'vitest'
import { GatewayError } from '../../../src/errors.ts'
import { sleep } from '../../../src/lib/clock.ts'
import { Meter } from '../../../src/lib/meter.ts'
import { type Limits, limitsWith } from '../../../src/limits.ts'
import { DialError, dialTargets } from '../../../src/resolve/dial.ts'
import { interleave } from '../../../src/resolve/race.ts'
import type { Target } from '../../../src/resolve/target.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const limits = limitsWith()

const target = (host: string, ...ips: readonly string[]): Target => ({
  host,
  port: 5279,
  addresses: ips.map((ip) => ({ ip, family: ip.includes(':') ? 6 : 4 })),
  via: 'srv',
  needsKnownKey: false,
  stale: false,
})

/** What an address does: stands or fails after so many ms; `deaf` heeds no signal. */
type Door = {
  readonly ms: number
  readonly fails: boolean
  readonly isDeaf: boolean
  readonly code?: string
}
const opens = (ms: number): Door => ({ ms, fails: false, isDeaf: false })
const refuses = (ms: number): Door => ({ ms, fails: true, isDeaf: false })
const isSomebodyElse: Door = { ...refuses(5), code: 'identity-mismatch' }
const isUnknown: Door = { ...refuses(5), code: 'tls-failed' }
const opensDeaf = (ms: number): Door => ({ ms, fails: false, isDeaf: true })
const silent = opens(1e9)

function setUp(doors: Readonly<Record<string, Door>>, given: Limits = limits) {
  const clock = new ManualClock()
  const meter = new Meter()
  const started: string[] = []
  const closed: string[] = []
  const stop = new AbortController()
  let standing = 0
  const connect = async (ip: string, _port: number, _target: Target, signal: AbortSignal) => {
    const { ms, fails, isDeaf, code = 'ECONNREFUSED' } = doors[ip] ?? refuses(0)
    started.push(`${ip} ${clock.now()}`)
    standing += 1
    await sleep(clock, ms, isDeaf ? undefined : signal)
    standing -= 1
    if (signal.aborted && !isDeaf) throw new GatewayError('link-stopped', 'aborted')
    if (fails) throw Object.assign(new Error('no'), { code })
    return ip
  }
  const close = (ip: string): undefined => {
    closed.push(ip)
  }
  const dial = (targets: AsyncIterable<Target> | Iterable<Target>) =>
    dialTargets({ targets, connect, close, clock, limits: given, meter, signal: stop.signal })
  const underWay = () => standing
  return { clock, meter, started, closed, stop, dial, underWay }
}

const errorOf = async (work: Promise<unknown>): Promise<DialError> => {
  const error = await work.then(
    () => undefined,
    (cause: unknown) => cause,
  )
  if (error instanceof DialError) return error
  throw error
}

describe('inside one target', () => {
  test('the first address is tried at once, the next after 250 ms, and the first that stands wins (RFC 8305)', async () => {
    const { clock, started, dial } = setUp({ '192.0.2.1': silent, '192.0.2.2': opens(30) })
    const dialled = dial([target('a', '192.0.2.1', '192.0.2.2', '192.0.2.3')])
    await clock.advance(1000)
    expect(await dialled).toMatchObject({
      value: '192.0.2.2',
      ip: '192.0.2.2',
      target: { host: 'a' },
    })
    expect(started).toEqual(['192.0.2.1 0', '192.0.2.2 250'])
  })

  test('a failure starts the next address at once, and the stagger anew', async () => {
    const { clock, started, dial } = setUp({
      '192.0.2.1': refuses(100),
      '192.0.2.2': silent,
      '192.0.2.3': opens(1),
    })
    const dialled = dial([target('a', '192.0.2.1', '192.0.2.2', '192.0.2.3')])
    await clock.advance(1000)
    await dialled
    expect(started).toEqual(['192.0.2.1 0', '192.0.2.2 100', '192.0.2.3 350'])
  })

  test('the families take turns, IPv6 first', async () => {
    const { addresses } = target('a', '192.0.2.1', '192.0.2.2', '192.0.2.3', '2a00::1', '2a00::2')
    expect(interleave(addresses).map(({ ip }) => ip)).toEqual([
      '2a00::1',
      '192.0.2.1',
      '2a00::2',
      '192.0.2.2',
      '192.0.2.3',
    ])
  })

  test('those that lose are cancelled, and no timer is left', async () => {
    const { clock, dial, stop, underWay } = setUp({ '192.0.2.1': silent, '192.0.2.2': opens(30) })
    const dialled = dial([target('a', '192.0.2.1', '192.0.2.2', '192.0.2.3')])
    await clock.advance(300)
    await dialled
    await clock.advance(0)
    expect([underWay(), clock.pending]).toEqual([0, 0])
    expect(getEventListeners(stop.signal, 'abort')).toEqual([])
  })

  test('a connection that stands too late is closed', async () => {
    const { clock, closed, dial } = setUp({
      '192.0.2.1': opensDeaf(400),
      '192.0.2.2': opensDeaf(20),
    })
    const dialled = dial([target('a', '192.0.2.1', '192.0.2.2')])
    await clock.advance(1000)
    expect(await dialled).toMatchObject({ ip: '192.0.2.2' })
    expect(closed).toEqual(['192.0.2.1'])
  })

  test('of two that stand in the same moment one is closed', async () => {
    const { clock, closed, dial } = setUp({
      '192.0.2.1': opensDeaf(300),
      '192.0.2.2': opensDeaf(50),
    })
    const dialled = dial([target('a', '192.0.2.1', '192.0.2.2')])
    await clock.advance(1000)
    expect(await dialled).toMatchObject({ ip: '192.0.2.1' })
    expect(closed).toEqual(['192.0.2.2'])
  })

  test('an address that says nothing is given up after its time', async () => {
    const { clock, dial, meter } = setUp({ '192.0.2.1': silent })
    const error = errorOf(dial([target('a', '192.0.2.1')]))
    await clock.advance(limits.dialAddressMs)
    expect((await error).attempts).toEqual([
      {
        host: 'a',
        ip: '192.0.2.1',
        port: 5279,
        via: 'srv',
        code: 'timeout',
        detail: 'no answer in time',
        ms: 10_000,
      },
    ])
    expect(meter.total('limit_hits_total', { limit: 'dialAddressMs' })).toBe(1)
  })
})

describe('between targets', () => {
  test('the next is tried only when the one before has failed entirely (RFC 2782)', async () => {
    const { clock, started, dial } = setUp({
      '192.0.2.1': refuses(600),
      '192.0.2.2': refuses(600),
      '192.0.2.9': opens(1),
    })
    const dialled = dial([target('a', '192.0.2.1', '192.0.2.2'), target('b', '192.0.2.9')])
    await clock.advance(2000)
    expect(await dialled).toMatchObject({ target: { host: 'b' } })
    expect(started).toEqual(['192.0.2.1 0', '192.0.2.2 250', '192.0.2.9 850'])
  })

  test('the next is not even looked for before', async () => {
    let looked = 0
    async function* targets() {
      yield target('a', '192.0.2.1')
      looked += 1
      yield target('b', '192.0.2.2')
    }
    const { clock, dial } = setUp({ '192.0.2.1': opens(10) })
    const dialled = dial(targets())
    await clock.advance(100)
    await dialled
    expect(looked).toBe(0)
  })
})

describe('a dial that fails', () => {
  test('says what was tried, where, with what result and how long it took', async () => {
    const { clock, dial } = setUp({ '192.0.2.1': refuses(5), '2a00::1': refuses(7) })
    const told = errorOf(dial([target('a', '192.0.2.1', '2a00::1'), target('b')]))
    await clock.advance(100)
    const error = await told
    expect(error.code).toBe('remote-unreachable')
    expect(error.message).toBe(
      'tried [2a00::1]:5279: no (ECONNREFUSED, 7 ms), 192.0.2.1:5279: no (ECONNREFUSED, 5 ms)',
    )
    expect(error.attempts.map(({ ip }) => ip)).toEqual(['2a00::1', '192.0.2.1'])
  })

  test('does not say the address twice where the attempt names it', async () => {
    const { clock, meter, stop } = setUp({})
    const connect = async () => {
      throw new GatewayError('link-refused', '192.0.2.1:5279: connection refused')
    }
    const close = () => undefined
    const told = errorOf(
      dialTargets({
        ...{ targets: [target('a', '192.0.2.1')], connect, close },
        ...{ clock, limits, meter, signal: stop.signal },
      }),
    )
    await clock.advance(10)
    expect((await told).message).toBe(
      'tried 192.0.2.1:5279: connection refused (link-refused, 0 ms)',
    )
  })

  test.for([
    [
      'whoever was there was not the domain',
      { '192.0.2.1': isSomebodyElse, '2a00::1': isUnknown },
      'remote-untrusted',
    ],
    [
      'one of the doors was shut',
      { '192.0.2.1': isSomebodyElse, '2a00::1': refuses(5) },
      'remote-unreachable',
    ],
  ] as const)('says whether there is reason for distrust: %s', async ([, doors, code]) => {
    const { clock, dial } = setUp(doors)
    const told = errorOf(dial([target('a', '192.0.2.1', '2a00::1')]))
    await clock.advance(100)
    expect((await told).code).toBe(code)
  })

  test('tells what the search for targets said, if that was all', async () => {
    const { dial } = setUp({})
    async function* targets(): AsyncGenerator<Target> {
      yield* []
      throw new GatewayError('dns-failed', 'no answer')
    }
    await expect(dial(targets())).rejects.toMatchObject({ code: 'dns-failed' })
  })

  test('tells what was tried, if the search failed only after that', async () => {
    const { clock, dial } = setUp({})
    async function* targets(): AsyncGenerator<Target> {
      yield target('a', '192.0.2.1')
      throw new GatewayError('dns-failed', 'no answer')
    }
    const told = errorOf(dial(targets()))
    await clock.advance(10)
    expect(await told).toMatchObject({
      code: 'remote-unreachable',
      attempts: [{ ip: '192.0.2.1' }],
      cause: { code: 'dns-failed' },
    })
  })

  test('has tried no more addresses than the limit allows [A115]', async () => {
    const ips = Array.from({ length: 60 }, (_, i) => `198.51.100.${i}`)
    const { clock, dial, meter, started } = setUp({})
    const told = errorOf(dial([target('a', ...ips.slice(0, 10)), target('b', ...ips.slice(10))]))
    await clock.advance(1)
    expect((await told).attempts).toHaveLength(limits.dialAddresses)
    expect(started).toHaveLength(16)
    expect(meter.total('limit_hits_total', { limit: 'dialAddresses' })).toBe(1)
  })

  test('has not hit the limit at exactly its number', async () => {
    const ips = Array.from({ length: 16 }, (_, i) => `198.51.100.${i}`)
    const { clock, dial, meter } = setUp({})
    const told = errorOf(dial([target('a', ...ips)]))
    await clock.advance(1)
    expect((await told).attempts).toHaveLength(16)
    expect(meter.total('limit_hits_total')).toBe(0)
  })

  test('has ended within its time, however many doors were silent', async () => {
    const doors = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`192.0.2.${i}`, silent]))
    const { clock, dial, meter, underWay } = setUp(doors)
    const told = errorOf(dial(Object.keys(doors).map((ip) => target(ip, ip))))
    await clock.advance(limits.dialMs)
    expect(await told).toMatchObject({ code: 'remote-unreachable' })
    expect((await told).attempts.map(({ code }) => code)).toEqual(['timeout', 'timeout', 'timeout'])
    expect(meter.total('limit_hits_total', { limit: 'dialMs' })).toBe(1)
    expect([underWay(), clock.pending]).toEqual([0, 0])
  })

  test('has ended within its time, even if the next target cannot be found', async () => {
    const { clock, dial } = setUp({})
    async function* targets(): AsyncGenerator<Target> {
      await new Promise(() => undefined)
      yield target('never')
    }
    const told = errorOf(dial(targets()))
    await clock.advance(limits.dialMs)
    expect(await told).toMatchObject({ code: 'remote-unreachable', attempts: [] })
  })
})

test('who does not wait any more ends every attempt', async () => {
  const { clock, dial, stop, underWay } = setUp({ '192.0.2.1': silent, '192.0.2.2': silent })
  const told = errorOf(dial([target('a', '192.0.2.1', '192.0.2.2'), target('b', '192.0.2.3')]))
  await clock.advance(300)
  expect(underWay()).toBe(2)
  stop.abort()
  expect(await told).toMatchObject({ code: 'cancelled' })
  await clock.advance(0)
  expect([underWay(), clock.pending]).toEqual([0, 0])
})

test('who did not wait to begin with starts nothing', async () => {
  const { dial, stop, started } = setUp({})
  stop.abort()
  expect(await errorOf(dial([target('a', '192.0.2.1')]))).toMatchObject({ code: 'cancelled' })
  expect(started).toEqual([])
})
