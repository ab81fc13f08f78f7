/** The stage for our watchers: what is asked of other domains, and what those tell. */
import { describe, expect, test } from 'vitest'
import type { Address } from '../../../src/address/address.ts'
import type { Status } from '../../../src/errors.ts'
import { answered, later, type Outcome, outcomeOf } from '../../../src/operation/call.ts'
import type { Notice, Notify, Renew, Subscribe } from '../../../src/operation/presence.ts'
import {
  address,
  alice,
  answerOf,
  ask,
  bob,
  callerOf,
  carol,
  domain,
  id,
  makeStage,
  makeSubscribe,
  minute,
  open,
  reach,
  type Staged,
  second,
  type Task,
  text,
  told,
} from './support.ts'

const b = domain('b.example')
const adam = address('adam@a2.example')

const phone = callerOf(alice)
const laptop = callerOf(alice)

type Wish = {
  readonly watcher?: Address
  readonly presentity?: Address
  readonly session?: typeof phone
}

/** Somebody of ours, alice by her phone, wants to see somebody at b.example, bob. */
const watch = (
  { stage }: Staged,
  name: string,
  { watcher = alice, presentity = bob, session = phone }: Wish = {},
): readonly Outcome[] =>
  ask((call) => stage.watch(call), makeSubscribe(name, { watcher, presentity }), session)

const unwatch = ({ stage }: Staged, name: string): Outcome => {
  const operation: Subscribe = { ...makeSubscribe(name, { watcher: alice }), kind: 'unsubscribe' }
  return answerOf(ask((call) => stage.unwatch(call), operation, phone))
}

/** Each kind and presentity of what was asked since the last look. */
const askedNow = ({ asked }: Staged): readonly string[] =>
  asked.splice(0).map(({ operation }) => nameOf(operation))

const nameOf = (operation: Task['operation']): string =>
  operation.kind === 'renew'
    ? `renew ${operation.ids.length} of ${operation.local}`
    : `${operation.kind} ${operation.presentity.user}`

/** The request that is under way. */
function taskOf<K extends Task['operation']['kind']>({ asked }: Staged, kind: K) {
  const found = asked.splice(0).find(({ operation }) => operation.kind === kind)
  if (found === undefined) throw new Error(`no ${kind}`)
  return found as Task & { readonly operation: K extends 'renew' ? Renew : Subscribe }
}

/** Alice watches bob; the id by which b.example knows it. */
function watching(staged: Staged, name = 'w', wish: Wish = {}, leaseSeconds = 3600): string {
  watch(staged, name, wish)
  const { operation, ended } = taskOf(staged, 'subscribe')
  ended(answered('ok', { leaseSeconds }))
  return operation.id
}

const active = (seq: number): Notice => ({
  state: 'active',
  event: undefined,
  presence: { document: open(`t${seq}`), version: { epoch: 1, seq } },
})
const document = (seq: number): string => text(open(`t${seq}`))

const notify = (
  { stage }: Staged,
  subscription: string,
  notice: Notice,
  about: Partial<Notify> = {},
): Status => {
  const of = { presentity: bob, audience: alice.domain }
  const operation: Notify = { kind: 'notify', subscription, notice, ...of, ...about }
  const caller = callerOf(operation.presentity, 'domain')
  return answerOf(ask((call) => stage.notify(call), operation, caller)).status
}

const shownTo = ({ shown }: Staged): readonly string[] => shown.map(({ what }) => what)

