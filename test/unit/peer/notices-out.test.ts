import { describe, expect, test } from 'vitest'
import type { Outcome } from '../../../src/operation/call.ts'
import type { Audience, Notice } from '../../../src/operation/presence.ts'
import { NoticesOut } from '../../../src/peer/notices-out.ts'
import type { Pair } from '../../../src/peer/pair.ts'
import { commands, fields } from '../../../src/wire/registry.ts'
import { alice, bob, domain } from '../../support/middle/calls.ts'
import { answerOf, TestCarrier, TestPool } from '../../support/middle/carriers.ts'
import { roomEnv } from '../../support/middle/env.ts'
import * as wire from '../../support/script/codec.ts'

const [one, two] = ['one'.padEnd(16, '.'), 'two'.padEnd(16, '.')]

const active = (seq: number): Notice => ({
  ...{ state: 'active', event: undefined },
  presence: { document: Buffer.from(`{"seq":${seq}}`), version: { epoch: 1, seq } },
})
const over: Notice = { state: 'terminated', event: 'noresource', presence: undefined }

function makeNotices() {
  const env = roomEnv()
  const pool = new TestPool()
  const carrier = new TestCarrier()
  pool.carrier = carrier
  const refused: (readonly [domain: string, id: string, outcome: Outcome])[] = []
  const notices = new NoticesOut(pool, env.meter, (name, id, outcome) => {
    refused.push([name, id, { ...outcome }])
  })
  /** What the watchers of a.example are to see of bob; a test changes it. */
  const register: { latest: Notice | undefined; members: Set<string> } = {
    latest: active(1),
    members: new Set([one]),
  }
  const audience: Audience = {
    ...{ via: 'native', presentity: bob, domain: alice.domain },
    members: () => [...register.members],
    watcher: (id) => (register.members.has(id) ? alice : undefined),
    latest: () => register.latest,
  }
  const notify = (only?: string): undefined => notices.notify(audience, only)
  const codes = () => refused.map(([name, id, { status }]) => `${name} ${id} ${status}`)
  const sent = () => env.meter.total('presence_updates_total', { action: 'sent' })
  return { notices, pool, carrier, refused, register, notify, codes, sent }
}

/** What a NOTIFY says on the wire, as the page has it. */
function written(carrier: TestCarrier, at = 0) {
  const request = carrier.given[at]
  if (request === undefined) throw new Error('nothing was told')
  const { buffer, fieldsAt, bodyAt, end } = request
  const list = wire.readFields(buffer.subarray(fieldsAt, bodyAt))
  return {
    id: list.get(wire.tag.subscription)?.toString(),
    state: list.get(wire.tag.state)?.[0],
    event: list.get(wire.tag.event)?.[0],
    seq: list.get(wire.tag.version)?.readUInt32BE(4),
    body: buffer.toString('utf8', bodyAt, end),
  }
}

describe('NOTIFY to a watcher elsewhere', () => {
  test('tells the document on the credential of the presentity, and wants no answer', () => {
    const { pool, carrier, notify, sent } = makeNotices()
    notify()
    expect(pool.asked).toEqual(['b.example a.example pres'])
    expect(carrier.referred).toEqual([`1 ${bob.text} a.example notify`])
    expect(written(carrier)).toEqual({
      ...{ id: one, state: 1, event: undefined, seq: 1, body: '{"seq":1}' },
    })
    expect(carrier.given[0]).toMatchObject({
      ...{ command: commands.notify.number, hops: 1, user: bob.text, expectsAnswer: false },
    })
    expect(sent()).toBe(1)
  })

  test('tells the end without a document', () => {
    const { carrier, register, notify } = makeNotices()
    register.latest = over
    notify()
    expect(written(carrier)).toEqual({
      ...{ id: one, state: 3, event: 8, seq: undefined, body: '' },
    })
  })

  test('goes to each subscription of the audience, or to the one that is wanted', () => {
    const { carrier, register, notify } = makeNotices()
    register.members.add(two)
    carrier.isWriting = true
    notify(two)
    notify()
    expect([0, 1, 2].map((at) => written(carrier, at).id)).toEqual([two, one, two])
  })

  test('goes nowhere where there is nothing to tell', () => {
    const { pool, carrier, register, notify, codes } = makeNotices()
    register.latest = undefined
    notify()
    pool.carrier = undefined
    notify()
    expect([carrier.given, codes(), pool.wanted]).toEqual([[], [], []])
  })

  test('without a link is told back, and one is looked for', () => {
    const { pool, register, notify, codes, sent } = makeNotices()
    register.members.add(two)
    pool.carrier = undefined
    notify()
    expect(codes()).toEqual([one, two].map((id) => `a.example ${id} remote-unreachable`))
    expect(pool.wanted).toEqual(Array(2).fill('b.example a.example pres'))
    expect(sent()).toBe(0)
  })
})

