/** Bytes that a link holds are in the account of whoever it is read for, and come back to it. */
import { describe, expect, test } from 'vitest'
import { limitsWith } from '../../../src/limits.ts'
import { freeBytes, Payer } from '../../../src/link/payer.ts'
import type { Account } from '../../../src/shares/account.ts'
import { roomEnv } from '../../support/middle/env.ts'
import { openSession } from '../../support/middle/sessions.ts'
import { roomShares } from '../../support/room-shares.ts'
import * as wire from '../../support/script/codec.ts'

function makePayer() {
  const shares = roomShares(limitsWith({ heldBytes: 1_000_000 }), undefined, ['a.example'])
  const network = shares.tree.network('192.0.2')
  const domain = shares.domain('a.example', '192.0.2')
  const shed: (readonly [account: Account, isOwn: boolean])[] = []
  shares.onFull('bytes', {
    shed: (account, isOwn) => {
      shed.push([account, isOwn])
      return true
    },
    isReplaceable: false,
  })
  const payer = new Payer({ shares, account: network })
  const used = (account: Account = shares.tree.all): number => shares.used(account, 'bytes')
  return { shares, payer, network, domain, used, shed }
}

describe('bytes that are written and not out', () => {
  test('are nobody’s while they are few, and then all of them', () => {
    const { payer, used } = makePayer()
    payer.write(freeBytes)
    expect(used()).toBe(0)
    payer.write(freeBytes + 1)
    expect([used(), payer.unread]).toEqual([freeBytes + 1, freeBytes + 1])
    payer.write(100_000)
    expect(used()).toBe(100_000)
    payer.write(10)
    expect([used(), payer.unread]).toEqual([0, 0])
  })

  test.each([100_000, 300_000, 0])(
    'go to another account with the link, where %i are left',
    (now) => {
      const { payer, network, domain, used } = makePayer()
      payer.write(100_000)
      payer.account = domain
      payer.write(now)
      expect([used(network), used(domain)]).toEqual([0, now])
      payer.write(0)
      expect([used(), used(domain)]).toEqual([0, 0])
    },
  )

  test('cost an account that has too many of them its link with most, as more are written', () => {
    const { payer, domain, shed } = makePayer()
    payer.account = domain
    payer.write(740_000)
    expect(shed).toEqual([])
    payer.write(760_000)
    expect(shed).toEqual([[domain, true]])
    payer.write(759_000)
    expect(shed.length).toBe(1)
    payer.write(759_001)
    expect(shed.length).toBe(2)
  })

  test('cost an account that has few of them nothing, however scarce they are', () => {
    const { shares, payer, domain, shed } = makePayer()
    shares.hold(shares.domain('greedy.example', '198.51.100'), 'bytes', 900_000)
    payer.account = domain
    payer.write(100_000)
    expect([shares.isScarce('bytes'), shed]).toEqual([true, []])
  })
})

describe('bytes that are reserved', () => {
  test('are given back once, by whoever paid for them', () => {
    const { payer, network, domain, used } = makePayer()
    const release = payer.reserve(5000, () => undefined)
    payer.account = domain
    expect(used(network)).toBe(5000)
    release?.()
    release?.()
    expect([used(network), used(domain)]).toEqual([0, 0])
  })

  test('are given up in the order in which they were reserved', () => {
    const { payer } = makePayer()
    const order: string[] = []
    const reserve = (name: string): (() => undefined) => {
      const release = payer.reserve(10, () => {
        order.push(name)
        release?.()
      })
      return () => release?.()
    }
    reserve('first')
    const second = reserve('second')
    reserve('third')
    second()
    expect([1, 2, 3].map(() => payer.giveUp(0))).toEqual([true, true, false])
    expect(order).toEqual(['first', 'third'])
  })

  test('are not to be had by an account that has more than its share', () => {
    const { shares, payer, domain } = makePayer()
    payer.account = domain
    payer.write(800_000)
    const other = new Payer({ shares, account: shares.domain('b.example', '198.51.100') })
    expect(payer.reserve(1000, () => undefined)).toBe(undefined)
    expect(other.reserve(1000, () => undefined)).not.toBe(undefined)
  })
})

test('half a body may be given up in the middle of another request of its link', async () => {
  const env = roomEnv()
  const seen: unknown[] = []
  const { far, session } = openSession(env, {
    rooms: {
      request: ({ link }, { fields }) => {
        link.payer.giveUp(env.clock.now())
        seen.push([fields.has(wire.tag.to), fields.length(wire.tag.id)])
      },
    },
  })
  far.sayHello()
  const ask = (flags: number, fields: wire.FieldList): number =>
    far.ask(flags, { command: wire.command.message, fields })
  const half = ask(wire.im | wire.more, [[wire.tag.bodyLength, 100]])
  ask(wire.im, [
    [wire.tag.to, 'bob@b.example'],
    [wire.tag.id, Buffer.alloc(16)],
  ])
  await env.clock.advance(0)
  expect([seen, far.status(half)]).toEqual([[[true, 16]], 'busy'])
  expect(session.link.underWay).toBe(1)
})

test('a link that shares with nobody pays nothing, and may have all', () => {
  const payer = new Payer()
  payer.write(1e9)
  expect([payer.isOver, payer.take(payer.account, 1e9)]).toEqual([false, true])
})
