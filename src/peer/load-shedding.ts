/** Load shedding: short of sockets, which links are let go of, so that there is room for others. Spec: draft §5.5.3 */
import type { Env } from '../env.ts'
import type { Shares } from '../shares/shares.ts'
import type { Session } from './session.ts'

/** Who uses so many times its share for so long has its links let go of, and is told to come again after a while. */
const tooMuch = 2
const tooLongMs = 10_000
const restMs = 30_000

/** Links that are let go of in one second for want of room. */
const mostReleased = 32

/**
 * Lets go of a link for which far more time was used, for long, than is left to it. Once a second as long as it says
 * that its account is over its share.
 */
export function shedBusy(shares: Shares, { link }: Session, now: number): boolean {
  const { account } = link.reader
  if (!shares.isOver(account, 'time', tooMuch)) account.overSince = -1
  else if (account.overSince < 0) account.overSince = now
  else if (now - account.overSince > tooLongMs) link.release('resource-shortage', restMs)
  return account.overSince >= 0
}

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
