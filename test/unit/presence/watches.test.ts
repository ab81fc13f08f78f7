import { describe, expect, test } from 'vitest'
import type { Address } from '../../../src/address/address.ts'
import type { Status } from '../../../src/errors.ts'
import type { Limits } from '../../../src/limits.ts'
import { unknown } from '../../../src/presence/notices.ts'
import type { Watch } from '../../../src/presence/subscriber/watch.ts'
import { Watches } from '../../../src/presence/subscriber/watches.ts'
import type { SubscriptionEvent } from '../../../src/wire/registry.ts'
import {
  address,
  alice,
  bob,
  body,
  domain,
  hour,
  id,
  makeEnv,
  makeSubscribe,
  minute,
  open,
  second,
  text,
} from './support.ts'

const [a, b] = [domain('a.example'), domain('b.example')]
const keepMs = 45 * second

/** Bob of b.example watches people of a.example. */
function makeWatcher(overrides: Partial<Limits> = {}, seed = 1) {
  const env = makeEnv({ notifyMs: 0, ...overrides }, seed)
  const told: string[] = []
  const work: string[] = []
  const watches = new Watches(env, {
    accountOf: ({ text }) => env.shares.tree.user(text),
    isGone: () => false,
    work: (name) => {
      work.push(name)
    },
    show: (interest, { state, event, presence }) => {
      const name = nameOf(interest)
      if (presence === undefined) told.push(`${name} ${event ?? state}`)
      else told.push(`${name} ${text(presence.document)} ${presence.version.seq}`)
    },
  })
  return { ...env, told, work, watches }
}

type Watcher = ReturnType<typeof makeWatcher>

function watch(
  { watches }: Watcher,
  name: string,
  { watcher = bob, presentity = alice, leaseSeconds = undefined as number | undefined } = {},
) {
  const answer = watches.watch({
    ...makeSubscribe(name, { watcher, presentity }),
    leaseSeconds,
  })
  if (typeof answer === 'string') throw new Error(answer)
  return answer
}

/** What a wish that may not come to a watch is answered. */
function statusOf({ watches }: Watcher, name: string, watcher: Address, presentity: string) {
  const answer = watches.watch(makeSubscribe(name, { watcher, presentity: address(presentity) }))
  return typeof answer === 'string' ? answer : answer.status
}

const bobby = address('bobby@b.example')

/** A watch that is granted. */
function granted(watcher: Watcher, name = 'w', leaseSeconds = 3600, presentity = alice): Watch {
  const answer = watch(watcher, name, { presentity })
  expect(answer.mustSubscribe).toBe(true)
  watcher.watches.subscribed(answer.watch, 'ok', leaseSeconds)
  return answer.watch
}

/** What is about a watch, whatever it is told. */
type About = { readonly id: string; readonly presentity: Address }

const notify = (
  { watches }: Watcher,
  { id: subscription, presentity }: About,
  seq: number,
  { from = presentity, audience = b, epoch = 1, document = open(`t${seq}`) } = {},
): Status =>
  watches.notified({
    kind: 'notify',
    subscription,
    presentity: from,
    audience,
    notice: {
      state: 'active',
      event: undefined,
      presence: { document, version: { epoch, seq } },
    },
  })

const end = (
  { watches }: Watcher,
  { id: subscription, presentity }: About,
  event: SubscriptionEvent | undefined,
): Status =>
  watches.notified({
    kind: 'notify',
    subscription,
    presentity,
    audience: b,
    notice: { state: 'terminated', event, presence: undefined },
  })

/** Everything that is to be done at a.example now. */
const due = ({ watches }: Watcher) =>
  (['subscribe', 'renew', 'unsubscribe'] as const).flatMap((kind) =>
    watches.due(a, kind, 100).map((one) => `${kind} ${one.presentity.user}`),
  )

const idsOf = (list: readonly Watch[]): readonly string[] => list.map((one) => one.id)

const nameOf = ({ id }: { readonly id: string }): string => id.replace(/\.+$/, '')
const shown = (wish: string, seq: number): string => `${wish} ${text(open(`t${seq}`))} ${seq}`

