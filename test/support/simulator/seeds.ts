/**
 * Many seeds as tests, split over files so that they run side by side.
 *
 *   SEEDS=100   how many in all (1 000)
 *   FROM=5000   the first one (1)
 *   SEED=123    this one alone, with its trace
 */
import { afterAll, expect, test } from 'vitest'
import { setting } from '../dose.ts'
import { runSeed, type SeedResult } from './run-seed.ts'

/** Seeds in one test. */
const chunk = 25

/** Defines the tests of part `index` (from 0) of `parts`. */
export function testSeeds(index: number, parts: number): void {
  const one = process.env['SEED']
  if (one !== undefined) {
    if (index === 0) testOne(Number(one))
    else test.skip('another file runs the seed', () => undefined)
    return
  }
  const [from, count] = [setting('FROM', 1), setting('SEEDS', 1000, 4)]
  const seeds = Array.from({ length: count }, (_, n) => from + n).filter(
    (_, n) => n % parts === index,
  )
  const sum = new Sum()
  for (let at = 0; at < seeds.length; at += chunk) {
    const some = seeds.slice(at, at + chunk)
    test(`seeds ${some[0]} to ${some.at(-1)} break nothing`, { timeout: 300_000 }, async () => {
      for (const seed of some) {
        const result = await runSeed(seed)
        sum.add(result)
        if (result.broken.length > 0) throw new Error(reportOf(result, 200))
      }
    })
  }
  afterAll(() => console.log(sum.text))
}

function testOne(seed: number): void {
  test(`seed ${seed} breaks nothing`, { timeout: 300_000 }, async () => {
    const result = await runSeed(seed)
    console.log(result.trace.join('\n'))
    expect(result.broken).toEqual([])
  })
}

/** What broke, the end of the trace, and how to see it all. */
export function reportOf({ seed, broken, trace }: SeedResult, lines: number): string {
  return [
    `seed ${seed} breaks ${broken.length} promises:`,
    ...broken.slice(0, 20).map((what) => `  ${what}`),
    `the last ${lines} of ${trace.length} lines of its trace:`,
    ...trace.slice(-lines),
    `SEED=${seed} npx vitest run --config test/vitest.config.ts --project pair test/pair/simulator`,
  ].join('\n')
}

/** How much was done. */
class Sum {
  readonly #counts = new Map<string, number>()
  #seeds = 0
  #operations = 0
  #faults = 0
  #longestMs = 0

  add({ operations, faults, healedMs }: SeedResult): undefined {
    this.#seeds++
    this.#longestMs = Math.max(this.#longestMs, healedMs)
    for (const n of Object.values(operations)) this.#operations += n
    for (const [kind, n] of Object.entries(faults)) {
      this.#faults += n
      this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + n)
    }
  }

  get text(): string {
    const kinds = [...this.#counts].sort().map(([kind, n]) => `${kind} ${n}`)
    const rest = `at rest after ${Math.ceil(this.#longestMs / 1000)} s at most`
    return `${this.#seeds} seeds: ${this.#operations} operations, ${this.#faults} faults (${kinds.join(', ')}), ${rest}`
  }
}
