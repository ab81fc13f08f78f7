import { describe, expect, test } from 'vitest'
import type { Service } from '../../../src/address/address.ts'
import type { Limits } from '../../../src/limits.ts'
import { type Caller, outcomeOf } from '../../../src/operation/call.ts'
import type { Issue, Operation } from '../../../src/operation/operation.ts'
import type { Fetch, Notify, Publish, Renew, Subscribe } from '../../../src/operation/presence.ts'
import { Receive } from '../../../src/route/receive.ts'
import {
  alice,
  bob,
  callerOf,
  carol,
  home,
  isHosted,
  peerCaller,
  TestCall,
  zoe,
} from '../../support/middle/calls.ts'
import { roomEnv, settle } from '../../support/middle/env.ts'
import { makeLanes, makeMessage, textOf } from '../../support/middle/messages.ts'
import { nobody, TestOwners, TestPolicy, testStages, user } from '../../support/middle/stages.ts'

function makeReceive(limits: Partial<Limits> = {}, mostLanes = 100) {
  const env = roomEnv(limits)
  const owners = new TestOwners()
  const policy = new TestPolicy()
  const lanes = makeLanes(mostLanes)
  const offered = new Set<Service>(['im', 'pres'])
  const stages = testStages()
  const { receive } = new Receive(env, {
    ...{ isHosted, lanes, policy, owners },
    offers: (domain, service) => isHosted(domain) && offered.has(service),
    ...stages,
  })
  const ask = <O extends Operation>(operation: O, caller: Caller): TestCall<O> => {
    const call = new TestCall(operation, caller)
    receive(call)
    return call
  }
  return { env, owners, policy, lanes, offered, receive, ask, ...stages }
}

const fetch = (watcher = alice, presentity = bob, unknownField = 0): Fetch => ({
  ...{ kind: 'fetch', watcher, presentity, hops: 2, unknownField },
  fields: Buffer.alloc(0),
})
const subscribe = (
  kind: Subscribe['kind'] = 'subscribe',
  watcher = alice,
  presentity = bob,
): Subscribe => ({ kind, id: 's'.repeat(16), watcher, presentity, leaseSeconds: 60, hops: 2 })
const publish = (publisher = bob, presentity = publisher): Publish => ({
  ...{ kind: 'publish', publisher, presentity, ifMatch: undefined, entityTag: undefined },
  ...{ leaseSeconds: 60, document: undefined, hops: 1 },
})
const renew = (watcher?: typeof bob): Renew => ({
  ...{ kind: 'renew', local: (watcher ?? alice).domain, remote: home, watcher },
  ...{ ids: [], leaseSeconds: 60 },
})
const notify = (): Notify => ({
  ...{ kind: 'notify', subscription: 's'.repeat(16), presentity: alice, audience: home },
  notice: { state: 'terminated', event: 'noresource', presence: undefined },
})
const issue = (key = 'key of bob'): Issue => ({ kind: 'issue', user: bob, key })

/** Every kind of operation, by whom, and the stage that it gets to. */
const roads: readonly (readonly [string, Operation, Caller, string])[] = [
  ['MESSAGE to one of ours', makeMessage(), peerCaller(alice), 'inbound'],
  ['MESSAGE to somebody elsewhere', makeMessage({ from: bob, to: zoe }), callerOf(bob), 'outbound'],
  ['MESSAGE between two of ours', makeMessage({ from: carol }), callerOf(carol), 'inbound'],
  ['PUBLISH', publish(), callerOf(bob), 'publish'],
  ['FETCH of one of ours', fetch(), peerCaller(alice), 'fetch'],
  ['FETCH of somebody elsewhere', fetch(bob, zoe), callerOf(bob), 'fetchElsewhere'],
  ['SUBSCRIBE to one of ours', subscribe(), peerCaller(alice), 'subscribe'],
  ['SUBSCRIBE to somebody elsewhere', subscribe('subscribe', bob, zoe), callerOf(bob), 'watch'],
  ['UNSUBSCRIBE from one of ours', subscribe('unsubscribe'), peerCaller(alice), 'unsubscribe'],
  [
    'UNSUBSCRIBE from somebody elsewhere',
    subscribe('unsubscribe', bob, zoe),
    callerOf(bob),
    'unwatch',
  ],
  ['RENEW of a domain', renew(), peerCaller(alice, { user: undefined }), 'renew'],
  ['RENEW of a user', renew(bob), callerOf(bob), 'renew'],
  ['NOTIFY', notify(), peerCaller(alice), 'notify'],
]

