import { beforeEach, describe, expect, test } from 'vitest'
import { type Address, makeAddress } from '../../../src/address/address.ts'
import { parseDomain } from '../../../src/address/domain.ts'
import type { Reference } from '../../../src/link/outgoing.ts'
import { ShownCredentials } from '../../../src/peer/shown-credentials.ts'

const [home, peer] = [parseDomain('b.example'), parseDomain('a.example')]
const refreshAt = 1000

describe('the credentials that are shown on a link', () => {
  let forgotten: number[]
  let awaited: Set<Reference>
  let credentials: ShownCredentials
  const user = (name: string): Address => makeAddress(name, home)
  const refer = (name: string): Reference => credentials.refer(user(name), peer, 'user')

  /** As the link does it: the number is taken, and the token is written. */
  function show(name: string): Reference {
    const reference = refer(name)
    reference.shown = true
    expect(reference.number).toBeGreaterThan(0)
    reference.fieldBytes()
    return reference
  }

  beforeEach(() => {
    forgotten = []
    awaited = new Set()
    credentials = new ShownCredentials(
      () => ({ token: 'token', refreshAt }),
      () => 3,
      (numbers) => {
        forgotten.push(...numbers)
      },
      () => awaited,
    )
  })

  test('[LINK-6.4-2] a refused number is given back at once if nothing waits for it', () => {
    show('alice').shownAnswer('credential-expired')
    expect(forgotten).toEqual([1])
    expect(credentials.size).toBe(0)
  })

  test('[LINK-6.4-2] a refused number is given back once the requests are written that name it', () => {
    const alice = show('alice')
    awaited.add(alice)
    alice.shownAnswer('credential-expired')
    credentials.sweep(0)
    expect(forgotten).toEqual([])
    awaited.clear()
    credentials.sweep(0)
    expect(forgotten).toEqual([1])
    expect(credentials.size).toBe(0)
  })

  test('[LINK-6.3-7] a refused number counts as long as the far side holds it', () => {
    const alice = show('alice')
    awaited.add(alice)
    alice.shownAnswer('credential-expired')
    for (const name of ['bob', 'carol']) show(name)
    expect(credentials.size).toBe(3)
    awaited.clear()
    show('dan')
    expect(forgotten).toEqual([1])
  })

  test('[LINK-6.4-2] those whose tokens have run out make room as well', () => {
    for (const name of ['alice', 'bob', 'carol']) show(name)
    credentials.sweep(refreshAt)
    show('dan')
    expect(forgotten).toEqual([1, 2, 3])
    expect(credentials.size).toBe(1)
  })
})

describe('a far side that makes every search a long one', () => {
  /** References that wait to be named, and how many of them were looked at. */
  function slow(most: number) {
    const awaited = new Set<Reference>()
    let looked = 0
    const credentials = new ShownCredentials(
      () => ({ token: 'token', refreshAt }),
      () => most,
      () => undefined,
      () => {
        looked += awaited.size
        return awaited
      },
    )
    const refer = (n: number): Reference => {
      const reference = credentials.refer(makeAddress(`u${n}`, home), peer, 'notify')
      awaited.add(reference)
      return reference
    }
    return { credentials, awaited, refer, looked: () => looked }
  }

  test.for([1, 16, 1000])('holds %i, and does not cost the square of what waits', (most) => {
    const { refer, looked } = slow(most)
    for (let n = 0; n < 5000; n++) refer(n)
    expect(looked()).toBeLessThan(300_000)
  })

  test('refuses each credential, and does not cost the square of what waits', () => {
    const { credentials, refer, looked } = slow(10_000)
    const all = Array.from({ length: 5000 }, (_, n) => refer(n))
    for (const reference of all) {
      expect(reference.number).toBeGreaterThan(0)
      reference.shownAnswer('credential-expired')
    }
    expect(looked()).toBeLessThan(300_000)
    credentials.sweep(0)
    expect(looked()).toBeLessThan(300_000)
  })

  test('is looked at again a second later', () => {
    const { credentials, awaited, refer } = slow(1000)
    const all = Array.from({ length: 5000 }, (_, n) => refer(n))
    for (const reference of all) expect(reference.number).toBeGreaterThan(0)
    awaited.clear()
    credentials.sweep(0)
    const before = credentials.size
    refer(5001)
    expect(credentials.size).toBeLessThan(before)
  })
})
