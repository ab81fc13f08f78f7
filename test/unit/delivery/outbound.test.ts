import { describe, expect, test } from 'vitest'
import { Outbound } from '../../../src/delivery/outbound.ts'
import { isTemporary, type Status, statuses } from '../../../src/errors.ts'
import { type Asker, later, outcomeOf } from '../../../src/operation/call.ts'
import type { Message } from '../../../src/operation/message.ts'
import { bob, callerOf, TestCall, zoe } from '../../support/middle/calls.ts'
import { roomEnv } from '../../support/middle/env.ts'
import { laneOf, type MessageWish, makeMessage, textOf } from '../../support/middle/messages.ts'

const window = 3

/** Outbound delivery in front of a hop that ends what a test wants. */
function makeOutbound() {
  const env = roomEnv({ laneInFlight: window })
  const given: Message[] = []
  let asker: Asker<Message> | undefined
  const ends: (readonly [way: string, status: Status])[] = []
  const hop = {
    deliver: (message: Message, by: Asker<Message>): undefined => {
      given.push(message)
      asker = by
    },
  }
  const outbound = new Outbound(env, hop, {
    inbound: (_call, status) => {
      ends.push(['in', status])
    },
    outbound: (_call, status) => {
      ends.push(['out', status])
    },
  })
  const lane = laneOf(bob, zoe)
  /** A message that had to wait before, so that it holds bytes. */
  const take = (text: string, wish: MessageWish = {}) => {
    const message = makeMessage({ from: bob, to: zoe, lane, text, ...wish })
    expect(message.detach(env.held)).toBe(true)
    const call = new TestCall(message, callerOf(bob))
    outbound.take(call)
    return call
  }
  const end = ({ operation }: TestCall<Message>, status: Status): undefined =>
    asker?.ended(operation, outcomeOf(status))
  return { env, given, ends, lane, hop, outbound, take, end }
}

describe('a message to another domain', () => {
  test('goes to the hop in the order of the calls', () => {
    const { take, given, end } = makeOutbound()
    const calls = ['one', 'two', 'three'].map((text) => take(text))
    expect(given.map(textOf)).toEqual(['one', 'two', 'three'])
    for (const call of calls) end(call, 'delivered')
  })

  test.each(Object.keys(statuses) as Status[])(
    'that ends %s is told so, once, and lets go of its bytes',
    (status) => {
      const { take, end, ends, env } = makeOutbound()
      const call = take('one')
      end(call, status)
      expect([call.status, ends]).toEqual([status, [['out', status]]])
      expect(env.held.used).toBe(0)
    },
  )

  test('[LINK-6.5-3] is answered as the far side has it: wait, reporter and what else it says', () => {
    const { take, lane, outbound } = makeOutbound()
    const call = take('one')
    const rest = { buffer: Buffer.from('what the far side says'), fieldsAt: 0, bodyAt: 9, end: 22 }
    const outcome = { ...later('inbox-full', 2500), reporter: zoe.domain, rest }
    outbound.ended(call.operation, outcome)
    expect(call.outcome).toEqual(outcome)
    expect(lane.unanswered).toBe(0)
  })

  test('out of a queue has no caller, and ends as any other', () => {
    const { outbound, lane, ends, env } = makeOutbound()
    const message = makeMessage({ from: bob, to: zoe, lane })
    message.detach(env.held)
    lane.unanswered = 1
    outbound.ended(message, outcomeOf('delivered'))
    expect([lane.unanswered, ends, env.held.used]).toEqual([0, [], 0])
  })
})

describe('the window of a lane', () => {
  test('bounds what has no answer; what is too much is to come again', () => {
    const { take, given, end, env } = makeOutbound()
    const calls = ['one', 'two', 'three'].map((text) => take(text))
    const tooMuch = take('four')
    expect([tooMuch.status, tooMuch.waitMs, env.hits('laneInFlight')]).toEqual(['busy', 1000, 1])
    expect(given).toHaveLength(window)
    for (const call of calls) end(call, 'delivered')
    const later = take('four')
    expect(given.map(textOf)).toEqual(['one', 'two', 'three', 'four'])
    end(later, 'delivered')
  })

  test('is that of one lane alone', () => {
    const { take, given, end } = makeOutbound()
    const calls = ['one', 'two', 'three'].map((text) => take(text))
    const other = take('elsewhere', { lane: laneOf(bob, zoe) })
    expect(given.map(textOf)).toEqual(['one', 'two', 'three', 'elsewhere'])
    for (const call of [...calls, other]) end(call, 'delivered')
  })

  test('[LINK-6.7-8] a message too much gives its place back', () => {
    const { take, end, lane } = makeOutbound()
    const calls = [1, 2, 3].map((sequence) => take(`${sequence}`, { sequence }))
    expect(take('4', { sequence: 4 }).status).toBe('busy')
    expect(lane.next).toBe(4)
    for (const call of calls) end(call, 'delivered')
    const again = take('4', { sequence: 4 })
    expect(again.status).toBe('no answer')
    end(again, 'delivered')
  })
})

