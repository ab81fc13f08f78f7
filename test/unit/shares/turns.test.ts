import { beforeEach, describe, expect, test } from 'vitest'
import type { Account } from '../../../src/shares/account.ts'
import type { Shares } from '../../../src/shares/shares.ts'
import type { Reader, Turns } from '../../../src/shares/turns.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { roomShares } from '../../support/room-shares.ts'

let clock: ManualClock
let shares: Shares
let turns: Turns

/** A link whose bytes take a tenth of a millisecond each. */
class Link implements Reader {
  readonly account: Account
  readonly name: string
  isPaused = false
  unread = 0
  constructor(name: string, account: Account) {
    this.name = name
    this.account = account
  }
  read(chunk: Buffer): number {
    let taken = 0
    while (taken < chunk.length && !turns.isUp()) {
      taken++
      clock.stall(0.1)
      log.push(this.name)
    }
    this.unread -= taken
    return taken
  }
  /** `bytes` come, which the system hands over if nobody has asked it not to. */
  come(bytes: number): undefined {
    if (this.isPaused) throw new Error('a chunk while it is paused')
    this.unread += bytes
    turns.read(this, Buffer.alloc(bytes))
  }
  pause(): undefined {
    this.isPaused = true
  }
  resume(): undefined {
    this.isPaused = false
  }
}

let log: string[]

beforeEach(() => {
  clock = new ManualClock()
  shares = roomShares(undefined, clock)
  turns = shares.turns
  log = []
})

/** One chunk of a link of `account`, read whole: `work` is what that does. */
function readOnce(account: Account, work: () => void): void {
  const read = (chunk: Buffer): number => {
    work()
    return chunk.length
  }
  const nothing = (): undefined => undefined
  turns.read({ account, read, pause: nothing, resume: nothing }, Buffer.alloc(1))
}

const readAll = async (): Promise<void> => {
  while (turns.links > 0) await clock.advance(1)
}

const linkOf = (name: string, domain = `${name}.example`, network = name): Link =>
  new Link(name, shares.domain(domain, network))
const readBy = (name: string): number => log.filter((one) => one === name).length

describe('a link', () => {
  test('with little to read is read at once', () => {
    const link = linkOf('a')
    link.come(10)
    expect([link.unread, link.isPaused, turns.links]).toEqual([0, false, 0])
  })

  test('with much is read for 2 ms, then it waits, and all of it is read in the end', async () => {
    const link = linkOf('a')
    link.come(1000)
    expect(readBy('a') * 0.1).toBeLessThan(2.5)
    expect([link.isPaused, turns.links]).toEqual([true, 1])
    await readAll()
    expect([link.unread, link.isPaused, turns.links]).toEqual([0, false, 0])
  })

  test('is charged for its time and its bytes, whatever becomes of them', async () => {
    const link = linkOf('a')
    link.come(300)
    await readAll()
    expect(shares.used(link.account, 'time')).toBeGreaterThan(28)
    expect(shares.used(link.account, 'time')).toBeLessThan(32)
  })
})

describe('32 links with much to read', () => {
  test('hold no turn longer than 50 ms, and share it evenly', async () => {
    const links = Array.from({ length: 32 }, (_, n) => linkOf(`l${n}`))
    const before = clock.now()
    for (const link of links) link.come(200)
    expect(clock.now() - before).toBeLessThan(50)
    while (turns.links > 0) {
      const at = clock.now()
      await clock.advance(0)
      expect(clock.now() - at).toBeLessThan(50)
      await clock.advance(1)
    }
    expect(links.every(({ unread, isPaused }) => unread === 0 && !isPaused)).toBe(true)
  })
})

