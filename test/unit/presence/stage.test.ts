/** The stage for our presentities: PUBLISH, FETCH, and SUBSCRIBE with its notifications. */
import { describe, expect, test } from 'vitest'
import { later, type Outcome, outcomeOf } from '../../../src/operation/call.ts'
import type { Fetch, Renew, Subscribe } from '../../../src/operation/presence.ts'
import {
  address,
  alice,
  answerOf,
  ask,
  bob,
  callerOf,
  carol,
  closedDocument,
  domain,
  id,
  makePublish,
  makeStage,
  makeSubscribe,
  minute,
  open,
  type PublishWish,
  reach,
  type Staged,
  second,
  text,
  told,
  via,
} from './support.ts'

const b = domain('b.example')

const publish = ({ stage }: Staged, wish: PublishWish, presentity = alice): Outcome => {
  const operation = makePublish(presentity, wish)
  return answerOf(ask((call) => stage.publish(call), operation, callerOf(operation.publisher)))
}

/** Each call shows another document of alice; which. */
let made = 0
function change(staged: Staged): string {
  const ifMatch = tags.get(staged)
  const entityTag = id(`tag ${made++}`)
  tags.set(staged, entityTag)
  const document = open(`t${made}`)
  const wish = { entityTag, document, leaseSeconds: 86_400 }
  const outcome = publish(staged, ifMatch === undefined ? wish : { ...wish, ifMatch })
  expect(outcome.status).toBe('ok')
  return text(document)
}
const tags = new WeakMap<Staged, string>()

const subscribe = (
  { stage }: Staged,
  name: string,
  { watcher = bob, presentity = alice, by = via } = {},
): Outcome =>
  answerOf(
    ask(
      (call) => stage.subscribe(call),
      makeSubscribe(name, { watcher, presentity }),
      callerOf(watcher, 'domain', by),
    ),
  )

const unsubscribe = ({ stage }: Staged, name: string, watcher = bob): Outcome => {
  const operation: Subscribe = { ...makeSubscribe(name, { watcher }), kind: 'unsubscribe' }
  return answerOf(ask((call) => stage.unsubscribe(call), operation, callerOf(watcher, 'domain')))
}

const refuse = ({ stage }: Staged, name: string, outcome: Outcome, by = via): undefined =>
  stage.refused(by, b, id(name), outcome)

/** Bob watches alice, and has had the first document for a while. */
async function makeWatched(name = 's'): Promise<Staged> {
  const staged = makeStage()
  reach(staged, b)
  subscribe(staged, name)
  await staged.clock.advance(minute)
  staged.notified.length = 0
  return staged
}

describe('PUBLISH', () => {
  test('is answered with the lease', () => {
    const staged = makeStage()
    const wish = { entityTag: id('1'), document: open(), leaseSeconds: 600 }
    expect(told(publish(staged, wish))).toBe('ok 600')
    expect(told(publish(staged, { ifMatch: id('1'), leaseSeconds: 0 }))).toBe('ok 0')
  })

  test('[LINK-6.8-5] for too short a time is answered with the shortest', () => {
    const wish = { entityTag: id('1'), document: open(), leaseSeconds: 299 }
    expect(told(publish(makeStage(), wish))).toBe('lease-too-short 300')
  })
})

const makeFetch = (presentity = alice): Fetch => ({
  kind: 'fetch',
  watcher: carol,
  presentity,
  hops: 1,
  unknownField: 0,
  fields: Buffer.alloc(0),
})

