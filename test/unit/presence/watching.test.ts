import { describe, expect, test } from 'vitest'
import type { Address } from '../../../src/address/address.ts'
import type { Status } from '../../../src/errors.ts'
import { Meter } from '../../../src/lib/meter.ts'
import { type Limits, limitsWith } from '../../../src/limits.ts'
import type { SubscriptionEvent } from '../../../src/presence/subscription.ts'
import type { Watch } from '../../../src/presence/watch.ts'
import { Watching } from '../../../src/presence/watching.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import {
  address,
  alice,
  bob,
  body,
  domain,
  hour,
  id,
  minute,
  open,
  second,
  text,
} from './support.ts'

const a = domain('a.example')
const keepMs = 45 * second

/** Bob of b.example watches people of a.example. */
function makeWatcher(overrides: Partial<Limits> = {}, seed = 1) {
  const clock = new ManualClock()
  const limits = limitsWith(overrides)
  const meter = new Meter()
  const told: string[] = []
  const work: string[] = []
  const watching = new Watching({
    clock,
    random: seededRandom(seed),
    limits,
    meter,
    work: (name) => {
      work.push(name)
    },
    deliver: (interest, document, { seq }) => {
      told.push(`${nameOf(interest)} ${text(document)} ${seq}`)
    },
    unknown: (interest) => {
      told.push(`${nameOf(interest)} unknown`)
    },
    terminated: (interest, event) => {
      told.push(`${nameOf(interest)} ${event}`)
    },
  })
  return { clock, limits, meter, told, work, watching }
}

type Watcher = ReturnType<typeof makeWatcher>

function watch(
  { watching }: Watcher,
  name: string,
  { watcher = bob, presentity = alice, leaseSeconds = undefined as number | undefined } = {},
) {
  const answer = watching.watch({ id: id(name), watcher, presentity, leaseSeconds })
  if ('detail' in answer) throw new Error(answer.detail)
  return answer
}

/** A watch that is granted. */
function granted(watcher: Watcher, name = 'w', leaseSeconds = 3600, presentity = alice): Watch {
  const answer = watch(watcher, name, { presentity })
  expect(answer.mustSubscribe).toBe(true)
  watcher.watching.subscribed(answer.watch, 'ok', leaseSeconds)
  return answer.watch
}

const notify = (
  { watching }: Watcher,
  { id, presentity }: { readonly id: string; readonly presentity: Address },
  seq: number,
  { from = a, epoch = 1, document = open(`t${seq}`) } = {},
): Status => watching.notified({ id, from, presentity }, document, { epoch, seq })

const end = (
  { watching }: Watcher,
  { id, presentity }: Watch,
  event: SubscriptionEvent,
  from = a,
): Status => watching.ended({ id, from, presentity }, event)

/** Everything that is to be done at a.example now. */
const due = ({ watching }: Watcher) => [
  ...watching.dueToSubscribe(a, 100).map((one) => `subscribe ${one.presentity.user}`),
  ...watching.dueForRenewal(a, 100).map((one) => `renew ${one.presentity.user}`),
  ...watching.dueToUnsubscribe(a, 100).map((one) => `unsubscribe ${one.presentity.user}`),
]

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
    watcher.watching.subscribed(first.watch, 'pending', 1800)
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
    watcher.watching.unwatch(bob, id('3'))
    expect(second.presence && text(second.presence.document)).toBe(text(open('t5')))
    expect(second.presence?.version).toEqual({ epoch: 1, seq: 5 })
    notify(watcher, subscription, 6)
    expect(watcher.told).toEqual([shown('1', 5), shown('1', 6), shown('2', 6)])
  })

  test('cannot use the id of one wish for another presentity', () => {
    const watcher = makeWatcher()
    granted(watcher, '1')
    const { watching } = watcher
    const other = { id: id('1'), watcher: bob, leaseSeconds: undefined }
    expect(watching.watch({ ...other, presentity: address('eve@a.example') }).status).toBe(
      'conflict',
    )
    // Ids are the watcher's own.
    const same = { ...other, watcher: address('bobby@b.example'), presentity: alice }
    expect(watching.watch(same).status).toBe('pending')
  })

  test.for([
    ['subscriptionsPerWatcher', 'bob@b.example', 'limit-reached'],
    ['subscriptionsPerWatcher', 'bobby@b.example', 'pending'],
    ['subscriptions', 'bobby@b.example', 'limit-reached'],
  ] as const)('%s 2: a third wish, of %s, is %s', ([limit, third, status]) => {
    const watcher = makeWatcher({ [limit]: 2 })
    granted(watcher, '1')
    granted(watcher, '2', 3600, address('eve@a.example'))
    const request = {
      id: id('3'),
      watcher: address(third),
      presentity: address('mallory@a.example'),
      leaseSeconds: undefined,
    }
    expect(watcher.watching.watch(request).status).toBe(status)
    const hits = watcher.meter.total('limit_hits_total', { limit })
    expect(hits).toBe(status === 'pending' ? 0 : 1)
    expect(watch(watcher, '2', { presentity: address('eve@a.example') }).status).toBe('ok')
  })
})

