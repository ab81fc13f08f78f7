import { describe, expect, test } from 'vitest'
import { Home } from '../../../src/home/home.ts'
import { Owners } from '../../../src/home/owners.ts'
import type { Limits } from '../../../src/limits.ts'
import { outcomeOf } from '../../../src/operation/call.ts'
import type { Directory } from '../../../src/operation/directory.ts'
import type { Message } from '../../../src/operation/message.ts'
import type { Audience, Notice } from '../../../src/operation/presence.ts'
import { alice, bob, carol, TestAsker } from '../../support/middle/calls.ts'
import { roomEnv } from '../../support/middle/env.ts'
import { makeMessage } from '../../support/middle/messages.ts'
import { TestSession } from '../../support/middle/user-sessions.ts'

function makeHome(limits: Partial<Limits> = {}, directory?: Directory) {
  const env = roomEnv(limits)
  const known = new Set([bob.text, carol.text])
  const anybody: Directory = {
    find: async ({ text }) => (known.has(text) ? { keys: [] } : undefined),
  }
  const home = new Home(env, new Owners(env, () => directory ?? anybody))
  const asker = new TestAsker<Message>()
  const attached = async (user = bob): Promise<TestSession> => {
    const session = new TestSession(user)
    expect(await home.attach(session)).toBe('ok')
    return session
  }
  const deliver = (to = bob): Message => {
    const message = makeMessage({ to })
    home.deliver(message, asker)
    return message
  }
  const gauge = () => [...(env.meter.gauges.get('client_sessions')?.values() ?? [])][0]?.value()
  return { env, home, asker, attached, deliver, gauge }
}

describe('a session', () => {
  test('gets the messages of its user from the moment at which it is attached until it leaves', async () => {
    const { home, asker, attached, deliver, gauge } = makeHome()
    deliver()
    const session = await attached()
    expect([gauge(), home.size]).toEqual([1, 1])
    const message = deliver()
    expect(session.given.map((one) => one.message)).toEqual([message])
    session.end('delivered')
    home.detach(session)
    deliver()
    expect(asker.statuses).toEqual(['inbox-closed', 'delivered', 'inbox-closed'])
    expect([gauge(), home.size]).toEqual([0, 0])
  })

  test('of somebody who is nobody is refused', async () => {
    const { home } = makeHome()
    expect(await home.attach(new TestSession(alice))).toBe('refused')
    expect(home.size).toBe(0)
  })

  test('is attached nowhere while the directory cannot say', async () => {
    const { home } = makeHome({}, { find: () => Promise.reject(new Error('away')) })
    await expect(home.attach(new TestSession(bob))).rejects.toThrow('away')
    expect(home.size).toBe(0)
  })

  test('too many of one user are refused, also if they come at once; there is room once one leaves', async () => {
    const { env, home } = makeHome({ sessionsPerUser: 2 })
    const sessions = [1, 2, 3].map(() => new TestSession(bob))
    const codes = await Promise.all(sessions.map((session) => home.attach(session)))
    expect(codes).toEqual(['ok', 'ok', 'limit-reached'])
    expect([home.size, env.hits('sessionsPerUser')]).toEqual([2, 1])
    expect(await home.attach(new TestSession(carol))).toBe('ok')
    home.detach(sessions[0] as TestSession)
    expect(await home.attach(new TestSession(bob))).toBe('ok')
  })

  test('that leaves twice, or was never there, takes no other with it', async () => {
    const { home, attached } = makeHome()
    const [first, second] = [await attached(), await attached()]
    home.detach(first)
    home.detach(first)
    home.detach(new TestSession(carol))
    home.detach(new TestSession(bob))
    expect(home.size).toBe(1)
    home.detach(second)
    expect(home.size).toBe(0)
  })

  test('may leave from within what it is told', async () => {
    const { home, asker, attached, deliver } = makeHome()
    const [first, second] = [await attached(), await attached()]
    first.deliver = (message, by) => {
      home.detach(first)
      home.detach(second)
      return by.ended(message, outcomeOf('inbox-closed'))
    }
    deliver()
    second.end('delivered')
    expect([asker.statuses, home.size]).toEqual([['delivered'], 0])
  })
})

