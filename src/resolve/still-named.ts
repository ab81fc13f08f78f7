/**
 * Resolve: whether DNS, or a route, still names the place where a link leads. Pure, but for the search.
 *
 * In:    a search for all targets of a domain; host, port and address of the link.
 * Out:   yes or no.
 * Fails: never. Where DNS does not know, or names nothing that could be dialled instead, it is yes.
 */

import { isIP } from 'node:net'
import type { Search } from './search.ts'
import type { Target } from './target.ts'
import { findTargets, type Needs } from './targets.ts'

export type LinkPlace = { readonly host: string; readonly port: number; readonly ip: string }

export type Naming = 'named' | 'host-gone' | 'address-gone'

export async function namingOf(needs: Needs, search: Search, place: LinkPlace): Promise<Naming> {
  const targets = await allTargets(needs, search)
  const { isUnsure, isCut } = search.tally
  if (targets.length === 0 || isUnsure || isCut) return 'named'
  const same = targets.filter(({ host, port }) => host === place.host && port === place.port)
  if (same.length === 0) return 'host-gone'
  // The answer for one family may be late: of the other nothing is concluded.
  const own = same
    .flatMap(({ addresses }) => addresses)
    .filter(({ ip }) => isIP(ip) === isIP(place.ip))
  return own.length === 0 || own.some(({ ip }) => ip === place.ip) ? 'named' : 'address-gone'
}

async function allTargets(needs: Needs, search: Search): Promise<readonly Target[]> {
  const targets: Target[] = []
  try {
    for await (const target of findTargets(needs, search)) targets.push(target)
    return targets
  } catch {
    // Nothing to dial: a link that is there is better.
    return []
  }
}
