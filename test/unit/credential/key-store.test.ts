import { expect, test, vi } from 'vitest'
import { pinKey } from '../../../src/credential/pinned-keys.ts'
import { GatewayError } from '../../../src/errors.ts'
import { limitsWith } from '../../../src/limits.ts'
import { dose } from '../../support/dose.ts'
import { day, entryOf, forgeKeySet, someKey } from '../../support/forge-key-set.ts'
import { hour, keyStoreBench, minute, second } from '../../support/key-store-bench.ts'
import { vectorKeys, vectorNow } from '../../support/token-vectors.ts'

// Thousands of cases on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const [one, two, three] = ['one', 'two', 'three'].map(someKey) as [
  ReturnType<typeof someKey>,
  ReturnType<typeof someKey>,
  ReturnType<typeof someKey>,
]
const a = 'a.example'
const never = () => new Promise<Buffer>(() => undefined)
const broken = () => Promise.reject(new Error('connection refused'))

test('a key is absent until it is fetched, and then found', async () => {
  const { store, fetched } = keyStoreBench()
  expect(store.find(a, one.kid, 'link')).toEqual({ state: 'absent' })
  await store.ensure(a, one.kid)
  expect(store.find(a, one.kid, 'link')).toMatchObject({ state: 'found', key: { kid: one.kid } })
  expect(fetched).toEqual([a])
})

test('who asks while a fetch is under way waits for that one', async () => {
  const bench = keyStoreBench()
  await Promise.all(Array.from({ length: 100 }, () => bench.store.ensure(a, one.kid)))
  expect(bench.fetched).toEqual([a])
})

test('a set that is here is not fetched again', async () => {
  const { store, fetched, clock } = keyStoreBench()
  await store.ensure(a, one.kid)
  for (const ms of [0, minute]) {
    await clock.advance(ms)
    await store.ensure(a, one.kid)
    await store.ensure(a, undefined)
  }
  expect(fetched).toEqual([a])
})

test('a key serves its use and no other, in its time and no other', async () => {
  const bench = keyStoreBench()
  bench.answer = async (domain) => {
    const entries = [
      entryOf(one, vectorNow, { use: 'link' }),
      entryOf(two, vectorNow, { use: 'user', naf: vectorNow + 60 }),
      entryOf(three, vectorNow, { nbf: vectorNow + 3600 }),
    ]
    return forgeKeySet({ now: vectorNow, domain, entries, signers: [one, two, three] })
  }
  const state = (kid: string, purpose: 'link' | 'user') => bench.store.find(a, kid, purpose).state
  await bench.store.ensure(a, undefined)
  expect([state(one.kid, 'link'), state(one.kid, 'user')]).toEqual(['found', 'unfit'])
  expect([state(two.kid, 'link'), state(two.kid, 'user')]).toEqual(['unfit', 'found'])
  expect(state(three.kid, 'link')).toBe('unfit')
  await bench.clock.advance(91 * second)
  expect(state(two.kid, 'user')).toBe('unfit')
  expect(bench.fetched).toHaveLength(1)
})

test.for([
  ['begins in 30 s', { nbf: vectorNow + 30 }, 'found'],
  ['begins in 31 s', { nbf: vectorNow + 31 }, 'unfit'],
  ['ended 30 s ago', { naf: vectorNow - 30 }, 'found'],
  ['ended 31 s ago', { naf: vectorNow - 31 }, 'unfit'],
] as const)('a key whose time %s %j is %s', async ([, window, state]) => {
  const bench = keyStoreBench()
  bench.publish({ entries: [entryOf(one, vectorNow, window)] })
  await bench.store.ensure(a, one.kid)
  expect(bench.store.find(a, one.kid, 'link').state).toBe(state)
})

test('A094: a thousand unknown key ids a second cause one fetch in 30 s', async () => {
  const { store, fetched, clock } = keyStoreBench()
  await store.ensure(a, one.kid)
  for (let i = 0; i < 90; i++) {
    for (let k = 0; k < 1000; k++) {
      if (store.find(a, `made-up-${i}-${k}`, 'user').state === 'absent') {
        await store.ensure(a, `made-up-${i}-${k}`)
      }
    }
    await clock.advance(second)
  }
  expect(fetched).toHaveLength(3)
})

