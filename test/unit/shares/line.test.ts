import { beforeEach, describe, expect, test } from 'vitest'
import { Meter } from '../../../src/lib/meter.ts'
import { type Account, type Held, resources } from '../../../src/shares/account.ts'
import { Line } from '../../../src/shares/line.ts'
import { Shares } from '../../../src/shares/shares.ts'
import { dose } from '../../support/dose.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { seededRandom } from '../../support/seeded-random.ts'

const size = 40
const open = new AbortController().signal

let clock: ManualClock
let shares: Shares
let line: Line
let waits: number
/** Who got a place, in order. */
let served: string[]

beforeEach(() => {
  clock = new ManualClock()
  waits = 0
  served = []
  shares = new Shares({
    ...{ clock, meter: new Meter(), standing: (name) => (name === 'known' ? 'known' : 'stranger') },
    sizes: Object.fromEntries(resources.map((name) => [name, size])) as Record<Held, number>,
  })
  const told = (): undefined => {
    waits++
  }
  line = new Line(shares, 'dials', { places: size, few: 1, most: 3, priceMs: 2, waits: told })
})

const network = (name: string): Account => shares.tree.network(name)
const user = (name: string): Account => shares.tree.user(name)

const ask = async (account: Account, signal = open): Promise<boolean> => {
  const isServed = await line.take(account, signal)
  if (isServed) served.push(account.name)
  return isServed
}
/** As many as there are for strangers. */
const fill = async (accounts: readonly Account[]): Promise<void> => {
  for (let n = 0; n < size; n++) void ask(accounts[n % accounts.length] as Account)
  await clock.advance(200)
}
/** All that one network can have, and what is kept for others besides. */
const fillUp = async (): Promise<void> => {
  await fill([network('big')])
  for (let n = 0; n < 3; n++) void ask(network(`few ${n}`))
  await settle()
}
const settle = () => clock.advance(0)

describe('places that are waited for', () => {
  test('are had at once while there are enough, and nobody is told to wait', async () => {
    for (let n = 0; n < 10; n++) expect(await ask(network('one'))).toBe(true)
    expect([served.length, waits]).toEqual([10, 0])
  })

  test('are kept in part for who had none lately', async () => {
    await fill([network('big')])
    expect(await Promise.race([ask(network('new')), settle()])).toBe(true)
    line.give(network('big'))
    line.give(network('new'))
    await settle()
    expect(served.slice(-2)).toEqual(['new', 'big'])
  })

  test('go to the network that has least of them, not to the one that asked first', async () => {
    await fillUp()
    served = []
    void ask(network('new'))
    await settle()
    expect(served).toEqual([])
    for (let n = 0; n < 4; n++) line.give(network('big'))
    await settle()
    expect(served[0]).toBe('new')
  })

  test('go round the others once those who had few lately have theirs', async () => {
    for (const name of ['three', 'one', 'two']) {
      await ask(network(name))
      line.give(network(name))
      await clock.advance(1)
    }
    await fill([network('big')])
    const before = served.length
    for (const name of ['two', 'three', 'new', 'one']) void ask(network(name))
    for (let n = 0; n < 10; n++) line.give(network('big'))
    await settle()
    expect(served.slice(before, before + 5)).toEqual(['new', 'big', 'two', 'three', 'one'])
  })

  test('are not lost with one who stops waiting', async () => {
    await fillUp()
    const impatient = new AbortController()
    const left = ask(network('new'), impatient.signal)
    impatient.abort()
    expect(await left).toBe(false)
    while (shares.used(network('big'), 'dials') > 0) line.give(network('big'))
    await settle()
    expect(served).not.toContain('new')
    expect(await ask(network('new'))).toBe(true)
    expect(await ask(network('new'), AbortSignal.abort())).toBe(false)
  })

  test('cost the same to give back, however many wait', async () => {
    await fillUp()
    for (let n = 0; n < 2000; n++) void ask(network(`new ${n}`))
    await settle()
    let looks = 0
    const used: Shares['used'] = (account, resource) => {
      looks++
      return Shares.prototype.used.call(shares, account, resource)
    }
    Object.assign(shares, { used })
    line.give(network('few 0'))
    expect(looks).toBeLessThan(100)
  })

  test('are waited for by so many of one account and no more', async () => {
    await fill([user('flooder')])
    const more = await Promise.race([ask(user('flooder')), settle().then(() => 'waits')])
    expect(more).toBe(false)
    void ask(network('new'))
    await settle()
    expect(waits).toBeGreaterThan(3)
  })
})

test('who is served pays for what is done with the place, and who waits does not', async () => {
  await fillUp()
  void ask(network('new'))
  await settle()
  expect(shares.used(network('few 0'), 'time')).toBe(2)
  expect(shares.used(network('new'), 'time')).toBe(0)
})

describe('places of which one user holds most', () => {
  test('are left for other users, and for strangers', async () => {
    for (let n = 0; n < size; n++) void ask(user(`flooder ${n % 2}`))
    await clock.advance(200)
    expect(served.length).toBeLessThan(size)
    expect(await Promise.race([ask(user('other')), settle()])).toBe(true)
    expect(await Promise.race([ask(network('new')), settle()])).toBe(true)
    const [a, b] = [0, 1].map((n) => shares.used(user(`flooder ${n}`), 'dials')) as [number, number]
    expect(Math.abs(a - b)).toBeLessThanOrEqual(1)
  })
})

test('whatever happens, nobody waits while there is nobody who has a place, and none is lost', async () => {
  for (let seed = 1; seed <= dose(20, 5); seed++) {
    const random = seededRandom(seed)
    const draw = (count: number): number => Math.floor(random.number() * count)
    const all = [user('u'), user('v'), network('m'), network('n'), shares.domain('known', '')]
    const held: Account[] = []
    let underWay = 0
    const stops: AbortController[] = []
    for (let n = 0; n < 400; n++) {
      const account = all[draw(all.length)] as Account
      const what = draw(5)
      if (what < 3) {
        const stop = new AbortController()
        stops.push(stop)
        underWay++
        void line.take(account, stop.signal).then((isServed) => {
          underWay--
          if (isServed) held.push(account)
        })
      } else if (what === 3 && held.length > 0) {
        line.give(held.splice(draw(held.length), 1)[0] as Account)
      } else stops[draw(stops.length)]?.abort()
      if (draw(10) === 0) await clock.advance(draw(300))
      else await settle()
      expect(shares.used(shares.tree.all, 'dials')).toBe(held.length)
      expect(held.length).toBeLessThanOrEqual(size)
    }
    while (held.length > 0) {
      line.give(held.pop() as Account)
      await settle()
    }
    expect([underWay, shares.used(shares.tree.all, 'dials')]).toEqual([0, 0])
  }
})
