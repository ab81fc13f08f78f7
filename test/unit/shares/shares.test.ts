import { beforeEach, describe, expect, test } from 'vitest'
import { Meter } from '../../../src/lib/meter.ts'
import { type Account, type Held, resources } from '../../../src/shares/account.ts'
import { Shares } from '../../../src/shares/shares.ts'
import { mostAccounts } from '../../../src/shares/tree.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { seededRandom } from '../../support/seeded-random.ts'

let clock: ManualClock
let meter: Meter
let shares: Shares
let known: Set<string>
let named: Set<string>

const sizeOfAll = 1000

beforeEach(() => {
  clock = new ManualClock()
  meter = new Meter()
  known = new Set()
  named = new Set()
  shares = new Shares({
    clock,
    meter,
    sizes: Object.fromEntries(resources.map((name) => [name, sizeOfAll])) as Record<Held, number>,
    standing: (domain) => (named.has(domain) ? 'named' : known.has(domain) ? 'known' : 'stranger'),
  })
})

const stranger = (name: string, network = '203.0.113'): Account => shares.domain(name, network)
const acquaintance = (name: string): Account => {
  known.add(name)
  return shares.domain(name, '192.0.2')
}

/** Turns in which the loop is late, `work` (in ms) being what was done in each. */
async function busy(turns: number, work: () => number, lateMs = 60): Promise<void> {
  for (let n = 0; n < turns; n++) {
    work()
    clock.stall(100 + lateMs)
    await clock.advance(0)
  }
}

const quiet = (ms: number): Promise<void> => clock.advance(ms)

