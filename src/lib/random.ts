/** Chance as an argument: two sources, one for spreading load, one for identifiers and secrets. */
import { randomFillSync } from 'node:crypto'

export type Random = {
  /** A number in [0, 1), for jitter and weighted draws; not for secrets. */
  readonly number: () => number
  /** `length` unpredictable bytes. */
  readonly bytes: (length: number) => Buffer
}

export const systemRandom: Random = {
  number: () => Math.random(),
  bytes: (length) => randomFillSync(Buffer.allocUnsafeSlow(length)),
}

/** A value spread evenly over [`value` × `low`, `value` × `high`): jitter is applied after any cap. */
export const jitter = (random: Random, value: number, low: number, high: number): number =>
  value * (low + random.number() * (high - low))