test('A094: an unknown key id is final while the set is fresh, and worth a fetch afterwards', async () => {
  const { store, clock, publish } = keyStoreBench()
  await store.ensure(a, one.kid)
  await clock.advance(29_999)
  expect(store.find(a, two.kid, 'user').state).toBe('unknown-kid')
  await clock.advance(1)
  expect(store.find(a, two.kid, 'user').state).toBe('absent')
  publish({ ver: 2, keys: [one, two] })
  await store.ensure(a, two.kid)
  expect(store.find(a, two.kid, 'user').state).toBe('found')
})

test('A094: thousands of invented issuers push out each other, not the domains that are known', async () => {
  const limits = limitsWith({ keySets: 100 })
  const bench = keyStoreBench({ limits })
  await bench.store.ensure(a, one.kid)
  bench.answer = broken
  const count = dose(10_000, 2000)
  const all = Array.from({ length: count }, (_, i) => bench.store.ensure(`x${i}.example`, 'k'))
  await bench.clock.advance(5 * second)
  await Promise.all(all)
  expect(bench.store.find(a, one.kid, 'link').state).toBe('found')
  // The last ones are remembered as failing, so they are not asked again; the first ones are forgotten.
  expect(bench.store.find(`x${count - 1}.example`, 'k', 'link').state).toBe('unavailable')
  expect(bench.store.find('x1.example', 'k', 'link').state).toBe('absent')
  expect(bench.meter.total('limit_hits_total', { limit: 'keySets' })).toBe(count - 100)
})

test('key sets beyond the bound push out the one that was used longest ago', async () => {
  const bench = keyStoreBench({ limits: limitsWith({ keySets: 2 }) })
  await bench.store.ensure('a.example', one.kid)
  await bench.store.ensure('b.example', one.kid)
  bench.store.find('a.example', one.kid, 'link')
  await bench.store.ensure('c.example', one.kid)
  const known = ['a', 'b', 'c'].filter((name) => bench.store.known(`${name}.example`))
  expect(known).toEqual(['a', 'c'])
})

test('a domain that a link rests on is not pushed out', async () => {
  const bench = keyStoreBench({ limits: limitsWith({ keySets: 1 }) })
  await bench.store.ensure(a, one.kid)
  const leave = bench.store.watch(a)
  await bench.store.ensure('b.example', one.kid)
  expect(bench.store.known(a)).toBe(true)
  leave()
  await bench.store.ensure('c.example', one.kid)
  expect(bench.store.known(a)).toBe(false)
  bench.store.close()
})

test('who stops watching twice does not bring back what was forgotten in between', async () => {
  const bench = keyStoreBench({ limits: limitsWith({ keySets: 1 }) })
  await bench.store.ensure(a, one.kid)
  const leave = bench.store.watch(a)
  leave()
  await bench.store.ensure('b.example', one.kid)
  bench.publish({ domain: a, ver: 7 })
  await bench.store.ensure(a, one.kid)
  leave()
  expect(bench.store.view(a)?.ver).toBe(7)
})

test('a domain whose fetch is under way is not pushed out, so it is not fetched twice', async () => {
  const bench = keyStoreBench({ limits: limitsWith({ keySets: 1 }) })
  bench.answer = never
  void bench.store.ensure(a, one.kid)
  void bench.store.ensure('b.example', one.kid)
  void bench.store.ensure('c.example', one.kid)
  void bench.store.ensure(a, one.kid)
  await bench.clock.advance(second)
  expect(bench.fetched).toEqual([a, 'b.example', 'c.example'])
  bench.store.close()
})

test('A095: a fetch that dribbles is given up after 5 s', async () => {
  const bench = keyStoreBench()
  let aborted = false
  bench.answer = (_, signal) => {
    signal.addEventListener('abort', () => {
      aborted = true
    })
    return never()
  }
  const done = bench.store.ensure(a, one.kid)
  await bench.clock.advance(4999)
  expect(aborted).toBe(false)
  await bench.clock.advance(1)
  await done
  expect(aborted).toBe(true)
  expect(bench.store.find(a, one.kid, 'link')).toMatchObject({ state: 'unavailable' })
  expect(bench.meter.total('key_fetches_total', { outcome: 'remote-timeout' })).toBe(1)
})

