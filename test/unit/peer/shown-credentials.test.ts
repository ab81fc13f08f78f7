import { beforeEach, describe, expect, test } from 'vitest'
import { type Address, makeAddress } from '../../../src/address/address.ts'
import { type Domain, parseDomain } from '../../../src/address/domain.ts'
import type { Status } from '../../../src/errors.ts'
import type { Presentation, Reference } from '../../../src/link/outgoing.ts'
import { type Purpose, ShownCredentials } from '../../../src/peer/shown-credentials.ts'
import * as wire from '../../support/script/codec.ts'

const [home, annex, peer] = ['b.example', 'b2.example', 'a.example'].map(parseDomain) as [
  Domain,
  Domain,
  Domain,
]
const mayRefreshAt = 600
const refreshAt = 800

type Wish = { readonly most?: number; readonly subjects?: number; readonly room?: number }

/** A link that shows what is referred to; `now` is moved by hand. */
function makeShown({ most = 1000, subjects = 64, room = 64 }: Wish = {}) {
  const state = { now: 0, most, subjects }
  const forgotten: number[][] = []
  const minted: string[] = []
  const credentials = new ShownCredentials({
    mint: (all, audience, purpose) => {
      const taken = all.slice(0, room).sort((a, b) => (a.user < b.user ? -1 : 1))
      minted.push(`${taken.map(({ user }) => user).join(' ')} at ${audience} to ${purpose}`)
      const { now } = state
      const times = { mayRefreshAt: now + mayRefreshAt, refreshAt: now + refreshAt }
      return { token: `token ${minted.length}`, subjects: taken, ...times }
    },
    most: () => state.most,
    mostSubjects: () => state.subjects,
    evict: (numbers) => {
      forgotten.push([...numbers])
    },
  })
  const refer = (name: string, purpose: Purpose = 'user', domain = home): Reference =>
    credentials.refer(makeAddress(name, domain), peer, purpose)
  /** A request of the user waits. */
  const wait = (name: string, purpose: Purpose = 'user', domain = home): Reference => {
    const reference = refer(name, purpose, domain)
    reference.wait(state.now)
    return reference
  }
  /** Its turn has come: what is shown before it, if that is due. */
  const go = (reference: Reference): Presentation | undefined => {
    const shown = state.now < reference.refreshAt ? undefined : reference.present(state.now)
    reference.leave()
    return shown
  }
  const show = (name: string): Presentation | undefined => go(wait(name))
  return { state, forgotten, minted, credentials, refer, wait, go, show }
}

/** Numbers in the order of the token. */
const numbersOf = ({ reference, fields }: Presentation): readonly number[] => {
  const list = wire.readFields(fields).get(wire.tag.references)
  if (list === undefined) return [reference?.number ?? 0]
  return Array.from({ length: list.length / 4 }, (_, i) => list.readUInt32BE(i * 4))
}

const answer = (presentation: Presentation | undefined, status: Status): undefined =>
  presentation?.answered(status)

describe('[LINK-6.3-2] a credential', () => {
  test('is shown before the first request that names it, and not before the next', () => {
    const { show, minted, refer } = makeShown()
    expect(refer('alice').number).toBe(0)
    expect(numbersOf(show('alice') as Presentation)).toEqual([1])
    expect(show('alice')).toBe(undefined)
    expect(minted).toEqual(['alice at a.example to user'])
  })

  test('[LINK-6.3-4] is shown anew under its number once it nears its end', () => {
    const { show, state } = makeShown()
    show('alice')
    state.now = refreshAt - 1
    expect(show('alice')).toBe(undefined)
    state.now = refreshAt
    const again = show('alice')
    expect([again?.reference?.number, again === undefined]).toEqual([1, false])
  })
})

