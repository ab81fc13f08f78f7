import { expect, test } from 'vitest'
import { BoundedMap } from '../../../src/credential/bounded-map.ts'

test('holds n entries, and at n + 1 forgets what was used longest ago', () => {
  const map = new BoundedMap<number>(3)
  for (const [name, value] of [
    ['a', 1],
    ['b', 2],
    ['c', 3],
  ] as const)
    map.set(name, value)
  expect(map.size).toBe(3)
  map.get('a')
  expect(map.set('d', 4)).toBe(1)
  expect(['a', 'b', 'c', 'd'].map((name) => map.get(name))).toEqual([1, undefined, 3, 4])
})

test('setting a name again replaces its value and forgets nothing', () => {
  const map = new BoundedMap<number>(2)
  map.set('a', 1)
  map.set('b', 2)
  expect(map.set('a', 3)).toBe(0)
  expect(map.get('a')).toBe(3)
  expect(map.size).toBe(2)
})

test('what is still needed and what is new stay, even over the bound', () => {
  const map = new BoundedMap<{ needed: boolean }>(2, ({ needed }) => !needed)
  map.set('a', { needed: true })
  map.set('b', { needed: true })
  map.set('c', { needed: true })
  expect(map.size).toBe(3)
  map.set('d', { needed: false })
  map.set('e', { needed: false })
  expect([...'abcde'].filter((name) => map.get(name) !== undefined).join('')).toBe('abce')
})

test('a deleted entry is gone', () => {
  const map = new BoundedMap<number>(2)
  map.set('a', 1)
  expect(map.delete('a')).toBe(true)
  expect(map.delete('a')).toBe(false)
  expect(map.get('a')).toBeUndefined()
})
