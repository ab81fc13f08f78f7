import { describe, expect, test } from 'vitest'
import { Inbound } from '../../../src/delivery/inbound.ts'
import type { Status } from '../../../src/errors.ts'
import { type Asker, later, outcomeOf } from '../../../src/operation/call.ts'
import type { Message } from '../../../src/operation/message.ts'
import type { Taker } from '../../../src/operation/store.ts'
import { peerCaller, TestCall } from '../../support/middle/calls.ts'
import { roomEnv } from '../../support/middle/env.ts'
import { laneOf, type MessageWish, makeMessage } from '../../support/middle/messages.ts'

type Accepted = { readonly message: Message; readonly isInOrder: boolean; readonly taker: Taker }

/** Inbound delivery between a store that says what a test wants and sessions that end when it wants. */
function makeInbound() {
  const env = roomEnv()
  const accepted: Accepted[] = []
  const settled: (readonly [seq: number, status: Status])[] = []
  const shown: { readonly message: Message; readonly asker: Asker<Message> }[] = []
  const ends: (readonly [way: string, status: Status])[] = []
  const inbound = new Inbound({
    store: {
      accept: (message, isInOrder, taker) => {
        accepted.push({ message, isInOrder, taker })
      },
      settle: (_message, seq, status) => {
        settled.push([seq, status])
      },
    },
    home: {
      deliver: (message, asker) => {
        shown.push({ message, asker })
      },
    },
    ends: {
      inbound: (_call, status) => {
        ends.push(['in', status])
      },
      outbound: (_call, status) => {
        ends.push(['out', status])
      },
    },
  })
  const lane = laneOf()
  /** A message of the one lane that had to wait before, so that it holds bytes. */
  const take = (wish: MessageWish, refusal?: Status) => {
    const message = makeMessage({ lane, ...wish })
    expect(message.detach(env.held)).toBe(true)
    const call = new TestCall(message, peerCaller(message.from))
    inbound.take(call, refusal)
    return call
  }
  /** What the store says to the last message that it was given. */
  const store = (say: (taker: Taker, message: Message) => undefined): undefined => {
    const { taker, message } = accepted.at(-1) as Accepted
    return say(taker, message)
  }
  const end = (status: Status): undefined => {
    const one = shown.shift()
    one?.asker.ended(one.message, outcomeOf(status))
  }
  return { env, accepted, settled, shown, ends, lane, inbound, take, store, end }
}

describe('a message to a user of ours', () => {
  test('is shown once the store has it, and not before', () => {
    const { take, store, shown } = makeInbound()
    const call = take({ sequence: 1 })
    expect(shown).toEqual([])
    store((taker, message) => taker.kept(message, 7))
    expect(shown.map(({ message }) => message)).toEqual([call.operation])
    expect(call.operation.seq).toBe(7)
    store((_, message) => message.release())
  })

  test.each(['delivered', 'inbox-closed', 'unknown-outcome', 'refused'] as const)(
    '[LINK-6.7-12] that ends %s is settled so, told so, and lets go of its bytes',
    (status) => {
      const { take, store, end, settled, ends, env } = makeInbound()
      const call = take({ sequence: 1 })
      store((taker, message) => taker.kept(message, 7))
      end(status)
      expect([call.status, settled, ends]).toEqual([status, [[7, status]], [['in', status]]])
      expect(env.held.used).toBe(0)
    },
  )

  test('that the owner refuses is kept, settled as refused, and never shown', () => {
    const { take, store, shown, settled, env } = makeInbound()
    const call = take({ sequence: 1 }, 'refused')
    expect(call.status).toBe('no answer')
    store((taker, message) => taker.kept(message, 3))
    expect([call.status, settled, shown]).toEqual(['refused', [[3, 'refused']], []])
    expect(env.held.used).toBe(0)
  })
})

describe('the store is told the order', () => {
  test('[LINK-6.7-5] a message in its place, and one behind a gap', () => {
    const { take, store, accepted, env } = makeInbound()
    take({ sequence: 1, text: 'one' })
    store((taker, message) => taker.known(message, 'delivered'))
    const call = take({ sequence: 3, text: 'three' })
    expect(accepted.map(({ isInOrder }) => isInOrder)).toEqual([true, false])
    store((taker, message) => taker.outOfOrder(message))
    expect([call.status, env.held.used]).toEqual(['order', 0])
  })

  test('[LINK-6.7-8] one that ended badly for a time gives its place back', () => {
    const { take, store, end, accepted } = makeInbound()
    take({ sequence: 1 })
    store((taker, message) => taker.kept(message, 1))
    end('inbox-closed')
    take({ sequence: 2, text: 'two' })
    store((taker, message) => taker.outOfOrder(message))
    take({ sequence: 1 })
    store((taker, message) => taker.kept(message, 2))
    end('delivered')
    take({ sequence: 2, text: 'two' })
    store((taker, message) => taker.kept(message, 3))
    end('delivered')
    expect(accepted.map(({ isInOrder }) => isInOrder)).toEqual([true, false, true, true])
  })

  test.each([
    ['order', (taker: Taker, message: Message): undefined => taker.outOfOrder(message)],
    ['busy', (taker: Taker, message: Message): undefined => taker.elsewhere(message)],
    ['internal', (taker: Taker, message: Message): undefined => taker.failed(message, 'internal')],
  ] as const)(
    '[LINK-6.7-5] one at a place that was taken before ends with %s and moves nothing',
    (code, say) => {
      const { take, store, end, lane } = makeInbound()
      for (const [sequence, text] of ['one', 'two'].entries()) {
        take({ sequence: sequence + 1, text })
        store((taker, message) => taker.kept(message, sequence))
        end('delivered')
      }
      const late = take({ sequence: 1, text: 'another' })
      store(say)
      expect([late.status, lane.next]).toEqual([code, 3])
    },
  )

  test('one that is refused for good keeps its place', () => {
    const { take, store, accepted } = makeInbound()
    take({ sequence: 1 }, 'refused')
    store((taker, message) => taker.kept(message, 1))
    take({ sequence: 2, text: 'two' })
    store((taker, message) => taker.conflict(message))
    expect(accepted.map(({ isInOrder }) => isInOrder)).toEqual([true, true])
  })
})