describe('a session that watches', () => {
  test('has SUBSCRIBE sent for it, and is pending until it is granted', () => {
    const watcher = makeWatcher()
    const first = watch(watcher, '1')
    expect(first).toMatchObject({
      status: 'pending',
      leaseSeconds: 3600,
      mustSubscribe: true,
      watch: { state: 'asking', wantedSeconds: 3600, leaseSeconds: 0 },
    })
    expect(Buffer.from(first.watch.id, 'latin1')).toHaveLength(16)
    watcher.watches.subscribed(first.watch, 'pending', 1800)
    expect(first.watch).toMatchObject({ state: 'pending', leaseSeconds: 1800 })
    notify(watcher, first.watch, 1)
    expect(watch(watcher, '1')).toMatchObject({ status: 'ok', mustSubscribe: false })
  })

  test('shares the subscription with the other sessions, and sees at once what was seen last', () => {
    const watcher = makeWatcher()
    const subscription = granted(watcher, '1')
    notify(watcher, subscription, 5)
    const second = watch(watcher, '2', { leaseSeconds: 7200 })
    expect(second.mustSubscribe).toBe(false)
    expect(second.watch).toMatchObject({ id: subscription.id, wantedSeconds: 7200 })
    watch(watcher, '3', { leaseSeconds: 300 })
    expect(subscription.wantedSeconds).toBe(7200)
    watcher.watches.unwatch(bob, id('3'))
    const { presence } = second.notice ?? {}
    expect(presence && text(presence.document)).toBe(text(open('t5')))
    expect(presence?.version).toEqual({ epoch: 1, seq: 5 })
    notify(watcher, subscription, 6)
    expect(watcher.told).toEqual([shown('1', 5), shown('1', 6), shown('2', 6)])
  })

  test('cannot use the id of one wish for another presentity', () => {
    const watcher = makeWatcher()
    granted(watcher, '1')
    expect(statusOf(watcher, '1', bob, 'eve@a.example')).toBe('conflict')
    // Ids are the watcher's own.
    expect(statusOf(watcher, '1', bobby, 'alice@a.example')).toBe('pending')
  })

  test.for([
    ['subscriptionsPerWatcher', 'bob@b.example', 'limit-reached'],
    ['subscriptionsPerWatcher', 'bobby@b.example', 'pending'],
    ['subscriptions', 'bobby@b.example', 'busy'],
  ] as const)('%s 2: a third wish, of %s, is %s', ([limit, third, status]) => {
    const watcher = makeWatcher({ [limit]: 2 })
    granted(watcher, '1')
    granted(watcher, '2', 3600, address('eve@a.example'))
    expect(statusOf(watcher, '3', address(third), 'mallory@a.example')).toBe(status)
    const hits = watcher.meter.total('limit_hits_total', { limit })
    expect(hits).toBe(status === 'pending' ? 0 : 1)
    expect(watch(watcher, '2', { presentity: address('eve@a.example') }).status).toBe('ok')
  })
})

