/**
 * How much may be held for others beside what the program itself needs.
 *
 * In:    the limits, and how large the heap may become.
 * Out:   limits of which a quarter of that is enough: bytes lie beside the heap, and what refers to them in it.
 * Fails: never.
 */
import type { Limits } from '../limits.ts'

const part = 1 / 4

export const withinHeap = (limits: Limits, heapBytes: number): Limits => ({
  ...limits,
  heldBytes: Math.min(limits.heldBytes, Math.floor(heapBytes * part)),
})
