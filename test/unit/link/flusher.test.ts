/** What is written on a link and has not left: how much at once, and whether any of it moves. */
import { expect, test } from 'vitest'
import type { Channel } from '../../../src/link/channel.ts'
import { Flusher } from '../../../src/link/flusher.ts'
import { FrameWriter } from '../../../src/wire/writer.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { plainFacts } from '../../support/memory-channel.ts'

function makeFlusher() {
  const clock = new ManualClock()
  const writes: number[] = []
  const gone = { bytes: 0 }
  const sum = (): number => writes.reduce((all, bytes) => all + bytes, 0)
  const nothing = (): undefined => undefined
  const channel: Channel = {
    facts: plainFacts().initiating,
    queued: () => sum() - gone.bytes,
    write: (parts) => {
      clock.stall(3)
      writes.push(parts.reduce((all, { length }) => all + length, 0))
    },
    ...{ start: nothing, pause: nothing, resume: nothing, end: nothing, destroy: nothing },
  }
  const writer = new FrameWriter()
  const told: number[] = []
  const spent: number[] = []
  const flusher = new Flusher(
    channel,
    writer,
    clock,
    clock,
    { n: 0 },
    (waiting) => {
      told.push(waiting)
    },
    (ms) => {
      spent.push(ms)
    },
  )
  const say = (frames: number): undefined => {
    for (let i = 0; i < frames; i++) writer.frame(3, 0, 1, 16_375)
  }
  const leave = (): undefined => {
    gone.bytes = sum()
    flusher.drained()
  }
  return { clock, gone, flusher, writes, sum, say, leave, told, spent }
}

test('little goes at once', () => {
  const { flusher, writes, say } = makeFlusher()
  say(3)
  flusher.flush()
  say(2)
  flusher.flush()
  expect(writes).toEqual([3 * 16_384, 2 * 16_384])
})

test('much goes in parts, each when the one before has left', () => {
  const { flusher, writes, sum, say, leave } = makeFlusher()
  say(100)
  flusher.flush()
  const all = 100 * 16_384
  expect(flusher.waiting).toBe(all)
  for (let n = 1; n < 30 && sum() < all; n++) {
    expect(writes.length).toBe(n)
    leave()
  }
  expect([sum(), writes.every((bytes) => bytes <= 330_000)]).toEqual([all, true])
  leave()
  expect(flusher.waiting).toBe(0)
})

test('at the end all of it is handed over', () => {
  const { flusher, sum, say } = makeFlusher()
  say(100)
  flusher.flush()
  flusher.stop()
  expect(sum()).toBe(100 * 16_384)
})

test('what moves at all is not stuck, what does not is', async () => {
  const { clock, gone, flusher, say } = makeFlusher()
  say(3)
  flusher.flush()
  for (let n = 0; n < 20; n++) {
    await clock.advance(1000)
    if (n < 10) gone.bytes += 1
    flusher.sweep(clock.now())
  }
  expect(flusher.stuckMs).toBe(10_000)
})

test('what is not out is told after each turn and as it leaves, whether the channel has it or not', async () => {
  const { clock, flusher, gone, say, leave, told } = makeFlusher()
  say(1030)
  flusher.plan()
  await clock.advance(0)
  expect(told).toEqual([1030 * 16_384])
  gone.bytes = 16_384
  flusher.sweep(clock.now())
  expect(told.at(-1)).toBe(1029 * 16_384)
  for (let n = 0; n < 100; n++) leave()
  expect(told.at(-1)).toBe(0)
})

test('what is thrown away is not out, and never will be: what the channel has stays', async () => {
  const { clock, flusher, sum, say, told } = makeFlusher()
  say(100)
  flusher.plan()
  await clock.advance(0)
  const handed = sum()
  say(10)
  flusher.drop()
  expect(told.at(-1)).toBe(handed)
  say(1)
  flusher.end()
  await clock.advance(100)
  expect([sum(), told.at(-1)]).toEqual([handed + 16_384, handed + 16_384])
})

test('how long a write took is told', async () => {
  const { clock, flusher, say, spent } = makeFlusher()
  say(3)
  flusher.plan()
  await clock.advance(0)
  expect(spent).toEqual([3])
})