describe('[LINK-6.7-5] the place that a client gives', () => {
  test('is the next, or the message is too early', () => {
    const { take, given, end, ends } = makeOutbound()
    const first = take('1', { sequence: 1 })
    const early = take('3', { sequence: 3 })
    expect([early.status, given.map(textOf), ends]).toEqual(['order', ['1'], [['out', 'order']]])
    end(first, 'delivered')
  })

  test('[LINK-6.7-8] is free again once the message ended badly for a time, and not after a final no', () => {
    const { take, end } = makeOutbound()
    end(take('1', { sequence: 1 }), 'remote-unreachable')
    const again = take('1', { sequence: 1 })
    expect(again.status).toBe('no answer')
    end(again, 'refused')
    // A place that was taken before is not expected again.
    expect(take('1', { sequence: 1 }).status).toBe('order')
    const next = take('2', { sequence: 2 })
    end(next, 'delivered')
    expect(next.status).toBe('delivered')
  })
})

describe('[LINK-6.7-15] nothing overtakes a message that is about to come again', () => {
  test.each(['unknown-outcome', 'remote-unreachable', 'busy'] as const)(
    'while others of its lane have no answer: %s',
    (status) => {
      expect(isTemporary(status)).toBe(true)
      const { take, given, end } = makeOutbound()
      const [one, two] = [take('one'), take('two')]
      end(one, status)
      const early = take('three')
      expect([early.status, given.map(textOf)]).toEqual(['order', ['one', 'two']])
      end(two, 'order')
      const again = take('one')
      expect(given.map(textOf)).toEqual(['one', 'two', 'one'])
      end(again, 'delivered')
    },
  )

  test('also where the last of them ended well', () => {
    const { take, given, end, lane } = makeOutbound()
    const [one, two, three] = [take('one'), take('two'), take('three')]
    end(one, 'busy')
    end(two, 'order')
    expect(take('four').status).toBe('order')
    end(three, 'delivered')
    expect([lane.isFailing, lane.unanswered]).toEqual([false, 0])
    end(take('four'), 'delivered')
    expect(given).toHaveLength(4)
  })

  test('a final no stops nobody', () => {
    const { take, given, end } = makeOutbound()
    const [one, two] = [take('one'), take('two')]
    end(one, 'refused')
    const three = take('three')
    expect(given.map(textOf)).toEqual(['one', 'two', 'three'])
    end(two, 'delivered')
    end(three, 'delivered')
  })

  test('a lane whose only message failed is free at once, also from within the answer', () => {
    const { env, given, outbound, lane } = makeOutbound()
    const first = makeMessage({ from: bob, to: zoe, lane, text: 'one' })
    const second = new TestCall(
      makeMessage({ from: bob, to: zoe, lane, text: 'again' }),
      callerOf(bob),
    )
    const call = {
      ...{ caller: callerOf(bob), operation: first, at: 0 },
      answer: (): undefined => outbound.take(second),
    }
    outbound.take(call)
    outbound.ended(first, outcomeOf('busy'))
    expect([second.status, given.map(textOf)]).toEqual(['no answer', ['one', 'again']])
    outbound.ended(second.operation, outcomeOf('delivered'))
    expect(env.held.used).toBe(0)
  })
})

test('a hop that ends a message at once leaves the window as it found it', () => {
  const { take, hop, outbound, lane } = makeOutbound()
  hop.deliver = (message) => outbound.ended(message, outcomeOf('remote-not-found'))
  const calls = ['one', 'two', 'three', 'four', 'five'].map((text) => take(text))
  expect(calls.map(({ status }) => status)).toEqual(Array(5).fill('remote-not-found'))
  expect([lane.unanswered, lane.isQuiet]).toEqual([0, true])
})
