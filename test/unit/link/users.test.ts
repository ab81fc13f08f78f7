/** What one user has waiting on a link holds up no other. */
import { describe, expect, test } from 'vitest'
import { type Limits, limitsWith } from '../../../src/limits.ts'
import { ownCounters } from '../../../src/link/counters.ts'
import { Outbox } from '../../../src/link/outbox.ts'
import { bare, contentOf, type Outgoing } from '../../../src/link/outgoing.ts'
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
  const ask = (user: string, bytes = 0): Outgoing => {
    const outgoing: Outgoing = {
      ...bare,
      ...contentOf(Buffer.alloc(0), Buffer.alloc(bytes)),
      ...{ command: commands.message.number, trafficClass: 1, user, since: clock.now() },
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
