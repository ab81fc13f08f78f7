/** Messages to other domains by links: go-back-N, each lane on one link, each message ended once. */
import { describe, expect, test } from 'vitest'
import type { Status } from '../../../src/errors.ts'
import type { Limits } from '../../../src/limits.ts'
import type { Message } from '../../../src/operation/message.ts'
import { LaneOut } from '../../../src/peer/lane-out.ts'
import { MessagesOut, Sending } from '../../../src/peer/messages-out.ts'
import { commands } from '../../../src/wire/registry.ts'
import { alice, bob, carol, TestAsker, zoe } from '../../support/middle/calls.ts'
import { type AnswerWish, answerOf, TestCarrier, TestPool } from '../../support/middle/carriers.ts'
import { roomEnv } from '../../support/middle/env.ts'
import { laneOf, makeMessage, textOf } from '../../support/middle/messages.ts'

function makeMessages(limits: Partial<Limits> = {}) {
  const env = roomEnv(limits)
  const pool = new TestPool()
  const first = new TestCarrier()
  const second = new TestCarrier()
  pool.carrier = first
  const out = new MessagesOut(env, pool)
  const asker = new TestAsker<Message>()
  // As delivery does it: what ends lets go of its bytes.
  const ends = {
    ended: (...[message, outcome]: Parameters<typeof asker.ended>): undefined => {
      asker.ended(message, outcome)
      message.release()
    },
  }
  const lane = laneOf(bob, zoe)
  const send = (text: string, on = lane): Message => {
    const message = makeMessage({ from: bob, to: zoe, lane: on, text })
    out.deliver(message, ends)
    return message
  }
  /** The first link is let go: what is sent from now on takes the second. */
  const leaveFirst = (): undefined => {
    first.isUsable = false
    pool.carrier = second
  }
  const told = () =>
    asker.told.map(({ operation, outcome }) => `${textOf(operation)} ${outcome.status}`)
  const laneOut = () => lane.hop as LaneOut
  return { env, pool, first, second, asker, lane, laneOut, send, leaveFirst, told }
}

const textsOf = (carrier: TestCarrier): readonly string[] =>
  carrier.given.flatMap((one) => (one instanceof Sending ? textOf(one.message) : []))

const placesOf = (carrier: TestCarrier): readonly (readonly number[])[] =>
  carrier.given.map(({ laneEpoch, laneSequence, settled }) => [laneEpoch, laneSequence, settled])

const answer = (carrier: TestCarrier, at: number, status: Status, wish: AnswerWish = {}) =>
  carrier.given[at]?.answered(answerOf(status, wish))

const lose = (carrier: TestCarrier, at: number, sent: boolean, code: Status = 'link-lost') =>
  carrier.given[at]?.failed(code, sent)