describe('a repetition', () => {
  test('[LINK-6.7-9] of one that has ended gets the same answer, and is not shown', () => {
    const { take, store, shown, settled, ends } = makeInbound()
    const call = take({ sequence: 1 })
    store((taker, message) => taker.known(message, 'delivered'))
    expect([call.status, shown, settled, ends]).toEqual([
      'delivered',
      [],
      [],
      [['in', 'delivered']],
    ])
  })

  test('[LINK-6.7-9] of one that is under way shares its answer', () => {
    const { take, store, shown, end, settled, env } = makeInbound()
    const first = take({ sequence: 1 })
    store((taker, message) => taker.kept(message, 1))
    const again = take({ sequence: 1 })
    store((taker, message) => taker.underWay(message, 1))
    const other = take({ sequence: 0, text: 'other' })
    store((taker, message) => taker.kept(message, 2))
    const thirdTime = take({ sequence: 1 })
    store((taker, message) => taker.underWay(message, 1))
    expect(shown).toHaveLength(2)
    end('delivered')
    expect([first.status, again.status, thirdTime.status]).toEqual(Array(3).fill('delivered'))
    expect(other.status).toBe('no answer')
    end('inbox-closed')
    expect(other.status).toBe('inbox-closed')
    expect(settled).toEqual([
      [1, 'delivered'],
      [2, 'inbox-closed'],
    ])
    expect(env.held.used).toBe(0)
  })

  test('[LINK-6.7-9] shares a failure, too, and what comes after it is a new one', () => {
    const { take, store, end } = makeInbound()
    take({ sequence: 1 })
    store((taker, message) => taker.kept(message, 1))
    const again = take({ sequence: 1 })
    store((taker, message) => taker.underWay(message, 1))
    end('unknown-outcome')
    expect(again.status).toBe('unknown-outcome')
    const anew = take({ sequence: 1 })
    store((taker, message) => taker.kept(message, 1))
    end('delivered')
    expect(anew.status).toBe('delivered')
  })

  test('of one that another node is at is to come again', () => {
    const { take, store, env } = makeInbound()
    const call = take({ sequence: 1 })
    store((taker, message) => taker.elsewhere(message))
    expect([call.status, call.waitMs, env.held.used]).toEqual(['busy', 1000, 0])
  })
})

test('[LINK-6.7-10] an id that stands for something else is a conflict', () => {
  const { take, store, shown, env } = makeInbound()
  const call = take({ sequence: 1 })
  store((taker, message) => taker.conflict(message))
  expect([call.status, shown, env.held.used]).toEqual(['conflict', [], 0])
})

test.each(['busy', 'internal'] as const)(
  'a store that fails says %s, and its place is free',
  (code) => {
    const { take, store, lane, ends, env } = makeInbound()
    const call = take({ sequence: 1 })
    expect(lane.next).toBe(2)
    store((taker, message) => taker.failed(message, code))
    expect([call.status, lane.next, ends, env.held.used]).toEqual([code, 1, [['in', code]], 0])
  },
)

test('a message out of a queue has no caller, and ends as any other', () => {
  const { inbound, settled, ends, env } = makeInbound()
  const message = makeMessage()
  message.detach(env.held)
  message.seq = 9
  inbound.ended(message, later('busy', 1000))
  expect([settled, ends, env.held.used]).toEqual([[[9, 'busy']], [], 0])
})

test('what a session says beside the status is for this gateway alone', () => {
  const { take, store, shown } = makeInbound()
  const call = take({ sequence: 0 })
  store((taker, message) => taker.kept(message, 1))
  const rest = { buffer: Buffer.from('xx'), fieldsAt: 0, bodyAt: 1, end: 2 }
  shown[0]?.asker.ended(call.operation, { ...later('refused', 5), rest })
  expect(call.outcome).toEqual(outcomeOf('refused'))
})
