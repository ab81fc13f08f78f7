/** Chance that repeats: the same seed draws the same numbers (mulberry32). */
import type { Random } from '../../src/lib/random.ts'

export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const number = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
  return {
    number,
    bytes: (length) => Buffer.from(Uint8Array.from({ length }, () => Math.floor(number() * 256))),
  }
}