describe('a message goes out', () => {
  test('as a MESSAGE with the credential of its sender, its hops, its bytes and its place', () => {
    const { first, pool, asker, send, env } = makeMessages()
    const message = send('one')
    const [outgoing] = first.given
    const seconds = Math.floor(env.clock.wall() / 1000)
    expect(pool.asked).toEqual(['b.example z.example im'])
    expect(first.referred).toEqual([`1 ${bob.text} z.example user`])
    expect(outgoing).toMatchObject({
      ...{ command: commands.message.number, hops: message.hops, user: bob.text },
      ...{ laneEpoch: seconds, laneSequence: 1, settled: 0, expectsAnswer: true, from: '' },
      ...{ buffer: message.buffer, fieldsAt: message.fieldsAt, end: message.end },
      // What it has to wait for on the link is paid by its sender.
      ...{ isKept: false, payer: message.lane.sender.account },
    })
    answer(first, 0, 'delivered')
    expect(asker.statuses).toEqual(['delivered'])
  })

  test('[LINK-6.7-4] with the next number of its lane; [LINK-6.7-11] told what has its answer', () => {
    const { first, send } = makeMessages()
    for (const text of ['1', '2', '3']) send(text)
    answer(first, 1, 'delivered')
    send('4')
    answer(first, 0, 'refused')
    send('5')
    expect(placesOf(first).map(([, ...rest]) => rest)).toEqual([
      [1, 0],
      [2, 0],
      [3, 0],
      [4, 0],
      [5, 2],
    ])
    for (const at of [2, 3, 4]) answer(first, at, 'delivered')
  })

  test('each lane with numbers of its own', () => {
    const { first, send } = makeMessages()
    send('one')
    send('other', laneOf(bob, alice))
    expect(placesOf(first).map(([, sequence]) => sequence)).toEqual([1, 1])
    for (const at of [0, 1]) answer(first, at, 'delivered')
  })

  test('and is answered as the far side has it, with all that it says', () => {
    const { first, send, asker } = makeMessages()
    const message = send('one')
    answer(first, 0, 'inbox-full', {
      retryAfterMs: 700,
      fields: [[0x28, 'z.example']],
      body: 'why',
    })
    const { status, retryAfterMs, rest, reporter } = asker.of(message) ?? {}
    expect([status, retryAfterMs, reporter]).toEqual(['inbox-full', 700, undefined])
    const said = rest?.buffer.subarray(rest.fieldsAt, rest.end).toString('latin1')
    expect(said).toBe('\x28\x00\x09z.examplewhy')
  })

  test('[LINK-6.7-7] on the link of its lane, while anything of it has no answer there', () => {
    const { first, second, send, leaveFirst, env } = makeMessages()
    send('one')
    leaveFirst()
    const waiting = send('two')
    expect([textsOf(first), textsOf(second)]).toEqual([['one'], []])
    expect(env.held.used).toBe(waiting.end - waiting.fieldsAt)
    answer(first, 0, 'delivered')
    expect(textsOf(second)).toEqual(['two'])
    answer(second, 0, 'delivered')
    expect(env.held.used).toBe(0)
  })

  test('by any link that is there, once nothing of its lane is under way', () => {
    const { first, second, pool, send } = makeMessages()
    send('one')
    answer(first, 0, 'delivered')
    pool.carrier = second
    send('two')
    expect([textsOf(first), textsOf(second)]).toEqual([['one'], ['two']])
    // Its numbers go on.
    expect(placesOf(second)[0]?.slice(1)).toEqual([2, 1])
    answer(second, 0, 'delivered')
  })
})

describe('a message that waits for a link', () => {
  test('has bytes of its own until it is sent and has its answer', () => {
    const { pool, first, send, env, told } = makeMessages()
    pool.carrier = undefined
    const message = send('one')
    send('two')
    expect(env.held.used).toBeGreaterThan(message.end - message.fieldsAt)
    pool.bring(first)
    expect(textsOf(first)).toEqual(['one', 'two'])
    expect(placesOf(first).map(([, sequence]) => sequence)).toEqual([1, 2])
    expect(first.given[0]?.buffer).toBe(message.buffer)
    // The link has to copy nothing that waits there, nor to pay for it again.
    expect(first.given.map(({ isKept }) => isKept)).toEqual([true, true])
    for (const at of [0, 1]) answer(first, at, 'delivered')
    expect([told(), env.held.used]).toEqual([['one delivered', 'two delivered'], 0])
  })

  test('finds no memory, and is to come again', () => {
    const { pool, send, env, asker } = makeMessages({ heldBytes: 10 })
    pool.carrier = undefined
    const message = send('one')
    expect([asker.of(message)?.status, asker.of(message)?.retryAfterMs]).toEqual(['busy', 1000])
    expect([pool.waiting, env.held.used]).toEqual([[], 0])
  })

  test('ends with the code of the dial; the wait is a short one, since the far side may come by itself', () => {
    const { pool, send, asker } = makeMessages()
    pool.carrier = undefined
    pool.retryMs = 84_000
    const message = send('one')
    pool.fail('remote-unreachable')
    const { status, retryAfterMs } = asker.of(message) ?? {}
    expect([status, retryAfterMs]).toEqual(['remote-unreachable', 1000])
  })

  test('is told a code that may leave this gateway', () => {
    const { pool, send, told } = makeMessages()
    pool.carrier = undefined
    send('one')
    pool.fail('tls-failed')
    expect(told()).toEqual(['one remote-untrusted'])
  })

  test('fails together with what waits behind it, each once, and the lane begins anew', () => {
    const { pool, first, send, told, laneOut } = makeMessages()
    pool.carrier = undefined
    for (const text of ['one', 'two', 'three']) send(text)
    pool.fail('dns-failed')
    expect(told()).toEqual(['one dns-failed', 'two dns-failed', 'three dns-failed'])
    expect(laneOut().isQuiet).toBe(true)
    pool.bring(first)
    send('one')
    expect(placesOf(first).map(([, sequence]) => sequence)).toEqual([1])
    answer(first, 0, 'delivered')
  })
})