describe('[LINK-6.13-5] a NOTIFY that waits for its turn', () => {
  test('keeps its place, and tells the last value when it comes', () => {
    const { carrier, register, notify, sent } = makeNotices()
    notify()
    for (const seq of [2, 3]) {
      register.latest = active(seq)
      notify()
    }
    expect([carrier.given.length, sent()]).toEqual([1, 1])
    const [waiting] = carrier.given
    if (waiting === undefined) throw new Error('nothing waits')
    expect(waiting.freshen?.(waiting)).toBe('other')
    expect(written(carrier)).toMatchObject({ seq: 3, body: '{"seq":3}' })
    expect(waiting.freshen?.(waiting)).toBe('same')
    notify()
    expect(carrier.given).toHaveLength(2)
  })

  test('waits for itself alone', () => {
    const { carrier, register, notify } = makeNotices()
    notify(one)
    register.members.add(two)
    notify()
    expect([0, 1].map((at) => written(carrier, at).id)).toEqual([one, two])
  })

  test('goes as it is where nothing has changed', () => {
    const { carrier, register, notify } = makeNotices()
    notify()
    register.latest = active(1)
    const [waiting] = carrier.given
    expect(waiting?.freshen?.(waiting)).toBe('same')
    expect(written(carrier).seq).toBe(1)
  })

  test('tells the end, if that has come meanwhile', () => {
    const { carrier, register, notify } = makeNotices()
    notify()
    register.latest = over
    const [waiting] = carrier.given
    expect(waiting?.freshen?.(waiting)).toBe('other')
    expect(written(carrier)).toMatchObject({ state: 3, body: '' })
  })

  test.each([
    ['the subscription is over', 'members'],
    ['there is nothing to tell any more', 'latest'],
  ] as const)('[LINK-6.12-1] is unwanted once %s, and nobody hears of it', (_, what) => {
    const { carrier, register, notify, codes } = makeNotices()
    notify()
    if (what === 'members') register.members.clear()
    else register.latest = undefined
    const [waiting] = carrier.given
    expect(waiting?.freshen?.(waiting)).toBe('unwanted')
    expect(codes()).toEqual([])
    register.members.add(one)
    register.latest = active(9)
    notify()
    expect(written(carrier, 1).seq).toBe(9)
  })

  test('that was written at once waits for nothing', () => {
    const { carrier, register, notify } = makeNotices()
    carrier.isWriting = true
    notify()
    register.latest = active(2)
    notify()
    expect([0, 1].map((at) => written(carrier, at).seq)).toEqual([1, 2])
  })
})

describe('[LINK-6.13-6] what did not get through is told back', () => {
  test('with the answer of the far side', () => {
    const { carrier, notify, codes, refused } = makeNotices()
    carrier.isWriting = true
    notify()
    carrier.given[0]?.answered(answerOf('lease-unknown', { retryAfterMs: 50 }))
    expect([codes(), refused[0]?.[2].retryAfterMs]).toEqual([
      [`a.example ${one} lease-unknown`],
      50,
    ])
    expect(carrier.again).toEqual([])
  })

  test('[LINK-6.3-5] and the credential is shown again with what is told again', () => {
    const { carrier, notify, codes } = makeNotices()
    carrier.isWriting = true
    notify()
    carrier.given[0]?.answered(answerOf('credential-ref-unknown'))
    expect([codes(), carrier.again]).toEqual([[`a.example ${one} credential-ref-unknown`], [1]])
    notify()
    expect(carrier.given[1]?.reference?.number).toBe(2)
  })

  test('if its link is lost, whether it waited or was written', () => {
    const { carrier, notify, codes } = makeNotices()
    notify()
    carrier.given[0]?.failed('link-lost', false)
    notify()
    expect([codes(), carrier.given.length]).toEqual([[`a.example ${one} link-lost`], 2])
  })

  test('if the link lets go at this moment', () => {
    const { pool, carrier, notify, codes } = makeNotices()
    pool.find = () => carrier
    carrier.isUsable = false
    notify()
    notify()
    expect(codes()).toEqual(Array(2).fill(`a.example ${one} link-lost`))
  })

  test('by a refusal that comes long after, with the subscription that it names', () => {
    const { notices, codes } = makeNotices()
    const pair = (remote: string): Pair => ({
      ...{ local: bob.domain, remote: domain(remote), kinds: new Set(['key']), key: 'k' },
      services: ['im', 'pres'],
    })
    const session = { pairs: [pair('a.example'), pair('a2.example')] }
    const named = (value: string) =>
      answerOf('lease-unknown', { fields: [[fields.subscription.tag, Buffer.from(value)]] })
    notices.orphan(session, named(one))
    expect(codes()).toEqual(
      ['a.example', 'a2.example'].map((name) => `${name} ${one} lease-unknown`),
    )
    notices.orphan(session, named('too short'))
    notices.orphan(session, answerOf('lease-unknown'))
    expect(codes()).toHaveLength(2)
  })
})
