import { describe, expect, test } from 'vitest'
import type { Address } from '../../../src/address/address.ts'
import type { Domain } from '../../../src/address/domain.ts'
import { later, outcomeOf } from '../../../src/operation/call.ts'
import { SnapshotPace } from '../../../src/presence/notifier/snapshot-pace.ts'
import { wayOf } from '../../../src/presence/ways.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import {
  address,
  alice,
  bob,
  carol,
  closedDocument,
  domain,
  hour,
  id,
  makeAuthority,
  makeSubscribe,
  minute,
  open,
  publish,
  second,
  snapshotMs,
  text,
  told,
  via,
} from './support.ts'

type Authority = ReturnType<typeof makeAuthority>

const [a, b] = [domain('a.example'), domain('b.example')]
const bobby = address('bobby@b.example')
/** From a.example. */
const way = wayOf(via, a)

const subscribe = (
  { subscriptions }: Authority,
  name: string,
  watcher: Address = bob,
  { leaseSeconds = 3600, presentity = alice, state = 'active' as 'active' | 'pending' } = {},
) => subscriptions.subscribe(makeSubscribe(name, { watcher, presentity, leaseSeconds }), via, state)

const unsubscribe = ({ subscriptions }: Authority, name: string, watcher: Address = bob) =>
  subscriptions.unsubscribe({ ...makeSubscribe(name, { watcher }), kind: 'unsubscribe' })

const renew = (
  { subscriptions }: Authority,
  names: readonly string[],
  leaseSeconds: number,
  {
    local = b,
    remote = undefined as Domain | undefined,
    watcher = undefined as Address | undefined,
  } = {},
) =>
  subscriptions.renew({ kind: 'renew', local, remote, watcher, ids: names.map(id), leaseSeconds })

let made = 0
/** Each call changes the document of `presentity`; what it shows is the number of the change. */
const change = ({ presentities }: Authority, presentity = alice): string => {
  made++
  const document = open(`t${made}`)
  const entityTag = id(`p${made}`)
  const last = tags.get(presentities)
  tags.set(presentities, entityTag)
  const answer = publish(presentities, presentity, {
    ...(last === undefined ? {} : { ifMatch: last }),
    entityTag,
    document,
    leaseSeconds: 86_400,
  })
  expect(answer.status).toBe('ok')
  return text(document)
}
const tags = new WeakMap<object, string>()

const documents = ({ sent }: Authority) => sent.map(({ document }) => document)

/** A watcher who has got the first document, long enough ago. */
async function makeWatched(name = 's', watcher = bob) {
  const authority = makeAuthority()
  subscribe(authority, name, watcher)
  await authority.clock.advance(snapshotMs)
  authority.sent.length = 0
  return authority
}