describe('[LINK-6.3-5] a far side that does not hold the credential', () => {
  test('is shown it again under another number, and asked again with the same place', () => {
    const { first, send, told } = makeMessages()
    send('one')
    const place = placesOf(first)[0]
    expect(first.given[0]?.reference?.number).toBe(1)
    answer(first, 0, 'credential-ref-unknown')
    expect(first.again).toEqual([1])
    expect(textsOf(first)).toEqual(['one', 'one'])
    expect([placesOf(first)[1], first.given[1]?.reference?.number]).toEqual([place, 2])
    answer(first, 1, 'delivered')
    expect(told()).toEqual(['one delivered'])
  })

  test('that says so twice is believed', () => {
    const { first, send, told } = makeMessages()
    send('one')
    answer(first, 0, 'credential-ref-unknown')
    answer(first, 1, 'credential-ref-unknown')
    expect([told(), first.again]).toEqual([['one credential-ref-unknown'], [1]])
  })
})

describe('[LINK-6.7-8] a far side that lost the count', () => {
  test('gets the messages again in their order, and none that is sent meanwhile before them', () => {
    const { first, send, told, env } = makeMessages()
    for (const text of ['1', '2', '3']) send(text)
    const [[epoch = 0] = []] = placesOf(first)
    answer(first, 0, 'order')
    send('4')
    answer(first, 1, 'order')
    send('5')
    expect(textsOf(first)).toEqual(['1', '2', '3'])
    answer(first, 2, 'order')
    expect(textsOf(first).slice(3)).toEqual(['1', '2', '3', '4', '5'])
    expect(placesOf(first).slice(3)).toEqual([1, 2, 3, 4, 5].map((at) => [epoch + 1, at, 0]))
    for (const at of [3, 4, 5, 6, 7]) answer(first, at, 'delivered')
    expect(told()).toEqual(['1', '2', '3', '4', '5'].map((text) => `${text} delivered`))
    expect(env.held.used).toBe(0)
  })

  test('[LINK-6.7-18] that says so of the beginning of an epoch is offered higher ones, and believed in the end', () => {
    const { first, send, told } = makeMessages()
    send('1')
    const epochs: number[] = []
    for (let at = 0; told().length === 0 && at < 100; at++) {
      epochs.push(placesOf(first).at(-1)?.[0] ?? 0)
      answer(first, at, 'order')
    }
    expect(told()).toEqual(['1 order'])
    const steps = epochs.map((epoch) => epoch - (epochs[0] ?? 0))
    expect(steps).toEqual(Array.from({ length: 21 }, (_, n) => 2 ** n - 1))
  })

  test('that says so twice of what is no beginning is believed', () => {
    const { first, send, told } = makeMessages()
    for (const text of ['1', '2']) send(text)
    answer(first, 0, 'delivered')
    answer(first, 1, 'order')
    send('3')
    expect(textsOf(first).slice(2)).toEqual(['2', '3'])
    answer(first, 2, 'delivered')
    answer(first, 3, 'order')
    expect(textsOf(first).slice(4)).toEqual(['3'])
    answer(first, 4, 'delivered')
    expect(told()).toEqual(['1 delivered', '2 delivered', '3 delivered'])
  })

  test('is believed at once, where one of that count was refused for a time', () => {
    const { first, send, told } = makeMessages()
    send('1')
    send('2')
    answer(first, 0, 'busy')
    answer(first, 1, 'order')
    expect([told(), first.given.length]).toEqual([['1 busy', '2 order'], 2])
  })

  test('finds no memory here: the message is to come again', () => {
    const { first, send, told, env } = makeMessages({ heldBytes: 10 })
    send('1')
    answer(first, 0, 'order')
    expect([told(), env.held.used]).toEqual([['1 busy'], 0])
  })
})

