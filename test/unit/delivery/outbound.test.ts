import { describe, expect, test } from 'vitest'
import { parseAddress } from '../../../src/address/address.ts'
import { Outbound, type Way } from '../../../src/delivery/outbound.ts'
import { type Answer, Envelope, noLane } from '../../../src/envelope.ts'
import type { Status } from '../../../src/errors.ts'
import { Senders } from '../../../src/lane.ts'
import { limitsWith } from '../../../src/limits.ts'
import { FieldTable } from '../../../src/wire/fields.ts'
import { commands } from '../../../src/wire/registry.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const [alice, bob] = [parseAddress('alice@a.example'), parseAddress('bob@b.example')]

/** A link that keeps what it is given; the test answers. */
function makeWay() {
  const given: Envelope[] = []
  const link = {
    isUsable: true,
    ask: (envelope: Envelope): undefined => {
      given.push(envelope)
    },
  }
  const reference = {
    number: 1,
    shown: true,
    fieldBytes: () => Buffer.alloc(0),
    shownAnswer: () => undefined,
  }
  const way: Way = { link, refer: () => reference, showAgain: () => undefined }
  return { way, given, link }
}

function makeOutbound() {
  const clock = new ManualClock()
  const limits = limitsWith()
  const senders = new Senders(limits.lanes, () => true)
  const lane = senders.lane(senders.sender(alice, 0), bob, 0)
  const first = makeWay()
  const second = makeWay()
  let isFirst = true
  const outbound = new Outbound({
    send: (_local, _remote, envelope, carry) => carry(isFirst ? first.way : second.way, envelope),
    retryAfterMs: () => 84_000,
    clock,
    limits,
    limitHit: () => undefined,
    ended: () => undefined,
  })
  const told: (readonly [number, Status])[] = []
  const waits: number[] = []
  const origin = {
    kind: 'client' as const,
    reply: ({ originId }: Envelope, status: Status, retryAfterMs: number): undefined => {
      told.push([originId, status])
      waits.push(retryAfterMs)
    },
    relay: ({ originId }: Envelope, { status }: Answer): undefined => {
      told.push([originId, status])
    },
  }
  const send = (id: number): undefined => {
    const { number, trafficClass } = commands.message
    const bytes = Buffer.alloc(4)
    outbound.accept(
      new Envelope(origin, id, number, trafficClass, 1, lane, 0, noLane, bytes, 0, 0, bytes.length),
    )
  }
  const answer = (envelope: Envelope | undefined, status: Status): undefined => {
    const fields = new FieldTable(limits)
    const buffer = Buffer.alloc(0)
    envelope?.answered({ status, retryAfterMs: -1, fields, buffer, fieldsAt: 0, bodyAt: 0, end: 0 })
  }
  /** The first link is let go: what is sent from now on takes the second. */
  const leaveFirst = (): undefined => {
    first.link.isUsable = false
    isFirst = false
  }
  return { first, second, send, answer, leaveFirst, told, waits, lane }
}

const idsOf = (envelopes: readonly Envelope[]) => envelopes.map(({ originId }) => originId)
const placesOf = (envelopes: readonly Envelope[]) =>
  envelopes.map(({ laneEpoch, laneSequence }) => [laneEpoch, laneSequence])

describe('a far side that lost the count', () => {
  test('gets the messages again in their order, and none that is sent meanwhile before them', () => {
    const { first, send, answer, told } = makeOutbound()
    for (const id of [1, 2, 3]) send(id)
    const [one, two, three] = first.given
    const epoch = one?.laneEpoch ?? 0
    answer(one, 'order')
    send(4)
    answer(two, 'order')
    send(5)
    expect(idsOf(first.given)).toEqual([1, 2, 3])
    answer(three, 'order')
    expect(idsOf(first.given.slice(3))).toEqual([1, 2, 3, 4, 5])
    const next = epoch + 1
    expect(placesOf(first.given.slice(3))).toEqual([1, 2, 3, 4, 5].map((at) => [next, at]))
    for (const envelope of first.given.slice(3)) answer(envelope, 'delivered')
    expect(told.map(([id]) => id)).toEqual([1, 2, 3, 4, 5])
  })

  test('that says so twice is believed', () => {
    const { first, send, answer, told } = makeOutbound()
    send(1)
    answer(first.given[0], 'order')
    answer(first.given[1], 'order')
    expect(told).toEqual([[1, 'order']])
  })
})

describe('a link that lets go', () => {
  test('gives back what it did not take, which goes before what was held', () => {
    const { first, second, send, answer, leaveFirst } = makeOutbound()
    for (const id of [1, 2, 3]) send(id)
    const [one, two, three] = first.given
    leaveFirst()
    send(4)
    two?.failed('link-lost', false)
    three?.failed('link-lost', false)
    expect(second.given).toEqual([])
    answer(one, 'delivered')
    expect(idsOf(second.given)).toEqual([2, 3, 4])
  })

  test('at the moment when it is given the first one keeps nothing back for ever', () => {
    const { first, second, send, leaveFirst, lane } = makeOutbound()
    const { ask } = second.link
    second.link.ask = (envelope) => {
      second.link.ask = ask
      envelope.failed('link-lost', false)
      return undefined
    }
    for (const id of [1, 2]) send(id)
    leaveFirst()
    for (const envelope of [...first.given]) envelope.failed('link-lost', false)
    expect(idsOf(second.given)).toEqual([1, 2])
    expect([lane.back, lane.held]).toEqual([[], []])
  })
})

test('a sender need not wait as long as the next dial: the far side may come by itself before', () => {
  const { first, send, told, waits } = makeOutbound()
  send(1)
  first.given[0]?.failed('remote-unreachable', false)
  expect(told).toEqual([[1, 'remote-unreachable']])
  expect(waits).toEqual([1000])
})