describe('FETCH', () => {
  const fetch = ({ stage }: Staged, operation: Fetch): Outcome =>
    answerOf(ask((call) => stage.fetch(call), operation, callerOf(carol)))

  test('[LINK-6.9-1] is answered with the document as it is, and nothing follows', async () => {
    const staged = makeStage()
    const before = fetch(staged, makeFetch()).answer?.presence
    const last = change(staged)
    const after = fetch(staged, makeFetch()).answer?.presence
    expect([before, after].map((one) => one && text(one.document))).toEqual([closedDocument, last])
    expect(after?.version.seq).toBeGreaterThan(before?.version.seq ?? Number.NaN)
    change(staged)
    await staged.clock.advance(minute)
    expect([staged.notified, staged.atHome]).toEqual([[], []])
  })

  test.for(['ok', 'refused', 'remote-unreachable'] as const)(
    'of somebody elsewhere that ends as %s is passed on as it came',
    (status) => {
      const { stage, asked } = makeStage()
      const operation = { ...makeFetch(bob), unknownField: 0x71 }
      const outcomes = ask((call) => stage.fetchElsewhere(call), operation, callerOf(alice))
      expect([outcomes, asked.map((task) => task.operation)]).toEqual([[], [operation]])
      const rest = { buffer: Buffer.from('any bytes'), fieldsAt: 1, bodyAt: 3, end: 7 }
      const outcome = { ...outcomeOf(status), retryAfterMs: 7, rest }
      asked[0]?.ended(outcome)
      expect(answerOf(outcomes)).toBe(outcome)
    },
  )
})

describe('SUBSCRIBE', () => {
  test('[LINK-6.10-3] is answered, and the document follows to the audience of the watcher', async () => {
    const staged = makeStage()
    expect(told(subscribe(staged, 's'))).toBe('ok 3600')
    expect(staged.notified).toEqual([])
    await staged.clock.advance(0)
    expect(staged.notified).toMatchObject([{ only: id('s'), document: closedDocument }])
    const [{ audience }] = staged.notified as [(typeof staged.notified)[0]]
    const { via: by, presentity, domain: of } = audience
    expect([by, presentity, of]).toEqual([via, alice, b])
    expect([...audience.members()]).toEqual([id('s')])
    expect([id('s'), id('x')].map((one) => audience.watcher(one))).toEqual([bob, undefined])
    expect(staged.stage.isUsed(b)).toBe(true)
  })

  test('of a user of ours is told by its sessions', async () => {
    const staged = makeStage()
    subscribe(staged, 's', { watcher: address('anna@a2.example') })
    await staged.clock.advance(0)
    expect(staged.atHome).toMatchObject([{ only: id('s'), document: closedDocument }])
    const last = change(staged)
    await staged.clock.advance(minute)
    expect(staged.atHome.at(-1)?.document).toBe(last)
    expect(staged.notified).toEqual([])
  })

  test('of a further session of the same user shows at once how it is', async () => {
    const staged = makeStage()
    const anna = address('anna@a2.example')
    for (const name of ['s', 't']) {
      const wish = makeSubscribe(name, { watcher: anna, presentity: alice })
      ask((call) => staged.stage.subscribe(call), wish, callerOf(anna))
      await staged.clock.advance(second)
    }
    expect(staged.atHome.map(({ only, at }) => [only, at])).toEqual([
      [id('s'), 0],
      [id('t'), second],
    ])
  })

  test('[LINK-6.10-2] with the id of another one is a conflict', () => {
    const staged = makeStage()
    subscribe(staged, 's')
    const presentity = address('adam@a.example')
    expect(told(subscribe(staged, 's', { presentity }))).toBe('conflict')
  })

  test('by another adapter moves there with all that follows', async () => {
    const staged = await makeWatched()
    subscribe(staged, 's', { by: 'other' })
    refuse(staged, 's', outcomeOf('lease-unknown'), via)
    await staged.clock.advance(minute)
    change(staged)
    expect(staged.notified.map(({ audience }) => audience.via)).toEqual(['other', 'other'])
  })
})