describe('the end of a wish', () => {
  test('makes room for another one', () => {
    const watcher = makeWatcher({ subscriptionsPerWatcher: 1, subscriptions: 1 })
    for (let i = 0; i < 3; i++) {
      const subscription = granted(watcher, '1')
      watcher.watching.unwatch(bob, id('1'))
      due(watcher)
      const next = { id: id('2'), watcher: bob, presentity: address('eve@a.example') }
      const request = { ...next, leaseSeconds: undefined }
      // The far side may still hold it.
      expect(watcher.watching.watch(request).status).toBe('limit-reached')
      watcher.watching.unsubscribed(subscription)
      expect(watcher.watching.watch(request).status).toBe('pending')
      watcher.watching.unwatch(bob, id('2'))
      for (const gone of watcher.watching.dueToUnsubscribe(a, 1))
        watcher.watching.unsubscribed(gone)
    }
  })

  test('the last one ends the subscription, and is told until it is answered', async () => {
    const watcher = makeWatcher()
    const subscription = granted(watcher, '1')
    watch(watcher, '2')
    watcher.watching.unwatch(bob, id('1'))
    await watcher.clock.advance(2 * second)
    expect(watcher.work).toEqual([])
    watcher.watching.unwatch(bob, id('2'))
    await watcher.clock.advance(second)
    expect(watcher.work).toEqual([a])
    expect(due(watcher)).toEqual(['unsubscribe alice'])
    expect(due(watcher)).toEqual([])
    await watcher.clock.advance(minute)
    expect(due(watcher)).toEqual(['unsubscribe alice'])
    watcher.watching.unsubscribed(subscription)
    await watcher.clock.advance(hour)
    expect([due(watcher), watcher.watching.count(a), watcher.clock.pending]).toEqual([[], 0, 0])
  })

  test('a client that does not renew loses its wish, to the second and two ping periods', async () => {
    const watcher = makeWatcher()
    watch(watcher, '1', { leaseSeconds: 600 })
    watch(watcher, '2', { leaseSeconds: 300 })
    await watcher.clock.advance(200 * second)
    expect(watcher.watching.renew(bob, [id('2'), id('x')], 300)).toEqual([300, 0])
    await watcher.clock.advance(359 * second)
    expect(watcher.watching.renew(bob, [id('2')], 300)).toEqual([300])
    await watcher.clock.advance(360 * second - 1)
    expect(due(watcher)).not.toContain('unsubscribe alice')
    expect(watcher.watching.renew(bob, [id('1')], 300)).toEqual([0])
    await watcher.clock.advance(second)
    expect(watcher.watching.renew(bob, [id('2')], 300)).toEqual([0])
    await watcher.clock.advance(second)
    expect(due(watcher)).toEqual(['unsubscribe alice'])
  })

  test('of a domain that is away is dropped when the other side has forgotten it, too', async () => {
    const watcher = makeWatcher()
    granted(watcher, '1', 600)
    watcher.watching.linkLost(a, keepMs)
    watcher.watching.unwatch(bob, id('1'))
    await watcher.clock.advance(9 * minute)
    expect(watcher.watching.count(a)).toBe(1)
    await watcher.clock.advance(2 * minute)
    expect([watcher.watching.count(a), watcher.clock.pending]).toEqual([0, 0])
  })

  test('unwatching twice, or what is not there, is harmless', () => {
    const watcher = makeWatcher()
    granted(watcher, '1')
    watcher.watching.unwatch(bob, id('x'))
    watcher.watching.unwatch(address('bobby@b.example'), id('1'))
    expect(due(watcher)).toEqual([])
    watcher.watching.unwatch(bob, id('1'))
    watcher.watching.unwatch(bob, id('1'))
    expect(due(watcher)).toEqual(['unsubscribe alice'])
  })

  test('who comes back before the other side was told keeps the subscription, and asks again', () => {
    const watcher = makeWatcher()
    const subscription = granted(watcher, '1')
    notify(watcher, subscription, 5)
    for (let i = 0; i < 100; i++) {
      watcher.watching.unwatch(bob, id('1'))
      expect(watch(watcher, '1')).toMatchObject({ mustSubscribe: true, presence: undefined })
    }
    expect(watcher.watching.count(a)).toBe(1)
    watcher.watching.subscribed(subscription, 'ok', 3600)
    // The document is the same as before, and the session needs it.
    notify(watcher, subscription, 5)
    expect(watcher.told).toEqual([shown('1', 5), shown('1', 5)])
  })

  test('who comes back while the other side is being told gets a new subscription', () => {
    const watcher = makeWatcher()
    const old = granted(watcher, '1')
    watcher.watching.unwatch(bob, id('1'))
    expect(due(watcher)).toEqual(['unsubscribe alice'])
    const again = watch(watcher, '1')
    expect([again.mustSubscribe, again.watch.id === old.id]).toEqual([true, false])
    watcher.watching.subscribed(again.watch, 'ok', 3600)
    watcher.watching.unsubscribed(old)
    expect(watcher.watching.count(a)).toBe(1)
    expect(watch(watcher, '2').mustSubscribe).toBe(false)
    expect(notify(watcher, old, 1)).toBe('lease-unknown')
    expect(notify(watcher, again.watch, 1)).toBe('ok')
  })
})

