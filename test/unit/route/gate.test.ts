import { describe, expect, test } from 'vitest'
import type { Address } from '../../../src/address/address.ts'
import type { Limits } from '../../../src/limits.ts'
import type { Caller } from '../../../src/operation/call.ts'
import type { Issue } from '../../../src/operation/operation.ts'
import { Gate } from '../../../src/route/gate.ts'
import { alice, bob, callerOf, carol, peerCaller, TestCall } from '../../support/middle/calls.ts'
import { roomEnv } from '../../support/middle/env.ts'
import { TestOwners, user } from '../../support/middle/stages.ts'

function makeGate(limits: Partial<Limits> = {}) {
  const env = roomEnv(limits)
  const owners = new TestOwners()
  const gate = new Gate(env, owners)
  const gone: string[] = []
  const call = (caller: Caller) =>
    new TestCall<Issue>({ kind: 'issue', user: bob, key: '' }, caller)
  /** A call that is about one owner. */
  const pass = (name: string, about: Address, caller: Caller = peerCaller(alice)) => {
    const one = call(caller)
    gate.pass(one, about, () => {
      gone.push(name)
    })
    return one
  }
  /** A call that names no owner. */
  const behind = (name: string, caller: Caller = peerCaller(alice)) => {
    const one = call(caller)
    gate.behind(one, () => {
      gone.push(name)
    })
    return one
  }
  return { env, owners, gone, pass, behind }
}

describe('the gate', () => {
  test('lets pass in the same turn what is about an owner who is known', () => {
    const { owners, gone, pass, behind } = makeGate()
    owners.facts.set(bob.text, user)
    pass('SUBSCRIBE', bob)
    behind('RENEW')
    expect(gone).toEqual(['SUBSCRIBE', 'RENEW'])
  })

  test('lets RENEW and UNSUBSCRIBE not overtake a SUBSCRIBE of the same speaker that waits', () => {
    const { owners, gone, pass, behind } = makeGate()
    pass('SUBSCRIBE', bob)
    behind('RENEW')
    behind('UNSUBSCRIBE')
    expect(gone).toEqual([])
    owners.tell(user)
    expect(gone).toEqual(['SUBSCRIBE', 'RENEW', 'UNSUBSCRIBE'])
  })

  test('keeps them until the last that waits is told, also where the facts cannot be had', () => {
    const { owners, gone, pass, behind } = makeGate()
    const [first, second] = [pass('one', bob), pass('two', carol)]
    behind('RENEW')
    owners.tell(user)
    expect(gone).toEqual(['one'])
    owners.tell(undefined)
    expect(gone).toEqual(['one', 'RENEW'])
    expect([first.status, second.status, second.waitMs]).toEqual(['no answer', 'busy', 1000])
  })

  test('lets a SUBSCRIBE not overtake an UNSUBSCRIBE of the same speaker that waits', () => {
    const { owners, gone, pass, behind } = makeGate()
    owners.facts.set(carol.text, user)
    pass('SUBSCRIBE to bob', bob)
    behind('UNSUBSCRIBE from carol')
    pass('SUBSCRIBE to carol again', carol)
    expect(gone).toEqual([])
    owners.tell(user)
    expect(gone).toEqual(['SUBSCRIBE to bob', 'UNSUBSCRIBE from carol', 'SUBSCRIBE to carol again'])
  })

  test('keeps the order where one of those that waited has to wait again', () => {
    const { owners, gone, pass, behind } = makeGate()
    pass('to bob', bob)
    behind('RENEW')
    pass('to carol', carol)
    behind('UNSUBSCRIBE')
    owners.tell(user)
    expect(gone).toEqual(['to bob', 'RENEW'])
    owners.tell(user)
    expect(gone).toEqual(['to bob', 'RENEW', 'to carol', 'UNSUBSCRIBE'])
  })

  test('knows a user of ours by the address, and another domain as one', () => {
    const { owners, gone, pass, behind } = makeGate()
    pass('of bob', carol, callerOf(bob))
    pass('of alice', bob, peerCaller(alice))
    behind('of carol', callerOf(carol))
    behind('of bob, later', callerOf(bob))
    behind('of a.example', peerCaller(alice, { user: undefined }))
    expect(gone).toEqual(['of carol'])
    owners.tell(user)
    expect(gone).toEqual(['of carol', 'of bob', 'of bob, later'])
    owners.tell(user)
    expect(gone.slice(3)).toEqual(['of alice', 'of a.example'])
  })

  test('is open again once nobody waits', () => {
    const { owners, gone, pass, behind } = makeGate()
    pass('SUBSCRIBE', bob)
    owners.tell(user)
    behind('RENEW')
    owners.facts.set(bob.text, user)
    pass('another', bob)
    expect(gone).toEqual(['SUBSCRIBE', 'RENEW', 'another'])
  })
})

describe('too many who wait', () => {
  test('for facts are to come again, and hold up nobody', () => {
    const { owners, gone, pass, behind } = makeGate()
    owners.isFull = true
    expect(pass('SUBSCRIBE', bob).status).toBe('busy')
    behind('RENEW')
    expect(gone).toEqual(['RENEW'])
  })

  test('behind those that do are to come again, whoever they are', () => {
    const { owners, gone, pass, behind, env } = makeGate({ ownersWaiting: 2 })
    pass('of bob', carol, callerOf(bob))
    pass('of alice', bob)
    behind('one', callerOf(bob))
    behind('two')
    const tooMany = [behind('three'), behind('four', callerOf(bob)), pass('five', carol)]
    expect(tooMany.map(({ status }) => status)).toEqual(['busy', 'busy', 'busy'])
    expect(env.hits('ownersWaiting')).toBe(3)
    owners.tell(user)
    owners.tell(user)
    expect(gone).toEqual(['of bob', 'one', 'of alice', 'two'])
    pass('of bob again', carol, callerOf(bob))
    expect(behind('six', callerOf(bob)).status).toBe('no answer')
    owners.tell(user)
    expect(gone.slice(4)).toEqual(['of bob again', 'six'])
  })
})