describe('a link that lets go', () => {
  test('gives back what it did not take, which goes before what was held', () => {
    const { first, second, send, leaveFirst, told } = makeMessages()
    for (const text of ['1', '2', '3']) send(text)
    leaveFirst()
    send('4')
    lose(first, 1, false)
    lose(first, 2, false)
    expect(second.given).toEqual([])
    answer(first, 0, 'delivered')
    expect(textsOf(second)).toEqual(['2', '3', '4'])
    for (const at of [0, 1, 2]) answer(second, at, 'delivered')
    expect(told()).toEqual(['1', '2', '3', '4'].map((text) => `${text} delivered`))
  })

  test('also where its requests come back in no order', () => {
    const { first, second, send, leaveFirst } = makeMessages()
    for (const text of ['1', '2', '3']) send(text)
    leaveFirst()
    lose(first, 2, false)
    lose(first, 0, false)
    lose(first, 1, false)
    expect(textsOf(second)).toEqual(['1', '2', '3'])
    for (const at of [0, 1, 2]) answer(second, at, 'delivered')
  })

  test('at the moment when it is given the first one keeps nothing back for ever', () => {
    const { first, second, send, leaveFirst, laneOut } = makeMessages()
    const { ask } = second.link
    Object.assign(second.link, {
      ask: (outgoing: Sending) => {
        Object.assign(second.link, { ask })
        return outgoing.failed('link-lost', false)
      },
    })
    for (const text of ['1', '2']) send(text)
    leaveFirst()
    for (const at of [0, 1]) lose(first, at, false)
    expect(textsOf(second)).toEqual(['1', '2'])
    expect([laneOut().back, laneOut().waiting]).toEqual([[], []])
    for (const at of [0, 1]) answer(second, at, 'delivered')
  })

  test('after the first one that it is given gets no other', () => {
    const { first, second, pool, send, leaveFirst, told } = makeMessages()
    const third = new TestCarrier()
    let asked = 0
    const { ask } = second.link
    Object.assign(second.link, {
      ask: (outgoing: Sending) => {
        asked++
        ask(outgoing)
        second.isUsable = false
        pool.carrier = third
      },
    })
    send('1')
    leaveFirst()
    for (const text of ['2', '3', '4']) send(text)
    answer(first, 0, 'delivered')
    expect([asked, textsOf(second), textsOf(third)]).toEqual([1, ['2'], []])
    answer(second, 0, 'delivered')
    expect(textsOf(third)).toEqual(['3', '4'])
    for (const at of [0, 1]) answer(third, at, 'delivered')
    expect(told()).toEqual(['1', '2', '3', '4'].map((text) => `${text} delivered`))
  })

  test('is lost twice for a message; the third time it is to come again', () => {
    const { first, send, told } = makeMessages()
    send('1')
    lose(first, 0, false)
    lose(first, 1, false)
    expect([told(), first.given.length]).toEqual([[], 3])
    lose(first, 2, false)
    expect(told()).toEqual(['1 remote-unreachable'])
  })

  test('is counted apart from a far side that lost the count', () => {
    const { first, send, told } = makeMessages()
    send('1')
    lose(first, 0, false)
    answer(first, 1, 'order')
    lose(first, 2, false)
    expect([told(), first.given.length]).toEqual([[], 4])
    lose(first, 3, false)
    expect(told()).toEqual(['1 remote-unreachable'])
  })

  test('finds no memory here: the message is to come again', () => {
    const { first, send, told, env } = makeMessages({ heldBytes: 10 })
    send('1')
    lose(first, 0, false)
    expect([told(), env.held.used]).toEqual([['1 busy'], 0])
  })
})