describe('[LINK-6.3-17] what is due in one turn', () => {
  test('is shown together, in the order of the token, with numbers that rise in it', () => {
    const { wait, go, minted } = makeShown()
    const all = ['dora', 'alice', 'carol'].map((name) => wait(name))
    const shown = all.map(go)
    expect(shown.slice(1)).toEqual([undefined, undefined])
    expect([minted, numbersOf(shown[0] as Presentation)]).toEqual([
      ['alice carol dora at a.example to user'],
      [1, 2, 3],
    ])
    expect(shown[0]?.reference).toBe(undefined)
    expect(all.map(({ number }) => number)).toEqual([3, 1, 2])
  })

  test('[LINK-10.3-5] is told apart by issuer and purpose', () => {
    const { wait, go, minted } = makeShown()
    const all = [
      wait('alice'),
      wait('bob'),
      wait('alice', 'notify'),
      wait('bob', 'notify'),
      wait('anna', 'user', annex),
      wait('beth', 'user', annex),
    ]
    for (const one of all) go(one)
    expect(minted).toEqual([
      'alice bob at a.example to user',
      'alice bob at a.example to notify',
      'anna beth at a.example to user',
    ])
  })

  test('is nobody of whom no request waits', () => {
    const { refer, show, minted, wait } = makeShown()
    refer('bob')
    wait('carol').leave()
    show('alice')
    expect(minted).toEqual(['alice at a.example to user'])
  })

  test.each([
    [0, 1],
    [1, 1],
    [2, 2],
    [64, 64],
  ])('[LINK-6.3-10] is at most so many as the far side takes: %i', (subjects, users) => {
    const { wait, go, minted } = makeShown({ subjects })
    const all = Array.from({ length: 200 }, (_, n) => wait(`u${1000 + n}`))
    for (const one of all) go(one)
    expect(minted.length).toBe(Math.ceil(200 / users))
    expect(new Set(all.map(({ number }) => number)).size).toBe(200)
  })

  test('goes with the next token, if one has no room for it', () => {
    const { wait, go, minted } = makeShown({ room: 2 })
    const all = ['a', 'b', 'c', 'd', 'e'].map((name) => wait(name))
    for (const one of all) go(one)
    expect(minted.map((text) => text.split(' at')[0])).toEqual(['a b', 'c d', 'e'])
    expect(all.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5])
  })

  test('takes with it who was used and is due soon, and nobody else', () => {
    const { show, state, minted, refer } = makeShown()
    for (const name of ['alice', 'bob', 'idle']) show(name)
    state.now = 100
    show('young')
    for (const name of ['alice', 'bob', 'young']) refer(name)
    state.now = mayRefreshAt
    show('zoe')
    expect(minted.at(-1)).toBe('alice bob idle zoe at a.example to user')
    // Who was not used since is not shown by what others do.
    refer('bob')
    state.now = 2 * mayRefreshAt
    show('zack')
    expect(minted.at(-1)).toBe('bob young zack zoe at a.example to user')
  })
})

describe('[LINK-6.3-16] a refused token', () => {
  test.each(['credential-format', 'credential-subject', 'bad-request', 'limit-reached'] as const)(
    'of several users: after %s each is shown alone, once',
    (status) => {
      const { wait, go, minted, credentials, forgotten, show } = makeShown()
      const all = ['alice', 'bob'].map((name) => wait(name))
      const [shown] = all.map(go)
      answer(shown, status)
      expect(forgotten).toEqual([[1, 2]])
      expect(all.map((one) => credentials.isRenewed(one, status))).toEqual([true, true])
      const again = ['alice', 'bob'].map((name) => wait(name))
      const alone = again.map(go)
      expect(minted.slice(1).map((text) => text.split(' at')[0])).toEqual(['alice', 'bob'])
      expect(alone.map((one) => one && numbersOf(one))).toEqual([[3], [4]])
      for (const one of alone) answer(one, status)
      expect(again.map((one) => credentials.isRenewed(one, status))).toEqual([false, false])
      // What comes later is shown together again.
      for (const one of ['alice', 'bob'].map((name) => wait(name))) go(one)
      expect(minted.at(-1)).toBe('alice bob at a.example to user')
      expect(show('alice')).toBe(undefined)
    },
  )

  test('for any other reason holds for all requests that wait for it', () => {
    const { wait, go, credentials } = makeShown()
    const all = ['alice', 'bob'].map((name) => wait(name))
    answer(all.map(go)[0], 'rate-limited')
    expect(all.map((one) => credentials.isRenewed(one, 'rate-limited'))).toEqual([false, false])
  })

  test('[LINK-6.3-5] a number that is not held there is shown again under another, alone', () => {
    const { wait, go, credentials, forgotten, minted } = makeShown()
    const [alice] = ['alice', 'bob'].map((name) => wait(name)).map((one) => [one, go(one)] as const)
    const reference = alice?.[0]
    expect(credentials.isRenewed(reference, 'refused')).toBe(false)
    expect(credentials.isRenewed(reference, 'credential-ref-unknown')).toBe(true)
    // Another answer to the same number: it is shown again already.
    expect(credentials.isRenewed(reference, 'credential-ref-unknown')).toBe(true)
    expect([forgotten, credentials.size]).toEqual([[[1]], 2])
    for (const one of ['alice', 'carol'].map((name) => wait(name))) go(one)
    expect(minted.slice(1)).toEqual(['alice at a.example to user', 'carol at a.example to user'])
  })
})