describe('a first wish', () => {
  test('[LINK-6.10-1] is asked there before it is answered here', () => {
    const staged = makeStage()
    const outcomes = watch(staged, 'w')
    const { operation, ended } = taskOf(staged, 'subscribe')
    expect(operation).toMatchObject({
      watcher: alice,
      presentity: bob,
      leaseSeconds: 3600,
      hops: 1,
    })
    expect(operation.id).not.toBe(id('w'))
    expect([outcomes, staged.stage.isUsed(b)]).toEqual([[], true])
    ended(answered('ok', { leaseSeconds: 400 }))
    // Each wish has a lease of its own.
    expect(outcomes.map(told)).toEqual(['ok 3600'])
  })

  test.for<readonly [Status, string, readonly string[]]>([
    ['busy', 'pending 3600', ['subscribe bob']],
    ['remote-unreachable', 'pending 3600', ['subscribe bob']],
    ['remote-not-found', 'remote-not-found', []],
    ['refused', 'refused', []],
    ['limit-reached', 'limit-reached', []],
  ])('that ends there as %s is answered %s', async ([status, expected, then]) => {
    const staged = makeStage()
    const outcomes = watch(staged, 'w')
    taskOf(staged, 'subscribe').ended(outcomeOf(status))
    expect(outcomes.map(told)).toEqual([expected])
    const isOver = then.length === 0
    expect(shownTo(staged)).toEqual(isOver ? ['terminated rejected'] : [])
    expect(staged.stage.isUsed(b)).toBe(!isOver)
    await staged.clock.advance(minute)
    expect(askedNow(staged)).toEqual(then)
  })

  test('of which nothing is decided yet is pending', async () => {
    const staged = makeStage()
    const outcomes = watch(staged, 'w')
    taskOf(staged, 'subscribe').ended(answered('pending', { leaseSeconds: 400 }))
    expect(outcomes.map(told)).toEqual(['pending 3600'])
    expect(watch(staged, 'v').map(told)).toEqual(['pending 3600'])
    await staged.clock.advance(minute)
    expect(askedNow(staged)).toEqual([])
  })

  test('that is refused there is told who refused it', () => {
    const staged = makeStage()
    const outcomes = watch(staged, 'w')
    const rest = { buffer: Buffer.from('who'), fieldsAt: 0, bodyAt: 3, end: 3 }
    const refusal = { ...outcomeOf('refused'), rest }
    taskOf(staged, 'subscribe').ended(refusal)
    expect(answerOf(outcomes)).toBe(refusal)
  })

  test('beyond the number takes the place of the oldest whose session is gone', () => {
    const staged = makeStage({ subscriptionsPerWatcher: 2 })
    watching(staged, 'v', { presentity: address('bea@b.example') })
    watching(staged)
    staged.gone.add(phone)
    const ben = { presentity: address('ben@b.example'), session: laptop }
    expect(watching(staged, 'x', ben)).toHaveLength(16)
    // The laptop has one, and asks for another.
    expect(watch(staged, 'y', { ...ben, presentity: address('bo@b.example') })).toEqual([])
    expect(watch(staged, 'z', { ...ben, presentity: carol }).map(told)).toEqual(['limit-reached'])
    expect(staged.shown).toEqual([])
  })

  test('in the place of another one is asked for once that is taken back, where the bound may be the same', () => {
    const staged = makeStage({ subscriptionsPerWatcher: 1 })
    watching(staged)
    staged.gone.add(phone)
    watch(staged, 'v', { presentity: address('bea@b.example'), session: laptop })
    expect(askedNow(staged)).toEqual(['unsubscribe bob', 'subscribe bea'])
  })

  test('[LINK-6.11-1] that another session renews is its own', () => {
    const staged = makeStage({ subscriptionsPerWatcher: 1 })
    watching(staged)
    const own = { local: alice.domain, remote: undefined, watcher: alice, ids: [id('w')] }
    const renew = { kind: 'renew', ...own, leaseSeconds: 3600 } as const
    expect(ask((call) => staged.stage.renew(call), renew, laptop)).toHaveLength(1)
    staged.gone.add(phone)
    expect(watch(staged, 'v', { presentity: carol }).map(told)).toEqual(['limit-reached'])
    staged.gone.add(laptop)
    expect(watch(staged, 'v', { presentity: carol })).toEqual([])
  })

  test('that cannot be had is not asked', () => {
    const staged = makeStage({ subscriptionsPerWatcher: 1 })
    watching(staged)
    expect(watch(staged, 'v').map(told)).toEqual(['limit-reached'])
    expect(watch(staged, 'w', { presentity: address('bea@b.example') }).map(told)).toEqual([
      'conflict',
    ])
    expect(askedNow(staged)).toEqual([])
  })
})

describe('a further wish', () => {
  test('is answered at once, and only the session that asks is shown what is known', () => {
    const staged = makeStage()
    notify(staged, watching(staged), active(1))
    staged.shown.length = 0
    expect(watch(staged, 'v', { session: laptop }).map(told)).toEqual(['ok 3600'])
    expect(askedNow(staged)).toEqual([])
    const { shown } = staged
    expect(shown).toMatchObject([{ watcher: alice, subscription: id('v'), presentity: bob }])
    expect([shown[0]?.what, shown[0]?.only === laptop]).toEqual([document(1), true])
  })

  test('of another user is another subscription', () => {
    const staged = makeStage()
    const first = watching(staged)
    expect(watching(staged, 'w', { watcher: adam })).not.toBe(first)
  })
})

