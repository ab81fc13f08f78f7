import { beforeEach, describe, expect, test } from 'vitest'
import type { Account } from '../../../src/shares/account.ts'
import { Rotation } from '../../../src/shares/rotation.ts'
import { AccountTree } from '../../../src/shares/tree.ts'
import { dose } from '../../support/dose.ts'
import { seededRandom } from '../../support/seeded-random.ts'

type Item = { readonly name: string }

let tree: AccountTree
let rotation: Rotation<Item>

beforeEach(() => {
  tree = new AccountTree()
  rotation = new Rotation()
})

const stranger = (name: string, network: string): Account =>
  tree.domain(name, network, 'stranger', 0)
const add = (account: Account, count = 1, name = account.name): void => {
  for (let n = 0; n < count; n++) rotation.add(account, { name })
}
const take = (count: number): readonly (string | undefined)[] =>
  Array.from({ length: count }, () => rotation.next()?.name)

describe('turns', () => {
  test('go round the domains of a network, and round the links of a domain', () => {
    const [a, b] = [stranger('a', 'net'), stranger('b', 'net')]
    for (const name of ['a1', 'a2', 'a3']) add(a, 1, name)
    add(b, 1, 'b1')
    expect(take(5)).toEqual(['a1', 'b1', 'a2', 'a3', undefined])
  })

  test('are those of one network, whatever the number of its domains', () => {
    for (let n = 0; n < 500; n++) add(stranger(`n${n}`, 'many'))
    add(stranger('one', 'few'), 3)
    expect(take(6).filter((name) => name === 'one').length).toBe(3)
  })

  test('are shared by weight between classes, however many wait in each', () => {
    for (let n = 0; n < 500; n++) add(stranger(`s${n}`, `net${n}`))
    add(tree.domain('known', '', 'known', 0), 40)
    add(tree.user('ours'), 40)
    const names = take(90)
    expect(names.filter((name) => name === 'known').length).toBe(40)
    expect(names.filter((name) => name === 'ours').length).toBe(40)
    // Nor does the least of them wait long.
    expect(names.slice(0, 9).filter((name) => name?.startsWith('s'))).toHaveLength(1)
  })

  test('are had first by a known domain that comes while strangers wait', () => {
    for (let n = 0; n < 500; n++) add(stranger(`s${n}`, `net${n}`))
    take(100)
    add(tree.domain('known', '', 'known', 0))
    expect(take(2)).toContain('known')
  })

  test('are had by those who are late after the others of their class, and no later', () => {
    const late = stranger('late', 'net1')
    rotation.add(late, { name: 'late' }, true)
    add(stranger('timely', 'net2'), 2)
    add(tree.domain('known', '', 'known', 0), 12)
    const names = take(16)
    expect(names.filter((name) => name !== 'known')).toEqual([
      'timely',
      'timely',
      'late',
      undefined,
    ])
    expect(names.slice(0, 5)).toContain('timely')
    rotation.add(late, { name: 'late' }, true)
    expect([take(1), rotation.size]).toEqual([['late'], 0])
  })

  test('are those of a named domain eight times in a row', () => {
    add(tree.domain('named', '', 'named', 0), 20)
    add(tree.domain('known', '', 'known', 0), 20)
    expect(take(18).filter((name) => name === 'known').length).toBe(2)
  })
})

test('whatever comes and goes, all have their turn and nothing stays', () => {
  for (let seed = 1; seed <= dose(20, 4); seed++) {
    const random = seededRandom(seed)
    const draw = (count: number): number => Math.floor(random.number() * count)
    const waiting = new Map<Item, number>()
    const accounts = [
      ...Array.from({ length: 4 }, (_, n) => tree.user(`u${n}`)),
      ...Array.from({ length: 6 }, (_, n) => stranger(`${seed} ${n}`, `net${n % 2}`)),
      ...['net0', 'net1'].map((name) => tree.network(name)),
      new AccountTree().all,
    ]
    for (let n = 0; n < 2000; n++) {
      if (draw(2) === 0) {
        const item = { name: `${n}` }
        waiting.set(item, n)
        rotation.add(accounts[draw(accounts.length)] as Account, item)
      } else {
        const item = rotation.next()
        expect(item === undefined).toBe(waiting.size === 0)
        // Nobody waits for ever: at most a thousand others come before it.
        if (item !== undefined) expect(n - (waiting.get(item) ?? -Infinity)).toBeLessThan(1000)
        if (item !== undefined) waiting.delete(item)
      }
      expect(rotation.size).toBe(waiting.size)
    }
    while (rotation.next() !== undefined);
    expect(rotation.size).toBe(0)
  }
})