describe('time of the event loop', () => {
  /** Charges each of `uses`; what they sum up to fills a late turn. */
  const work =
    (uses: readonly (readonly [account: Account, ms: number])[]): (() => number) =>
    () => {
      for (const [account, ms] of uses) shares.charge(account, ms)
      return 0
    }

  test('is nobody too much of while the loop keeps up', async () => {
    const one = stranger('a.example')
    for (let n = 0; n < 50; n++) {
      shares.charge(one, 95)
      await quiet(100)
    }
    expect(shares.isOver(one, 'time')).toBe(false)
  })

  test('is nobody too much of where the loop lags without work of ours', async () => {
    const one = stranger('a.example')
    await busy(20, work([[one, 40]]))
    expect(shares.isOver(one, 'time')).toBe(false)
  })

  test('is shared once the loop lags under work: who wants most gives way', async () => {
    const big = stranger('big.example', '203.0.113')
    const small = stranger('small.example', '198.51.100')
    await busy(
      5,
      work([
        [big, 140],
        [small, 5],
      ]),
    )
    expect(shares.isOver(big, 'time')).toBe(true)
    expect(shares.isOver(small, 'time')).toBe(false)
  })

  test('leaves a giant that our users know with what it wants, beside a hundred strangers', async () => {
    const giant = acquaintance('giant.example')
    const others = Array.from({ length: 100 }, (_, n) => stranger(`s${n}.example`, `net${n}`))
    await busy(10, work([[giant, 48], ...others.map((one) => [one, 1.1] as const)]))
    expect(shares.isScarce('time')).toBe(true)
    expect(shares.isOver(giant, 'time')).toBe(false)
    expect(others.every((one) => shares.isOver(one, 'time'))).toBe(true)
  })

  test('five hundred names of one network have the part of one network', async () => {
    const names = Array.from({ length: 500 }, (_, n) => stranger(`n${n}.example`))
    const newcomer = stranger('newcomer.example', '198.51.100')
    await busy(10, work([...names.map((one) => [one, 0.3] as const), [newcomer, 8]]))
    expect(names.every((one) => shares.isOver(one, 'time'))).toBe(true)
    expect(shares.isOver(newcomer, 'time')).toBe(false)
  })

  test('one user of a domain who floods costs the others of the domain nothing', async () => {
    const domain = acquaintance('provider.example')
    const others = Array.from({ length: 999 }, (_, n) => `u${n}`)
    await busy(10, () => {
      shares.charge(domain, 140)
      for (let n = 0; n < 5000; n++) shares.isFloodOf(domain, 'flooder')
      for (const one of others) shares.isFloodOf(domain, one)
      return 0
    })
    expect(shares.isOver(domain, 'time')).toBe(true)
    expect(shares.isFloodOf(domain, 'flooder')).toBe(true)
    expect(others.some((one) => shares.isFloodOf(domain, one) !== false)).toBe(false)
  })

  test('many users of a domain who all want as much give way together, by credit alone', async () => {
    const domain = acquaintance('provider.example')
    const users = Array.from({ length: 50 }, (_, n) => `u${n}`)
    await busy(20, () => {
      shares.charge(domain, 140)
      for (let n = 0; n < 20; n++) for (const one of users) shares.isFloodOf(domain, one)
      return 0
    })
    expect(shares.isOver(domain, 'time')).toBe(true)
    expect(users.some((one) => shares.isFloodOf(domain, one) !== false)).toBe(false)
  })

  test('senders of one domain are told apart up to a number', async () => {
    const domain = acquaintance('provider.example')
    const names = Array.from({ length: 1025 }, (_, n) => `u${n}`)
    const told = names.map((name) => shares.isFloodOf(domain, name))
    expect(told.filter((one) => one === undefined).length).toBe(1)
    expect(shares.isFloodOf(domain, 'u0')).toBe(false)
    expect(shares.isFloodOf(domain, 'one more')).toBe(undefined)
  })

  test('is nobody too much of where more is used than there was when it was scarce', async () => {
    const domain = acquaintance('provider.example')
    await busy(3, work([[domain, 140]]))
    for (let n = 0; n < 5; n++) {
      // The loop lags no more, and is busy with more than one.
      shares.charge(domain, 50)
      shares.charge(shares.tree.user('alice@a.example'), 50)
      await quiet(100)
    }
    for (let n = 0; n < 5; n++) {
      shares.charge(domain, 90)
      await quiet(100)
    }
    expect(shares.isFlood(domain)).toBe(false)
  })

  test('our users come before strangers, who want as much', async () => {
    const ours = shares.tree.user('alice@a.example')
    const other = stranger('b.example')
    await busy(
      10,
      work([
        [ours, 75],
        [other, 75],
      ]),
    )
    expect(shares.isOver(ours, 'time')).toBe(false)
    expect(shares.isOver(other, 'time')).toBe(true)
  })

  test('is remembered after a link is gone, and forgotten half a minute later', async () => {
    await busy(10, work([[stranger('a.example'), 150]]))
    expect(shares.used(stranger('a.example'), 'time')).toBeGreaterThan(500)
    await quiet(30_000)
    expect(shares.used(stranger('a.example'), 'time')).toBeLessThan(0.01)
    expect(shares.tree.size).toBe(2)
  })

  test('is told as of now in quiet times, too', async () => {
    shares.charge(stranger('a.example'), 8)
    const told = () =>
      meter.gauges.get('share_used')?.get('class=strangers,resource=time')?.value() ?? Number.NaN
    expect(told()).toBe(8)
    await quiet(4000)
    expect(told()).toBeCloseTo(8 / Math.E ** 2, 1)
  })

  test('is nobody too much of five seconds after it was', async () => {
    const one = stranger('a.example')
    await busy(10, work([[one, 150]]))
    expect(shares.isOver(one, 'time')).toBe(true)
    await quiet(5000)
    expect(shares.isOver(one, 'time')).toBe(false)
    expect(shares.isScarce('time')).toBe(false)
  })
})

