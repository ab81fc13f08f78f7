/**
 * How much may be held for others beside what the program itself needs.
 *
 * In:    the limits, and how large the heap may become.
 * Out:   limits for which that is enough. Of bytes a quarter of it: they lie beside the heap, and what refers to them in
 *        it. Of places in tables, the longest names in each, as many as it has room for.
 * Fails: never.
 */
import { type Limits, limitTable } from '../limits.ts'

const part = 1 / 4
/** What all tables need that are as large as the defaults say, with names and key sets as long as they may be. */
const wholeBytes = 2 ** 32

/** Tables that strangers fill. */
const tables = [
  'credentials',
  'keySets',
  'lanes',
  'duplicates',
  'subscriptions',
  'presentities',
] as const

/** What is lowered. */
export const heapLimits = ['heldBytes', ...tables] as const

export function withinHeap(limits: Limits, heapBytes: number): Limits {
  const most = (name: (typeof tables)[number]): number =>
    Math.floor((limitTable[name].value * heapBytes) / wholeBytes)
  const lowered = tables.map((name) => [name, Math.min(limits[name], most(name))])
  return {
    ...limits,
    ...Object.fromEntries(lowered),
    heldBytes: Math.min(limits.heldBytes, Math.floor(heapBytes * part)),
  }
}
