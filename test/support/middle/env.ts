/**
 * The world around one room: a clock that stands still, chance that repeats, meters, and memory that is given back.
 *
 * Fails: the test, if the room logs a fault of its own, or at its end still holds bytes of a message that waited.
 */

import { expect, onTestFinished } from 'vitest'
import type { Env } from '../../../src/env.ts'
import { type Facts, silentLog } from '../../../src/lib/log.ts'
import { Meter } from '../../../src/lib/meter.ts'
import { type Limits, limitsWith } from '../../../src/limits.ts'
import { ByteBudget } from '../../../src/shares/byte-budget.ts'
import { faultLog } from '../fault-log.ts'
import { ManualClock } from '../manual-clock.ts'
import { roomShares } from '../room-shares.ts'
import { seededRandom } from '../seeded-random.ts'

type Line = { readonly event: string } & Facts

export type RoomEnv = Env & {
  readonly clock: ManualClock
  readonly meter: Meter
  /** What was logged at level `info` and `warn`. */
  readonly lines: readonly Line[]
  /** How often a bound was reached. */
  readonly hits: (limit: string) => number
}

export function roomEnv(overrides: Partial<Limits> = {}): RoomEnv {
  const limits = limitsWith(overrides)
  const clock = new ManualClock()
  // Time stands still for them; what is written goes out all the same.
  const { now, wall, after } = new ManualClock()
  const shares = roomShares(limits, { now, wall, after, soon: clock.soon })
  const held = new ByteBudget(limits.heldBytes, shares)
  onTestFinished(() => expect(held.used, 'bytes of messages that have ended').toBe(0))
  const meter = new Meter()
  const lines: Line[] = []
  const note = (event: string, facts: Facts = {}): undefined => {
    lines.push({ event, ...facts })
  }
  const throwIt = (fault: Error): never => {
    throw fault
  }
  return {
    ...{ clock, random: seededRandom(1), limits, meter, held, lines },
    shares,
    log: faultLog(throwIt, { ...silentLog, info: note, warn: note }),
    hits: (limit) => meter.total('limit_hits_total', { limit }),
  }
}

/** A promise that is broken before anybody looks. */
export function broken(message: string): Promise<never> {
  const promise = Promise.reject(new Error(message))
  promise.catch(() => undefined)
  return promise
}

/** Lets every promise that can settle do so. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