describe('places', () => {
  const fill = (account: Account, most: number): number => {
    let taken = 0
    while (taken < most && shares.take(account, 'lanes')) taken++
    return taken
  }

  test('are free for all while there are enough', () => {
    expect(fill(stranger('a.example'), 700)).toBe(700)
  })

  test('a stranger takes three quarters at most, a known peer nine tenths, our users the rest', () => {
    expect(fill(stranger('a.example'), sizeOfAll)).toBeLessThanOrEqual(860)
    const peer = fill(acquaintance('b.example'), sizeOfAll)
    expect(peer).toBeGreaterThan(0)
    expect(fill(shares.tree.user('alice@a.example'), sizeOfAll)).toBeGreaterThanOrEqual(90)
  })

  test('a full table takes from who has most for who has little', () => {
    const hog = stranger('hog.example', 'net1')
    let places = fill(hog, sizeOfAll)
    const shed = (victim: Account): boolean => {
      expect(victim).toBe(hog)
      places--
      shares.give(hog, 'lanes')
      return true
    }
    shares.onFull('lanes', { shed, isReplaceable: false })
    const newcomer = stranger('new.example', 'net2')
    expect(fill(newcomer, 10)).toBe(10)
    expect(shares.take(hog, 'lanes')).toBe(false)
    expect(places).toBeLessThan(860)
  })

  test('equals take nothing from each other', () => {
    const equals = Array.from({ length: 8 }, (_, n) => stranger(`n${n}.example`, `net${n}`))
    let asked = 0
    const shed = (victim: Account): boolean => {
      asked++
      shares.give(victim, 'lanes')
      return true
    }
    shares.onFull('lanes', { shed, isReplaceable: false })
    const all = (): undefined => {
      for (let n = 0; n < 2 * sizeOfAll; n++) shares.take(equals[n % 8] as Account, 'lanes')
    }
    all()
    // Now nobody is over its share, and the table is as full as strangers may make it.
    for (const one of equals) shares.give(one, 'lanes', 10)
    all()
    expect(asked).toBeLessThan(8)
    expect(fill(stranger('new.example', 'new'), 10)).toBe(10)
    expect(asked).toBeGreaterThanOrEqual(10)
  })

  test('nobody is asked to give up a place for itself', () => {
    const hog = stranger('hog.example')
    const shed = (): boolean => {
      throw new Error('asked')
    }
    shares.onFull('lanes', { shed, isReplaceable: false })
    fill(hog, sizeOfAll)
    expect(shares.take(hog, 'lanes')).toBe(false)
  })

  test('whose loss nobody feels are replaced by those who have too many', () => {
    const hog = stranger('hog.example')
    const shed = (victim: Account): boolean => {
      shares.give(victim, 'lanes')
      return true
    }
    shares.onFull('lanes', { shed, isReplaceable: true })
    expect(fill(hog, 2 * sizeOfAll)).toBe(2 * sizeOfAll)
    expect(shares.used(hog, 'lanes')).toBeLessThanOrEqual(860)
    expect(shares.take(stranger('new.example', 'net2'), 'lanes')).toBe(true)
  })

  test('that are held without asking are scarce at once', () => {
    const hog = stranger('hog.example')
    shares.hold(hog, 'bytes', 0.75 * sizeOfAll)
    expect(shares.isOver(hog, 'bytes')).toBe(false)
    shares.hold(hog, 'bytes', 1)
    expect(shares.isOver(hog, 'bytes')).toBe(true)
    expect(shares.isOver(stranger('new.example', 'net2'), 'bytes')).toBe(false)
  })

  test('are given up by who holds too many of them without asking', () => {
    const [hog, other] = [stranger('hog.example'), stranger('new.example', 'net2')]
    const asked: (readonly [account: Account, isOwn: boolean])[] = []
    shares.onFull('bytes', {
      shed: (...what) => {
        asked.push(what)
        return true
      },
      isReplaceable: false,
    })
    shares.hold(hog, 'bytes', 700)
    shares.relieve(hog, 'bytes')
    expect(asked).toEqual([])
    shares.hold(other, 'bytes', 100)
    for (const account of [hog, other]) shares.relieve(account, 'bytes')
    expect(asked).toEqual([[hog, true]])
  })

  test('are taken from others by who would have less than they even then', () => {
    shares.onFull('bytes', { shed: () => true, isReplaceable: false })
    for (const n of [1, 2]) shares.hold(stranger(`n${n}.example`, `net${n}`), 'bytes', 300)
    const one = stranger('one.example')
    shares.hold(one, 'bytes', 140)
    expect([shares.take(one, 'bytes', 170), shares.take(one, 'bytes', 100)]).toEqual([false, true])
  })

  test('that cannot be had are looked for a few times a turn only', async () => {
    fill(stranger('hog.example', 'net1'), sizeOfAll)
    let asked = 0
    const shed = (): boolean => {
      asked++
      return false
    }
    shares.onFull('lanes', { shed, isReplaceable: false })
    for (let n = 0; n < 100; n++) shares.take(stranger(`n${n}.example`, `m${n}`), 'lanes')
    expect(asked).toBeLessThanOrEqual(4)
    await quiet(100)
    shares.take(stranger('m.example', 'm'), 'lanes')
    expect(asked).toBeGreaterThan(4)
  })
})

