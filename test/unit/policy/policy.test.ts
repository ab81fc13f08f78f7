/** [LINK-6.5-1] The checks in their order, each by itself: what it counts, what it refuses, and that it touches nothing else. */
import { describe, expect, test } from 'vitest'
import type { Status } from '../../../src/errors.ts'
import type { Limits } from '../../../src/limits.ts'
import type { Caller } from '../../../src/operation/call.ts'
import { Policy } from '../../../src/policy/policy.ts'
import type { Scope } from '../../../src/wire/registry.ts'
import {
  alice,
  bob,
  callerOf,
  carol,
  domain,
  home,
  isHosted,
  peerCaller,
  zoe,
} from '../../support/middle/calls.ts'
import { roomEnv } from '../../support/middle/env.ts'
import { type MessageWish, makeLanes, makeMessage } from '../../support/middle/messages.ts'

const checks = ['domain', 'relay', 'proof', 'credential', 'hops', 'rate'] as const
type Check = (typeof checks)[number]

const rules = { default: 'allow', allow: ['known.example'], deny: ['y.example'] } as const
const eve = { ...zoe, domain: domain('y.example'), text: 'eve@y.example' }

function makePolicy(limits: Partial<Limits> = {}) {
  const env = roomEnv(limits)
  const lanes = makeLanes()
  const watched = new Set<string>()
  const peerHits: string[] = []
  const policy = new Policy(env, rules, {
    ...{ isHosted, lanes, isPinned: () => false },
    peers: {
      isWatched: (name) => watched.has(name),
      limitHit: (name) => {
        peerHits.push(name)
      },
    },
  })
  const counted = (name: string) =>
    Object.fromEntries(
      checks
        .map((check) => [check, env.meter.total(name, { check })] as const)
        .filter(([, n]) => n > 0),
    )
  /** How often each check was made, and how often it refused. */
  const counts = () => ({ made: counted('checks_total'), refused: counted('checks_refused_total') })
  const admit = (caller: Caller, wish: MessageWish = {}, at = 0) => {
    const message = makeMessage(wish)
    const sender = lanes.sender(message.from)
    const lane = lanes.lane(sender, message.to, at)
    return policy.admit(caller, message, lane, at)
  }
  return { env, lanes, watched, peerHits, policy, counts, admit }
}

/** What the checks up to `last` have counted, each once. */
const upTo = (last: Check): Partial<Record<Check, number>> =>
  Object.fromEntries(checks.slice(0, checks.indexOf(last) + 1).map((check) => [check, 1]))

/** One request for each check that refuses it, which every check behind it would refuse as well. */
const bad: readonly (readonly [Check, Status, Caller, MessageWish])[] = [
  [
    'domain',
    'domain-refused',
    peerCaller(alice, { may: () => 'domain-not-proven' }),
    { from: alice, to: eve, hops: 9 },
  ],
  [
    'relay',
    'relaying',
    peerCaller(alice, { may: () => 'domain-not-proven' }),
    { from: alice, to: zoe, hops: 9 },
  ],
  [
    'proof',
    'domain-not-proven',
    peerCaller(alice, { may: () => 'domain-not-proven' }),
    { from: alice, hops: 9 },
  ],
  [
    'credential',
    'credential-scope',
    peerCaller(alice, { may: () => 'credential-scope' }),
    { from: alice, hops: 9 },
  ],
  ['hops', 'hop-limit', peerCaller(alice), { from: alice, hops: 9 }],
  ['rate', 'rate-limited', peerCaller(alice), { from: alice }],
]

