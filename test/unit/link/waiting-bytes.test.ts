/** Requests that wait for credit are paid by who sends them, once much waits. */
import { describe, expect, test } from 'vitest'
import { limitsWith } from '../../../src/limits.ts'
import { ownCounters } from '../../../src/link/counters.ts'
import { Outbox } from '../../../src/link/outbox.ts'
import { bare, contentOf, type Outgoing } from '../../../src/link/outgoing.ts'
import { Payer } from '../../../src/link/payer.ts'
import { startRequests } from '../../../src/link/send-window.ts'
import type { Account } from '../../../src/shares/account.ts'
import { commands } from '../../../src/wire/registry.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { memoryChannelPair, plainFacts } from '../../support/memory-channel.ts'
import { roomShares } from '../../support/room-shares.ts'

/** Ten of these are free. */
const length = 6500

function makeOutbox() {
  const clock = new ManualClock()
  const limits = limitsWith({ heldBytes: 1_000_000 })
  const shares = roomShares(limits, clock, ['far.example'])
  const far = shares.domain('far.example', '192.0.2')
  const alice = shares.tree.user('alice@b.example')
  const carol = shares.tree.user('carol@b.example')
  const { initiating } = memoryChannelPair({ clock, ...plainFacts() })
  const ended: string[] = []
  const payer = new Payer({ shares, account: far })
  const none = (): undefined => undefined
  const box = new Outbox(initiating, 1, limits, clock, 30_000, ownCounters(), none, none, payer)
  initiating.start({ data: none, drained: () => box.drained(), closed: none })
  const ask = (from: Account | undefined, changes: Partial<Outgoing> = {}): Outgoing => {
    const outgoing: Outgoing = {
      ...bare,
      ...contentOf(Buffer.alloc(0), Buffer.alloc(length)),
      ...{ command: commands.message.number, trafficClass: 1 },
      ...{ user: from?.name ?? '', payer: from, since: clock.now() },
      answered: none,
      failed: (code) => {
        ended.push(code)
      },
      ...changes,
    }
    box.ask(outgoing)
    return outgoing
  }
  // The credit for requests is used up, and most of that for bytes; and as much waits as is free.
  for (let n = 0; n < startRequests; n++) ask(alice, contentOf(Buffer.alloc(0), Buffer.alloc(3500)))
  for (let n = 0; n < 10; n++) ask(alice)
  const used = (account: Account = shares.tree.all): number => shares.used(account, 'bytes')
  return { clock, shares, box, ask, far, alice, carol, used, ended }
}

describe('requests that wait for credit', () => {
  test('are paid by who sends them, or by the far side, once much waits', () => {
    const { ask, far, alice, carol, used } = makeOutbox()
    expect(used()).toBe(0)
    ask(alice)
    ask(carol)
    ask(carol)
    ask(undefined)
    expect([alice, carol, far].map(used)).toEqual([length, 2 * length, length])
  })

  test('are free again as they leave, or are given up', async () => {
    const { clock, box, ask, alice, carol, used } = makeOutbox()
    for (let n = 0; n < 4; n++) ask(alice)
    for (let n = 0; n < 4; n++) ask(carol)
    // In turns: three of alice, whose first ten are free, and three of carol.
    box.grant(1, 6, 1_000_000)
    await clock.advance(0)
    expect([used(alice), used(carol)]).toEqual([4 * length, length])
    await clock.advance(31_000)
    expect(used()).toBe(0)
  })

  test('are free again when the link is closed, or drained', () => {
    for (const end of ['close', 'failWaiting'] as const) {
      const { box, ask, alice, used, ended } = makeOutbox()
      for (let n = 0; n < 4; n++) ask(alice)
      expect(used()).toBe(4 * length)
      box[end]('link-lost')
      expect([used(), ended.length > 0]).toEqual([0, true])
    }
  })

  test('are busy for who has more than its share, and for nobody else', () => {
    const { shares, ask, alice, carol, ended, used } = makeOutbox()
    shares.hold(alice, 'bytes', 800_000)
    ask(alice)
    expect(ended).toEqual(['busy'])
    ask(carol)
    expect([ended, used(carol)]).toEqual([['busy'], length])
  })

  test('tell another value at their turn, and pay for that', async () => {
    const { box, ask, carol, used } = makeOutbox()
    let isFresh = false
    const freshen: Outgoing['freshen'] = (outgoing) => {
      if (isFresh) return 'same'
      isFresh = true
      Object.assign(outgoing, contentOf(Buffer.alloc(0), Buffer.alloc(10_000)))
      return 'other'
    }
    ask(carol, { freshen })
    expect(used(carol)).toBe(length)
    box.grant(1, 2, 5000)
    expect([isFresh, used(carol)]).toEqual([true, 10_000])
    box.close('link-lost')
    expect(used()).toBe(0)
  })

  test('that are kept already are neither copied nor paid again', () => {
    const { ask, carol, used } = makeOutbox()
    const buffer = Buffer.alloc(length)
    const kept = ask(carol, { isKept: true, buffer })
    expect([kept.buffer === buffer, used(carol)]).toEqual([true, 0])
    const lent = ask(carol, { buffer })
    expect([lent.buffer === buffer, used(carol)]).toEqual([false, length])
  })
})
