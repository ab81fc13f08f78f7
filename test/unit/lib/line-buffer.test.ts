import { expect, test } from 'vitest'
import { LineBuffer } from '../../../src/lib/line-buffer.ts'
import { FakeSink } from '../../support/fake-sink.ts'
import { ManualClock } from '../../support/manual-clock.ts'

function setUp(most = 1000) {
  const clock = new ManualClock()
  const sink = new FakeSink()
  const lost = { n: 0 }
  const told: (readonly [number, string])[] = []
  const buffer = new LineBuffer({
    ...{ sink: sink.sink, clock, most, lost },
    told: (lines, cause) => {
      told.push([lines, cause])
    },
  })
  const write = (count: number, from = 0) => {
    for (let i = from; i < from + count; i++) buffer.write(lineOf(i))
  }
  return { clock, sink, lost, told, buffer, write }
}

/** 10 bytes. */
const lineOf = (i: number): string => `line ${String(i).padStart(4, '0')}\n`
const upTo = (count: number) => Array.from({ length: count }, (_, i) => lineOf(i).trimEnd())

test('lines arrive whole and in order, whatever the destination takes at once', async () => {
  const { clock, sink, write, told } = setUp(100_000)
  sink.mostBytes = 7
  write(3000)
  await clock.advance(0)
  write(10, 3000)
  await clock.advance(0)
  expect(sink.lines).toEqual(upTo(3010))
  expect(told).toEqual([])
})

test('writing waits for nothing: one write at a time is under way', () => {
  const { sink, write } = setUp()
  sink.isStalled = true
  write(50)
  expect(sink.writes).toBe(1)
})

test('what does not fit is lost, counted, and told once there is room', async () => {
  const { clock, sink, lost, told, write } = setUp()
  sink.isStalled = true
  write(150)
  expect(lost.n).toBe(50)
  expect(told).toEqual([])
  sink.release()
  await clock.advance(0)
  expect(sink.lines).toEqual(upTo(100))
  expect(told).toEqual([[50, 'slow']])
  write(1, 100)
  await clock.advance(0)
  expect(sink.lines).toEqual(upTo(101))
  expect(told).toHaveLength(1)
})

test.for([
  ['EAGAIN', 'slow'],
  ['ENOSPC', 'ENOSPC'],
  ['EPIPE', 'EPIPE'],
  ['EIO', 'EIO'],
])('%s of the destination is survived, and it is tried again', async ([fault, cause]) => {
  const { clock, sink, lost, told, write } = setUp()
  sink.fault = fault
  write(150)
  await clock.advance(60_000)
  expect(lost.n).toBe(50)
  sink.fault = undefined
  await clock.advance(1000)
  expect(sink.lines).toEqual(upTo(100))
  expect(told).toEqual([[50, cause]])
})

test('a disk that stays full costs a write a second', async () => {
  const { clock, sink, write } = setUp()
  sink.fault = 'ENOSPC'
  write(500)
  await clock.advance(60_000)
  expect(sink.writes).toBeLessThan(65)
})

test('a line that a full disk cut is continued, not repeated', async () => {
  const { clock, sink, write } = setUp()
  sink.mostBytes = 13
  write(2)
  sink.fault = 'ENOSPC'
  await clock.advance(10)
  sink.mostBytes = 100
  sink.fault = undefined
  await clock.advance(1000)
  expect(sink.lines).toEqual(upTo(2))
})

test('the end waits for the last lines, and not for ever', async () => {
  const { clock, sink, buffer, write } = setUp()
  const ends: string[] = []
  const flush = (name: string, ms: number) => buffer.flush(ms).then(() => ends.push(name))
  void flush('nothing to write', 1000)
  sink.isStalled = true
  write(3)
  void flush('short', 1000)
  void flush('long', 5000)
  await clock.advance(1000)
  expect(ends).toEqual(['nothing to write', 'short'])
  expect(buffer.rest().toString()).toBe(upTo(3).join('\n').concat('\n'))
  sink.release()
  await clock.advance(0)
  expect(ends).toEqual(['nothing to write', 'short', 'long'])
  expect(buffer.rest().length).toBe(0)
  expect(clock.pending).toBe(0)
})
