import { describe, expect, test } from 'vitest'
import { createExplain } from '../../../src/admin/explaining.ts'
import type { Diagnosis } from '../../../src/diagnose/diagnosis.ts'
import { GatewayError, type Status } from '../../../src/errors.ts'
import { Meter } from '../../../src/lib/meter.ts'
import type { JournalEntry } from '../../../src/operation/journal.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { destination, found, link, ownDomain, runningWith, type Wish } from './support.ts'

function setUp(wish: Wish = {}) {
  const clock = new ManualClock()
  const meter = new Meter()
  const explain = createExplain({
    ...{ running: runningWith(wish), clock, meter },
    limits: { adminExplains: 2, adminExplainMs: 10_000 },
    by: () => ({
      ...{ who: 'gateway', software: 'gatehouse/0.1.0', pid: 4711, uptimeSeconds: 3 },
      domains: ['a.example'],
    }),
  })
  return { clock, meter, ask: (query: string) => explain(new URLSearchParams(query)) }
}

/** A resolver that answers when it is told to, or when nobody waits any more. */
function slowResolver() {
  const asked: { readonly domain: string; readonly done: () => undefined }[] = []
  const resolver: Wish['resolver'] = {
    explain: (domain, service, signal) => {
      const { promise, resolve } = Promise.withResolvers<ReturnType<typeof found>>()
      signal.addEventListener('abort', () => {
        resolve({ ...found(domain, service), result: 'cancelled' })
      })
      const done = (): undefined => resolve(found(domain, service)) as undefined
      asked.push({ domain, done })
      return promise
    },
  }
  return { asked, resolver }
}

describe('an explanation', () => {
  test('has the search, the links, the destinations and the events of the running gateway', async () => {
    const event: JournalEntry = {
      ...{ kind: 'dial', direction: 'out', local: undefined, remote: 'b.example' as never },
      ...{ service: 'im', cause: 'dns-failed', detail: 'no', times: 1, since: 0, at: 0 },
    }
    const { ask, clock } = setUp({
      destinations: [destination('b.example', 'backing-off'), destination('c.example', 'running')],
      links: [link('b.example'), link('c.example')],
      journal: { of: (domain) => (domain === 'b.example' ? [event] : []) },
    })
    const { status, value } = await ask('address=bob@b.example')
    const told = value as Diagnosis
    expect(status).toBe(200)
    expect(told).toMatchObject({
      ...{ domain: 'b.example', service: 'im', result: 'remote-unreachable' },
      by: { who: 'gateway', pid: 4711, domains: ['a.example'] },
      search: { result: 'ok', sentence: 'found' },
      destinations: [{ state: 'backing-off', cause: 'remote-unreachable', retryInMs: 4200 }],
      links: [{ proof: ['certificate', 'key'], address: '192.0.2.7:5279' }],
      events: [{ kind: 'dial', cause: 'dns-failed' }],
    })
    expect(JSON.stringify(told)).not.toContain('bob')
    expect(clock.pending).toBe(0)
  })

  test.for([
    ['address=im:bob@b.example&service=pres', 'im'],
    ['address=pres:bob@b.example', 'pres'],
    ['address=b.example&service=pres', 'pres'],
    ['address=B.Example', 'im'],
  ])('of %s is about %s', async ([query, service]) => {
    const { value } = await setUp().ask(query as string)
    expect(value).toMatchObject({ domain: 'b.example', service })
  })

  test.for([
    ['', 'bad-address'],
    ['address=bob@@b.example', 'bad-address'],
    ['address=b.example&service=sip', 'usage'],
  ])('of "%s" there is none', async ([query, code]) => {
    const { asked, resolver } = slowResolver()
    const reply = await setUp({ resolver }).ask(query as string)
    expect(reply).toMatchObject({ status: 400, value: { error: { code } } })
    expect(asked).toEqual([])
  })
})