describe('a call goes to its stage', () => {
  test.each(roads)('%s', (_, operation, caller, stage) => {
    const { owners, ask, stages, visits, env } = makeReceive()
    owners.facts.set(bob.text, user)
    const call = ask(operation, caller)
    expect([stages(), call.status]).toEqual([[stage], 'no answer'])
    expect(visits[0]?.call).toBe(call)
    expect(env.held.used).toBe(0)
  })

  test.each(roads)(
    '%s not, if a check refuses it; of a rate it is told the wait',
    (_, operation, caller) => {
      const { policy, ask, stages, lanes } = makeReceive()
      policy.refusal = 'domain-refused'
      expect(ask(operation, caller).outcome).toEqual(outcomeOf('domain-refused'))
      policy.refusal = 'rate-limited'
      const call = ask(operation, caller)
      expect([call.status, call.waitMs]).toEqual(['rate-limited', policy.waitMs])
      expect([stages(), lanes.lanes]).toEqual([[], 0])
    },
  )

  test.each([
    [
      makeMessage({ hops: 3 }),
      peerCaller(alice),
      `message ${alice.text} ${bob.text} 3 ${bob.text}`,
    ],
    [publish(), callerOf(bob), `pres.publish ${bob.text} ${bob.text} 1`],
    [fetch(), peerCaller(alice), `pres.watch ${alice.text} ${bob.text} 2`],
    [subscribe(), peerCaller(alice), `pres.watch ${alice.text} ${bob.text} 2`],
    [renew(), peerCaller(alice), 'request a.example'],
    [renew(bob), callerOf(bob), `own ${bob.text}`],
    [notify(), peerCaller(alice), 'notify a.example'],
    [issue(), callerOf(bob), `own ${bob.text}`],
  ] as const)('%j is judged once, by what it is', (operation, caller, asked) => {
    const { policy, owners, ask } = makeReceive()
    owners.facts.set(bob.text, user)
    ask(operation, caller)
    expect(policy.asked).toEqual([asked])
  })
})

describe('a service that a domain of ours does not offer', () => {
  test.each([
    ['im', 'MESSAGE to it', makeMessage(), peerCaller(alice)],
    ['im', 'MESSAGE from it', makeMessage({ from: bob, to: zoe }), callerOf(bob)],
    ['pres', 'FETCH', fetch(), peerCaller(alice)],
    ['pres', 'SUBSCRIBE', subscribe(), peerCaller(alice)],
  ] as const)('without %s: %s', (service, _, operation, caller) => {
    const { offered, owners, ask, stages } = makeReceive()
    offered.delete(service)
    const call = ask<Operation>(operation, caller)
    expect([call.status, stages(), owners.waiting]).toEqual(['service-not-offered', [], []])
  })
})

describe('[LINK-4.1-5] a field that has to be understood and is not', () => {
  test.each([
    ['MESSAGE', makeMessage({ unknownField: 0x61 }), peerCaller(alice)],
    ['FETCH', fetch(alice, bob, 0x61), peerCaller(alice)],
  ] as const)('stops a %s at its last receiver', (_, operation, caller) => {
    const { owners, ask, stages } = makeReceive()
    owners.facts.set(bob.text, user)
    expect(ask<Operation>(operation, caller).status).toBe('feature-required')
    expect(stages()).toEqual([])
  })

  test('travels on with what goes elsewhere', () => {
    const { ask, stages } = makeReceive()
    ask(makeMessage({ from: bob, to: zoe, unknownField: 0x61 }), callerOf(bob))
    ask(fetch(bob, zoe, 0x61), callerOf(bob))
    expect(stages()).toEqual(['outbound', 'fetchElsewhere'])
  })
})

describe('a message waits for the facts about its recipient', () => {
  test('with bytes of its own, in front of what follows it', () => {
    const { owners, ask, visits, env } = makeReceive()
    const first = makeMessage({ text: 'one' })
    const lent = first.buffer
    ask(first, peerCaller(alice))
    ask(makeMessage({ text: 'two' }), peerCaller(alice))
    lent.fill('x')
    expect([owners.waiting.length, visits.length]).toEqual([2, 0])
    expect(env.held.used).toBeGreaterThan(0)
    owners.tell(user)
    owners.tell(user)
    const messages = visits.map(({ call }) => call.operation as typeof first)
    expect(messages.map(textOf)).toEqual(['one', 'two'])
    for (const message of messages) message.release()
  })

  test('and goes to its stage with the refusal of an owner, who looks like any other', () => {
    const { owners, ask, visits } = makeReceive()
    ask(makeMessage(), peerCaller(alice))
    owners.tell(nobody)
    owners.facts.set(bob.text, nobody)
    ask(makeMessage({ text: 'two' }), peerCaller(alice))
    expect(visits.map(({ stage, refusal }) => [stage, refusal])).toEqual([
      ['inbound', 'refused'],
      ['inbound', 'refused'],
    ])
    for (const { call } of visits) (call.operation as ReturnType<typeof makeMessage>).release()
  })

  test.each([
    ['if the directory cannot say', {}, (owners: TestOwners) => owners.tell(undefined)],
    ['if too many wait', { isFull: true }, () => undefined],
  ] as const)('and is to come again %s', (_, { isFull = false }: { isFull?: boolean }, act) => {
    const { owners, ask, env, stages } = makeReceive()
    owners.isFull = isFull
    const call = ask(makeMessage(), peerCaller(alice))
    act(owners)
    expect([call.status, call.waitMs]).toEqual(['busy', 1000])
    expect([env.held.used, stages()]).toEqual([0, []])
  })

  test('and is to come again if there is no memory for it', () => {
    const { owners, ask, env } = makeReceive({ heldBytes: 10 })
    const call = ask(makeMessage(), peerCaller(alice))
    expect([call.status, owners.waiting, env.held.used]).toEqual(['busy', [], 0])
  })
})