test.for([
  ['A095: of 10 MB', Buffer.alloc(10_000_000, ' '), 'too-large'],
  [
    'A095: of 10 000 keys',
    forgeKeySet({ now: vectorNow, entries: Array(10_000).fill(0) }),
    'credential-format',
  ],
  ['A095: of packed bytes', Buffer.from('1f8b0800', 'hex'), 'credential-format'],
  [
    'A099: of another domain',
    forgeKeySet({ now: vectorNow, domain: 'c.example' }),
    'credential-issuer',
  ],
  [
    'A088: with a small-order key',
    forgeKeySet({ now: vectorNow, entries: [entryOf(one, vectorNow, { x: 'A'.repeat(43) })] }),
    'credential-key',
  ],
  [
    'A104: with a published test key',
    forgeKeySet({ now: vectorNow, keys: [vectorKeys.user] }),
    'credential-key',
  ],
] as const)('a body %s is not kept', async ([, body, outcome]) => {
  const bench = keyStoreBench()
  bench.answer = async () => body
  await bench.store.ensure(a, one.kid)
  expect(bench.store.known(a)).toBe(false)
  expect(bench.store.known('c.example')).toBe(false)
  expect(bench.store.find(a, one.kid, 'link').state).toBe('unavailable')
  const outcomes = [outcome, outcome === 'credential-format' ? 'too-large' : outcome]
  expect(
    outcomes.map((code) => bench.meter.total('key_fetches_total', { outcome: code })),
  ).toContain(1)
})

/** [LINK-6.1-3] A fetch that fails takes its whole time. */
const failing = async ({ store, clock }: ReturnType<typeof keyStoreBench>, kid: string) => {
  const landed = store.ensure(a, kid)
  await clock.advance(5 * second)
  await landed
}

test('failures wait 60 s, then twice that, up to 15 min, spread a little', async () => {
  const bench = keyStoreBench()
  bench.answer = broken
  const waits: number[] = []
  for (let i = 0; i < 7; i++) {
    await failing(bench, one.kid)
    const found = bench.store.find(a, one.kid, 'link')
    const wait = found.state === 'unavailable' ? found.retryAfterMs : 0
    await bench.store.ensure(a, one.kid)
    expect(bench.fetched).toHaveLength(i + 1)
    waits.push(wait)
    await bench.clock.advance(wait)
    expect(bench.store.find(a, one.kid, 'link').state).toBe('absent')
  }
  const wanted = [1, 2, 4, 8, 15, 15, 15].map((minutes) => minutes * minute)
  for (const [at, wait] of waits.entries()) {
    expect(wait).toBeLessThanOrEqual(wanted[at] as number)
    expect(wait).toBeGreaterThanOrEqual((wanted[at] as number) * 0.8)
  }
})

test('an operator ends the wait after failures, of one domain or of all', async () => {
  const bench = keyStoreBench()
  bench.answer = broken
  for (const domain of [a, 'b.example']) {
    const asked = bench.store.ensure(domain, undefined)
    await bench.clock.advance(5 * second)
    await asked
  }
  await bench.store.ensure(a, undefined)
  expect(bench.fetched).toEqual([a, 'b.example'])
  expect(bench.store.tryAgain(a)).toBe(1)
  bench.answer = keyStoreBench().answer
  await bench.store.ensure(a, undefined)
  expect(bench.fetched).toEqual([a, 'b.example', a])
  expect([bench.store.tryAgain(undefined), bench.store.tryAgain(undefined)]).toEqual([1, 0])
  await bench.store.ensure('b.example', undefined)
  expect(bench.fetched).toHaveLength(4)
})

test('where DNS failed the domain was not asked: its keys are wanted again 5 s later, however often', async () => {
  const bench = keyStoreBench()
  bench.answer = () => Promise.reject(new GatewayError('dns-failed', 'DNS could not say'))
  for (let i = 1; i <= 6; i++) {
    const asked = bench.store.ensure(a, undefined)
    await bench.clock.advance(5 * second)
    await asked
    await bench.store.ensure(a, undefined)
    expect(bench.fetched).toHaveLength(i)
    await bench.clock.advance(5 * second)
  }
})

