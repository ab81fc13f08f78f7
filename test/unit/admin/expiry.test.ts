import { expect, test } from 'vitest'
import type { Domain } from '../../../src/address/domain.ts'
import { watchExpiry } from '../../../src/admin/expiry.ts'
import { type Log, silentLog } from '../../../src/lib/log.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const day = 86_400_000
const start = 1_790_000_000_000

function watched(certificateDays: number, keyDays = 1000) {
  const clock = new ManualClock(start)
  const own = {
    name: 'a.example' as Domain,
    services: ['im', 'pres'] as const,
    certificateFrom: start,
    certificateUntil: start + certificateDays * day,
    certificateEndsWith: 'intermediate 1',
    keysUntil: start + keyDays * day,
  }
  const lines: (readonly [string, string, number])[] = []
  const line =
    (level: string): Log['warn'] =>
    (event, facts) => {
      expect(facts).toMatchObject({ domain: 'a.example', until: expect.stringMatching(/^20.*Z$/) })
      lines.push([level, event, Math.floor((clock.wall() - start) / day)])
    }
  const log = { ...silentLog, warn: line('warn'), error: line('error') }
  const stop = watchExpiry({ domains: [own], clock, log })
  const days = async (count: number) => {
    for (let i = 0; i < count; i++) await clock.advance(day)
  }
  return { clock, own, lines, stop, days }
}

test('a certificate near its end has one line, and one at it', async () => {
  const { lines, days } = watched(20)
  await days(30)
  expect(lines).toEqual([
    ['warn', 'certificate.expires-soon', 15],
    ['error', 'certificate.expired', 20],
  ])
})

test('of a long one that is two weeks', async () => {
  const { lines, days } = watched(100)
  await days(90)
  expect(lines).toEqual([['warn', 'certificate.expires-soon', 86]])
})

test('one that is renewed is watched anew', async () => {
  const { own, lines, days, stop, clock } = watched(8)
  await days(7)
  own.certificateUntil += 8 * day
  await days(11)
  expect(lines.map(([, event, at]) => [event, at])).toEqual([
    ['certificate.expires-soon', 6],
    ['certificate.expires-soon', 12],
    ['certificate.expired', 16],
  ])
  stop()
  expect(clock.pending).toBe(0)
})

test('so is a key set', async () => {
  const { lines, days } = watched(1000, 19)
  await days(21)
  expect(lines).toEqual([
    ['warn', 'key.expires-soon', 5],
    ['error', 'key.expired', 19],
  ])
})