describe('[LINK-6.5-1] the order of the checks', () => {
  test.each(bad)('%s is the first that says no: %s', (check, status, caller, wish) => {
    const { admit, counts } = makePolicy({ senderBurst: 0 })
    expect(admit(caller, wish)).toBe(status)
    expect(counts()).toEqual({ made: upTo(check), refused: { [check]: 1 } })
  })

  test.each(bad)(
    '%s is the same for a request that is no message',
    (check, status, caller, wish) => {
      const { policy, counts } = makePolicy({ senderBurst: 0 })
      const { from = alice, to = bob, hops = 1 } = wish
      expect(policy.admitRequest(caller, { from, to, scope: 'pres.watch', hops }, 0)).toBe(status)
      expect(counts()).toEqual({ made: upTo(check), refused: { [check]: 1 } })
    },
  )

  test('what passes has been through each of them once', () => {
    const { admit, counts } = makePolicy()
    expect(admit(peerCaller(alice))).toBe(undefined)
    expect(counts()).toEqual({ made: upTo('rate'), refused: {} })
  })

  test.each(bad.slice(0, -1))('%s has no effect beyond its counter', (_, __, caller, wish) => {
    const { policy, lanes, admit, env, peerHits } = makePolicy({ senderBurst: 1, laneBurst: 1 })
    const { from = alice, to = bob, hops = 1 } = wish
    for (let n = 0; n < 10; n++) {
      policy.admitRequest(caller, { from, to, scope: 'im.send', hops }, 0)
    }
    expect([...lanes.all]).toEqual([])
    for (let n = 0; n < 10; n++) admit(caller, wish)
    expect([...lanes.all].map(({ bucket }) => bucket)).toEqual([undefined])
    expect(lanes.lanes).toBe(0)
    expect([env.meter.total('limit_hits_total'), peerHits]).toEqual([0, []])
    // Its one token is still there.
    expect(admit(callerOf(from, { domain: home }), { from: bob, to: carol })).toBe(undefined)
    expect(admit(peerCaller(alice), { from: alice })).toBe(undefined)
  })
})

describe('the domain at the far side of the border', () => {
  test.each([
    ['of the sender, if the recipient is ours', eve, bob, 'domain-refused'],
    ['of the recipient, if the sender is ours', bob, eve, 'domain-refused'],
    ['of the recipient, if neither is', alice, eve, 'domain-refused'],
    ['of nobody between two of ours', bob, carol, undefined],
    ['of one that the rules let pass', bob, zoe, undefined],
  ] as const)('is that %s', (_, from, to, status) => {
    const { admit } = makePolicy()
    expect(admit(callerOf(from), { from, to })).toBe(status)
  })

  test('is asked again once there are other rules', () => {
    const { policy, admit } = makePolicy()
    policy.obey({ default: 'deny', allow: [], deny: [] })
    expect(admit(peerCaller(alice))).toBe('domain-refused')
    expect(admit(callerOf(bob), { from: bob, to: carol })).toBe(undefined)
  })
})

test('[LINK-6.5-2] the caller is asked for the scope of the command, the sender and the domain of the recipient', () => {
  const { policy, admit } = makePolicy()
  const asked: (readonly [Scope, string, string])[] = []
  const caller = peerCaller(alice, {
    may: (scope, from, audience) => {
      asked.push([scope, from.text, audience])
      return undefined
    },
  })
  admit(caller)
  policy.admitRequest(caller, { from: alice, to: carol, scope: 'pres.watch', hops: 1 }, 0)
  expect(asked).toEqual([
    ['im.send', alice.text, home],
    ['pres.watch', alice.text, home],
  ])
})

test('[LINK-4.2-3] the last hop that is allowed passes', () => {
  const { admit, env } = makePolicy()
  expect(admit(peerCaller(alice), { hops: env.limits.hops })).toBe(undefined)
  expect(admit(peerCaller(alice), { hops: env.limits.hops + 1 })).toBe('hop-limit')
})

