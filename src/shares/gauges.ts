/** Gauges of the shares, read when somebody asks; by class, since no user becomes a label. */
import type { Meter } from '../lib/meter.ts'
import { resources } from './account.ts'
import type { Shares } from './shares.ts'

/** `isScarce`: in the order of `resources`. */
export function observeShares(
  shares: Shares,
  meter: Meter,
  isScarce: readonly boolean[],
): undefined {
  const { tree, turns } = shares
  meter.gauge('share_accounts', {}, () => tree.size)
  meter.gauge('share_unread_links', {}, () => turns.links)
  for (const [at, resource] of resources.entries()) {
    meter.gauge('share_scarce', { resource }, () => (isScarce[at] ? 1 : 0))
    for (const account of [tree.ours, tree.known, tree.strangers, tree.admin]) {
      meter.gauge('share_used', { resource, class: account.name }, () =>
        shares.used(account, resource),
      )
    }
  }
}