describe('an answer to UNSUBSCRIBE', () => {
  test('that comes after all was taken back is too late', () => {
    const watcher = makeWatcher()
    const subscription = granted(watcher, '1')
    watcher.watching.unwatch(bob, id('1'))
    expect(due(watcher)).toEqual(['unsubscribe alice'])
    watcher.watching.linkUp(a, true)
    expect(watch(watcher, '1').watch.id).toBe(subscription.id)
    watcher.watching.unsubscribed(subscription)
    expect(watcher.watching.count(a)).toBe(1)
  })
})

describe('NOTIFY', () => {
  test('about no subscription of ours is lease-unknown, and counted (A068)', () => {
    const watcher = makeWatcher()
    const subscription = granted(watcher)
    const presentity = alice
    expect(notify(watcher, { id: id('other'), presentity }, 1)).toBe('lease-unknown')
    const eve = address('eve@a.example')
    expect(notify(watcher, { ...subscription, presentity: eve }, 1)).toBe('lease-unknown')
    const from = domain('c.example')
    expect(notify(watcher, subscription, 1, { from })).toBe('lease-unknown')
    watcher.watching.unwatch(bob, id('w'))
    expect(notify(watcher, subscription, 1)).toBe('lease-unknown')
    expect(watcher.told).toEqual([])
    expect(watcher.meter.total('presence_dropped_total', { cause: 'lease-unknown' })).toBe(4)
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
    const { presence } = watch(watcher, '2')
    expect(presence && text(presence.document)).toBe(text(open('t1')))
  })

  test.for([
    ['rejected', 'gone'],
    ['noresource', 'gone'],
    ['deactivated', 'again within a minute'],
    ['timeout', 'again within a minute'],
    ['probation', 'again after five'],
    ['giveup', 'again after five'],
  ] as const)('that ends the subscription as %s: %s', async ([event, then]) => {
    const watcher = makeWatcher()
    const subscription = granted(watcher)
    expect(end(watcher, subscription, event, domain('c.example'))).toBe('lease-unknown')
    expect(end(watcher, subscription, event)).toBe('ok')
    const isGone = then === 'gone'
    expect(watcher.told).toEqual(isGone ? [`w ${event}`] : [])
    await watcher.clock.advance(minute)
    expect(due(watcher)).toEqual(then === 'again within a minute' ? ['subscribe alice'] : [])
    await watcher.clock.advance(4 * minute)
    expect(due(watcher)).toEqual(isGone ? [] : ['subscribe alice'])
    expect(watcher.watching.renew(bob, [id('w')], 300)).toEqual([isGone ? 0 : 300])
  })
})

