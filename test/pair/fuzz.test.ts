import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FieldTable } from '../../src/wire/fields.ts'
import { dose } from '../support/dose.ts'
import { recordCorpus } from '../support/fuzz/corpus.ts'
import { Target } from '../support/fuzz/target.ts'
import { testFrames } from '../support/fuzz/test-frames.ts'
import { Reads, Thrower } from '../support/fuzz/throw.ts'
import * as wire from '../support/script/codec.ts'

testFrames(0, 2)

describe('the thrower', () => {
  let reads: Reads
  const { read } = FieldTable.prototype
  beforeEach(() => {
    reads = new Reads()
  })
  afterEach(() => {
    reads.stop()
    FieldTable.prototype.read = read
  })

  test('throws the same bytes for the same seed', async () => {
    const thrower = new Thrower(await recordCorpus(), reads)
    const [first, second] = [new Target(), new Target()]
    for (let seed = 1; seed <= dose(50, 10); seed++) {
      const one = await thrower.throwAt(first, seed)
      const other = await thrower.throwAt(second, seed)
      expect({ ...other, longestMs: 0 }).toEqual({ ...one, longestMs: 0 })
    }
  })

  test('hears what the gateway throws', async () => {
    const bytes = wire.frame(wire.type.request, 0, 9, wire.requestPayload({ command: 1 }))
    const channel = await new Target().open('proven')
    instead(() => {
      throw new Error('a fault of the gateway')
    })
    expect(() => channel.feed(bytes)).toThrow('a fault of the gateway')
  })

  test('sees how long the gateway takes', async () => {
    const thrower = new Thrower(await recordCorpus(), reads)
    const target = new Target()
    let isSlow = true
    instead(() => {
      // Of the processor, not of the clock: the machine may have other things to do.
      const since = process.threadCpuUsage()
      while (isSlow && process.threadCpuUsage(since).user < 30_000);
      isSlow = false
      return false
    })
    // One that gets to its fields.
    let longest = 0
    for (let seed = 1; longest < 25 && seed < 20; seed++) {
      isSlow = true
      const { longestMs } = await thrower.throwAt(target, seed)
      longest = Math.max(longest, longestMs)
    }
    expect(longest).toBeGreaterThan(25)
  })

  /** Where the gateway reads fields, it does this. */
  function instead(read: () => boolean): void {
    FieldTable.prototype.read = read
  }
})