describe('NOTIFY', () => {
  test('[LINK-6.13-8] is shown to all sessions of the watcher, for each wish', () => {
    const staged = makeStage()
    const subscription = watching(staged)
    watch(staged, 'v', { session: laptop })
    expect(notify(staged, subscription, active(1))).toBe('ok')
    expect(staged.shown).toMatchObject([
      {
        subscription: id('w'),
        watcher: alice,
        presentity: bob,
        what: document(1),
        only: undefined,
      },
      {
        subscription: id('v'),
        watcher: alice,
        presentity: bob,
        what: document(1),
        only: undefined,
      },
    ])
    expect(notify(staged, subscription, active(1))).toBe('ok')
    expect(staged.shown).toHaveLength(2)
    expect(staged.meter.total('presence_updates_total', { action: 'received' })).toBe(2)
  })

  test.for<readonly [string, Partial<Notify>, Status]>([
    ['by somebody else', { presentity: address('bea@b.example') }, 'lease-unknown'],
    ['by another domain', { presentity: address('bob@c.example') }, 'lease-unknown'],
    ['of a subscription that is not there', { subscription: id('x') }, 'lease-unknown'],
    ['meant for another domain of ours', { audience: adam.domain }, 'credential-audience'],
  ])('[LINK-6.13-1] %s is refused and not shown', ([, about, expected]) => {
    const staged = makeStage()
    const subscription = watching(staged)
    expect(notify(staged, subscription, active(1), about)).toBe(expected)
    expect(staged.shown).toEqual([])
  })

  test('[LINK-6.12-1] that crosses the end of the last wish is refused and not shown', () => {
    const staged = makeStage()
    const subscription = watching(staged)
    expect(unwatch(staged, 'w').status).toBe('ok')
    expect(notify(staged, subscription, active(1))).toBe('lease-unknown')
    expect(staged.shown).toEqual([])
  })

  test('[LINK-6.13-7] that ends the subscription is shown, and nothing is asked again', async () => {
    const staged = makeStage()
    const subscription = watching(staged)
    const notice: Notice = { state: 'terminated', event: 'noresource', presence: undefined }
    expect(notify(staged, subscription, notice)).toBe('ok')
    await staged.clock.advance(10 * minute)
    expect([shownTo(staged), askedNow(staged)]).toEqual([['terminated noresource'], []])
    expect(staged.stage.isUsed(b)).toBe(false)
  })
})

/** Until something is asked. */
async function nextOf(staged: Staged): Promise<undefined> {
  for (let i = 0; i < 4000 && staged.asked.length === 0; i++) await staged.clock.advance(second)
}

describe('RENEW', () => {
  test('[LINK-6.11-1] goes out in time, for the longest lease that is wanted', async () => {
    const staged = makeStage()
    const subscription = watching(staged, 'w', {}, 1000)
    await nextOf(staged)
    const at = staged.clock.now() / second
    expect([at >= 600, at <= 801]).toEqual([true, true])
    const { operation, ended } = taskOf(staged, 'renew')
    expect(operation).toEqual({
      kind: 'renew',
      local: alice.domain,
      remote: b,
      watcher: undefined,
      ids: [subscription],
      leaseSeconds: 3600,
    } satisfies Renew)
    ended(answered('ok', { leases: [10_000] }))
    await staged.clock.advance(30 * minute)
    expect(askedNow(staged)).toEqual([])
  })

  test('[LINK-6.11-2] of what is not known there becomes SUBSCRIBE with the same id', async () => {
    const staged = makeStage()
    const subscription = watching(staged, 'w', {}, 1000)
    await nextOf(staged)
    taskOf(staged, 'renew').ended(answered('ok', { leases: [0] }))
    await nextOf(staged)
    expect(taskOf(staged, 'subscribe').operation.id).toBe(subscription)
    expect(staged.clock.now()).toBeLessThan(805 * second)
  })

  test.for(['busy', 'remote-unreachable', 'bad-request'] as const)(
    'that ends as %s is tried again',
    async (status) => {
      const staged = makeStage()
      watching(staged, 'w', {}, 1000)
      await nextOf(staged)
      taskOf(staged, 'renew').ended(outcomeOf(status))
      await staged.clock.advance(second)
      expect(askedNow(staged)).toEqual([])
      await staged.clock.advance(46 * second)
      expect(askedNow(staged)).toEqual(['renew 1 of a.example'])
    },
  )

  test('[LINK-6.11-1] is one for each domain of ours, of at most 100', async () => {
    const staged = makeStage()
    for (let i = 0; i < 150; i++) {
      const presentity = address(`p${i}@b.example`)
      watching(staged, `w${i}`, { presentity }, 1000)
    }
    watching(staged, 'v', { watcher: adam }, 1000)
    await staged.clock.advance(850 * second)
    const batches = staged.asked.flatMap(({ operation }) =>
      operation.kind === 'renew' ? [operation] : [],
    )
    expect(Math.max(...batches.map(({ ids }) => ids.length))).toBeLessThanOrEqual(100)
    const ids = batches.flatMap((one) => one.ids.map((each) => `${one.local} ${each}`))
    expect(new Set(ids).size).toBe(151)
    expect(new Set(batches.map(({ local }) => local))).toEqual(new Set([alice.domain, adam.domain]))
  })
})

