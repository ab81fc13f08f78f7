import { describe, expect, test } from 'vitest'
import { listDirectory, openDirectory } from '../../../src/home/directory.ts'
import { Owners } from '../../../src/home/owners.ts'
import type { Limits } from '../../../src/limits.ts'
import type { Entry } from '../../../src/operation/directory.ts'
import { bob, carol, home, zoe } from '../../support/middle/calls.ts'
import { roomEnv, settle } from '../../support/middle/env.ts'

type Asked = {
  readonly user: string
  readonly answer: (entry: Entry | undefined) => void
  readonly fail: (error: Error) => void
}

/** Facts about users, and a directory that says what it is told to say, when it is told. */
function makeOwners(limits: Partial<Limits> = {}) {
  const env = roomEnv(limits)
  const asked: Asked[] = []
  const directory = {
    find: ({ text }: { readonly text: string }) =>
      new Promise<Entry | undefined>((resolve, reject) => {
        asked.push({ user: text, answer: resolve, fail: reject })
      }),
  }
  const owners = new Owners(env, (domain) => (domain === home ? directory : undefined))
  const told: string[] = []
  const { tree } = env.shares
  const wait = (name: string, user = bob, payer = tree.all): boolean =>
    owners.wait(user, payer, (owner) => {
      told.push(`${name} ${owner === undefined ? 'nothing' : owner.isUser ? 'user' : 'nobody'}`)
    })
  return { env, asked, owners, told, wait }
}

const listed: Entry = { keys: ['key'] }

describe('the facts about an owner', () => {
  test('are asked for once, kept while they are fresh, and asked for again', async () => {
    const { env, asked, owners, wait, told } = makeOwners({ ownerMs: 1000 })
    expect(owners.known(bob, 0)).toBe(undefined)
    wait('one')
    asked[0]?.answer(listed)
    await settle()
    expect(told).toEqual(['one user'])
    expect(owners.known(bob, 0)).toEqual({ isUser: true, keys: ['key'] })
    expect(owners.known(bob, 1000)).toEqual({ isUser: true, keys: ['key'] })
    expect(owners.known(bob, 1001)).toBe(undefined)
    expect(asked).toHaveLength(1)
    expect(env.clock.pending).toBe(0)
  })

  test('about nobody are facts as well, told and kept in the same way', async () => {
    const { asked, owners, wait, told } = makeOwners()
    wait('one')
    asked[0]?.answer(undefined)
    await settle()
    expect(told).toEqual(['one nobody'])
    expect(owners.known(bob, 0)).toEqual({ isUser: false, keys: [] })
  })

  test('in a domain without a directory: nobody is there', async () => {
    const { owners, wait, told } = makeOwners()
    wait('one', zoe)
    await settle()
    expect([told, owners.known(zoe, 0)]).toEqual([['one nobody'], undefined])
  })

  test('that are used least lately are forgotten where there are too many', async () => {
    const { asked, owners, wait } = makeOwners({ owners: 1 })
    wait('bob')
    asked[0]?.answer(listed)
    await settle()
    wait('carol', carol)
    asked[1]?.answer(listed)
    await settle()
    expect([owners.known(bob, 0), owners.known(carol, 0)?.isUser]).toEqual([undefined, true])
  })
})

