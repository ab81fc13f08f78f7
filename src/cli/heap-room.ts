/**
 * How much may be held for others beside what the program itself needs.
 *
 * In:    the limits, and how large the heap may become.
 * Out:   limits for which that is enough. Of bytes a quarter of it: they lie beside the heap, and what refers to them in
 *        it. Of places in tables, the longest names in each, as many as it has room for.
 *        Tables that the operator set are left alone.
 * Fails: never.
 */
import { type Limits, limitTable } from '../limits.ts'

const bytesPart = 1 / 4
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
  // Whoever sets a table knows what will be in it.
  const usual = tables.filter((name) => limits[name] === limitTable[name].value)
  const part = Math.min(1, heapBytes / wholeBytes)
  const lowered = usual.map((name) => [name, Math.floor(limits[name] * part)])
  return {
    ...limits,
    ...Object.fromEntries(lowered),
    heldBytes: Math.min(limits.heldBytes, Math.floor(heapBytes * bytesPart)),
  }
}