describe('an audience', () => {
  test('is the same object each time, and tells what holds when it is read', async () => {
    const staged = await makeWatched()
    change(staged)
    const [{ audience }] = staged.notified as [(typeof staged.notified)[0]]
    const last = change(staged)
    expect(text(audience.latest()?.presence?.document ?? Buffer.of())).toBe(last)
    // It has left: there is nothing more to tell.
    await staged.clock.advance(minute)
    expect(staged.notified).toHaveLength(1)
    change(staged)
    expect(staged.notified[1]?.audience).toBe(audience)
  })

  test('[LINK-6.12-1] has nothing to tell after the end of its subscription', async () => {
    const staged = await makeWatched()
    change(staged)
    const [{ audience }] = staged.notified as [(typeof staged.notified)[0]]
    expect(unsubscribe(staged, 's').status).toBe('ok')
    expect([[...audience.members()], audience.watcher(id('s')), audience.latest()]).toEqual([
      [],
      undefined,
      undefined,
    ])
  })
})

describe('UNSUBSCRIBE', () => {
  test('[LINK-6.12-1] ends what is there, or is not', async () => {
    const staged = await makeWatched()
    expect([unsubscribe(staged, 's'), unsubscribe(staged, 's')].map(told)).toEqual(['ok', 'ok'])
    change(staged)
    await staged.clock.advance(minute)
    expect([staged.notified, staged.stage.isUsed(b)]).toEqual([[], false])
  })

  test('[LINK-6.12-2] for another watcher is refused', async () => {
    const staged = await makeWatched()
    expect(unsubscribe(staged, 's', address('bobby@b.example')).status).toBe('refused')
  })
})

describe('RENEW', () => {
  const renew = ({ stage }: Staged, wish: Partial<Renew>): readonly number[] | undefined => {
    const of = { local: b, remote: undefined, watcher: undefined, leaseSeconds: 600 }
    const operation: Renew = { kind: 'renew', ids: [id('s'), id('x')], ...of, ...wish }
    return answerOf(ask((call) => stage.renew(call), operation, callerOf(bob, 'domain'))).answer
      ?.leases
  }

  test('[LINK-6.11-2] of a domain is answered for each id', async () => {
    const staged = await makeWatched()
    expect(renew(staged, { remote: alice.domain })).toEqual([600, 0])
    expect(renew(staged, { remote: domain('a2.example') })).toEqual([0, 0])
    expect(renew(staged, { local: domain('c.example') })).toEqual([0, 0])
  })

  test('[LINK-6.11-1] of a user is about its own, here and elsewhere', () => {
    const staged = makeStage()
    const anna = address('anna@a.example')
    subscribe(staged, 's', { watcher: anna })
    const wish = makeSubscribe('w', { watcher: anna, presentity: bob })
    ask((call) => staged.stage.watch(call), wish, callerOf(anna))
    const about = { local: anna.domain, ids: [id('w'), id('x'), id('s')] }
    expect(renew(staged, { ...about, watcher: anna })).toEqual([600, 0, 600])
    expect(renew(staged, { ...about, watcher: address('eve@a.example') })).toEqual([0, 0, 0])
  })
})