describe('those who wait for the same facts', () => {
  test('are told in the order of their calls, by one question', async () => {
    const { asked, wait, told } = makeOwners()
    for (const name of ['one', 'two', 'three']) expect(wait(name)).toBe(true)
    wait('other', carol)
    expect(asked.map(({ user }) => user)).toEqual([bob.text, carol.text])
    asked[0]?.answer(listed)
    await settle()
    expect(told).toEqual(['one user', 'two user', 'three user'])
  })

  test('are not overtaken by one who finds the facts there, nor by one who asks meanwhile', async () => {
    const { env, asked, owners, wait, told } = makeOwners()
    wait('first')
    asked[0]?.answer(listed)
    await settle()
    // Stale, so that somebody waits again.
    const at = 10_000_000
    expect(owners.known(bob, at)).toBe(undefined)
    owners.wait(bob, env.shares.tree.all, () => {
      // Facts are there now, and others still wait for them.
      told.push(`second: ${owners.known(bob, at)?.isUser}`)
      wait('asked within')
    })
    wait('third')
    expect(owners.known(bob, 0)).toBe(undefined)
    asked[1]?.answer(listed)
    await settle()
    expect(told).toEqual(['first user', 'second: undefined', 'third user', 'asked within user'])
    expect(asked).toHaveLength(2)
  })

  test('are told that nothing is known if the directory fails, and the next one asks anew', async () => {
    const { asked, owners, wait, told } = makeOwners()
    wait('one')
    wait('two')
    asked[0]?.fail(new Error('away'))
    await settle()
    expect([told, owners.known(bob, 0)]).toEqual([['one nothing', 'two nothing'], undefined])
    wait('three')
    asked[1]?.answer(listed)
    await settle()
    expect(told.at(-1)).toBe('three user')
  })

  test('are told that nothing is known if the directory throws at once', async () => {
    const find = (): never => {
      throw new Error('away')
    }
    const env = roomEnv()
    const owners = new Owners(env, () => ({ find }))
    const told: unknown[] = []
    owners.wait(bob, env.shares.tree.all, (owner) => {
      told.push(owner)
    })
    await settle()
    expect([told, owners.known(bob, 0)]).toEqual([[undefined], undefined])
  })

  test('are told that nothing is known if it is too slow, and what it says then is not kept', async () => {
    const { env, asked, owners, wait, told } = makeOwners({ directoryMs: 50 })
    wait('one')
    await env.clock.advance(49)
    expect(told).toEqual([])
    await env.clock.advance(1)
    expect([told, env.hits('directoryMs')]).toEqual([['one nothing'], 1])
    asked[0]?.answer(listed)
    await settle()
    expect([told.length, owners.known(bob, 0)]).toEqual([1, undefined])
  })

  test('are so many and no more of one domain, over all its owners; room comes back as they are told', async () => {
    const { env, asked, wait } = makeOwners({ ownersWaiting: 2 })
    expect([wait('one'), wait('two', carol), wait('three'), wait('four', zoe)]).toEqual([
      true,
      true,
      false,
      true,
    ])
    expect([env.hits('ownersWaiting'), asked.length]).toEqual([1, 2])
    asked[0]?.answer(listed)
    await settle()
    expect([wait('five'), wait('six')]).toEqual([true, false])
  })
})

describe('a slow directory', () => {
  test('that many names of one network ask leaves room for a newcomer and for domains that are known', async () => {
    const { env, asked, wait } = makeOwners({ ownersWaiting: 30, recipientMessages: 1000 })
    const { tree } = env.shares
    const flood = Array.from({ length: 100 }, (_, i) => {
      const payer = tree.domain(`d${i}.example`, '203.0.113.0/24', 'stranger', 0)
      return wait('flood', bob, payer)
    })
    expect(flood.filter(Boolean)).toHaveLength(10)
    const newcomer = tree.domain('new.example', '192.0.2.0/24', 'stranger', 0)
    expect(wait('newcomer', bob, newcomer)).toBe(true)
    for (let i = 0; i < 200; i++) {
      wait('flood', bob, tree.domain(`n${i}.example`, `10.0.${i}.0/24`, 'stranger', 0))
    }
    expect(wait('known', bob, tree.domain('known.example', '192.0.2.0/24', 'known', 0))).toBe(true)
    expect(env.hits('ownersWaiting')).toBeGreaterThan(200)
    asked[0]?.answer(listed)
    await settle()
    expect(wait('newcomer', bob, newcomer)).toBe(true)
  })
})

describe('whoever attaches or wants a credential', () => {
  test('is looked for in the directory, whatever is known, and known from then on', async () => {
    const { asked, owners, wait } = makeOwners()
    wait('one')
    asked[0]?.answer(listed)
    await settle()
    const found = owners.find(bob)
    asked[1]?.answer(undefined)
    expect(await found).toBe(undefined)
    expect(owners.known(bob, 0)?.isUser).toBe(false)
  })

  test('is told that the directory fails, or is too slow', async () => {
    const { env, asked, owners } = makeOwners({ directoryMs: 50 })
    const failing = owners.find(bob)
    asked[0]?.fail(new Error('away'))
    await expect(failing).rejects.toThrow('away')
    const slow = owners.find(bob)
    const told = expect(slow).rejects.toThrow('too long')
    await env.clock.advance(50)
    await told
    expect(env.clock.pending).toBe(0)
  })
})

describe('directories that need nobody else', () => {
  test('a list knows its users and their keys', async () => {
    const directory = listDirectory(new Map([['bob', ['key']]]))
    expect(await directory.find(bob)).toEqual({ keys: ['key'] })
    expect(await directory.find(carol)).toBe(undefined)
  })

  test('an open one takes anybody whose credential names the key', async () => {
    expect(await openDirectory.find(carol)).toEqual({ keys: [] })
  })
})