describe('with proof', () => {
  const refusing = (code: Status) => ({
    claim: async () => ({ isAsked: true, code, detail: '' }),
    self: async () => {
      throw new GatewayError('remote-unreachable', '192.0.2.1:5279: connection refused')
    },
  })
  const domains = [ownDomain('a.example', 0), ownDomain('a2.example', 0)]

  test('it has what the far side says of us, and whether others find us', async () => {
    const { ask, clock } = setUp({ domains, probe: refusing('credential-unverifiable') })
    const { value } = await ask('address=b.example&prove=yes')
    expect(value).toMatchObject({
      ...{ result: 'credential-unverifiable', side: 'us' },
      claim: { local: 'a.example', isAsked: true },
      ours: { domain: 'a.example', result: 'remote-unreachable' },
    })
    expect(clock.pending).toBe(0)
  })

  test('it is about the domain of ours that is in trouble there, or that is named', async () => {
    const destinations = [
      destination('b.example', 'running'),
      { ...destination('b.example', 'backing-off'), local: 'a2.example' },
    ]
    const { ask } = setUp({ domains, destinations, probe: refusing('domain-refused') })
    const localOf = async (query: string) => ((await ask(query)).value as Diagnosis).claim?.local
    expect(await localOf('address=b.example&prove=yes')).toBe('a2.example')
    expect(await localOf('address=b.example&prove=yes&from=a.example')).toBe('a.example')
    expect(await ask('address=b.example&from=c.example')).toMatchObject({
      ...{ status: 400, value: { error: { code: 'usage' } } },
    })
  })

  test('nobody is dialled without the wish, nor where our rules bar it', async () => {
    let asked = 0
    const probe: Wish['probe'] = {
      claim: async () => {
        asked++
        return { isAsked: true, code: 'ok', detail: '' }
      },
      self: async () => ({ at: '', who: 'us' }),
    }
    const { ask } = setUp({ domains, probe })
    expect(((await ask('address=b.example')).value as Diagnosis).claim).toBe(null)
    await setUp({ domains, probe, isBarred: true }).ask('address=b.example&prove=yes')
    const own = await ask('address=a2.example&prove=yes')
    expect(own.value).toMatchObject({ claim: null, ours: { domain: 'a2.example' } })
    expect(asked).toBe(0)
    await ask('address=b.example&prove=yes')
    expect(asked).toBe(1)
  })

  test('who does not answer in time is told so', async () => {
    const probe: Wish['probe'] = {
      claim: () => new Promise(() => undefined),
      self: async () => ({ at: '', who: 'us' }),
    }
    const { ask, clock } = setUp({ domains, probe })
    const asked = ask('address=b.example&prove=yes')
    await clock.advance(10_000)
    expect(((await asked).value as Diagnosis).claim).toMatchObject({
      ...{ isAsked: false, result: 'remote-timeout' },
    })
  })
})

describe('who is many, or slow', () => {
  test('waits for what was asked already', async () => {
    const { asked, resolver } = slowResolver()
    const { ask } = setUp({ resolver })
    const both = Promise.all([ask('address=b.example'), ask('address=bob@b.example')])
    expect(asked).toHaveLength(1)
    asked[0]?.done()
    expect((await both).map(({ status }) => status)).toEqual([200, 200])
    void ask('address=b.example')
    expect(asked).toHaveLength(2)
  })

  test('is turned away while too many are under way, and counts', async () => {
    const { asked, resolver } = slowResolver()
    const { ask, meter } = setUp({ resolver })
    const first = ask('address=b1.example')
    void ask('address=b2.example')
    const third = await ask('address=b3.example')
    expect(third).toMatchObject({ status: 503, value: { error: { code: 'busy' } } })
    expect(meter.total('limit_hits_total', { limit: 'adminExplains' })).toBe(1)
    const again = ask('address=b1.example')
    asked[0]?.done()
    expect([await first, await again].map(({ status }) => status)).toEqual([200, 200])
    void ask('address=b3.example')
    expect(asked.map(({ domain }) => domain)).toEqual(['b1.example', 'b2.example', 'b3.example'])
  })

  test('is told in time that DNS says nothing', async () => {
    const { resolver } = slowResolver()
    const { ask, clock } = setUp({ resolver })
    const asked = ask('address=b.example')
    await clock.advance(10_000)
    expect((await asked).value).toMatchObject({
      result: 'dns-failed',
      sentence: 'im:b.example: DNS said nothing within 10 s.',
    })
    expect(clock.pending).toBe(0)
  })
})