describe('a notification that is not taken', () => {
  test('[LINK-6.13-5] for want of a way waits for one, and then tells the last value, once', async () => {
    const staged = await makeWatched()
    const { notified, clock } = staged
    const adam = address('adam@a2.example')
    subscribe(staged, 'other', { presentity: adam })
    await clock.advance(minute)
    notified.length = 0
    reach(staged, b, { isUp: false })
    change(staged)
    // Of another domain of ours nothing was said.
    publish(staged, { entityTag: id('1'), document: open() }, adam)
    await clock.advance(minute)
    expect(notified.map(({ only }) => only)).toEqual([id('other')])
    const last = change(staged)
    reach(staged, b, {}, { local: adam.domain })
    reach(staged, b, {}, { by: 'other' })
    expect(notified).toHaveLength(1)
    reach(staged, b)
    await clock.advance(minute)
    expect(notified).toHaveLength(2)
    expect(notified[1]).toMatchObject({ only: id('s'), document: last })
  })

  test('[LINK-6.13-5] since there never was a way waits for one', async () => {
    const staged = makeStage()
    const { stage, notified, onNotify, clock } = staged
    onNotify.act = (_, only) => stage.refused(via, b, only, outcomeOf('remote-unreachable'))
    subscribe(staged, '1')
    subscribe(staged, '2', { watcher: address('bobby@b.example') })
    await clock.advance(minute)
    // The second one is not even tried.
    expect(notified.map(({ only }) => only)).toEqual([id('1')])
    onNotify.act = () => undefined
    const last = change(staged)
    reach(staged, b, {}, { local: domain('a2.example') })
    reach(staged, b, {}, { by: 'other' })
    expect(notified).toHaveLength(1)
    reach(staged, b)
    expect(notified.slice(1)).toMatchObject([
      { only: id('1'), document: last },
      { only: id('2'), document: last },
    ])
    await clock.advance(minute)
    expect(notified).toHaveLength(3)
  })

  test('[LINK-6.13-6] lost with the last link goes out when there is one again', async () => {
    const staged = await makeWatched()
    change(staged)
    refuse(staged, 's', outcomeOf('link-lost'))
    reach(staged, b, { isUp: false })
    await staged.clock.advance(minute)
    expect(staged.notified).toHaveLength(1)
    reach(staged, b)
    expect(staged.notified).toHaveLength(2)
  })

  /** When it goes out again, in seconds, if it ends with `outcome` each time. */
  async function waits(outcome: Outcome, seconds: number): Promise<readonly number[]> {
    const staged = await makeWatched()
    const { notified, onNotify, clock, stage } = staged
    onNotify.act = (_, only) => stage.refused(via, b, only, outcome)
    change(staged)
    await clock.advance(seconds * second)
    return notified.slice(1).map(({ at }, i) => Math.round((at - (notified[i]?.at ?? 0)) / second))
  }

  test.for<readonly [string, Outcome, readonly number[]]>([
    ['busy', outcomeOf('busy'), [2, 2, 4, 8, 16, 32, 60, 60]],
    ['busy for 20 s', later('busy', 20_000), [20, 20, 20, 20, 20, 32, 60]],
    ['credential-scope', outcomeOf('credential-scope'), [60, 60, 60]],
    // A peer may say so, too: by a way that is there it is a refusal like another.
    ['remote-unreachable', outcomeOf('remote-unreachable'), [2, 2, 4, 8, 16, 32, 60, 60]],
  ])('[LINK-6.13-6] as %s goes out again later and later', async ([, outcome, expected]) => {
    expect(await waits(outcome, 200)).toEqual(expected)
  })

  test('[LINK-6.13-6] since its link was lost goes out by the next one, soon each time', async () => {
    expect(await waits(outcomeOf('link-lost'), 13)).toEqual([2, 2, 2, 2, 2, 2])
  })

  test('[LINK-6.13-6] by whoever does not know the subscription ends it', async () => {
    const staged = await makeWatched()
    staged.onNotify.act = (_, only) =>
      staged.stage.refused(via, b, only, outcomeOf('lease-unknown'))
    change(staged)
    change(staged)
    await staged.clock.advance(minute)
    expect([staged.notified.length, staged.stage.isUsed(b)]).toEqual([1, false])
    refuse(staged, 's', outcomeOf('busy'))
    await staged.clock.advance(minute)
    expect(staged.notified).toHaveLength(1)
  })
})

test('the subscriptions of a barred domain are over', async () => {
  const staged = await makeWatched()
  subscribe(staged, 's', { watcher: carol })
  await staged.clock.advance(minute)
  staged.notified.length = 0
  staged.stage.bar((name) => name === b)
  change(staged)
  expect(staged.notified.map(({ audience }) => audience.domain)).toEqual([carol.domain])
})

test('a stage that is stopped has no timers', async () => {
  const staged = await makeWatched()
  change(staged)
  change(staged)
  expect(staged.clock.pending).toBeGreaterThan(0)
  staged.stage.stop()
  expect(staged.clock.pending).toBe(0)
})