test('a success makes the next failure wait 60 s again', async () => {
  const bench = keyStoreBench()
  const works = bench.answer
  bench.answer = broken
  for (let i = 0; i < 4; i++) {
    await failing(bench, one.kid)
    await bench.clock.advance(15 * minute)
  }
  bench.answer = works
  await bench.store.ensure(a, one.kid)
  bench.answer = broken
  await bench.clock.advance(minute)
  await failing(bench, two.kid)
  const found = bench.store.find(a, two.kid, 'link')
  expect(found).toMatchObject({ state: 'unavailable' })
  expect(found.state === 'unavailable' && found.retryAfterMs).toBeLessThanOrEqual(minute)
})

test('while the next fetch has to wait, known keys still serve', async () => {
  const bench = keyStoreBench()
  await bench.store.ensure(a, one.kid)
  bench.answer = broken
  await bench.clock.advance(minute)
  await failing(bench, two.kid)
  expect(bench.store.find(a, one.kid, 'link').state).toBe('found')
  expect(bench.store.find(a, two.kid, 'link').state).toBe('unavailable')
})

test('our own shortage of dials is no failure of the domain', async () => {
  const bench = keyStoreBench()
  const works = bench.answer
  bench.answer = () => Promise.reject(new GatewayError('busy', 'no dial to spare'))
  await bench.store.ensure(a, one.kid)
  expect(bench.store.find(a, one.kid, 'link').state).toBe('absent')
  bench.answer = works
  await bench.store.ensure(a, one.kid)
  expect(bench.store.find(a, one.kid, 'link').state).toBe('found')
})

test('a refresh for which there is no dial to spare waits 30 s', async () => {
  const bench = keyStoreBench()
  await bench.store.ensure(a, one.kid)
  bench.store.watch(a)
  bench.answer = () => Promise.reject(new GatewayError('busy', 'no dial to spare'))
  await bench.clock.advance(hour)
  const before = bench.fetched.length
  await bench.clock.advance(10 * minute)
  expect(bench.fetched.length - before).toBeGreaterThanOrEqual(19)
  expect(bench.fetched.length - before).toBeLessThanOrEqual(21)
  bench.store.close()
})

test('a set in use is fetched again in the background before it is an hour old', async () => {
  const { store, clock, fetched } = keyStoreBench()
  await store.ensure(a, one.kid)
  await clock.advance(47 * minute)
  expect(store.find(a, one.kid, 'link').state).toBe('found')
  expect(fetched).toHaveLength(1)
  await clock.advance(13 * minute)
  expect(store.find(a, one.kid, 'link').state).toBe('found')
  await clock.advance(0)
  expect(fetched).toHaveLength(2)
})

test('a set that nobody uses is not fetched again', async () => {
  const { store, clock, fetched } = keyStoreBench()
  await store.ensure(a, one.kid)
  await clock.advance(12 * hour)
  expect(fetched).toHaveLength(1)
  expect(clock.pending).toBe(0)
})

test('a set that a link rests on is fetched every hour, used or not', async () => {
  const { store, clock, fetched } = keyStoreBench()
  await store.ensure(a, one.kid)
  const leave = store.watch(a)
  await clock.advance(12 * hour)
  expect(fetched.length).toBeGreaterThanOrEqual(13)
  expect(fetched.length).toBeLessThanOrEqual(16)
  leave()
  leave()
  expect(clock.pending).toBe(0)
})

test('A098: a set that says it lives for 10 years is used for 24 h after the last good fetch', async () => {
  const bench = keyStoreBench()
  bench.publish({ change: { exp: vectorNow + 3650 * day } })
  await bench.store.ensure(a, one.kid)
  bench.answer = broken
  await bench.clock.advance(24 * hour - 1)
  expect(bench.store.find(a, one.kid, 'link').state).toBe('found')
  await bench.clock.advance(1)
  expect(bench.store.find(a, one.kid, 'link').state).not.toBe('found')
})

test('a set is not used beyond its own end', async () => {
  const bench = keyStoreBench()
  bench.publish({ change: { exp: vectorNow + 600 } })
  await bench.store.ensure(a, one.kid)
  bench.answer = broken
  await bench.clock.advance(630 * second)
  expect(bench.store.find(a, one.kid, 'link').state).toBe('found')
  await bench.clock.advance(second)
  expect(bench.store.find(a, one.kid, 'link').state).not.toBe('found')
})