test('too many lanes are too much for now, and leave nothing behind', () => {
  const { env, lanes, ask, stages } = makeReceive({}, 0)
  const call = ask(makeMessage(), peerCaller(alice))
  expect([call.status, call.waitMs, lanes.lanes, stages()]).toEqual(['busy', 1000, 0, []])
  expect(env.meter.total('limit_hits_total', { limit: 'lanes' })).toBe(1)
})

test('the lane of a message that passed is remembered, and hangs at the message', () => {
  const { lanes, ask, owners } = makeReceive()
  owners.facts.set(bob.text, user)
  const { operation } = ask(makeMessage(), peerCaller(alice))
  expect(lanes.lanes).toBe(1)
  expect(lanes.lane(lanes.sender(alice), bob, 0)).toBe(operation.lane)
})

test('[LINK-6.8-2] nobody publishes for somebody else', () => {
  const { policy, ask, stages } = makeReceive()
  expect(ask(publish(bob, carol), callerOf(bob)).status).toBe('credential-scope')
  expect([policy.asked, stages()]).toEqual([[], []])
})

describe('presence of ours waits for the facts about the presentity', () => {
  test.each([
    ['FETCH', fetch(), 'fetch'],
    ['SUBSCRIBE', subscribe(), 'subscribe'],
  ] as const)('%s', (_, operation, stage) => {
    const { owners, ask, stages } = makeReceive()
    const [told, refused, unknown] = Array.from({ length: 3 }, () =>
      ask<Operation>(operation, peerCaller(alice)),
    )
    expect(stages()).toEqual([])
    owners.tell(user)
    owners.tell(nobody)
    owners.tell(undefined)
    expect(stages()).toEqual([stage])
    expect([told, refused, unknown].map((call) => call?.status)).toEqual([
      'no answer',
      'refused',
      'busy',
    ])
  })

  test.each([
    ['UNSUBSCRIBE', subscribe('unsubscribe'), peerCaller(alice), 'unsubscribe'],
    [
      'RENEW of its domain',
      { ...renew(), ids: [subscribe().id] },
      peerCaller(alice, { user: undefined }),
      'renew',
    ],
  ] as const)('SUBSCRIBE is not overtaken by %s', (_, operation, caller, stage) => {
    const { owners, ask, stages } = makeReceive()
    ask(subscribe(), peerCaller(alice))
    ask<Operation>(operation, caller)
    expect(stages()).toEqual([])
    owners.tell(user)
    expect(stages()).toEqual(['subscribe', stage])
  })

  test('[LINK-6.10-4] no such user is refused in the same turn where that is known', () => {
    const { owners, ask, stages } = makeReceive()
    owners.facts.set(bob.text, nobody)
    expect(ask(subscribe(), peerCaller(alice)).status).toBe('refused')
    expect(stages()).toEqual([])
  })
})

test('[LINK-6.13-1] NOTIFY needs a credential that allows it, before it counts', () => {
  const { policy, ask, stages } = makeReceive()
  const asked: unknown[] = []
  const may: Caller['may'] = (...all) => {
    asked.push(all)
    return 'credential-scope'
  }
  expect(ask(notify(), peerCaller(alice, { may })).status).toBe('credential-scope')
  expect([asked, policy.asked, stages()]).toEqual([[['pres.notify', alice, home]], [], []])
})

describe('[LINK-6.6-3] ISSUE asks the directory each time', () => {
  test.each([
    ['ok', 'no key is listed', { keys: [] }],
    ['ok', 'this key is', { keys: ['another key', 'key of bob'] }],
    ['credential-key', 'others are', { keys: ['another key'] }],
    ['refused', 'there is no such user', undefined],
    ['busy', 'it cannot say', new Error('away')],
  ] as const)('%s if %s', async (status, _, entry) => {
    const { owners, ask } = makeReceive()
    owners.facts.set(bob.text, user)
    owners.entry = entry
    const call = ask(issue(), callerOf(bob))
    expect(call.status).toBe('no answer')
    await settle()
    expect(call.status).toBe(status)
  })
})
