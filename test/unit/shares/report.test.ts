import { beforeEach, expect, test } from 'vitest'
import { Meter } from '../../../src/lib/meter.ts'
import { type Account, type Held, type Resource, resources } from '../../../src/shares/account.ts'
import type { PartyReport } from '../../../src/shares/report.ts'
import { Shares } from '../../../src/shares/shares.ts'
import { ManualClock } from '../../support/manual-clock.ts'

let clock: ManualClock
let shares: Shares
let known: Set<string>

beforeEach(() => {
  clock = new ManualClock()
  known = new Set()
  shares = new Shares({
    clock,
    meter: new Meter(),
    sizes: Object.fromEntries(resources.map((name) => [name, 1000])) as Record<Held, number>,
    standing: (domain) => (known.has(domain) ? 'known' : 'stranger'),
  })
})

const acquaintance = (name: string): Account => {
  known.add(name)
  return shares.domain(name, '')
}
const stranger = (name: string, network: string): Account => shares.domain(name, network)

/** Ten turns in which the loop is late, with so many ms of work for each. */
async function lag(uses: readonly (readonly [Account, number])[]): Promise<void> {
  for (let n = 0; n < 10; n++) {
    for (const [account, ms] of uses) shares.charge(account, ms)
    clock.stall(160)
    await clock.advance(0)
  }
}

const resource = (name: Resource) => shares.report().resources.find((one) => one.name === name)
const names = (): readonly string[] => shares.report().most.map(({ name }) => name)
const party = (name: string): PartyReport | undefined =>
  shares.report().most.find((one) => one.name === name)

test('of each resource it tells how much of it there is, and which class uses it', () => {
  shares.take(shares.tree.user('alice@a.example'), 'lanes', 2)
  shares.take(acquaintance('b.example'), 'lanes', 5)
  shares.take(stranger('c.example', '192.0.2.0/24'), 'bytes', 7)
  expect(shares.report().resources.map(({ name }) => name)).toEqual(resources)
  expect(resource('lanes')).toEqual({
    ...{ name: 'lanes', used: 7, size: 1000, scarce: false },
    classes: {
      ours: { used: 2, over: 0 },
      known: { used: 5, over: 0 },
      strangers: { used: 0, over: 0 },
      admin: { used: 0, over: 0 },
    },
  })
  expect(resource('bytes')?.classes.strangers.used).toBe(7)
})

test('time is a part of what a loop comes to that does nothing else', async () => {
  const one = acquaintance('b.example')
  for (let n = 0; n < 200; n++) {
    shares.charge(one, 50)
    await clock.advance(100)
  }
  const { used = 0, size = 0 } = resource('time') ?? {}
  expect(used / size).toBeCloseTo(0.5, 1)
})

test('what a domain uses is told by resource, and what it uses nothing of is left out', () => {
  const one = acquaintance('b.example')
  shares.charge(one, 4)
  shares.take(one, 'lanes', 3)
  expect(party('b.example')).toEqual({
    ...{ name: 'b.example', class: 'known', domains: [], domainCount: 0 },
    ...{ used: { time: 4, lanes: 3 }, over: [] },
  })
})

test('who uses most time stands first', () => {
  shares.charge(acquaintance('little.example'), 1)
  shares.charge(acquaintance('much.example'), 5)
  shares.charge(stranger('some.example', '192.0.2.0/24'), 3)
  expect(names()).toEqual(['much.example', '192.0.2.0/24', 'little.example'])
})

test('who has more than its share stands before who uses more', async () => {
  const giant = acquaintance('giant.example')
  const others = [1, 2, 3].map((n) => stranger(`s${n}.example`, `192.0.${n}.0/24`))
  await lag([[giant, 60], ...others.map((one) => [one, 30] as const)])
  expect(resource('time')).toMatchObject({
    scarce: true,
    classes: { known: { over: 0 }, strangers: { over: 3 } },
  })
  expect(names()).toHaveLength(4)
  expect(names()[3]).toBe('giant.example')
  expect(party('192.0.1.0/24')?.over).toEqual(['time'])
  expect(party('giant.example')?.over).toEqual([])
})

test('a network names the domains that use most of what it uses, and counts the others', () => {
  for (const n of [1, 2, 3, 4, 5]) shares.charge(stranger(`s${n}.example`, '192.0.2.0/24'), n)
  expect(party('192.0.2.0/24')).toMatchObject({
    domains: ['s5.example', 's4.example', 's3.example'],
    domainCount: 5,
  })
})

test('a network that no domain came from is named only while it is over its share', async () => {
  const network = shares.tree.network('192.0.2.0/24')
  shares.charge(network, 9)
  expect(names()).toEqual([])
  await lag([
    [network, 100],
    [acquaintance('b.example'), 10],
  ])
  expect(names()).toEqual(['192.0.2.0/24', 'b.example'])
})

test('users are counted and named nowhere, whatever they use', async () => {
  const [alice, bob] = ['alice@a.example', 'bob@a.example'].map((name) => shares.tree.user(name))
  const domain = acquaintance('b.example')
  const network = stranger('c.example', '192.0.2.0/24')
  for (const name of ['carol', 'dave']) {
    shares.tree.sender(domain, `${name}@b.example`)
    shares.tree.sender(network, `${name}@c.example`)
  }
  await lag([
    [alice as Account, 120],
    [bob as Account, 1],
    [domain, 20],
    [network, 20],
  ])
  expect(resource('time')?.classes.ours.over).toBe(1)
  expect(party('b.example')?.domains).toEqual([])
  expect(JSON.stringify(shares.report())).not.toMatch(/@|alice|bob|carol|dave/)
})

test('an account that stands for many has a title', () => {
  shares.charge(stranger('met-by-our-users.example', ''), 2)
  shares.charge(stranger('c.example', '_rest'), 1)
  expect(names()).toEqual(['not met', 'all others'])
})

test('the list is bounded, and who is over and left out is counted', async () => {
  const strangers = Array.from({ length: 30 }, (_, n) =>
    stranger(`s${n}.example`, `192.0.${n}.0/24`),
  )
  for (let n = 0; n < 30; n++) shares.charge(acquaintance(`k${n}.example`), 0.6)
  await lag([[acquaintance('b.example'), 40], ...strangers.map((one) => [one, 4] as const)])
  const { most, leftOut } = shares.report()
  expect([most.length, leftOut]).toEqual([20, 10])
  expect(most.every(({ class: own }) => own === 'strangers')).toBe(true)
})
