import { describe, expect, test } from 'vitest'
import { ContentHash } from '../../../src/lib/content-hash.ts'
import { RecordTable } from '../../../src/store/record-table.ts'
import { dose } from '../../support/dose.ts'
import { seededRandom } from '../../support/seeded-random.ts'

const contentOf = (text: string): ContentHash => {
  const hash = new ContentHash(seededRandom(1))
  hash.take(Buffer.from(text), 0, text.length)
  return hash
}
const content = contentOf('a message')
const idOf = (n: number): Buffer => {
  const id = Buffer.alloc(16)
  id.writeUInt32BE(n, 12)
  return id
}

describe('record table', () => {
  test('finds what was added, for the sender who added it alone', () => {
    const table = new RecordTable(10, seededRandom(1))
    const slot = table.add(1, idOf(7), 0, content, 5, 6, 2500)
    expect(table.find(1, idOf(7), 0)).toBe(slot)
    expect(table.find(2, idOf(7), 0)).toBe(-1)
    expect([table.epoch(slot), table.sequence(slot), table.ageMs(slot, 4000)]).toEqual([5, 6, 2000])
    expect(table.hasContent(slot, contentOf('a message'))).toBe(true)
    expect(table.hasContent(slot, contentOf('A message'))).toBe(false)
  })

  test('has no room beyond its bound, and room again once a slot is given back', () => {
    const table = new RecordTable(3, seededRandom(1))
    const slots = [1, 2, 3].map((n) => table.add(1, idOf(n), 0, content, 1, n, 0))
    expect(table.add(1, idOf(4), 0, content, 1, 4, 0)).toBe(-1)
    table.remove(slots[1] as number)
    expect(table.add(1, idOf(4), 0, content, 1, 4, 0)).toBe(-1)
    expect([table.isFull, table.size]).toEqual([true, 2])
    table.free(slots[1] as number)
    expect(table.isFull).toBe(false)
    expect(table.add(1, idOf(4), 0, content, 1, 4, 0)).toBe(slots[1])
    expect(table.size).toBe(3)
  })

  test('agrees with a map under any order of adding and removing', () => {
    const random = seededRandom(42)
    const table = new RecordTable(5000, random)
    const model = new Map<string, number>()
    for (let step = 0; step < dose(40_000, 10_000); step++) {
      const sender = Math.floor(random.number() * 5)
      const n = Math.floor(random.number() * 2000)
      const key = `${sender} ${n}`
      const slot = table.find(sender, idOf(n), 0)
      expect(slot).toBe(model.get(key) ?? -1)
      if (slot !== -1) {
        table.free(slot)
        model.delete(key)
      } else {
        const added = table.add(sender, idOf(n), 0, content, 1, n, 0)
        if (added !== -1) model.set(key, added)
      }
    }
    expect(table.size).toBe(model.size)
    expect([...table.slots()].length).toBe(model.size)
  })
})