describe('rates', () => {
  test('a sender that is too fast is told how long to wait, and its domain is known by it', () => {
    const limits = { senderPerSecond: 2, senderBurst: 1, lanePerSecond: 1000, laneBurst: 1000 }
    const { admit, policy, env, peerHits } = makePolicy(limits)
    expect(admit(peerCaller(alice))).toBe(undefined)
    expect([admit(peerCaller(alice)), policy.waitMs]).toEqual(['rate-limited', 500])
    expect([env.hits('senderPerSecond'), peerHits]).toEqual([1, [alice.domain]])
    expect(admit(peerCaller(alice), {}, 500)).toBe(undefined)
  })

  test('a lane that is too fast is not the whole sender', () => {
    const { admit, policy, env, lanes } = makePolicy({ lanePerSecond: 1, laneBurst: 1 })
    const lane = lanes.lane(lanes.sender(bob), carol, 0)
    const message = makeMessage({ from: bob, to: carol, lane })
    expect(policy.admit(callerOf(bob), message, lane, 0)).toBe(undefined)
    expect(policy.admit(callerOf(bob), message, lane, 0)).toBe('rate-limited')
    expect([policy.waitMs, env.hits('lanePerSecond')]).toEqual([1000, 1])
    expect(admit(callerOf(bob), { from: bob, to: zoe })).toBe(undefined)
  })

  test('one of ours that is too fast is no hit of a peer', () => {
    const { admit, peerHits, env } = makePolicy({ senderBurst: 0 })
    expect(admit(callerOf(bob), { from: bob, to: zoe })).toBe('rate-limited')
    expect([peerHits, env.hits('senderPerSecond')]).toEqual([[], 1])
  })

  test('[LINK-6.5-5] what a user asks of its own gateway counts for the user, by no other check', () => {
    const { policy, counts, env } = makePolicy({ senderBurst: 1 })
    expect(policy.admitOwn(bob, 0)).toBe(undefined)
    expect(policy.admitOwn(bob, 0)).toBe('rate-limited')
    expect(policy.waitMs).toBeGreaterThan(0)
    expect(policy.admitOwn(carol, 0)).toBe(undefined)
    expect([counts(), env.hits('senderPerSecond')]).toEqual([{ made: {}, refused: {} }, 1])
  })

  test('[LINK-6.5-5] what a domain asks on its own word counts for it; NOTIFY by itself', () => {
    const limits = { peerPerSecond: 1, peerBurst: 1, peerNotifyPerSecond: 4, peerNotifyBurst: 1 }
    const { policy, env, peerHits } = makePolicy(limits)
    const from = alice.domain
    expect(policy.admitDomain(from, 'request', 0)).toBe(undefined)
    expect([policy.admitDomain(from, 'request', 0), policy.waitMs]).toEqual(['rate-limited', 1000])
    expect(policy.admitDomain(from, 'notify', 0)).toBe(undefined)
    expect([policy.admitDomain(from, 'notify', 0), policy.waitMs]).toEqual(['rate-limited', 250])
    expect(policy.admitDomain(zoe.domain, 'request', 0)).toBe(undefined)
    expect(peerHits).toEqual([from, from])
    expect([env.hits('peerPerSecond'), env.hits('peerNotifyPerSecond')]).toEqual([1, 1])
  })

  test('the rate of a peer is -1 while it may ask, and else how long it has to wait', () => {
    const { policy } = makePolicy({ peerPerSecond: 1, peerBurst: 2 })
    const waits = [0, 0, 0, 400, 1000].map((at) => policy.waitOf(alice.domain, 'request', at))
    expect(waits).toEqual([-1, -1, 1000, 600, -1])
  })
})

describe('the standing of a domain', () => {
  test('is barred, named by a rule or by whoever watches it, or open', () => {
    const { policy, watched } = makePolicy()
    watched.add('watched.example')
    const names = ['y.example', 'known.example', 'watched.example', 'a.example']
    expect(names.map((name) => policy.standing(domain(name)))).toEqual([
      'barred',
      'named',
      'named',
      'open',
    ])
  })

  test('a domain that is watched may be barred all the same', () => {
    const { policy, watched } = makePolicy()
    watched.add('y.example')
    expect(policy.standing(domain('y.example'))).toBe('barred')
  })

  test('bars nobody of ours, and says which rule decides', () => {
    const { policy } = makePolicy()
    policy.obey({ default: 'deny', allow: [], deny: [] })
    expect([policy.isBarred(home), policy.isBarred(domain('a.example'))]).toEqual([false, true])
    expect(policy.ruling(domain('a.example'))).toEqual({ verdict: 'deny', rule: undefined })
  })
})

test('[LINK-6.10-4] nobody is an owner who refuses everything', () => {
  const { policy } = makePolicy()
  expect(policy.refusalOf({ isUser: true, keys: [] })).toBe(undefined)
  expect(policy.refusalOf({ isUser: false, keys: [] })).toBe('refused')
})
