/**
 * Two large providers that know each other, without a setting: how many messages a second pass, and what becomes of the
 * others.
 *
 * In:    pairs of users, and messages a second of all of them together, from one domain to the other.
 * Out:   offered, sent, delivered a second; refusals by status; limits that were hit.
 * Fails: as the gateways and the load do.
 */
import type { Children } from './children.ts'
import { GatewayPair } from './gateway.ts'
import { statuses } from './hostile-report.ts'
import { aligned } from './report.ts'
import type { OnStep } from './rounds.ts'
import type { Shape } from './subject.ts'

export type Exchange = {
  readonly users: number
  readonly offeredPerSecond: number
  readonly sentPerSecond: number
  readonly deliveredPerSecond: number
  readonly unanswered: number
  /** By status. */
  readonly refused: Readonly<Record<number, number>>
  readonly limitsHit: number
  /** Links between them and of their users that ended meanwhile. */
  readonly linksEnded: number
}

/** Each lane has a rate of its own, and clients share `links`: so many pairs that neither is what is met. */
const lanePerSecond = 1.5
const mostPairs = 3900

export const pairsFor = (perSecond: number): number =>
  Math.min(mostPairs, Math.ceil(perSecond / lanePerSecond))

/** They meet, and are known from then on: a few messages a second for a moment, in both directions. */

export async function exchange(
  children: Children,
  shape: Shape,
  order: { readonly perSecond: number; readonly ms: number },
  onStep: OnStep,
): Promise<Exchange> {
  const pair = new GatewayPair(children, shape, 'default')
  const { perSecond, ms } = order
  try {
    onStep('start')
    await pair.start()
    const before = await pair.refusals()
    const { limitsHit, linksEnded } = await pair.totals()
    onStep(`${perSecond} messages a second`)
    const { sent, received } = await pair.paced(perSecond, ms)
    const refused = Object.fromEntries(
      Object.entries(await pair.refusals()).map(([status, count]) => {
        return [status, count - (before[Number(status)] ?? 0)]
      }),
    )
    const after = await pair.totals()
    const all = Object.values(refused).reduce((sum, count) => sum + count, 0)
    return {
      users: shape.users,
      offeredPerSecond: perSecond,
      sentPerSecond: (sent * 1000) / ms,
      deliveredPerSecond: (received * 1000) / ms,
      unanswered: Math.max(0, sent - received - all),
      refused,
      limitsHit: after.limitsHit - limitsHit,
      linksEnded: after.linksEnded - linksEnded,
    }
  } finally {
    await pair.stop()
  }
}

export const exchangeTable = (found: Exchange): string =>
  aligned([
    ['two providers, default limits', ''],
    ['pairs of users', `${found.users}`],
    ['messages a second, offered', found.offeredPerSecond.toFixed(0)],
    ['messages a second, sent', found.sentPerSecond.toFixed(0)],
    ['messages a second, delivered', found.deliveredPerSecond.toFixed(0)],
    ['without an answer', `${found.unanswered}`],
    ['refused', statuses(found.refused) || 'none'],
    ['limits hit', `${found.limitsHit}`],
    ['links ended', `${found.linksEnded}`],
  ])