describe('the end of a wish', () => {
  test('makes room for another one', () => {
    const watcher = makeWatcher({ subscriptions: 1 })
    for (let i = 0; i < 3; i++) {
      const subscription = granted(watcher, '1')
      watcher.watches.unwatch(bob, id('1'))
      due(watcher)
      // The far side may still hold it.
      expect(statusOf(watcher, '2', bob, 'eve@a.example')).toBe('busy')
      watcher.watches.unsubscribed(subscription)
      expect(statusOf(watcher, '2', bob, 'eve@a.example')).toBe('pending')
      watcher.watches.unwatch(bob, id('2'))
      for (const gone of watcher.watches.due(a, 'unsubscribe', 1))
        watcher.watches.unsubscribed(gone)
    }
  })

  test('the last one ends the subscription, and is told until it is answered', async () => {
    const watcher = makeWatcher()
    const subscription = granted(watcher, '1')
    watch(watcher, '2')
    watcher.watches.unwatch(bob, id('1'))
    await watcher.clock.advance(2 * second)
    expect(watcher.work).toEqual([])
    watcher.watches.unwatch(bob, id('2'))
    await watcher.clock.advance(second)
    expect(watcher.work).toEqual([a])
    expect(due(watcher)).toEqual(['unsubscribe alice'])
    expect(due(watcher)).toEqual([])
    await watcher.clock.advance(minute)
    expect(due(watcher)).toEqual(['unsubscribe alice'])
    watcher.watches.unsubscribed(subscription)
    await watcher.clock.advance(hour)
    expect([due(watcher), watcher.watches.count(a), watcher.clock.pending]).toEqual([[], 0, 0])
  })

  test('a client that does not renew loses its wish, to the second and two ping periods', async () => {
    const watcher = makeWatcher()
    watch(watcher, '1', { leaseSeconds: 600 })
    watch(watcher, '2', { leaseSeconds: 300 })
    await watcher.clock.advance(200 * second)
    expect(watcher.watches.renew(bob, [id('2'), id('x')], 300)).toEqual([300, 0])
    await watcher.clock.advance(359 * second)
    expect(watcher.watches.renew(bob, [id('2')], 300)).toEqual([300])
    await watcher.clock.advance(360 * second - 1)
    expect(due(watcher)).not.toContain('unsubscribe alice')
    expect(watcher.watches.renew(bob, [id('1')], 300)).toEqual([0])
    await watcher.clock.advance(second)
    expect(watcher.watches.renew(bob, [id('2')], 300)).toEqual([0])
    await watcher.clock.advance(second)
    expect(due(watcher)).toEqual(['unsubscribe alice'])
  })

  test('of a domain that is away is dropped when the other side has forgotten it, too', async () => {
    const watcher = makeWatcher()
    granted(watcher, '1', 600)
    watcher.watches.lost(a, keepMs)
    watcher.watches.unwatch(bob, id('1'))
    await watcher.clock.advance(9 * minute)
    expect(watcher.watches.count(a)).toBe(1)
    await watcher.clock.advance(2 * minute)
    expect([watcher.watches.count(a), watcher.clock.pending]).toEqual([0, 0])
  })

  test('unwatching twice, or what is not there, is harmless', () => {
    const watcher = makeWatcher()
    granted(watcher, '1')
    watcher.watches.unwatch(bob, id('x'))
    watcher.watches.unwatch(bobby, id('1'))
    expect(due(watcher)).toEqual([])
    watcher.watches.unwatch(bob, id('1'))
    watcher.watches.unwatch(bob, id('1'))
    expect(due(watcher)).toEqual(['unsubscribe alice'])
  })

  test('who comes back before the other side was told keeps the subscription, and asks again', () => {
    const watcher = makeWatcher()
    const subscription = granted(watcher, '1')
    notify(watcher, subscription, 5)
    for (let i = 0; i < 100; i++) {
      watcher.watches.unwatch(bob, id('1'))
      expect(watch(watcher, '1')).toMatchObject({ mustSubscribe: true, notice: undefined })
    }
    expect(watcher.watches.count(a)).toBe(1)
    watcher.watches.subscribed(subscription, 'ok', 3600)
    // The document is the same as before, and the session needs it.
    notify(watcher, subscription, 5)
    expect(watcher.told).toEqual([shown('1', 5), shown('1', 5)])
  })

  test('who comes back while the other side is being told gets a new subscription', () => {
    const watcher = makeWatcher()
    const old = granted(watcher, '1')
    watcher.watches.unwatch(bob, id('1'))
    expect(due(watcher)).toEqual(['unsubscribe alice'])
    const again = watch(watcher, '1')
    expect([again.mustSubscribe, again.watch.id === old.id]).toEqual([true, false])
    watcher.watches.subscribed(again.watch, 'ok', 3600)
    watcher.watches.unsubscribed(old)
    expect(watcher.watches.count(a)).toBe(1)
    expect(watch(watcher, '2').mustSubscribe).toBe(false)
    expect(notify(watcher, old, 1)).toBe('lease-unknown')
    expect(notify(watcher, again.watch, 1)).toBe('ok')
  })
})

