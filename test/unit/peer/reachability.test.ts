/** [LINK-6.14-1] to [LINK-6.14-3]: what presence is told of links and of the stores at their far ends. */
import { describe, expect, test } from 'vitest'
import type { Pair } from '../../../src/peer/pair.ts'
import { LinkReports } from '../../../src/peer/reachability.ts'
import { domain } from '../../support/middle/calls.ts'
import { TestCarrier, TestPool } from '../../support/middle/carriers.ts'
import { TestCore } from '../../support/middle/peer-rooms.ts'

const pairOf = (local: string, remote: string): Pair => ({
  ...{ local: domain(local), remote: domain(remote), kinds: new Set(['key']), key: 'k' },
  services: ['im', 'pres'],
})
const pair = pairOf('b.example', 'a.example')

function makeStores() {
  const core = new TestCore()
  const pool = new TestPool()
  const stores = new LinkReports(() => core, pool)
  const left = (restMs = 0, of = pair): undefined => stores.left({ link: { restMs } }, of)
  return { core, pool, stores, left }
}

describe('a link of a pair', () => {
  test('makes the domain reachable, each time', () => {
    const { core, stores } = makeStores()
    stores.joined('store 1', pair)
    stores.joined('store 1', pair)
    expect(core.told).toEqual(Array(2).fill('native b.example a.example up'))
  })

  test('to another store than before says that what was held is gone', () => {
    const { core, stores } = makeStores()
    stores.joined('store 1', pair)
    stores.joined('store 2', pair)
    stores.joined('store 2', pair)
    expect(core.told.map((line) => line.split(' ').slice(3).join(' '))).toEqual([
      'up',
      'up new',
      'up',
    ])
  })

  test('whose far side does not name its store says nothing about it', () => {
    const { core, stores } = makeStores()
    stores.joined('store 1', pair)
    stores.joined('', pair)
    stores.joined('store 1', pair)
    stores.joined('store 2', pairOf('b.example', 'c.example'))
    expect(core.told.some((line) => line.includes('new'))).toBe(false)
  })
})

describe('a link of a pair that is gone', () => {
  test('leaves the domain reachable, while another one serves presence', () => {
    const { core, pool, left } = makeStores()
    pool.carrier = new TestCarrier()
    left()
    expect([core.told, pool.asked]).toEqual([[], ['b.example a.example pres']])
  })

  test('was the last: the domain is away, for as long as it wants to be left alone', () => {
    const { core, left } = makeStores()
    left()
    left(700)
    expect(core.told).toEqual([
      'native b.example a.example down',
      'native b.example a.example down rests 700',
    ])
  })

  test.each([
    ['is remembered, while something is held there', true, 'up new'],
    ['is forgotten, if nothing is', false, 'up'],
  ] as const)('and its store %s', (_, isUsed, told) => {
    const { core, stores, left } = makeStores()
    stores.joined('store 1', pair)
    if (isUsed) core.used.add('a.example')
    left()
    stores.joined('store 2', pair)
    expect(core.told.at(-1)).toBe(`native b.example a.example ${told}`)
  })
})
