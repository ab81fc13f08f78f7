import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ContentHash } from '../../../src/lib/content-hash.ts'
import { dose } from '../../support/dose.ts'
import { seededRandom } from '../../support/seeded-random.ts'

const of = (bytes: Uint8Array, before = 0, seed = 1): string => {
  const hash = new ContentHash(seededRandom(seed))
  const buffer = Buffer.concat([Buffer.alloc(before, 7), bytes, Buffer.alloc(3, 9)])
  hash.take(buffer, before, before + bytes.length)
  return `${hash.high} ${hash.low}`
}

test('the same content has the same hash, wherever it stands', () => {
  const property = fc.property(
    fc.uint8Array({ maxLength: 64 }),
    fc.nat(20),
    (bytes, before) => of(bytes, before) === of(bytes),
  )
  fc.assert(property)
})

test('content that differs in one bit, or in its length, has another hash', () => {
  const property = fc.property(
    fc.uint8Array({ minLength: 1, maxLength: 64 }),
    fc.nat(),
    (bytes, n) => {
      const other = Uint8Array.from(bytes)
      const at = n % bytes.length
      other[at] = (other[at] as number) ^ (1 << (n % 8))
      const longer = Uint8Array.from([...bytes, 0])
      return of(other) !== of(bytes) && of(longer) !== of(bytes)
    },
  )
  fc.assert(property, { numRuns: dose(2000, 500) })
})

test('each of a million short contents has a hash of its own', () => {
  const count = dose(1_000_000, 50_000)
  const hash = new ContentHash(seededRandom(1))
  const seen = new Set<string>()
  const buffer = Buffer.alloc(12)
  for (let n = 0; n < count; n++) {
    buffer.writeUInt32LE(n, 4)
    hash.take(buffer, 0, buffer.length)
    seen.add(`${hash.high} ${hash.low}`)
  }
  expect(seen.size).toBe(count)
})

test('another seed gives other hashes', () => {
  const bytes = Buffer.from('a message')
  expect(of(bytes, 0, 1)).not.toBe(of(bytes, 0, 2))
})