describe('an answer to UNSUBSCRIBE', () => {
  test('that comes after all was taken back is too late', () => {
    const watcher = makeWatcher()
    const subscription = granted(watcher, '1')
    watcher.watches.unwatch(bob, id('1'))
    expect(due(watcher)).toEqual(['unsubscribe alice'])
    watcher.watches.found(a, true)
    expect(watch(watcher, '1').watch.id).toBe(subscription.id)
    watcher.watches.unsubscribed(subscription)
    expect(watcher.watches.count(a)).toBe(1)
  })
})

describe('NOTIFY', () => {
  test('about no subscription of ours is lease-unknown, and counted (A068)', () => {
    const watcher = makeWatcher()
    const subscription = granted(watcher)
    expect(notify(watcher, { id: id('other'), presentity: alice }, 1)).toBe('lease-unknown')
    for (const from of ['eve@a.example', 'alice@c.example'].map(address)) {
      expect(notify(watcher, subscription, 1, { from })).toBe('lease-unknown')
    }
    watcher.watches.unwatch(bob, id('w'))
    expect(notify(watcher, subscription, 1)).toBe('lease-unknown')
    expect(watcher.told).toEqual([])
    expect(watcher.meter.total('presence_dropped_total', { cause: 'lease-unknown' })).toBe(4)
  })

  test('[LINK-6.13-2] meant for another domain of ours than the watcher’s is not shown', () => {
    const watcher = makeWatcher()
    const subscription = granted(watcher)
    const audience = domain('b2.example')
    expect(notify(watcher, subscription, 1, { audience })).toBe('credential-audience')
    const stranger = { id: id('other'), presentity: alice }
    expect(notify(watcher, stranger, 1, { audience })).toBe('lease-unknown')
    expect(watcher.told).toEqual([])
  })

  test.for(['pending', 'unknown'] as const)('[LINK-6.13-1] of the state %s is ignored', (state) => {
    const watcher = makeWatcher()
    const { id: subscription } = granted(watcher)
    const notice = { state, event: undefined, presence: undefined }
    const about = { kind: 'notify', subscription, presentity: alice, notice } as const
    expect(watcher.watches.notified({ ...about, audience: b })).toBe('ok')
    expect(watcher.told).toEqual([])
  })

  test.for([
    ['a newer one', 1, 6, true],
    ['one with a gap, since it is whole', 1, 60, true],
    ['the same again', 1, 5, false],
    ['an older one', 1, 4, false],
    ['one of another epoch', 2, 1, true],
  ] as const)('%s is shown or dropped by its version (A137)', ([, epoch, seq, isShown]) => {
    const watcher = makeWatcher()
    const subscription = granted(watcher)
    notify(watcher, subscription, 5)
    watcher.told.length = 0
    expect(notify(watcher, subscription, seq, { epoch })).toBe('ok')
    expect(watcher.told).toEqual(isShown ? [shown('w', seq)] : [])
    expect(watcher.meter.total('presence_dropped_total')).toBe(isShown ? 0 : 1)
  })

  test('what a process sent that has ended is old, however high it counted', () => {
    const watcher = makeWatcher()
    const subscription = granted(watcher)
    notify(watcher, subscription, 5, { epoch: 1 })
    notify(watcher, subscription, 1, { epoch: 2 })
    notify(watcher, subscription, 99, { epoch: 1 })
    notify(watcher, subscription, 2, { epoch: 2 })
    expect(watcher.told).toEqual([5, 1, 2].map((seq) => shown('w', seq)))
  })

  test.for([
    ['not JSON', Buffer.from('x'), 'bad-request'],
    ['empty', body({}), 'bad-request'],
    ['too long', Buffer.alloc(8193, 0x20), 'too-large'],
  ] as const)(
    'with a document that is %s is refused, and the next one is shown',
    ([, document, status]) => {
      const watcher = makeWatcher()
      const subscription = granted(watcher)
      expect(notify(watcher, subscription, 1, { document })).toBe(status)
      expect(notify(watcher, subscription, 1)).toBe('ok')
      expect(notify(watcher, subscription, 2, { document })).toBe(status)
      expect(watcher.told).toEqual([shown('w', 1)])
      expect(watcher.meter.total('presence_dropped_total', { cause: 'bad-document' })).toBe(2)
    },
  )

  test('may come before the answer to SUBSCRIBE', () => {
    const watcher = makeWatcher()
    const { watch: subscription } = watch(watcher, '1')
    notify(watcher, subscription, 1)
    expect(watcher.told).toEqual([shown('1', 1)])
  })

  test('lends its bytes: what was seen stays when they change', () => {
    const watcher = makeWatcher()
    const subscription = granted(watcher)
    const document = open('t1')
    notify(watcher, subscription, 1, { document })
    document.fill(0)
    const { presence } = watch(watcher, '2').notice ?? {}
    expect(presence && text(presence.document)).toBe(text(open('t1')))
  })

  test.for([
    ['rejected', 'gone'],
    ['noresource', 'gone'],
    [undefined, 'gone'],
    ['deactivated', 'again within a minute'],
    ['timeout', 'again within a minute'],
    ['probation', 'again after five'],
    ['giveup', 'again after five'],
  ] as const)('that ends the subscription as %s: %s', async ([event, then]) => {
    const watcher = makeWatcher()
    const subscription = granted(watcher)
    const stranger = { ...subscription, presentity: address('alice@c.example') }
    expect(end(watcher, stranger, event)).toBe('lease-unknown')
    expect(end(watcher, subscription, event)).toBe('ok')
    const isGone = then === 'gone'
    expect(watcher.told).toEqual(isGone ? [`w ${event ?? 'noresource'}`] : [])
    await watcher.clock.advance(minute)
    expect(due(watcher)).toEqual(then === 'again within a minute' ? ['subscribe alice'] : [])
    await watcher.clock.advance(4 * minute)
    expect(due(watcher)).toEqual(isGone ? [] : ['subscribe alice'])
    expect(watcher.watches.renew(bob, [id('w')], 300)).toEqual([isGone ? 0 : 300])
  })
})