describe('UNSUBSCRIBE', () => {
  test.for([
    ['ok', 0],
    ['refused', 0],
    ['busy', 1],
    ['remote-unreachable', 1],
  ] as const)('[LINK-6.12-1] that ends as %s is asked %i times more', async ([status, more]) => {
    const staged = makeStage()
    const subscription = watching(staged)
    unwatch(staged, 'w')
    await staged.clock.advance(second)
    const { operation, ended } = taskOf(staged, 'unsubscribe')
    expect(operation).toMatchObject({ id: subscription, watcher: alice, presentity: bob })
    ended(outcomeOf(status))
    expect(staged.stage.isUsed(b)).toBe(more > 0)
    await staged.clock.advance(50 * second)
    expect(askedNow(staged)).toEqual(Array(more).fill('unsubscribe bob'))
  })
})

describe('a domain without a way', () => {
  test.for([
    ['a loss', 0, 45],
    ['a RELEASE that says 60 s', 60, 105],
  ] as const)('[LINK-6.14-3] is unknown some time after %s', async ([, rest, seconds]) => {
    const staged = makeStage()
    reach(staged, b)
    notify(staged, watching(staged), active(1))
    staged.shown.length = 0
    reach(staged, b, { isUp: false, restMs: rest * second })
    await staged.clock.advance((seconds - 1) * second)
    expect(staged.shown).toEqual([])
    await staged.clock.advance(2 * second)
    expect(shownTo(staged)).toEqual(['unknown'])
  })

  test('[LINK-6.14-3] is one to which no way of any adapter leads, from any domain of ours', async () => {
    const staged = makeStage()
    const ways = [{}, { local: adam.domain }, { by: 'other' }]
    for (const way of ways) reach(staged, b, {}, way)
    watching(staged)
    for (const way of ways.slice(1)) reach(staged, b, { isUp: false }, way)
    await staged.clock.advance(minute)
    expect([shownTo(staged), askedNow(staged)]).toEqual([[], []])
    reach(staged, b, { isUp: false })
    await staged.clock.advance(minute)
    expect(shownTo(staged)).toEqual(['unknown'])
  })

  test('[LINK-6.14-2] is asked for one subscription now and then, and for all once there is a way', async () => {
    const staged = makeStage()
    reach(staged, b)
    const ids = ['1', '2', '3'].map((name) =>
      watching(staged, name, { presentity: address(`p${name}@b.example`) }),
    )
    reach(staged, b, { isUp: false })
    for (let i = 0; i < 100; i++) {
      await staged.clock.advance(second)
      for (const { ended } of staged.asked) ended(outcomeOf('remote-unreachable'))
    }
    expect(staged.asked.length).toBeGreaterThan(1)
    expect(staged.asked.length).toBeLessThan(5)
    expect(new Set(askedNow(staged))).toEqual(new Set(['subscribe p1']))
    reach(staged, b)
    const again = staged.asked.map(({ operation }) => 'id' in operation && operation.id)
    expect(new Set(again)).toEqual(new Set(ids))
    expect(again).toHaveLength(3)
  })

  test('[LINK-6.14-1] whose store is another one is asked for everything again', () => {
    const staged = makeStage()
    reach(staged, b)
    const subscription = watching(staged)
    reach(staged, b)
    expect(askedNow(staged)).toEqual([])
    reach(staged, b, { isNew: true })
    expect(taskOf(staged, 'subscribe').operation.id).toBe(subscription)
  })

  test('that has one gets at once what failed before', () => {
    const staged = makeStage()
    watch(staged, 'w')
    taskOf(staged, 'subscribe').ended(later('remote-unreachable', 5000))
    expect(askedNow(staged)).toEqual([])
    reach(staged, b)
    expect(askedNow(staged)).toEqual(['subscribe bob'])
  })
})

test('who watches at a barred domain is told', async () => {
  const staged = makeStage()
  watching(staged)
  watching(staged, 'v', { presentity: address('carol@c.example') })
  staged.stage.bar((name) => name === b)
  expect(shownTo(staged)).toEqual(['terminated rejected'])
  expect([b, domain('c.example')].map((name) => staged.stage.isUsed(name))).toEqual([false, true])
  staged.stage.stop()
  expect(staged.clock.pending).toBe(0)
})