describe('[LINK-6.7-14] a message at several sessions of its recipient', () => {
  test('goes to each, and is settled by the first that confirms it', async () => {
    const { asker, attached, deliver } = makeHome()
    const sessions = [await attached(), await attached(), await attached()]
    await attached(carol)
    deliver()
    const [first, second, third] = sessions
    first?.end('inbox-closed')
    expect(asker.statuses).toEqual([])
    second?.end('delivered')
    expect(asker.statuses).toEqual(['delivered'])
    third?.end('delivered')
    expect(asker.statuses).toEqual(['delivered'])
  })

  test.each([
    [['inbox-closed', 'busy'], 'busy'],
    [['busy', 'inbox-closed'], 'inbox-closed'],
    // [LINK-6.7-12] "Perhaps" weighs more than "no".
    [['unknown-outcome', 'inbox-closed'], 'unknown-outcome'],
    [['inbox-closed', 'unknown-outcome'], 'unknown-outcome'],
    [['unknown-outcome', 'delivered'], 'delivered'],
  ] as const)('%j: %s', async (ends, status) => {
    const { asker, attached, deliver } = makeHome()
    const sessions = [await attached(), await attached()]
    const message = deliver()
    for (const [i, end] of ends.entries()) sessions[i]?.end(end)
    expect(asker.of(message)?.status).toBe(status)
  })

  test('is told of each message by itself', async () => {
    const { asker, attached, deliver } = makeHome()
    const [first, second] = [await attached(), await attached()]
    const [one, two] = [deliver(), deliver()]
    first.end('inbox-closed')
    second.end('delivered')
    first.end('refused')
    second.end('refused')
    expect([asker.of(one)?.status, asker.of(two)?.status]).toEqual(['delivered', 'refused'])
  })
})

describe('presence of ours for watchers of ours', () => {
  const notice: Notice = { state: 'terminated', event: 'noresource', presence: undefined }
  const watchers = new Map([
    ['one', bob],
    ['two', carol],
    ['three', alice],
  ])
  const audience: Audience = {
    ...{ via: 'home', presentity: carol, domain: bob.domain },
    members: () => watchers.keys(),
    watcher: (id) => watchers.get(id),
    latest: () => notice,
  }

  test('goes to every session of each of them, and to nobody who is not there', async () => {
    const { home, attached } = makeHome()
    const sessions = [await attached(), await attached(), await attached(carol)]
    home.notify(audience, undefined)
    expect(sessions.map(({ shown }) => shown)).toEqual([
      ['one carol@b.example terminated'],
      ['one carol@b.example terminated'],
      ['two carol@b.example terminated'],
    ])
  })

  test('goes to one subscription alone, if that is what is wanted', async () => {
    const { home, attached } = makeHome()
    const [ofBob, ofCarol] = [await attached(), await attached(carol)]
    home.notify(audience, 'two')
    home.notify(audience, 'over')
    expect([ofBob.shown, ofCarol.shown]).toEqual([[], ['two carol@b.example terminated']])
  })

  test('goes nowhere where there is nothing to tell', async () => {
    const { home, attached } = makeHome()
    const session = await attached()
    home.notify({ ...audience, latest: () => undefined }, undefined)
    expect(session.shown).toEqual([])
  })

  test('[LINK-6.13-8] goes to the one session that asked, if it is the answer to it', async () => {
    const { home, attached } = makeHome()
    const [asking, other] = [await attached(), await attached()]
    home.show(bob, 'one', alice, notice, asking.caller)
    home.show(carol, 'two', alice, notice, asking.caller)
    expect([asking.shown, other.shown]).toEqual([['one alice@a.example terminated'], []])
    home.show(bob, 'one', alice, notice, undefined)
    expect([asking.shown.length, other.shown.length]).toEqual([2, 1])
  })
})