test('links are told when the set they rest on is too old to be used', async () => {
  const bench = keyStoreBench()
  await bench.store.ensure(a, one.kid)
  bench.store.watch(a)
  bench.answer = broken
  bench.changed.length = 0
  await bench.clock.advance(23 * hour)
  expect(bench.changed).toEqual([])
  await bench.clock.advance(hour + 15 * minute)
  expect(bench.changed).toContain(a)
  bench.store.close()
})

test('A097: an older set and the same version with other keys are refused, and the last one stays', async () => {
  const bench = keyStoreBench()
  bench.publish({ ver: 5, keys: [one, two] })
  await bench.store.ensure(a, one.kid)
  for (const ver of [4, 5]) {
    await bench.clock.advance(16 * minute)
    bench.publish({ ver, keys: [one, three] })
    await bench.store.ensure(a, three.kid)
    expect(bench.store.find(a, three.kid, 'user').state).toBe('unavailable')
    expect(bench.store.find(a, two.kid, 'user').state).toBe('found')
  }
  expect(bench.meter.total('key_rollbacks_total')).toBe(2)
  expect(bench.names()).toContain('key.rollback')
})

test('A097: a version is remembered when the set is too old to be used', async () => {
  const bench = keyStoreBench()
  bench.publish({ ver: 5 })
  await bench.store.ensure(a, one.kid)
  await bench.clock.advance(30 * hour)
  bench.publish({ ver: 4 })
  await bench.store.ensure(a, one.kid)
  expect(bench.store.find(a, one.kid, 'link').state).toBe('unavailable')
})

test('A097: a key that a newer set leaves out is no longer good', async () => {
  const bench = keyStoreBench()
  bench.publish({ ver: 1, keys: [one, two] })
  await bench.store.ensure(a, two.kid)
  bench.publish({ ver: 2, keys: [one] })
  await bench.clock.advance(minute)
  await bench.store.refresh(a)
  expect(bench.store.find(a, two.kid, 'user').state).toBe('unknown-kid')
  expect(bench.changed).toEqual([a, a])
})

test('A100: a revoked key is refused at once after the push, and links are told', async () => {
  const bench = keyStoreBench()
  bench.publish({ ver: 1, keys: [one, two] })
  await bench.store.ensure(a, two.kid)
  bench.store.watch(a)
  await bench.clock.advance(minute)
  bench.publish({ ver: 2, keys: [one], change: { revoked: [two.kid] } })
  bench.changed.length = 0
  await bench.store.refresh(a)
  expect(bench.changed).toEqual([a])
  expect(bench.store.find(a, two.kid, 'user').state).toBe('revoked')
  bench.store.close()
})

test('A100: without a push a watched domain that revokes a key is found out within the hour', async () => {
  const bench = keyStoreBench()
  bench.publish({ ver: 1, keys: [one, two] })
  await bench.store.ensure(a, two.kid)
  bench.store.watch(a)
  bench.publish({ ver: 2, keys: [one, two], change: { revoked: [two.kid] } })
  await bench.clock.advance(hour)
  expect(bench.store.find(a, two.kid, 'user').state).toBe('revoked')
  bench.store.close()
})

test('a push right after a fetch is made up for 30 s later', async () => {
  const bench = keyStoreBench()
  await bench.store.ensure(a, one.kid)
  bench.store.watch(a)
  await bench.clock.advance(10 * second)
  bench.publish({ ver: 2, keys: [one, two] })
  await bench.store.refresh(a)
  expect(bench.fetched).toHaveLength(1)
  await bench.clock.advance(20 * second)
  expect(bench.fetched).toHaveLength(2)
  expect(bench.store.find(a, two.kid, 'user').state).toBe('found')
  bench.store.close()
})

test('pushes without end cause one fetch in 30 s', async () => {
  const bench = keyStoreBench()
  await bench.store.ensure(a, one.kid)
  bench.store.watch(a)
  for (let i = 0; i < 1500; i++) {
    await bench.store.refresh(a)
    await bench.clock.advance(100)
  }
  expect(bench.fetched.length).toBeLessThanOrEqual(6)
  bench.store.close()
})

test('a push from a domain that is not known fetches nothing', async () => {
  const { store, fetched } = keyStoreBench()
  await store.refresh(a)
  expect(fetched).toEqual([])
})