describe('numbers that are given back', () => {
  let three: ReturnType<typeof makeShown>
  beforeEach(() => {
    three = makeShown({ most: 3 })
  })

  test('[LINK-6.4-2] a refused one is given back at once if nothing waits for it', () => {
    const { show, forgotten, credentials } = three
    answer(show('alice'), 'credential-expired')
    expect([forgotten, credentials.size]).toEqual([[[1]], 0])
  })

  test('[LINK-6.4-2] [LINK-6.3-3] a refused one is given back once the requests are written that name it', () => {
    const { wait, forgotten, credentials, state } = three
    const alice = wait('alice')
    const shown = alice.present(state.now)
    answer(shown, 'credential-expired')
    expect([forgotten, credentials.size]).toEqual([[], 1])
    alice.leave()
    expect([forgotten, credentials.size]).toEqual([[[1]], 0])
  })

  test('[LINK-6.4-2] those that were not used since the last search go first', () => {
    const { show, forgotten, refer } = three
    for (const name of ['alice', 'bob', 'carol']) show(name)
    // All were used: it is the first who goes.
    show('dan')
    expect(forgotten).toEqual([[1, 2, 3]])
    show('erin')
    show('finn')
    refer('dan')
    show('gus')
    expect(forgotten.slice(1)).toEqual([[4, 5, 6]])
  })

  test('[LINK-6.4-2] second chance: who was used stays, who was not leaves', () => {
    const { show, forgotten, refer, state } = makeShown({ most: 200 })
    for (let n = 0; n < 200; n++) show(`u${n}`)
    // The first search looks at all, finds all used, and takes the oldest.
    show('first')
    expect(forgotten.map(({ length }) => length)).toEqual([64])
    state.most = 137
    for (let n = 64; n < 128; n++) refer(`u${n}`)
    show('second')
    expect(forgotten[1]).toEqual(Array.from({ length: 64 }, (_, n) => 129 + n))
  })

  test('[LINK-6.4-2] not while requests wait that name them', () => {
    const { wait, show, forgotten, credentials } = three
    const all = ['alice', 'bob', 'carol'].map((name) => wait(name))
    all[0]?.present(0)
    show('dan')
    expect([forgotten, credentials.size]).toEqual([[], 4])
    for (const one of all) one.leave()
    show('erin')
    expect(forgotten.flat().sort()).toEqual([1, 2, 3, 4])
  })

  test('[LINK-6.4-2] no more new numbers are shown together than have room', () => {
    const { wait, go, minted } = three
    for (const one of ['a', 'b', 'c', 'd', 'e'].map((name) => wait(name))) go(one)
    expect(minted.map((text) => text.split(' at')[0])).toEqual(['a b c', 'd', 'e'])
  })
})

describe('the cost', () => {
  const user = (n: number): Address => makeAddress(`u${n}`, home)

  test.for([1, 16, 1000])('of a far side that holds %i is no search through what waits', (most) => {
    const { credentials } = makeShown({ most })
    const started = performance.now()
    for (let n = 0; n < 50_000; n++) credentials.refer(user(n), peer, 'notify').wait(0)
    // Constant work for each; looking at all that wait would take minutes.
    expect(performance.now() - started).toBeLessThan(5000)
  })

  test('of a token is no walk over those who are not due', () => {
    const { credentials, state, wait, go } = makeShown({ most: 50_000 })
    for (let n = 0; n < 20_000; n++) go(wait(`u${n}`))
    state.now = mayRefreshAt
    const started = performance.now()
    // The first looks at all once, and finds nobody in use.
    for (let n = 0; n < 5000; n++) go(wait(`v${n}`))
    expect([credentials.size, performance.now() - started < 5000]).toEqual([25_000, true])
  })
})