describe('round robin', () => {
  test('goes over accounts: many links of one domain have the turn of one', async () => {
    const many = Array.from({ length: 8 }, (_, n) => linkOf(`m${n}`, 'many.example', 'net'))
    const one = linkOf('one')
    for (const link of many) link.come(300)
    one.come(300)
    const first = readBy('one')
    await readAll()
    // The one had its bytes before the eight had theirs.
    const end = log.lastIndexOf('one')
    expect(first).toBeLessThan(300)
    expect(log.slice(end + 1).length).toBeGreaterThan(300)
  })
})

describe('who is over its share of time', () => {
  test('is read after all others', async () => {
    const [big, other] = [linkOf('big'), linkOf('other')]
    for (let n = 0; n < 4; n++) {
      shares.charge(big.account, 90)
      clock.stall(160)
      await clock.advance(0)
    }
    expect(shares.isOver(big.account, 'time')).toBe(true)
    for (const link of [big, other]) link.come(200)
    const before = readBy('big')
    await readAll()
    const [first] = log.flatMap((name, at) => (name === 'big' ? [at] : [])).slice(before)
    expect(before).toBeLessThan(20)
    expect(first).toBeGreaterThan(log.lastIndexOf('other'))
    expect([big.unread, other.unread]).toEqual([0, 0])
  })
})

describe('what is to be done at the end', () => {
  test('is done in the same turn where it comes from a link that had waited', async () => {
    const link = linkOf('a')
    const done: number[] = []
    const planned: boolean[] = []
    const read = link.read.bind(link)
    link.read = (chunk) => {
      const taken = read(chunk)
      planned.push(
        turns.atEnd(() => {
          done.push(turns.links)
        }),
      )
      return taken
    }
    link.come(25)
    expect([planned, done, turns.links]).toEqual([[false], [], 1])
    await clock.advance(0)
    expect([planned, done]).toEqual([[false, true], [0]])
  })
})

describe('work that takes a while', () => {
  test('is done at once, and in turns once there is more than one turn takes', async () => {
    const done: string[] = []
    const work = (name: string, count: number): undefined => {
      const account = shares.tree.network(name)
      for (let n = 0; n < count; n++) {
        turns.work(account, () => {
          clock.stall(4)
          done.push(name)
        })
      }
    }
    work('crowd', 64)
    expect(done.length).toBeLessThan(5)
    work('one', 1)
    const from = clock.now()
    while (!done.includes('one')) await clock.advance(1)
    // Not behind all of those that came before.
    expect(clock.now() - from).toBeLessThan(30)
    while (turns.links > 0) await clock.advance(1)
    expect(done.length).toBe(65)
    expect(shares.used(shares.tree.network('crowd'), 'time')).toBeGreaterThan(200)
  })
})

describe('a pause of the host', () => {
  test("in the middle of a slice is nobody's use", () => {
    const account = shares.domain('a.example', 'x')
    readOnce(account, () => clock.stall(500))
    expect(shares.used(account, 'time')).toBeLessThan(10)
  })
})

describe('five hundred strangers with much to read, each of a network of its own', () => {
  test('hold up what comes from a known domain by no more than a turn', async () => {
    shares = roomShares(undefined, clock, ['known.example'])
    turns = shares.turns
    for (let n = 0; n < 500; n++) linkOf(`s${n}`).come(200)
    const known = linkOf('known')
    for (let n = 0; n < 10; n++) {
      await clock.advance(1)
      if (!known.isPaused) known.come(10)
      const from = clock.now()
      while (known.unread > 0) await clock.advance(1)
      expect(clock.now() - from).toBeLessThan(30)
    }
    expect(turns.links).toBeGreaterThan(400)
  })
})

describe('several domains on one link', () => {
  test('pay each for their own', () => {
    const [a, b] = [shares.domain('a.example', 'x'), shares.domain('b.example', 'x')]
    readOnce(a, () => {
      clock.stall(1)
      turns.switchTo(b)
      clock.stall(5)
      turns.switchTo(a)
      clock.stall(2)
    })
    expect(shares.used(b, 'time')).toBeCloseTo(5)
    expect(shares.used(a, 'time')).toBeCloseTo(3, 1)
  })
})
