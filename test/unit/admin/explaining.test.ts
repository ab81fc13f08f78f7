import { describe, expect, test } from 'vitest'
import { createExplain } from '../../../src/admin/explaining.ts'
import type { Diagnosis } from '../../../src/diagnose/diagnosis.ts'
import { Meter } from '../../../src/lib/meter.ts'
import type { JournalEntry } from '../../../src/operation/journal.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { destination, found, link, runningWith, type Wish } from './support.ts'

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
