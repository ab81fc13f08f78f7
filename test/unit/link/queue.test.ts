/** What waits on a link, as an operator is told. */
import { expect, test } from 'vitest'
import { limitsWith } from '../../../src/limits.ts'
import { ownCounters } from '../../../src/link/counters.ts'
import { Outbox } from '../../../src/link/outbox.ts'
import { bare, contentOf, type Outgoing } from '../../../src/link/outgoing.ts'
import { startRequests } from '../../../src/link/send-window.ts'
import { commands } from '../../../src/wire/registry.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { memoryChannelPair, plainFacts } from '../../support/memory-channel.ts'

function outbox(clock: ManualClock): Outbox {
  const { initiating } = memoryChannelPair({ clock, ...plainFacts() })
  const counters = ownCounters()
  return new Outbox(initiating, 1, limitsWith(), clock, 30_000, counters, () => undefined)
}

const message = (user: string): Outgoing => ({
  ...bare,
  ...contentOf(Buffer.alloc(0), Buffer.alloc(0)),
  ...{ command: commands.message.number, trafficClass: 1, user },
  answered: () => undefined,
  failed: () => undefined,
})

test('what has credit does not wait', () => {
  const box = outbox(new ManualClock())
  for (let i = 0; i < startRequests; i++) box.ask(message('alice'))
  expect(box.queue(1)).toEqual({ count: 0, since: undefined })
})

test('the oldest of all users is told, and only in its class', async () => {
  const clock = new ManualClock()
  const box = outbox(clock)
  for (let i = 0; i < startRequests; i++) box.ask(message('alice'))
  await clock.advance(5000)
  box.sweep(clock.now())
  box.ask(message('bob'))
  await clock.advance(2000)
  box.sweep(clock.now())
  box.ask(message('alice'))
  box.ask(message('bob'))
  expect(box.queue(1)).toEqual({ count: 3, since: 5000 })
  expect(box.queue(2)).toEqual({ count: 0, since: undefined })
  // Credit for one: the one that waited longest goes first.
  box.grant(1, 1, 1000)
  expect(box.queue(1)).toEqual({ count: 2, since: 7000 })
})

test('[LINK-6.5-6] what is asked again is awaited from when it came, whatever is awaited already', async () => {
  const clock = new ManualClock()
  await clock.advance(60_000)
  const box = outbox(clock)
  const told: string[] = []
  const asked = (name: string, since: number): Outgoing => ({
    ...message(name),
    ...{ expectsAnswer: true, since },
    failed: (code) => {
      told.push(`${name} ${code}`)
    },
  })
  box.ask(asked('new', clock.now()))
  box.ask(asked('old', clock.now() - 25_000))
  await clock.advance(5000)
  expect(told).toEqual(['old remote-timeout'])
  await clock.advance(24_999)
  expect(told.length).toBe(1)
  await clock.advance(1)
  expect(told).toEqual(['old remote-timeout', 'new remote-timeout'])
})

test('what is due close together is given up together, within a tenth of a second', async () => {
  const clock = new ManualClock()
  await clock.advance(1000)
  const box = outbox(clock)
  const told: number[] = []
  for (let since = 0; since < 1000; since++) {
    const failed = () => void told.push(clock.now() - since) as undefined
    box.ask({ ...message(`user ${since}`), expectsAnswer: true, since, failed })
  }
  const looks = new Set<number>()
  const { after } = clock
  Object.assign(clock, {
    after: (ms: number, task: () => undefined) => {
      looks.add(clock.now())
      return after(ms, task)
    },
  })
  await clock.advance(30_100)
  expect(told).toHaveLength(1000)
  expect([Math.min(...told), Math.max(...told) <= 30_100]).toEqual([30_000, true])
  expect(looks.size).toBeLessThan(15)
})
