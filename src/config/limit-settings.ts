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

/** Above this a limit is a slip of the pen: no machine has so much, and nobody waits so long. */
export const mostOf: Readonly<Record<LimitRow['unit'], number>> = {
  bytes: 2 ** 40,
  ms: 30 * 86_400_000,
  count: 10_000_000,
  seconds: 30 * 86_400,
  hops: 255,
  'per second': 10_000_000,
}

/**
 * What the protocol itself allows, from and to. What a far side may write is taken whatever an operator likes: its link
 * would end for what one of its users sends.
 */
const ranges: Partial<Record<LimitName, readonly [least: number, most: number]>> = {
  frameBytes: [16_384, 16_384],
  fieldBytes: [8192, 16_384],
  fieldCount: [32, 255],
  fieldValueBytes: [2048, 16_384],
  tokenBytes: [2048, 2048],
  helloBytes: [4096, 16_384],
  bodiesUnderWay: [16, mostOf.count],
  messageBytes: [1, 262_144],
  presenceBytes: [1, 8192],
  hops: [1, 255],
  subjects: [1, 64],
}

const phrases: Record<LimitRow['unit'], string> = {
  bytes: 'a whole number of bytes',
  ms: 'a whole number of milliseconds',
  count: 'a whole number',
  seconds: 'a whole number of seconds',
  hops: 'a whole number of hops',
  'per second': `a number above 0 (per second), at most ${mostOf['per second']}`,
}

const limit = (name: LimitName) => {
  const { unit, value, meaning }: LimitRow = limitTable[name]
  return (unit === 'per second' ? rate : wholeLimit(name, unit))
    .default(value)
    .meta({ title: unit, ...restart(meaning) })
}

/** A rate may be one in ten seconds. */
const rate = z
  .number({ error: phrases['per second'] })
  .positive({ error: phrases['per second'] })
  .max(mostOf['per second'], { error: phrases['per second'] })

function wholeLimit(name: LimitName, unit: LimitRow['unit']) {
  const [first, last] = ranges[name] ?? [1, mostOf[unit]]
  return whole(first, last, `${phrases[unit]} from ${first} to ${last}`)
}

export const limitShape = Object.fromEntries(
  (Object.keys(limitTable) as LimitName[]).map((name) => [name, limit(name)]),
) as Record<LimitName, ReturnType<typeof limit>>
