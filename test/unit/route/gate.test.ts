import { describe, expect, test } from 'vitest'
import type { Address } from '../../../src/address/address.ts'
import type { Limits } from '../../../src/limits.ts'
import type { Subscribe } from '../../../src/operation/presence.ts'
import { Gate } from '../../../src/route/gate.ts'
import type { Account } from '../../../src/shares/account.ts'
import { alice, bob, carol, peerCaller, TestCall } from '../../support/middle/calls.ts'
import { roomEnv } from '../../support/middle/env.ts'
import { TestOwners, user } from '../../support/middle/stages.ts'

function makeGate(limits: Partial<Limits> = {}) {
  const env = roomEnv(limits)
  const owners = new TestOwners()
  const gate = new Gate(env, owners)
  const gone: string[] = []
  const payer = env.shares.tree.all
  const call = (id: string, presentity: Address) => {
    const facts = { leaseSeconds: undefined, hops: 1 }
    const operation: Subscribe = { kind: 'subscribe', id, watcher: alice, presentity, ...facts }
    return new TestCall(operation, peerCaller(alice))
  }
  const note = (name: string) => (): undefined => {
    gone.push(name)
  }
  /** A SUBSCRIBE of alice, which needs the facts about the presentity. */
  const subscribe = (name: string, id: string, about: Address = bob) => {
    const one = call(id, about)
    gate.behind(one, alice.domain, [id], payer, () => gate.pass(one, about, payer, note(name)))
    return one
  }
  /** A RENEW or UNSUBSCRIBE of hers, which needs none. */
  const behind = (name: string, ...ids: readonly string[]) => behindBy(payer, name, ...ids)
  const behindBy = (by: Account, name: string, ...ids: readonly string[]) => {
    const one = call(ids[0] ?? '', bob)
    gate.behind(one, alice.domain, ids, by, note(name))
    return one
  }
  return { env, owners, gone, subscribe, behind, behindBy }
}

describe('the gate', () => {
  test('lets pass in the same turn what is about an owner who is known', () => {
    const { owners, gone, subscribe, behind } = makeGate()
    owners.facts.set(bob.text, user)
    subscribe('SUBSCRIBE', 'a')
    behind('RENEW', 'a')
    expect(gone).toEqual(['SUBSCRIBE', 'RENEW'])
  })

  test('lets RENEW and UNSUBSCRIBE not overtake the SUBSCRIBE that they are about', () => {
    const { owners, gone, subscribe, behind } = makeGate()
    subscribe('SUBSCRIBE', 'a')
    behind('RENEW', 'x', 'a')
    behind('UNSUBSCRIBE', 'a')
    expect(gone).toEqual([])
    owners.tell(user)
    expect(gone).toEqual(['SUBSCRIBE', 'RENEW', 'UNSUBSCRIBE'])
  })

  test('holds up nothing that is about other subscriptions', () => {
    const { gone, subscribe, behind } = makeGate()
    subscribe('SUBSCRIBE', 'a')
    behind('RENEW', 'b', 'c')
    expect(gone).toEqual(['RENEW'])
  })

  test('lets what waits for two go on behind both', () => {
    const { owners, gone, subscribe, behind } = makeGate()
    subscribe('one', 'a', bob)
    subscribe('two', 'b', carol)
    behind('RENEW', 'a', 'b')
    owners.tell(user)
    expect(gone).toEqual(['one'])
    owners.tell(user)
    expect(gone).toEqual(['one', 'two', 'RENEW'])
  })

  test('[LINK-6.5-6] lets what waits for many, one after the other, go on in time', async () => {
    const { env, owners, gone, subscribe, behind } = makeGate()
    subscribe('first', 'a', bob)
    const renew = behind('RENEW', 'a', 'b', 'c')
    expect(renew.at).toBe(0)
    await env.clock.advance(3000)
    subscribe('second', 'b', carol)
    owners.tell(user)
    await env.clock.advance(2000)
    subscribe('third', 'c', bob)
    expect(gone).toEqual(['first'])
    owners.tell(user)
    expect(gone).toEqual(['first', 'second', 'RENEW'])
  })

  test('lets a SUBSCRIBE not overtake an UNSUBSCRIBE of the same subscription', () => {
    const { owners, gone, subscribe, behind } = makeGate()
    subscribe('SUBSCRIBE', 'a')
    behind('UNSUBSCRIBE', 'a')
    subscribe('SUBSCRIBE again', 'a')
    owners.facts.set(bob.text, user)
    owners.tell(user)
    expect(gone).toEqual(['SUBSCRIBE', 'UNSUBSCRIBE', 'SUBSCRIBE again'])
  })

  test('answers busy where the facts cannot be had, and what is behind goes on', () => {
    const { owners, gone, subscribe, behind } = makeGate()
    const one = subscribe('SUBSCRIBE', 'a')
    behind('UNSUBSCRIBE', 'a')
    owners.tell(undefined)
    expect([one.status, one.waitMs, gone]).toEqual(['busy', 1000, ['UNSUBSCRIBE']])
  })

  test('is open again once nobody waits', () => {
    const { owners, gone, subscribe, behind } = makeGate()
    subscribe('SUBSCRIBE', 'a')
    owners.tell(user)
    behind('RENEW', 'a')
    expect(gone).toEqual(['SUBSCRIBE', 'RENEW'])
  })
})

describe('too many who wait', () => {
  test('for facts are to come again, and hold up nobody', () => {
    const { owners, gone, subscribe, behind } = makeGate()
    owners.isFull = true
    expect(subscribe('SUBSCRIBE', 'a').status).toBe('busy')
    behind('RENEW', 'a')
    expect(gone).toEqual(['RENEW'])
  })

  test('behind others leave room for who waits for little', () => {
    const { env, subscribe, behindBy } = makeGate({ ownersWaiting: 30 })
    subscribe('SUBSCRIBE', 'a')
    const [crowd, newcomer] = ['203.0.113.0/24', '192.0.2.0/24'].map((network) =>
      env.shares.tree.network(network),
    ) as [Account, Account]
    const answers = Array.from({ length: 40 }, () => behindBy(crowd, 'RENEW', 'a').status)
    expect(answers.filter((status) => status === 'no answer')).toHaveLength(10)
    expect(behindBy(newcomer, 'RENEW', 'a').status).toBe('no answer')
  })

  test('behind others are to come again, of all speakers together', () => {
    const { env, owners, gone, subscribe, behind } = makeGate({ ownersWaiting: 1 })
    subscribe('SUBSCRIBE', 'a')
    behind('RENEW', 'a')
    expect(behind('UNSUBSCRIBE', 'a').status).toBe('busy')
    expect(env.meter.total('limit_hits_total', { limit: 'ownersWaiting' })).toBe(1)
    owners.tell(user)
    expect(gone).toEqual(['SUBSCRIBE', 'RENEW'])
    subscribe('again', 'a', carol)
    expect(behind('RENEW again', 'a').status).toBe('no answer')
  })
})
