/** Load shedding: short of sockets, which links are let go of, so that there is room for others. Spec: draft §5.5.3 */
import type { Env } from '../lib/env.ts'
import type { Session } from './session.ts'

/** Links that are let go of in one second for want of room. */
const mostReleased = 32

/**
 * Lets go of those that were idle longest, a few at a time. A link with something under way, or with live
 * subscriptions, is not idle.
 */
export function shedLinks(
  { limits, meter }: Pick<Env, 'limits' | 'meter'>,
  all: ReadonlySet<Session>,
  isUsed: (session: Session) => boolean,
): undefined {
  const surplus = all.size - Math.floor(limits.links * 0.9)
  if (surplus <= 0) return
  const idle = [...all]
    .filter((session) => session.link.isUsable && session.link.underWay === 0)
    .filter((session) => !isUsed(session))
    .sort((a, b) => b.link.idleMs - a.link.idleMs)
  for (const { link } of idle.slice(0, Math.min(surplus, mostReleased))) {
    link.release('resource-shortage')
  }
  meter.hit('links')
}