test('a revoked key stays revoked when a later set forgets to say so', async () => {
  const bench = keyStoreBench()
  bench.publish({ ver: 1, keys: [one, two], change: { revoked: [two.kid] } })
  await bench.store.ensure(a, one.kid)
  await bench.clock.advance(minute)
  bench.publish({ ver: 2, keys: [one, two] })
  await bench.store.refresh(a)
  expect(bench.store.find(a, two.kid, 'user').state).toBe('revoked')
})

test('a revoked key id is not worth a fetch', async () => {
  const { store, clock, fetched, publish } = keyStoreBench()
  publish({ keys: [one], change: { revoked: [two.kid] } })
  await store.ensure(a, one.kid)
  await clock.advance(minute)
  expect(store.find(a, two.kid, 'user').state).toBe('revoked')
  await store.ensure(a, two.kid)
  expect(fetched).toHaveLength(1)
})

test('of 300 keys revoked over time the last 256 are remembered', async () => {
  const bench = keyStoreBench()
  const ids = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, at) => `k${from + at}`)
  bench.publish({ ver: 1, change: { revoked: ids(0, 150) } })
  await bench.store.ensure(a, one.kid)
  await bench.clock.advance(minute)
  bench.publish({ ver: 2, change: { revoked: ['k0', ...ids(150, 300)] } })
  await bench.store.refresh(a)
  const isRevoked = (kid: string) => bench.store.find(a, kid, 'user').state === 'revoked'
  // The ones that the newest set names are among them, however long they have been known.
  expect(ids(0, 300).filter(isRevoked)).toEqual(['k0', ...ids(45, 300)])
})

test('a set that shares no key with the last one raises an alarm and is taken', async () => {
  const bench = keyStoreBench()
  await bench.store.ensure(a, one.kid)
  await bench.clock.advance(minute)
  bench.publish({ ver: 2, keys: [two] })
  await bench.store.refresh(a)
  expect(bench.store.find(a, two.kid, 'user').state).toBe('found')
  expect(bench.meter.total('key_discontinuities_total')).toBe(1)
  const alarm = bench.events.find(({ event }) => event === 'key.discontinuity')
  expect(alarm?.facts).toMatchObject({ remote: a, policy: 'accept' })
  expect(alarm?.facts?.['last']).not.toBe(alarm?.facts?.['next'])
})

test('a set that shares a key with the last one raises no alarm', async () => {
  const bench = keyStoreBench()
  await bench.store.ensure(a, one.kid)
  await bench.clock.advance(minute)
  bench.publish({ ver: 2, keys: [one, two] })
  await bench.store.refresh(a)
  expect(bench.meter.total('key_discontinuities_total')).toBe(0)
})

async function discontinued() {
  const bench = keyStoreBench({ discontinuity: 'hold' })
  await bench.store.ensure(a, one.kid)
  await bench.clock.advance(minute)
  bench.publish({ ver: 2, keys: [two] })
  await bench.store.refresh(a)
  return bench
}

test('with the policy hold, nothing of the domain is good until an operator agrees', async () => {
  const { store, changed, fetched, clock } = await discontinued()
  await clock.advance(minute)
  await store.ensure(a, three.kid)
  expect(fetched).toHaveLength(2)
  expect(store.find(a, one.kid, 'link').state).toBe('unavailable')
  expect(store.find(a, two.kid, 'link').state).toBe('unavailable')
  expect(store.view(a)?.held?.ver).toBe(2)
  changed.length = 0
  expect(store.confirm(a)).toBe(true)
  expect(store.find(a, two.kid, 'link').state).toBe('found')
  expect(changed).toEqual([a])
  expect(store.confirm(a)).toBe(false)
})

test('a held set raises one alarm, however often it is fetched', async () => {
  const bench = await discontinued()
  bench.store.watch(a)
  bench.changed.length = 0
  await bench.clock.advance(5 * hour)
  expect(bench.fetched.length).toBeGreaterThan(5)
  expect(bench.meter.total('key_discontinuities_total')).toBe(1)
  expect(bench.changed).toEqual([])
  bench.store.close()
})