test('a watch that had to make room is unknown until it is asked for again, and then seen as before', async () => {
  const watcher = makeWatcher()
  const subscription = granted(watcher)
  notify(watcher, subscription, 5)
  end(watcher, subscription, 'probation')
  expect(watcher.told).toEqual([shown('w', 5), 'w unknown'])
  await watcher.clock.advance(5 * minute)
  expect(due(watcher)).toEqual(['subscribe alice'])
  watcher.watches.subscribed(subscription, 'busy', 0)
  expect(watcher.told).toHaveLength(2)
  await watcher.clock.advance(minute)
  expect(due(watcher)).toEqual(['subscribe alice'])
  watcher.watches.subscribed(subscription, 'ok', 3600)
  notify(watcher, subscription, 5)
  expect(watcher.told.slice(2)).toEqual([shown('w', 5)])
})

describe('renewal', () => {
  test.for([300, 3600, 86_400])(
    'of a lease of %i s is due at 60 to 80 % of it',
    async (seconds) => {
      for (let seed = 1; seed <= 20; seed++) {
        const watcher = makeWatcher({}, seed)
        granted(watcher, 'w', seconds)
        watcher.watches.renew(bob, [id('w')], 86_400)
        await watcher.clock.advance(0.6 * seconds * second - second)
        expect([due(watcher), watcher.work]).toEqual([[], []])
        while (watcher.work.length === 0) await watcher.clock.advance(0.01 * seconds * second)
        expect(due(watcher)).toEqual(['renew alice'])
        expect(watcher.clock.now()).toBeLessThanOrEqual(0.81 * seconds * second)
      }
    },
  )

  test('of many is one batch for their domain, with all that are old enough', async () => {
    const watcher = makeWatcher()
    for (let i = 0; i < 50; i++) {
      granted(watcher, `w${i}`, 3600, address(`p${i}@a.example`))
      watcher.watches.renew(bob, [id(`w${i}`)], 86_400)
      await watcher.clock.advance(10 * second)
    }
    const young = granted(watcher, 'young', 86_400, address('young@a.example'))
    while (watcher.work.length === 0) await watcher.clock.advance(10 * second)
    const batch = watcher.watches.due(a, 'renew', 1000)
    expect(batch.length).toBeGreaterThan(1)
    expect(batch).not.toContain(young)
    expect(watcher.watches.due(a, 'renew', 1000)).toEqual([])
    watcher.watches.renewed(a, idsOf(batch), Array(batch.length).fill(3600))
    // Granted together, due together.
    const renewed = watcher.clock.now()
    for (;;) {
      await watcher.clock.advance(10 * second)
      const next = watcher.watches.due(a, 'renew', 1000)
      watcher.watches.renewed(a, idsOf(next), Array(next.length).fill(3600))
      if (!next.includes(batch[0] as Watch)) continue
      expect(next).toEqual(expect.arrayContaining([...batch]))
      expect(watcher.clock.now() - renewed).toBeGreaterThanOrEqual(0.6 * hour)
      return
    }
  })

  test('gives out no more than it is asked for, and the rest the next second', async () => {
    const watcher = makeWatcher()
    for (let i = 0; i < 5; i++) granted(watcher, `w${i}`, 300, address(`p${i}@a.example`))
    await watcher.clock.advance(240 * second)
    expect(watcher.watches.due(a, 'renew', 3)).toHaveLength(3)
    watcher.work.length = 0
    await watcher.clock.advance(second)
    expect(watcher.work).toEqual([a])
    expect(watcher.watches.due(a, 'renew', 3)).toHaveLength(2)
  })

  test('without an answer is tried again before the lease is over', async () => {
    const watcher = makeWatcher()
    const subscription = granted(watcher, 'w', 300)
    await watcher.clock.advance(240 * second)
    expect(due(watcher)).toEqual(['renew alice'])
    await watcher.clock.advance(50 * second)
    expect(due(watcher)).toEqual(['renew alice'])
    watcher.watches.renewed(a, [subscription.id], [300])
    await watcher.clock.advance(170 * second)
    expect([due(watcher), watcher.told]).toEqual([[], []])
  })

  test('of what the other side does not know becomes SUBSCRIBE with the same id', async () => {
    const watcher = makeWatcher()
    const subscription = granted(watcher, 'w', 300)
    await watcher.clock.advance(240 * second)
    due(watcher)
    watcher.work.length = 0
    watcher.watches.renewed(a, [subscription.id], [0])
    await watcher.clock.advance(second)
    expect(watcher.work).toEqual([a])
    const [again] = watcher.watches.due(a, 'subscribe', 10)
    expect(again).toMatchObject({ id: subscription.id, state: 'asking' })
  })

  test('that never succeeds: at the end of the lease nobody knows, and it is subscribed again', async () => {
    const watcher = makeWatcher()
    const subscription = granted(watcher, 'w', 300)
    notify(watcher, subscription, 7)
    watcher.told.length = 0
    await watcher.clock.advance(299 * second)
    expect(watcher.told).toEqual([])
    await watcher.clock.advance(second)
    expect([watcher.told, due(watcher)]).toEqual([['w unknown'], ['subscribe alice']])
    watcher.watches.subscribed(subscription, 'ok', 300)
    notify(watcher, subscription, 7)
    expect(watcher.told).toEqual(['w unknown', shown('w', 7)])
  })

  test('of a lease of no time at all is no stream of renewals', async () => {
    const watcher = makeWatcher()
    granted(watcher, 'w', 0)
    await watcher.clock.advance(17 * second)
    expect([due(watcher), watcher.work]).toEqual([[], []])
  })
})

