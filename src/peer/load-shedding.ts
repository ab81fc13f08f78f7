/**
 * Load shedding (draft §5.5.3, [LINK-9.2-2]): which links are let go of, so that there is room and time for others.
 *
 * In:    all sessions; the shares.
 * Out:   RELEASE resource-shortage. Gateways alone: clients have places of their own.
 * Fails: never. A link with something under way is never let go of for want of places.
 */
import type { Env } from '../env.ts'
import type { Account } from '../shares/account.ts'
import type { Session } from './session.ts'

/** Whose flood is so long loses its links, and is told to come again after a while. */
const tooLongMs = 10_000
export const restMs = 30_000

/**
 * Lets go of a link for which far more time was used, for long, than is left to it. Once a second as long as it says
 * that its account is over its share.
 */
export function shedBusy({ shares }: Pick<Env, 'shares'>, { link }: Session, now: number): boolean {
  const { account } = link.reader
  if (!shares.isFlood(account)) account.overSince = -1
  else if (account.overSince < 0) account.overSince = now
  else if (now - account.overSince > tooLongMs) link.release('resource-shortage', restMs)
  return account.overSince >= 0
}

/**
 * Lets go of one link, the longest idle: of domains over their share one that nobody misses, then one that a subscription
 * keeps, but not their last; then of others one that nobody misses. `only`: of this one alone. False: there is none.
 */
export function shedIdle(
  { shares }: Pick<Env, 'shares'>,
  all: ReadonlySet<Session>,
  isUsed: (session: Session) => boolean,
  only: Account | undefined,
): boolean {
  const scored = [...all].flatMap((session) => {
    if (session.role !== 'gateway') return []
    const { link } = session
    if (only !== undefined && link.reader.account !== only) return []
    if (!link.isUsable || link.underWay > 0) return []
    const isOver = shares.isOver(link.reader.account, 'links')
    const hasSpare = isOver && shares.used(link.reader.account, 'links') > 1
    if (isUsed(session) && !hasSpare) return []
    const rank = !isOver ? 2 : isUsed(session) ? 1 : 0
    return [{ link, rank, idleMs: link.idleMs }]
  })
  scored.sort((a, b) => a.rank - b.rank || b.idleMs - a.idleMs)
  const [victim] = scored
  victim?.link.release('resource-shortage')
  return victim !== undefined
}
