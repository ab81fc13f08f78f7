/**
 * Frames that are nearly right, by the million, as a test: nothing is thrown, nothing takes long, and the gateway
 * serves on. Split over files so that they run side by side.
 *
 *   FRAMES=10000000   how many in all (1 000 000)
 *   SEED=7            where chance begins (1)
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { setting } from '../dose.ts'
import { type Corpus, recordCorpus } from './corpus.ts'
import { Target } from './target.ts'
import { Reads, Thrower, type Thrown } from './throw.ts'

/** Longest time for one chunk, or for what it leaves to be done. */
const stallMs = 10

/** Defines the tests of part `index` (from 0) of `parts`. */
export function testFrames(index: number, parts: number): void {
  const frames = setting('FRAMES', 1_000_000, 2000)
  const count = Math.ceil(frames / parts)
  // No two parts ever come to the same seed: a link takes more than one frame.
  const firstSeed = setting('SEED', 1) + index * frames
  let corpus: Corpus
  let reads: Reads

  beforeAll(async () => {
    corpus = await recordCorpus()
    reads = new Reads()
  })
  afterAll(() => reads.stop())

  test(`${count} mutated frames are taken or refused, and nothing else`, {
    timeout: 600_000,
  }, async () => {
    const target = new Target()
    const thrower = new Thrower(corpus, reads)
    const sum = { mutated: 0, whole: 0, decoded: 0, links: 0, longestMs: 0 }
    for (let seed = firstSeed; sum.mutated < count; seed++) {
      const { mutated, whole, decoded, longestMs } = await throwAt(thrower, target, seed)
      sum.mutated += mutated
      sum.whole += whole
      sum.decoded += decoded
      sum.links++
      const ms = longestMs > stallMs ? await shortest(thrower, target, seed) : longestMs
      expect(ms, `seed ${seed}`).toBeLessThan(stallMs)
      sum.longestMs = Math.max(sum.longestMs, ms)
      // Time passes now and then, for what is done by the clock.
      if (sum.links % 64 === 0) await target.breathe(10)
    }
    // As if all that were left as they were had got there.
    const share = (sum.decoded - sum.whole) / sum.mutated
    const { mutated, links, longestMs } = sum
    console.log(
      `${mutated} frames on ${links} links: ${(100 * share).toFixed(1)} % or more reached their fields, ${longestMs.toFixed(1)} ms at most`,
    )
    expect(share).toBeGreaterThan(0.3)
    await expectServing(target)
  })
}

/** What is thrown at the test by the gateway is told with the seed. */
async function throwAt(thrower: Thrower, target: Target, seed: number): Promise<Thrown> {
  try {
    return await thrower.throwAt(target, seed)
  } catch (cause) {
    throw new Error(`seed ${seed} (SEED=${seed} FRAMES=1 repeats it)`, { cause })
  }
}

/** A collection of garbage does not come back at the same bytes; a slow road does. */
async function shortest(thrower: Thrower, target: Target, seed: number): Promise<number> {
  let best = Number.POSITIVE_INFINITY
  for (let n = 0; n < 10 && best > stallMs; n++) {
    const { longestMs } = await throwAt(thrower, target, seed)
    best = Math.min(best, longestMs)
  }
  return best
}

/** Nothing has thrown, nothing is left of the links, and who does nothing wrong is served as ever. */
async function expectServing(target: Target): Promise<void> {
  expect(target.thrown).toEqual([])
  // Watchers that it has let in make it dial anew.
  for (let n = 0; n < 20 && target.gateway.sessions.size > 0; n++) {
    target.closeAll()
    await target.breathe()
  }
  expect(target.gateway.sessions.size).toBe(0)
  const good = await target.open('proven')
  await target.breathe(10)
  expect(good.isClosed).toBe(false)
  const standings = [...target.gateway.sessions.all].map(({ standing }) => standing)
  expect(standings).toContain('proven')
  good.close()
}