describe('SUBSCRIBE that fails', () => {
  test.for([
    ['remote-unreachable', 'again', 'again'],
    ['busy', 'again', 'again'],
    ['unknown-outcome', 'again', 'again'],
    ['refused', 'gone', 'gone'],
    ['domain-refused', 'gone', 'gone'],
    ['limit-reached', 'gone', 'again'],
    ['credential-key', 'gone', 'again'],
    ['remote-not-found', 'gone', 'again'],
  ] as const)(
    'as %s: a new one is %s, one that was granted before is %s',
    async ([status, fresh, old]) => {
      for (const [isOld, then] of [
        [false, fresh],
        [true, old],
      ] as const) {
        const watcher = makeWatcher()
        const subscription = isOld ? granted(watcher) : watch(watcher, 'w').watch
        watcher.watches.lost(a, keepMs)
        watcher.watches.found(a, false)
        due(watcher)
        watcher.watches.subscribed(subscription, status, 0)
        expect(watcher.told).toEqual(then === 'gone' ? ['w rejected'] : [])
        await watcher.clock.advance(minute)
        expect(due(watcher)).toEqual(then === 'gone' ? [] : ['subscribe alice'])
      }
    },
  )

  test('is tried again after 30 s to 45 s, then twice that, up to five minutes and a half more', async () => {
    const watcher = makeWatcher()
    const { watch: subscription } = watch(watcher, 'w', { leaseSeconds: 86_400 })
    const waits: number[] = []
    let last = 0
    for (let i = 0; i < 8; i++) {
      watcher.watches.subscribed(subscription, 'remote-unreachable', 0)
      watcher.work.length = 0
      while (watcher.work.length === 0) await watcher.clock.advance(second)
      expect(due(watcher)).toEqual(['subscribe alice'])
      waits.push((watcher.clock.now() - last) / 1000)
      last = watcher.clock.now()
    }
    for (const [i, wait] of waits.entries()) {
      const base = Math.min(30 * 2 ** i, 300)
      expect(wait).toBeGreaterThanOrEqual(base)
      expect(wait).toBeLessThanOrEqual(base * 1.5 + 2)
    }
  })

  test('an answer to what is given up by now is no reason to keep it', () => {
    const watcher = makeWatcher()
    const { watch: subscription } = watch(watcher, 'w')
    watcher.watches.unwatch(bob, id('w'))
    watcher.watches.subscribed(subscription, 'ok', 3600)
    expect(due(watcher)).toEqual(['unsubscribe alice'])
    watcher.watches.subscribed(subscription, 'refused', 0)
    watcher.watches.unsubscribed(subscription)
    expect([watcher.watches.count(a), watcher.told]).toEqual([0, []])
  })
})