describe('renewal', () => {
  test.for([300, 3600, 86_400])(
    'of a lease of %i s is due at 60 to 80 % of it',
    async (seconds) => {
      for (let seed = 1; seed <= 20; seed++) {
        const watcher = makeWatcher({}, seed)
        granted(watcher, 'w', seconds)
        watcher.watching.renew(bob, [id('w')], 86_400)
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
      watcher.watching.renew(bob, [id(`w${i}`)], 86_400)
      await watcher.clock.advance(10 * second)
    }
    const young = granted(watcher, 'young', 86_400, address('young@a.example'))
    while (watcher.work.length === 0) await watcher.clock.advance(10 * second)
    const batch = watcher.watching.dueForRenewal(a, 1000)
    expect(batch.length).toBeGreaterThan(1)
    expect(batch).not.toContain(young)
    expect(watcher.watching.dueForRenewal(a, 1000)).toEqual([])
    watcher.watching.renewed(batch, Array(batch.length).fill(3600))
    // Granted together, due together.
    const renewed = watcher.clock.now()
    for (;;) {
      await watcher.clock.advance(10 * second)
      const next = watcher.watching.dueForRenewal(a, 1000)
      watcher.watching.renewed(next, Array(next.length).fill(3600))
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
    expect(watcher.watching.dueForRenewal(a, 3)).toHaveLength(3)
    watcher.work.length = 0
    await watcher.clock.advance(second)
    expect(watcher.work).toEqual([a])
    expect(watcher.watching.dueForRenewal(a, 3)).toHaveLength(2)
  })

  test('without an answer is tried again before the lease is over', async () => {
    const watcher = makeWatcher()
    const subscription = granted(watcher, 'w', 300)
    await watcher.clock.advance(240 * second)
    expect(due(watcher)).toEqual(['renew alice'])
    await watcher.clock.advance(50 * second)
    expect(due(watcher)).toEqual(['renew alice'])
    watcher.watching.renewed([subscription], [300])
    await watcher.clock.advance(170 * second)
    expect([due(watcher), watcher.told]).toEqual([[], []])
  })

  test('of what the other side does not know becomes SUBSCRIBE with the same id', async () => {
    const watcher = makeWatcher()
    const subscription = granted(watcher, 'w', 300)
    await watcher.clock.advance(240 * second)
    due(watcher)
    watcher.work.length = 0
    watcher.watching.renewed([subscription], [0])
    await watcher.clock.advance(second)
    expect(watcher.work).toEqual([a])
    const [again] = watcher.watching.dueToSubscribe(a, 10)
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
    watcher.watching.subscribed(subscription, 'ok', 300)
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
        watcher.watching.linkLost(a, keepMs)
        watcher.watching.linkUp(a, false)
        due(watcher)
        watcher.watching.subscribed(subscription, status, 0)
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
      watcher.watching.subscribed(subscription, 'remote-unreachable', 0)
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
    watcher.watching.unwatch(bob, id('w'))
    watcher.watching.subscribed(subscription, 'ok', 3600)
    expect(due(watcher)).toEqual(['unsubscribe alice'])
    watcher.watching.subscribed(subscription, 'refused', 0)
    watcher.watching.unsubscribed(subscription)
    expect([watcher.watching.count(a), watcher.told]).toEqual([0, []])
  })
})

describe('a lost link', () => {
  test('is not seen if there is another one within 45 s', async () => {
    const watcher = makeWatcher()
    const subscription = granted(watcher)
    notify(watcher, subscription, 1)
    watcher.told.length = 0
    watcher.watching.linkLost(a, keepMs)
    await watcher.clock.advance(44 * second)
    watcher.watching.linkUp(a, false)
    await watcher.clock.advance(2 * minute)
    expect(watcher.told).toEqual([])
  })

  test('shows unknown after 45 s, once, and the value when it is told again', async () => {
    const watcher = makeWatcher()
    const subscription = granted(watcher)
    notify(watcher, subscription, 1)
    watch(watcher, '2')
    watcher.told.length = 0
    watcher.watching.linkLost(a, keepMs)
    await watcher.clock.advance(10 * second)
    watcher.watching.linkLost(a, keepMs)
    await watcher.clock.advance(35 * second - 1)
    expect(watcher.told).toEqual([])
    await watcher.clock.advance(second)
    expect(watcher.told).toEqual(['w unknown', '2 unknown'])
    expect(watch(watcher, '2').presence).toBe(undefined)
    await watcher.clock.advance(10 * minute)
    watcher.watching.linkUp(a, false)
    notify(watcher, subscription, 1)
    const back = [shown('w', 1), shown('2', 1)]
    expect(watcher.told).toEqual(['w unknown', '2 unknown', ...back])
    notify(watcher, subscription, 1)
    expect(watcher.told).toHaveLength(4)
  })

  test('is said once, also when the lease ends after it', async () => {
    const watcher = makeWatcher()
    granted(watcher, 'w', 300)
    watcher.watching.linkLost(a, keepMs)
    await watcher.clock.advance(10 * minute)
    expect(watcher.told).toEqual(['w unknown'])
  })

  test('after a RELEASE the value is kept until its time', async () => {
    const watcher = makeWatcher()
    granted(watcher)
    watcher.watching.linkLost(a, 10 * minute)
    await watcher.clock.advance(10 * minute - 1)
    expect(watcher.told).toEqual([])
    await watcher.clock.advance(second)
    expect(watcher.told).toEqual(['w unknown'])
  })

  test('gives out one SUBSCRIBE now and then, which finds out, and nothing else', async () => {
    const watcher = makeWatcher()
    for (let i = 0; i < 20; i++) granted(watcher, `w${i}`, 300 + i, address(`p${i}@a.example`))
    watcher.watching.linkLost(a, keepMs)
    watcher.watching.unwatch(bob, id('w0'))
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
    watcher.watching.linkUp(a, false)
    // The last of them is on its way.
    expect(due(watcher)).toHaveLength(19)
  })

  test('then everything that is wanted is subscribed again with its id, and the rest given up', () => {
    const watcher = makeWatcher()
    const first = granted(watcher, '1')
    granted(watcher, '2', 3600, address('eve@a.example'))
    watcher.watching.linkLost(a, keepMs)
    watcher.watching.unwatch(bob, id('2'))
    watcher.watching.linkUp(a, false)
    expect(watcher.work).toEqual([a])
    expect(watcher.watching.dueToSubscribe(a, 10).map((one) => one.id)).toEqual([first.id])
    expect(due(watcher)).toEqual(['unsubscribe eve'])
  })

  test('the first link to a domain is no reason to subscribe twice, but wakes what failed before', async () => {
    const watcher = makeWatcher()
    const first = watch(watcher, '1').watch
    watch(watcher, '2', { presentity: address('eve@a.example') })
    watcher.watching.subscribed(first, 'remote-unreachable', 0)
    watcher.watching.linkUp(a, false)
    expect([watcher.work, due(watcher)]).toEqual([[a], ['subscribe alice']])
  })

  test('a domain that says that it lost its state is subscribed again without a loss', () => {
    const watcher = makeWatcher()
    granted(watcher)
    watcher.watching.linkUp(a, true)
    expect([watcher.work, due(watcher)]).toEqual([[a], ['subscribe alice']])
  })

  test('of one domain says nothing about another', async () => {
    const watcher = makeWatcher()
    granted(watcher)
    watcher.watching.linkLost(domain('c.example'), keepMs)
    await watcher.clock.advance(minute)
    expect(watcher.told).toEqual([])
  })
})