describe('SUBSCRIBE', () => {
  test('is answered first, and then followed by the document as it is', async () => {
    const authority = makeAuthority()
    expect(subscribe(authority, 's')).toMatchObject({
      status: 'ok',
      answer: { leaseSeconds: 3600 },
    })
    expect(authority.sent).toEqual([])
    await authority.clock.advance(0)
    expect(authority.sent).toMatchObject([
      { id: id('s'), watcher: bob.text, document: closedDocument, at: 0 },
    ])
  })

  test.for([
    [undefined, 3600],
    [0, 300],
    [-1, 300],
    [Number.NaN, 300],
    [299, 300],
    [300, 300],
    [5000.9, 5000],
    [86_400, 86_400],
    [86_401, 86_400],
    [2 ** 31, 86_400],
    [Number.POSITIVE_INFINITY, 86_400],
  ] as const)('a wish of %s s is granted as %s s (A133)', ([leaseSeconds, granted]) => {
    const { subscriptions } = makeAuthority()
    const wish = { ...makeSubscribe('s'), leaseSeconds }
    expect(told(subscriptions.subscribe(wish, via, 'active'))).toBe(`ok ${granted}`)
  })

  test('that is repeated renews, counts once, and shows the document again after a while', async () => {
    const authority = makeAuthority()
    subscribe(authority, 's')
    await authority.clock.advance(minute)
    subscribe(authority, 's')
    await authority.clock.advance(0)
    expect(documents(authority)).toEqual([closedDocument, closedDocument])
    expect(authority.subscriptions.count(b)).toBe(1)
    await authority.clock.advance(59 * minute + minute)
    expect(authority.subscriptions.count(b)).toBe(1)
  })

  test('that is repeated just after a change shows the document no sooner than the next change', async () => {
    const authority = await makeWatched()
    change(authority)
    subscribe(authority, 's')
    await authority.clock.advance(minute)
    const [first, again] = authority.sent.map(({ at }) => at)
    expect((again ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(authority.limits.notifyMs)
    expect(authority.sent).toHaveLength(2)
  })

  test('with the id of another watcher or presentity of the same domain is a conflict', () => {
    const authority = makeAuthority()
    subscribe(authority, 's')
    const other = address('bobby@b.example')
    expect(subscribe(authority, 's', other).status).toBe('conflict')
    expect(subscribe(authority, 's', bob, { presentity: carol }).status).toBe('conflict')
    expect(authority.subscriptions.count(b)).toBe(1)
  })

  test('with the id that another domain uses is a subscription of its own', () => {
    const authority = makeAuthority()
    subscribe(authority, 's', bob)
    expect(subscribe(authority, 's', carol).status).toBe('ok')
    unsubscribe(authority, 's', carol)
    expect(authority.subscriptions.count(b)).toBe(1)
  })

  test('that waits for a decision is pending, and shows nothing until policy lets it', async () => {
    const authority = makeAuthority()
    expect(told(subscribe(authority, 's', bob, { state: 'pending' }))).toBe('pending 3600')
    await authority.clock.advance(minute)
    change(authority)
    await authority.clock.advance(minute)
    expect(authority.sent).toEqual([])
    const last = change(authority)
    expect(subscribe(authority, 's').status).toBe('ok')
    await authority.clock.advance(minute)
    expect(documents(authority)).toEqual([last])
  })

  test('that was active shows nothing more once policy makes it wait', async () => {
    const authority = await makeWatched()
    subscribe(authority, 's', bob, { state: 'pending' })
    change(authority)
    await authority.clock.advance(minute)
    expect(authority.sent).toEqual([])
  })
})

describe('limits of subscriptions', () => {
  test('one watcher has so many, and its next one is limit-reached', () => {
    const authority = makeAuthority({ subscriptionsPerWatcher: 2 })
    subscribe(authority, '1')
    subscribe(authority, '2')
    expect(subscribe(authority, '3').status).toBe('limit-reached')
    expect(authority.meter.total('limit_hits_total', { limit: 'subscriptionsPerWatcher' })).toBe(1)
    expect(subscribe(authority, '3', bobby).status).toBe('ok')
    // A renewal is not one more, and what ends makes room.
    expect(subscribe(authority, '2').status).toBe('ok')
    unsubscribe(authority, '1')
    expect(subscribe(authority, '4').status).toBe('ok')
  })

  const hogs = Array.from({ length: 8 }, (_, n) => address(`eve@hog${n}.example`))

  /** A table that eight names have filled, as far as they may. */
  function makeFull(): Authority {
    const authority = makeAuthority({ subscriptions: 100 })
    const granted = hogs.map(() => 0)
    for (let n = 0; n < 200; n++) {
      const at = n % hogs.length
      const { status } = subscribe(authority, `${at} ${n}`, hogs[at])
      if (status === 'ok') granted[at] = (granted[at] ?? 0) + 1
    }
    expect(Math.max(...granted) - Math.min(...granted)).toBeLessThan(2)
    return authority
  }

  test('a table that eight names fill is busy to them, for a time', () => {
    const authority = makeFull()
    for (const hog of hogs) {
      const refused = subscribe(authority, `${hog.domain} more`, hog)
      expect(refused).toMatchObject({ status: 'busy', retryAfterMs: 10_000 })
    }
    expect(authority.shed).toEqual([])
    expect(authority.meter.total('limit_hits_total', { limit: 'subscriptions' })).toBeGreaterThan(8)
  })

  test('is open to our users, known peers and newcomers: the oldest of whoever has most come again later', () => {
    const authority = makeFull()
    const { shares, subscriptions } = authority
    const most = hogs.map(({ domain }) => subscriptions.count(domain))
    for (const newcomer of ['alice@a.example', 'ken@known.example', 'nora@new.example']) {
      for (let n = 0; n < 5; n++) {
        const [name, watcher] = [`${newcomer} ${n}`, address(newcomer)]
        expect(subscribe(authority, name.slice(-16), watcher).status).toBe('ok')
      }
    }
    expect(shares.used(shares.tree.all, 'subscriptions')).toBeLessThanOrEqual(100)
    const left = hogs.map(({ domain }) => subscriptions.count(domain))
    const isTaken = (count: number, at: number): boolean => count < (most[at] as number)
    expect(authority.shed).toHaveLength(most.reduce((sum, count) => sum + count, 0) - sum(left))
    expect(new Set(authority.shed)).toEqual(
      new Set(hogs.filter((_, at) => isTaken(left[at] as number, at)).map(shedOf)),
    )
  })

  test('what was asked for or renewed lately goes last', () => {
    const authority = makeFull()
    const [hog] = hogs as [Address]
    const first = [...Array(20).keys()].map((n) => `0 ${n * hogs.length}`)
    const live = (): readonly number[] =>
      renew(authority, first, 3600, { local: hog.domain }).map(Math.sign)
    const before = sum(live())
    renew(authority, ['0 0'], 3600, { local: hog.domain })
    while (authority.subscriptions.count(hog.domain) === before) {
      subscribe(authority, `n${authority.shed.length}`, address(`n@n${made++}.example`))
    }
    expect(renew(authority, ['0 0', '0 8'], 3600, { local: hog.domain })).toEqual([3600, 0])
  })

  test('nobody is told of what had to make room without a way to it', () => {
    const authority = makeFull()
    for (const { domain } of hogs) authority.subscriptions.pause(domain, way)
    const live = (): number => sum(hogs.map(({ domain }) => authority.subscriptions.count(domain)))
    const before = live()
    expect(subscribe(authority, 'new', address('nora@new.example')).status).toBe('ok')
    expect(authority.shed).toEqual([])
    expect(live()).toBe(before - 1)
  })

  test('nothing follows what had to make room, and its end is not one of somebody else', () => {
    const authority = makeFull()
    const [hog] = hogs as [Address]
    authority.sent.length = 0
    expect(authority.subscriptions.shed(authority.shares.domain(hog.domain, ''))).toBe(true)
    expect(authority.shed).toEqual([shedOf(hog)])
    expect(unsubscribe(authority, '0 0', hog)).toBe('ok')
    expect(authority.subscriptions.refused(via, hog.domain, id('0 0'), outcomeOf('busy'))).toBe(
      undefined,
    )
    expect(authority.shed).toHaveLength(1)
  })
})

const shedOf = ({ text }: Address): string => `${text} probation`
const sum = (counts: readonly number[]): number => counts.reduce((all, count) => all + count, 0)

describe('the end of a subscription', () => {
  test.for([
    [300, 360],
    [3600, 3660],
    [86_400, 86_460],
  ])(
    '%i s of lease and two ping periods: silent after %i s, to the second',
    async ([lease, end]) => {
      const authority = makeAuthority()
      const { clock, subscriptions } = authority
      await clock.advance(300)
      subscribe(authority, 's', bob, { leaseSeconds: lease as number })
      await clock.advance((end as number) * second - 1)
      expect(subscriptions.count(b)).toBe(1)
      await clock.advance(second)
      expect(subscriptions.count(b)).toBe(0)
      authority.sent.length = 0
      change(authority)
      await clock.advance(minute)
      expect(authority.sent).toEqual([])
    },
  )

  test('RENEW grants a batch, and 0 to what this domain does not have', async () => {
    const authority = makeAuthority()
    const { clock, subscriptions } = authority
    for (const name of ['1', '2']) subscribe(authority, name, bob, { leaseSeconds: 300 })
    subscribe(authority, '3', carol)
    await clock.advance(250 * second)
    const names = ['1', 'x', '3']
    expect(renew(authority, names, 600)).toEqual([600, 0, 0])
    expect(renew(authority, names, 600, { local: domain('nowhere.example') })).toEqual([0, 0, 0])
    expect(renew(authority, ['2'], 10)).toEqual([300])
    await clock.advance(361 * second)
    expect(subscriptions.count(b)).toBe(1)
  })

  test('RENEW is about presentities of the domain that it names, and of a user about its own', () => {
    const authority = makeAuthority()
    subscribe(authority, '1')
    expect(renew(authority, ['1'], 600, { remote: a })).toEqual([600])
    expect(renew(authority, ['1'], 600, { remote: domain('c.example') })).toEqual([0])
    expect(renew(authority, ['1'], 600, { watcher: bob })).toEqual([600])
    expect(renew(authority, ['1'], 600, { watcher: address('bobby@b.example') })).toEqual([0])
  })

  test('after UNSUBSCRIBE nothing is sent, also of what was waiting (5.1.7)', async () => {
    const authority = await makeWatched()
    change(authority)
    change(authority)
    expect(authority.sent).toHaveLength(1)
    const timers = authority.clock.pending
    expect(unsubscribe(authority, 's', bob)).toBe('ok')
    // The lease of the subscription, and the change that waits.
    expect(authority.clock.pending).toBe(timers - 2)
    change(authority)
    await authority.clock.advance(hour)
    expect(authority.sent).toHaveLength(1)
    expect(unsubscribe(authority, 's', bob)).toBe('ok')
    expect(authority.clock.pending).toBe(1)
  })

  test('nobody unsubscribes for another (5.1.8)', async () => {
    const authority = await makeWatched()
    expect(unsubscribe(authority, 's', address('bobby@b.example'))).toBe('refused')
    expect(unsubscribe(authority, 's', carol)).toBe('ok')
    const last = change(authority)
    expect(documents(authority)).toEqual([last])
  })

  test('a domain that answers NOTIFY with lease-unknown is not told again', async () => {
    const authority = await makeWatched()
    authority.subscriptions.refused(via, b, id('s'), outcomeOf('lease-unknown'))
    change(authority)
    expect(authority.sent).toEqual([])
  })

  test('when everything has ended nothing is left, no timer either', async () => {
    const authority = makeAuthority()
    for (const name of ['1', '2', '3']) subscribe(authority, name)
    await authority.clock.advance(2 * hour)
    expect(authority.clock.pending).toBe(0)
    expect(authority.meter.gauges.get('presence_leases')?.get('of=subscription')?.value()).toBe(0)
  })
})

describe('changes', () => {
  test('the first one goes out at once, with the same bytes for every watcher', async () => {
    const authority = await makeWatched('s1')
    subscribe(authority, 's2', carol)
    await authority.clock.advance(snapshotMs)
    authority.sent.length = 0
    const last = change(authority)
    expect(authority.sent.map(({ document }) => document)).toEqual([last, last])
    expect(authority.sent[0]?.bytes).toBe(authority.sent[1]?.bytes)
    expect(authority.sent[0]?.bytes).toBe(authority.presentities.presence(alice).document)
  })

  test('1 000 flips a second come as one notification in 2 s, and the last one comes (A136)', async () => {
    const authority = await makeWatched()
    const { clock, sent, limits } = authority
    let last = ''
    for (let i = 0; i < 5000; i++) {
      last = change(authority)
      await clock.advance(1)
    }
    await clock.advance(limits.notifyMs + 100)
    const gaps = sent.slice(1).map(({ at }, i) => at - (sent[i]?.at ?? 0))
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(limits.notifyMs)
    expect(Math.max(...gaps)).toBeLessThanOrEqual(limits.notifyMs + 200)
    expect(sent).toHaveLength(4)
    expect(sent.at(-1)?.document).toBe(last)
    expect(authority.meter.total('presence_updates_total', { action: 'coalesced' })).toBe(5000 - 4)
  })

  test('each notification of a subscription has a higher version than the one before', async () => {
    const authority = await makeWatched()
    for (let i = 0; i < 20; i++) {
      change(authority)
      await authority.clock.advance(700)
    }
    const seqs = authority.sent.map(({ seq }) => seq)
    expect(seqs.length).toBeGreaterThan(5)
    expect(seqs).toEqual([...new Set(seqs)].sort((x, y) => x - y))
  })

  test('the end of the last publication shows the default document, once', async () => {
    const authority = await makeWatched()
    publish(authority.presentities, alice, {
      entityTag: id('e'),
      document: open(),
      leaseSeconds: 300,
    })
    renew(authority, ['s'], 3600)
    await authority.clock.advance(10 * minute)
    expect(documents(authority)).toEqual([text(open()), closedDocument])
  })

  test('what fails for now goes out again, as it is then', async () => {
    const authority = await makeWatched()
    const first = change(authority)
    authority.subscriptions.refused(via, b, id('s'), later('busy', 10 * second))
    await authority.clock.advance(10 * second - 1)
    expect(documents(authority)).toEqual([first])
    await authority.clock.advance(101)
    expect(documents(authority)).toEqual([first, first])
    authority.subscriptions.refused(via, b, id('s'), later('busy', 10 * second))
    await authority.clock.advance(5 * second)
    const second2 = change(authority)
    await authority.clock.advance(minute)
    expect(documents(authority)).toEqual([first, first, second2])
  })

  test('5 000 watchers are told over several turns, and nobody twice', async () => {
    const authority = makeAuthority()
    for (let i = 0; i < 5000; i++) subscribe(authority, String(i), address(`w${i}@b.example`))
    await authority.clock.advance(snapshotMs)
    authority.sent.length = 0
    const first = change(authority)
    const inOneTurn = authority.sent.length
    const second = change(authority)
    expect(authority.sent.length).toBe(inOneTurn)
    await authority.clock.advance(0)
    expect(new Set(authority.sent.map((one) => one.id)).size).toBe(5000)
    expect(authority.sent).toHaveLength(5000)
    await authority.clock.advance(minute)
    const lastOf = new Map(authority.sent.map((one) => [one.id, one.document]))
    expect([inOneTurn < 5000, first !== second]).toEqual([true, true])
    expect(new Set(lastOf.values())).toEqual(new Set([second]))
  })
})

describe('drawing documents by subscribing', () => {
  test('subscribing and unsubscribing in turns draws one document in 30 s (A135)', async () => {
    const authority = makeAuthority()
    for (let i = 0; i < 60; i++) {
      subscribe(authority, `s${i}`)
      await authority.clock.advance(500)
      unsubscribe(authority, `s${i}`, bob)
      await authority.clock.advance(500)
    }
    subscribe(authority, 'last')
    await authority.clock.advance(snapshotMs)
    expect(authority.sent.map(({ at }) => at)).toEqual([0, 30 * second, 60 * second])
  })

  test('subscribing and unsubscribing in turns draws no more changes than staying', async () => {
    const authority = makeAuthority()
    for (let i = 0; i < 29; i++) {
      subscribe(authority, `s${i}`)
      await authority.clock.advance(500)
      change(authority)
      await authority.clock.advance(500)
      unsubscribe(authority, `s${i}`, bob)
    }
    expect(authority.sent.map(({ at }) => at)).toEqual([0])
  })

  test('whoever has to wait for the document gets it then, or the next change', async () => {
    const authority = makeAuthority()
    subscribe(authority, '1')
    await authority.clock.advance(second)
    unsubscribe(authority, '1', bob)
    subscribe(authority, '2')
    subscribe(authority, '3', carol)
    await authority.clock.advance(4 * second)
    expect(authority.sent.map((one) => one.id)).toEqual([id('1'), id('3')])
    const last = change(authority)
    expect(authority.sent.slice(2)).toMatchObject([
      { id: id('2'), document: last },
      { id: id('3'), document: last },
    ])
  })

  test('the memory of it ends', async () => {
    const authority = makeAuthority()
    subscribe(authority, '1')
    unsubscribe(authority, '1', bob)
    await authority.clock.advance(snapshotMs + second)
    expect(authority.clock.pending).toBe(0)
  })
})

describe('pace of snapshots', () => {
  test('a pair waits for its time, as many pairs as there is room for', async () => {
    const clock = new ManualClock()
    const pace = new SnapshotPace(clock, snapshotMs, 1)
    expect([pace.draw('a'), pace.draw('a'), pace.draw('b'), pace.draw('b')]).toEqual([
      0,
      snapshotMs,
      0,
      0,
    ])
    await clock.advance(snapshotMs)
    expect([pace.draw('b'), pace.draw('b')]).toEqual([snapshotMs, 2 * snapshotMs])
    pace.stop()
    expect(clock.pending).toBe(0)
  })
})

describe('a domain that cannot be reached', () => {
  test('is sent nothing, and then the latest of what it missed, once', async () => {
    const authority = await makeWatched()
    const { clock, subscriptions, sent } = authority
    subscribe(authority, 'c', carol)
    subscribe(authority, 'd', bob, { presentity: carol })
    await clock.advance(snapshotMs)
    sent.length = 0
    subscriptions.pause(b, way)
    let last = ''
    for (let i = 0; i < 10; i++) {
      last = change(authority)
      await clock.advance(3 * second)
    }
    expect(sent.map(({ watcher }) => watcher)).toEqual(Array(10).fill(carol.text))
    sent.length = 0
    subscriptions.resume(b, way)
    await clock.advance(minute)
    expect(sent).toMatchObject([{ id: id('s'), document: last }])
  })

  test('is reached by one domain of ours while another one cannot', async () => {
    const authority = await makeWatched()
    const { clock, subscriptions, sent } = authority
    subscribe(authority, 'd', bob, { presentity: carol })
    await clock.advance(snapshotMs)
    sent.length = 0
    subscriptions.pause(b, way)
    change(authority)
    publish(authority.presentities, carol, { entityTag: id('c1'), document: open('c') })
    await clock.advance(minute)
    expect(sent).toMatchObject([{ id: id('d'), document: text(open('c')) }])
  })

  test('is sent nothing on its return if nothing has changed', async () => {
    const authority = await makeWatched()
    authority.subscriptions.pause(b, way)
    authority.subscriptions.resume(b, way)
    await authority.clock.advance(minute)
    expect(authority.sent).toEqual([])
  })

  test('keeps its leases while it is away, and loses them at their end', async () => {
    const authority = await makeWatched()
    authority.subscriptions.pause(b, way)
    await authority.clock.advance(50 * minute)
    expect(authority.subscriptions.count(b)).toBe(1)
    await authority.clock.advance(20 * minute)
    expect(authority.subscriptions.count(b)).toBe(0)
    authority.subscriptions.resume(b, way)
  })

  test('what waited for its turn when the domain went away goes out on its return', async () => {
    const authority = await makeWatched()
    change(authority)
    const last = change(authority)
    authority.subscriptions.pause(b, way)
    await authority.clock.advance(10 * second)
    expect(authority.sent).toHaveLength(1)
    authority.subscriptions.resume(b, way)
    expect(authority.sent.at(-1)?.document).toBe(last)
  })
})
