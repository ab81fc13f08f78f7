import { expect, test } from 'vitest'
import { OwnKeySet } from '../../../src/credential/own-key-set.ts'
import { keySetOf } from '../../../src/credential/publish-keys.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { pairFor } from '../../support/script/hosted.ts'

const dayMs = 86_400_000

function setUp(clock: Pick<ManualClock, 'now' | 'wall'>) {
  const link = pairFor('a key')
  let signed = 0
  const set = new OwnKeySet(
    clock,
    (seconds) => keySetOf({ link, user: link, others: [] }, [], seconds),
    ({ ver }) => {
      signed++
      return Buffer.from(`${ver}`)
    },
  )
  return { set, signed: () => signed }
}

test('what is published ends at a moment that stands still until it is signed anew', async () => {
  const clock = new ManualClock()
  const start = clock.wall()
  const { set, signed } = setUp(clock)
  expect(set.untilMs).toBe(start + 30 * dayMs)
  await clock.advance(6 * dayMs)
  expect(set.untilMs).toBe(start + 30 * dayMs)
  await clock.advance(2 * dayMs)
  expect(set.untilMs).toBe(start + 38 * dayMs)
  expect(set.bytes.toString()).toBe(`${(start + 8 * dayMs) / 1000}`)
  expect(signed()).toBe(2)
})

test('a machine that slept for weeks publishes a new one', () => {
  let wall = 1_790_000_000_000
  const { set } = setUp({ now: () => 0, wall: () => wall })
  wall += 40 * dayMs
  expect(set.untilMs).toBe(wall + 30 * dayMs)
})

test('a key that ends before the set counts', () => {
  const clock = new ManualClock()
  const pair = pairFor('a key')
  const seconds = clock.wall() / 1000
  const key = { pair, use: 'both', nbf: 0, naf: seconds + 60 } as const
  const content = { ver: seconds, seconds: 1000, keys: [key], revoked: [] }
  const set = new OwnKeySet(
    clock,
    () => content,
    () => Buffer.alloc(0),
  )
  expect(set.untilMs).toBe(clock.wall() + 60_000)
})
