/** How long something is granted, and when it ends. Draft §6.6: subscriptions and publications are leased. */
import type { Limits } from '../limits.ts'

/** Wait of whoever finds a full table. */
export const fullMs = 10_000

/** The lease of a subscription: the wish within the bounds, the default without one. Also NaN and 1e999 end inside. */
export function grantLease(wantedSeconds: number | undefined, limits: Limits): number {
  const wanted = Math.floor(wantedSeconds ?? limits.leaseSeconds)
  if (!(wanted >= limits.leaseMinSeconds)) return limits.leaseMinSeconds
  return Math.min(wanted, limits.leaseMaxSeconds)
}

/**
 * [LINK-6.8-5] RFC 3903 §6: the time of a publication may be shortened, never lengthened; `undefined`: the wish
 * is too short.
 */
export function grantPublication(
  wantedSeconds: number | undefined,
  limits: Limits,
): number | undefined {
  if (wantedSeconds !== undefined && !(wantedSeconds >= limits.leaseMinSeconds)) return undefined
  return grantLease(wantedSeconds, limits)
}

/**
 * [LINK-6.10-5] A subscription outlives its lease by two ping periods, so that a stall of 30 s does not
 * unsubscribe a domain.
 */
export const subscriptionEnd = (now: number, leaseSeconds: number, limits: Limits): number =>
  now + leaseSeconds * 1000 + 2 * limits.pingMs
