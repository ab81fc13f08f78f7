import type { Limits } from '../limits.ts'

/**
 * [LINK-6.10-6] Whole seconds for which a lease holds that a far side says it granted: next to nothing makes no
 * stream of renewals, and an age is a day.
 */
export const heldSeconds = (
  grantedSeconds: number,
  { requestMs, leaseMaxSeconds }: Pick<Limits, 'requestMs' | 'leaseMaxSeconds'>,
): number => Math.floor(Math.min(Math.max(grantedSeconds, requestMs / 1000), leaseMaxSeconds))
