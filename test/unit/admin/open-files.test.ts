import { expect, test } from 'vitest'
import { watchOpenFiles } from '../../../src/admin/open-files.ts'
import { type Log, silentLog } from '../../../src/lib/log.ts'
import { Meter } from '../../../src/lib/meter.ts'
import { ManualClock } from '../../support/manual-clock.ts'

function watched(most?: number) {
  const clock = new ManualClock()
  const files = { open: 20 }
  const lines: unknown[] = []
  const line =
    (level: string): Log['info'] =>
    (event, facts) => {
      lines.push([level, event, facts])
    }
  const log = { ...silentLog, info: line('info'), error: line('error') }
  const vitals = { openFiles: () => files.open, mostFiles: () => most }
  const meter = new Meter()
  const stop = watchOpenFiles({ vitals, clock, log, meter })
  const shortages = () => meter.total('link_accepts_total', { result: 'shortage' })
  return { clock, files, lines, stop, shortages }
}

test('too few descriptors have one line, and so has the end of it', async () => {
  const { clock, files, lines, shortages } = watched(100)
  await clock.advance(60_000)
  expect([lines, shortages()]).toEqual([[], 0])
  files.open = 99
  await clock.advance(60_000)
  expect(lines).toEqual([['error', 'process.files-short', { open: 99, most: 100 }]])
  expect(shortages()).toBe(12)
  files.open = 50
  await clock.advance(60_000)
  expect(shortages()).toBe(12)
  expect(lines.slice(1)).toEqual([['info', 'process.files-enough', { open: 50, most: 100 }]])
})

test('what the system does not tell is no shortage', async () => {
  const { clock, files, lines } = watched()
  files.open = 99
  await clock.advance(60_000)
  expect(lines).toEqual([])
})

test('nothing is looked at once it is stopped', () => {
  const { clock, stop } = watched(100)
  stop()
  expect(clock.pending).toBe(0)
})