describe('accounts', () => {
  test('are so many at most, and newcomers share one beyond that', async () => {
    const debtor = stranger('debtor.example', 'net0')
    shares.charge(debtor, 5000)
    for (let n = 0; n < 70_000; n++) shares.charge(stranger(`d${n}.example`, `net${n % 64}`), 1)
    // Each network has one for those for whom there is no room.
    expect(shares.tree.size).toBeLessThanOrEqual(mostAccounts + 65)
    expect(stranger('debtor.example', 'net0')).toBe(debtor)
    expect(shares.used(debtor, 'time')).toBeGreaterThan(4000)
    await quiet(60_000)
    expect(shares.tree.size).toBe(0)
  })

  test('that strangers fill leave some to our users and to whom they know', () => {
    for (let n = 0; n < 20_000; n++) stranger(`d${n}.example`, `net${n}`)
    expect(stranger('one.more.example', 'one more').name).toBe('_rest')
    expect(acquaintance('known.example').name).toBe('known.example')
    expect(shares.tree.user('new@a.example').name).toBe('new@a.example')
  })

  test('a stranger that our users come to know takes along what it holds', () => {
    const before = stranger('b.example')
    shares.take(before, 'lanes', 7)
    shares.charge(before, 11)
    known.add('b.example')
    const after = shares.domain('b.example', 'elsewhere')
    expect(after).toBe(before)
    expect(shares.used(shares.tree.strangers, 'lanes')).toBe(0)
    expect(shares.used(shares.tree.known, 'lanes')).toBe(7)
    expect(shares.used(shares.tree.known, 'time')).toBeCloseTo(11)
    expect(shares.used(shares.tree.strangers, 'time')).toBeCloseTo(0)
  })

  test('a domain stays in the network that it came from first', () => {
    expect(stranger('b.example', 'net1')).toBe(stranger('b.example', 'net2'))
  })

  test.for([1, 2, 3])('all that is taken and given back is back (seed %i)', async (seed) => {
    const random = seededRandom(seed)
    const draw = (count: number): number => Math.floor(random.number() * count)
    const held: (() => undefined)[] = []
    const all = ['bytes', 'links', 'lanes', 'credentials'] as const
    for (let n = 0; n < 5000; n++) {
      const name = `d${draw(40)}.example`
      if (draw(50) === 0) known.add(name)
      const account =
        draw(4) === 0 ? shares.tree.user(`u${draw(20)}`) : stranger(name, `n${draw(5)}`)
      const resource = all[draw(all.length)] as (typeof all)[number]
      const amount = resource === 'bytes' ? 1 + draw(40) : 1
      if (draw(5) < 3) {
        if (shares.take(account, resource, amount)) {
          held.push(() => shares.give(account, resource, amount))
        }
      } else held.splice(draw(held.length), 1)[0]?.()
      if (draw(20) === 0) await quiet(100)
    }
    for (const give of held) give()
    await quiet(10_000)
    for (const resource of all) {
      expect(shares.used(shares.tree.all, resource)).toBe(0)
      expect(shares.isScarce(resource)).toBe(false)
    }
    await quiet(60_000)
    expect(shares.tree.size).toBe(0)
  })
})