describe('ten thousand watches at one domain', () => {
  const most = 4096
  const count = 10_000
  const many = (): Watcher => {
    const watcher = makeWatcher({ subscriptionsPerWatcher: count })
    for (let i = 0; i < count; i++) {
      const held = granted(watcher, `w${i}`, 3600, address(`u${i}@a.example`))
      notify(watcher, held, 1)
    }
    watcher.told.length = 0
    return watcher
  }
  const dueNow = ({ watches }: Watcher): number => watches.due(a, 'subscribe', count).length

  test('are subscribed again part by part', async () => {
    const watcher = many()
    watcher.watches.found(a, true)
    expect(dueNow(watcher)).toBe(most)
    // One that is ended meanwhile is not asked for.
    watcher.watches.unwatch(bob, id('w9999'))
    await watcher.clock.advance(0)
    expect(dueNow(watcher)).toBe(count - most - 1)
  })

  test('are unknown part by part, and no more of them once there is a way', async () => {
    const watcher = many()
    watcher.watches.lost(a, keepMs)
    const { told, clock, watches } = watcher
    const push = told.push.bind(told)
    told.push = (line) => {
      if (told.length === 100) clock.soon(() => watches.found(a, false))
      return push(line)
    }
    await clock.advance(keepMs + second)
    expect(new Set(told.map((line) => line.split(' ')[1]))).toEqual(new Set(['unknown']))
    expect(told).toHaveLength(most)
    expect(dueNow(watcher)).toBe(count)
  })

  test('are unknown in the end where none comes', async () => {
    const watcher = many()
    watcher.watches.lost(a, keepMs)
    await watcher.clock.advance(keepMs + second)
    expect(watcher.told).toHaveLength(count)
  })
})