describe('a link that dies', () => {
  test('leaves open what became of a message, and nothing that follows overtakes it', () => {
    const { first, second, send, leaveFirst, told } = makeMessages()
    for (const text of ['1', '2', '3']) send(text)
    leaveFirst()
    send('4')
    lose(first, 0, true)
    lose(first, 1, true)
    lose(first, 2, false)
    expect(told()).toEqual(['1 unknown-outcome', '4 order', '2 unknown-outcome', '3 order'])
    expect(second.given).toEqual([])
    send('1')
    expect(placesOf(second).map(([, sequence]) => sequence)).toEqual([1])
    answer(second, 0, 'delivered')
  })

  test.each([
    ['remote-timeout', true, 'unknown-outcome'],
    ['busy', false, 'busy'],
    ['link-stopped', false, 'remote-unreachable'],
  ] as const)('tells %s (written: %s) as %s', (code, sent, status) => {
    const { first, send, told } = makeMessages()
    send('1')
    lose(first, 0, sent, code)
    expect(told()).toEqual([`1 ${status}`])
  })
})

describe('[LINK-6.7-15] a message that ends for a time', () => {
  test('takes with it what was not taken of its lane, and no other lane', () => {
    const { first, second, send, leaveFirst, told, lane } = makeMessages()
    const other = laneOf(carol, zoe)
    send('1')
    send('other', other)
    leaveFirst()
    send('2')
    send('more', other)
    answer(first, 0, 'inbox-full')
    expect(told()).toEqual(['1 inbox-full', '2 order'])
    answer(first, 1, 'delivered')
    expect(textsOf(second)).toEqual(['more'])
    answer(second, 0, 'delivered')
    expect(lane.hop?.isQuiet).toBe(true)
  })

  test.each([
    ['that waited for another link', false],
    ['that came back from the last one', true],
  ] as const)('at the moment when it is given takes with it those behind it %s', (_, isBack) => {
    const { first, second, send, leaveFirst, told, laneOut } = makeMessages()
    const { ask } = second.link
    Object.assign(second.link, {
      ask: (outgoing: Sending) => {
        Object.assign(second.link, { ask })
        return outgoing.failed('busy', false)
      },
    })
    send('1')
    if (isBack) for (const text of ['2', '3']) send(text)
    leaveFirst()
    if (isBack) for (const at of [1, 2]) lose(first, at, false)
    else for (const text of ['2', '3']) send(text)
    answer(first, 0, 'delivered')
    expect([told(), second.given]).toEqual([['1 delivered', '2 busy', '3 order'], []])
    expect(laneOut().isQuiet).toBe(true)
  })

  test('is not overtaken by one that is given meanwhile', () => {
    const { first, second, send, leaveFirst } = makeMessages()
    const other = laneOf(bob, zoe)
    send('1', other)
    leaveFirst()
    for (const text of ['2', '3']) send(text, other)
    const { ask } = second.link
    Object.assign(second.link, {
      ask: (outgoing: Sending) => {
        Object.assign(second.link, { ask })
        ask(outgoing)
        send('4', other)
        return undefined
      },
    })
    answer(first, 0, 'delivered')
    expect(textsOf(second)).toEqual(['2', '3', '4'])
    for (const at of [0, 1, 2]) answer(second, at, 'delivered')
  })

  test('begins a new count, in which nothing of the old one is awaited', () => {
    const { first, send } = makeMessages()
    send('1')
    send('2')
    const [[epoch = 0] = []] = placesOf(first)
    answer(first, 0, 'busy')
    answer(first, 1, 'order')
    send('1')
    expect(placesOf(first)[2]).toEqual([epoch + 1, 1, 0])
    answer(first, 2, 'delivered')
  })

  test('a final no begins none', () => {
    const { first, send } = makeMessages()
    send('1')
    answer(first, 0, 'refused')
    send('2')
    expect(placesOf(first)[1]?.slice(1)).toEqual([2, 1])
    answer(first, 1, 'delivered')
  })
})

test('a lane that another hop carried begins anew here', () => {
  const { first, lane, send } = makeMessages()
  lane.hop = { isQuiet: true }
  send('1')
  expect(lane.hop).toBeInstanceOf(LaneOut)
  answer(first, 0, 'delivered')
  const hop = lane.hop
  send('2')
  expect(lane.hop).toBe(hop)
  answer(first, 1, 'delivered')
})
