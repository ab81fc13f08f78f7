/** What one user has waiting on a link holds up no other. */
import { describe, expect, test } from 'vitest'
import { type Limits, limitsWith } from '../../../src/limits.ts'
import { ownCounters } from '../../../src/link/counters.ts'
import { Outbox } from '../../../src/link/outbox.ts'
import {
  type AnswerView,
  bare,
  contentOf,
  type Outgoing,
  type Reference,
} from '../../../src/link/outgoing.ts'
import { commands } from '../../../src/wire/registry.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { memoryChannelPair, plainFacts } from '../../support/memory-channel.ts'
import { readFrames, type } from '../../support/script/codec.ts'

function makeOutbox(limits: Partial<Limits> = {}) {
  const clock = new ManualClock()
  const { initiating, receiving } = memoryChannelPair({ clock, ...plainFacts() })
  let came = Buffer.alloc(0)
  receiving.start({
    data: (chunk) => {
      came = Buffer.concat([came, chunk])
    },
    drained: () => undefined,
    closed: () => undefined,
  })
  const told: string[] = []
  const counters = ownCounters()
  const answerMs = 30_000
  const all = limitsWith(limits)
  const box = new Outbox(initiating, 1, all, clock, answerMs, counters, () => undefined)
  initiating.start({
    data: () => undefined,
    drained: () => box.drained(),
    closed: () => undefined,
  })
  const ask = (user: string, bytes = 0, reference?: Reference): Outgoing => {
    const outgoing: Outgoing = {
      ...bare,
      ...contentOf(Buffer.alloc(0), Buffer.alloc(bytes)),
      ...{ command: commands.message.number, trafficClass: 1, user, since: clock.now() },
      reference,
      answered: () => undefined,
      failed: (code) => {
        told.push(`${user} ${code}`)
      },
    }
    box.ask(outgoing)
    return outgoing
  }
  /** Uses up the credit for requests. */
  const dry = (): undefined => {
    for (let i = 0; i < 16; i++) ask('first')
  }
  const requests = (): number =>
    readFrames(came).frames.filter((frame) => frame.type === type.request).length
  return { clock, box, ask, dry, told, requests }
}

describe('a user who has much waiting', () => {
  test('is answered busy once half of the room is taken, and others are not', () => {
    const { ask, dry, told } = makeOutbox({ waitingOutBytes: 80_000 })
    dry()
    for (let n = 0; n < 60; n++) ask('alice', 1000)
    expect(told).toEqual(Array(20).fill('alice busy'))
    for (let n = 0; n < 10; n++) ask(`user ${n}`, 1000)
    expect(told.length).toBe(20)
  })

  test('costs nobody a look at each of what waits', () => {
    const { ask, dry, told } = makeOutbox({ waitingOutBytes: 80_000 })
    dry()
    for (let n = 0; n < 60; n++) ask(`user ${n}`, 1000)
    const first = ask('alice', 1000)
    const { end } = first
    let looks = 0
    Object.defineProperty(first, 'end', {
      get: () => {
        looks++
        return end
      },
    })
    for (let n = 0; n < 9; n++) ask('alice', 1000)
    expect([told, looks]).toEqual([[], 0])
    ask('alice', 1000)
    ask('alice', 1000)
    expect(told).toEqual(['alice busy'])
  })

  test('too long for an answer takes nobody along, and has nothing of its own overtaken', async () => {
    const { clock, box, ask, dry, told, requests } = makeOutbox()
    dry()
    ask('alice')
    await clock.advance(20_000)
    ask('alice')
    ask('bob')
    await clock.advance(10_000)
    expect(told).toEqual([
      ...Array(16).fill('first remote-timeout'),
      ...Array(2).fill('alice remote-timeout'),
    ])
    box.grant(1, 10, 1000)
    await clock.advance(10)
    expect(requests()).toBe(17)
    await clock.advance(19_000)
    expect(told.length).toBe(18)
    await clock.advance(2000)
    expect(told.slice(18)).toEqual(['bob remote-timeout'])
  })
})

test('what is left of the time may be less than a clock can tell', async () => {
  for (const start of [0.1, 0.7, 1234.56789, 98_765.4321]) {
    const { clock, ask, told } = makeOutbox()
    await clock.advance(start)
    ask('first')
    await clock.advance(1 / 3)
    ask('second')
    await clock.advance(30_200)
    expect(told).toEqual(['first remote-timeout', 'second remote-timeout'])
  }
})

test('a CREDENTIAL is waited for as long as what it was shown for', async () => {
  const { clock, box, ask, told } = makeOutbox()
  ask('first')
  await clock.advance(20_000)
  box.sweep(clock.now())
  const answers: string[] = []
  const reference: Reference = {
    ...{ number: 1, refreshAt: 0, wait: () => undefined, leave: () => undefined },
    present: () => ({
      ...{ reference, fields: Buffer.alloc(0) },
      answered: (status) => {
        answers.push(status)
      },
    }),
  }
  ask('second', 0, reference)
  await clock.advance(11_000)
  expect(told).toEqual(['first remote-timeout'])
  const answer = { status: 'refused' } as AnswerView
  box.settle(3)?.answered(answer)
  expect(answers).toEqual(['refused'])
})

describe('[LINK-4.4-3] bodies for which there is no place', () => {
  test('let those go on that are under way, and short requests', async () => {
    const { clock, box, ask, requests } = makeOutbox({ bodiesUnderWay: 2, socketBytes: 20_000 })
    box.grant(1, 1000, 10_000_000)
    const long = ['a', 'b', 'c', 'd', 'e'].map((user) => ask(user, 60_000))
    ask('short')
    await clock.advance(1000)
    expect(requests()).toBe(6)
    expect(long.every(({ sentAt }) => sentAt >= 0)).toBe(true)
  })
})
