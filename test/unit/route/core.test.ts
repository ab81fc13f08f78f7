import { expect, test } from 'vitest'
import { outcomeOf } from '../../../src/operation/call.ts'
import { RouteCore } from '../../../src/route/core.ts'
import { bob, callerOf, domain, TestCall } from '../../support/middle/calls.ts'
import { TestSession } from '../../support/middle/user-sessions.ts'

test('what doors ask and tell goes to the room that it is for, and its answer back', async () => {
  const told: unknown[] = []
  const note =
    (room: string) =>
    (...all: readonly unknown[]): undefined => {
      told.push([room, ...all])
    }
  const session = new TestSession(bob)
  const call = new TestCall({ kind: 'issue', user: bob, key: '' }, callerOf(bob))
  const [local, remote] = [domain('b.example'), domain('a.example')]
  const change = { isUp: true, isNew: false, restMs: 0 }
  const outcome = outcomeOf('refused')
  const core = new RouteCore({
    receive: note('receive'),
    policy: { waitOf: () => 250, standing: () => 'named' },
    owners: { find: async () => ({ keys: ['key'] }) },
    home: { attach: async () => 'limit-reached', detach: note('detach') },
    presence: { isUsed: () => true, reachable: note('reachable'), refused: note('refused') },
  })
  core.receive(call)
  core.detach(session)
  core.reachable('native', local, remote, change)
  core.refused('native', remote, 'id', outcome)
  expect(told).toEqual([
    ['receive', call],
    ['detach', session],
    ['reachable', 'native', local, remote, change],
    ['refused', 'native', remote, 'id', outcome],
  ])
  expect([core.waitOf(remote, 'request', 7), core.standing(remote), core.isUsed(remote)]).toEqual([
    250,
    'named',
    true,
  ])
  expect([await core.find(bob), await core.attach(session)]).toEqual([
    { keys: ['key'] },
    'limit-reached',
  ])
})
