import { expect, test } from 'vitest'
import { boundedMap } from '../../../src/lib/bounded-map.ts'

/** A map that was given `names`, and what it forgot. */
const mapOf = (most: number, ...names: readonly string[]) => {
  const forgotten: string[] = []
  const map = boundedMap<string>({
    most,
    forgotten: (value) => {
      forgotten.push(value)
    },
  })
  for (const name of names) map.set(name, name)
  return { map, forgotten }
}

test('holds n entries, and at n + 1 forgets what was used longest ago', () => {
  const { map, forgotten } = mapOf(3, 'a', 'b', 'c')
  expect(map.size).toBe(3)
  map.get('a')
  map.peek('b')
  map.set('d', 'd')
  expect([...map.keys()].sort()).toEqual(['a', 'c', 'd'])
  expect(forgotten).toEqual(['b'])
})

test('to set a name again, or to delete one, forgets nothing', () => {
  const { map, forgotten } = mapOf(2, 'a', 'b')
  map.set('a', 'other')
  map.delete('b')
  expect(map.get('a')).toBe('other')
  expect(map.size).toBe(1)
  expect(forgotten).toEqual([])
})

test('is bounded by weight, too', () => {
  const map = boundedMap<number>({ most: 10, weight: { most: 5, of: (value) => value } })
  map.set('a', 2)
  map.set('b', 2)
  map.set('c', 3)
  expect([...map.keys()].sort()).toEqual(['b', 'c'])
})
