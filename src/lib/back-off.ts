/**
 * Exponential back-off: the wait before the next attempt doubles up to a cap.
 *
 * In:    how many attempts have failed before (0: this was the first), the first wait, and the cap.
 * Out:   ms, before jitter: `jitter` of `random.ts` comes after the cap, or all who wait at the cap come at once.
 */
export const backOff = (attempt: number, firstMs: number, capMs: number): number =>
  Math.min(firstMs * 2 ** Math.min(attempt, mostDoublings), capMs)

/** Far beyond every cap, and far from infinity, of which 0 ms would make no number. */
const mostDoublings = 64
