/**
 * Config: a setting for every limit of the program.
 *
 * In:    `limitTable`.
 * Out:   the shape of the section `limits`.
 * Fails: as `codec.ts`.
 */
import { z } from 'zod'
import { type LimitName, type LimitRow, limitTable } from '../limits.ts'
import { whole } from './codec.ts'
import { restart } from './marks.ts'

/** What the protocol itself allows at most. */
const ceilings: Partial<Record<LimitName, number>> = {
  frameBytes: 16_384,
  messageBytes: 262_144,
  hops: 255,
  subjects: 64,
}

const phrases: Record<LimitRow['unit'], string> = {
  bytes: 'a whole number of bytes',
  ms: 'a whole number of milliseconds',
  count: 'a whole number',
  seconds: 'a whole number of seconds',
  hops: 'a whole number of hops',
  'per second': 'a number above 0 (per second)',
}

const limit = (name: LimitName) => {
  const { unit, value, meaning }: LimitRow = limitTable[name]
  return (unit === 'per second' ? rate : wholeLimit(name, unit))
    .default(value)
    .meta({ title: unit, ...restart(meaning) })
}

/** A rate may be one in ten seconds. */
const rate = z.number({ error: phrases['per second'] }).positive({ error: phrases['per second'] })

function wholeLimit(name: LimitName, unit: LimitRow['unit']) {
  const most = ceilings[name]
  const range = most === undefined ? 'from 1 up' : `from 1 to ${most}`
  return whole(1, most ?? Number.MAX_SAFE_INTEGER, `${phrases[unit]} ${range}`)
}

export const limitShape = Object.fromEntries(
  (Object.keys(limitTable) as LimitName[]).map((name) => [name, limit(name)]),
) as Record<LimitName, ReturnType<typeof limit>>