test('a hold ends by itself when the domain goes on from the set that was known', async () => {
  const bench = await discontinued()
  await bench.clock.advance(minute)
  bench.publish({ ver: 3, keys: [one, three] })
  await bench.store.refresh(a)
  expect(bench.store.find(a, three.kid, 'link').state).toBe('found')
  expect(bench.store.view(a)?.held).toBeUndefined()
})

test('an operator may let a domain start anew, its version included', async () => {
  const bench = keyStoreBench()
  bench.publish({ ver: 9, change: { revoked: [two.kid] } })
  await bench.store.ensure(a, one.kid)
  bench.changed.length = 0
  expect(bench.store.forget(a)).toBe(true)
  expect(bench.changed).toEqual([a])
  expect(bench.store.known(a)).toBe(false)
  bench.publish({ ver: 1, keys: [two] })
  await bench.store.ensure(a, two.kid)
  expect(bench.store.find(a, two.kid, 'link').state).toBe('found')
  expect(bench.store.forget('c.example')).toBe(false)
  expect(bench.store.forget(a)).toBe(true)
  expect(bench.meter.gauges.get('key_sets')?.get('')?.value()).toBe(0)
})

test('keys that are pinned are never fetched, and no others are good', async () => {
  const key = pinKey(one.x, 'link', undefined)
  const named = pinKey(two.x, 'both', 'k2')
  if (key === undefined || named === undefined) throw new Error('no key')
  const bench = keyStoreBench({ pinned: new Map([[a, [key, named]]]) })
  await bench.store.ensure(a, 'made-up')
  await bench.store.refresh(a)
  bench.store.watch(a)()
  expect(bench.fetched).toEqual([])
  const state = (kid: string, purpose: 'link' | 'user') => bench.store.find(a, kid, purpose).state
  expect(state(one.kid, 'link')).toBe('found')
  expect(state(one.kid, 'user')).toBe('unfit')
  expect(state('k2', 'user')).toBe('found')
  expect(state('made-up', 'link')).toBe('unknown-kid')
  expect(bench.store.known(a)).toBe(true)
  expect(bench.store.findSeen(a, 'k2', 'link').state).toBe('found')
  expect(bench.store.seenKeyIds(a)).toEqual([one.kid, 'k2'])
})

test('A104: neither a small-order nor a published key can be pinned', () => {
  expect(pinKey('A'.repeat(43), 'both', undefined)).toBeUndefined()
  expect(pinKey(vectorKeys.link.x, 'both', undefined)).toBeUndefined()
})

test('a host found by fallback is judged by the last set that was taken, however old', async () => {
  const bench = keyStoreBench()
  bench.publish({ keys: [one, two], change: { revoked: [two.kid] } })
  expect(bench.store.findSeen(a, one.kid, 'link').state).toBe('unknown-kid')
  await bench.store.ensure(a, one.kid)
  await bench.clock.advance(48 * hour)
  expect(bench.store.findSeen(a, one.kid, 'link').state).toBe('found')
  expect(bench.store.findSeen(a, two.kid, 'link').state).toBe('revoked')
  expect(bench.store.findSeen(a, three.kid, 'link').state).toBe('unknown-kid')
  expect(bench.store.seenKeyIds(a)).toEqual([one.kid, two.kid])
  expect(bench.fetched).toHaveLength(1)
})

test('an operator sees version, age and keys of a domain', async () => {
  const { store, clock } = keyStoreBench()
  expect(store.view(a)).toBeUndefined()
  await store.ensure(a, one.kid)
  await clock.advance(minute)
  expect(store.view(a)).toEqual({
    ver: 1,
    hash: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
    kids: [one.kid],
    ageMs: minute,
    isStale: false,
    held: undefined,
    failures: 0,
  })
})

test('a store that is closed arms no timer, aborts what is under way and fetches nothing', async () => {
  const bench = keyStoreBench()
  await bench.store.ensure(a, one.kid)
  bench.store.watch(a)
  let aborted = 0
  bench.answer = (_, signal) => {
    signal.addEventListener('abort', () => {
      aborted++
    })
    return never()
  }
  const waiting = bench.store.ensure('b.example', one.kid)
  bench.store.close()
  await waiting
  await bench.store.ensure('c.example', one.kid)
  expect(aborted).toBe(1)
  expect(bench.names()).toEqual([])
  expect(bench.fetched).toEqual([a, 'b.example'])
  expect(bench.clock.pending).toBe(0)
})