describe('a lost link', () => {
  test('is not seen if there is another one within 45 s', async () => {
    const watcher = makeWatcher()
    const subscription = granted(watcher)
    notify(watcher, subscription, 1)
    watcher.told.length = 0
    watcher.watches.lost(a, keepMs)
    await watcher.clock.advance(44 * second)
    watcher.watches.found(a, false)
    await watcher.clock.advance(2 * minute)
    expect(watcher.told).toEqual([])
  })

  test('shows unknown after 45 s, once, and the value when it is told again', async () => {
    const watcher = makeWatcher()
    const subscription = granted(watcher)
    notify(watcher, subscription, 1)
    watch(watcher, '2')
    watcher.told.length = 0
    watcher.watches.lost(a, keepMs)
    await watcher.clock.advance(10 * second)
    watcher.watches.lost(a, keepMs)
    await watcher.clock.advance(35 * second - 1)
    expect(watcher.told).toEqual([])
    await watcher.clock.advance(second)
    expect(watcher.told).toEqual(['w unknown', '2 unknown'])
    expect(watch(watcher, '2').notice).toEqual(unknown)
    await watcher.clock.advance(10 * minute)
    watcher.watches.found(a, false)
    notify(watcher, subscription, 1)
    const back = [shown('w', 1), shown('2', 1)]
    expect(watcher.told).toEqual(['w unknown', '2 unknown', ...back])
    notify(watcher, subscription, 1)
    expect(watcher.told).toHaveLength(4)
  })

  test('is said once, also when the lease ends after it', async () => {
    const watcher = makeWatcher()
    granted(watcher, 'w', 300)
    watcher.watches.lost(a, keepMs)
    await watcher.clock.advance(10 * minute)
    expect(watcher.told).toEqual(['w unknown'])
  })

  test('after a RELEASE the value is kept until its time', async () => {
    const watcher = makeWatcher()
    granted(watcher)
    watcher.watches.lost(a, 10 * minute)
    await watcher.clock.advance(10 * minute - 1)
    expect(watcher.told).toEqual([])
    await watcher.clock.advance(second)
    expect(watcher.told).toEqual(['w unknown'])
  })

  test('gives out one SUBSCRIBE now and then, which finds out, and nothing else', async () => {
    const watcher = makeWatcher()
    for (let i = 0; i < 20; i++) granted(watcher, `w${i}`, 300 + i, address(`p${i}@a.example`))
    watcher.watches.lost(a, keepMs)
    watcher.watches.unwatch(bob, id('w0'))
    await watcher.clock.advance(second)
    expect([watcher.work, due(watcher), due(watcher)]).toEqual([[a], ['subscribe p1'], []])
    for (let i = 0; i < 240; i++) {
      await watcher.clock.advance(second)
      const calls = watcher.work.length
      expect(due(watcher).length).toBeLessThanOrEqual(1)
      expect(watcher.work.length).toBe(calls)
    }
    expect(watcher.work.length).toBeGreaterThan(4)
    expect(watcher.work.length).toBeLessThan(11)
    watcher.watches.found(a, false)
    // The last of them is on its way.
    expect(due(watcher)).toHaveLength(19)
  })

  test('then everything that is wanted is subscribed again with its id, and the rest given up', () => {
    const watcher = makeWatcher()
    const first = granted(watcher, '1')
    granted(watcher, '2', 3600, address('eve@a.example'))
    watcher.watches.lost(a, keepMs)
    watcher.watches.unwatch(bob, id('2'))
    watcher.watches.found(a, false)
    expect(watcher.work).toEqual([a])
    expect(watcher.watches.due(a, 'subscribe', 10).map((one) => one.id)).toEqual([first.id])
    expect(due(watcher)).toEqual(['unsubscribe eve'])
  })

  test('the first link to a domain is no reason to subscribe twice, but wakes what failed before', async () => {
    const watcher = makeWatcher()
    const first = watch(watcher, '1').watch
    watch(watcher, '2', { presentity: address('eve@a.example') })
    watcher.watches.subscribed(first, 'remote-unreachable', 0)
    watcher.watches.found(a, false)
    expect([watcher.work, due(watcher)]).toEqual([[a], ['subscribe alice']])
  })

  test('a domain that says that it lost its state is subscribed again without a loss', () => {
    const watcher = makeWatcher()
    granted(watcher)
    watcher.watches.found(a, true)
    expect([watcher.work, due(watcher)]).toEqual([[a], ['subscribe alice']])
  })

  test('of one domain says nothing about another', async () => {
    const watcher = makeWatcher()
    granted(watcher)
    watcher.watches.lost(domain('c.example'), keepMs)
    await watcher.clock.advance(minute)
    expect(watcher.told).toEqual([])
  })
})
