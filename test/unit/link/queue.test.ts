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
