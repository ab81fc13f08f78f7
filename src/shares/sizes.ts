/** How much there is of each resource, as the limits say. */
import type { Limits } from '../limits.ts'
import type { Held } from './account.ts'

export const sizesOf = (limits: Limits): Readonly<Record<Held, number>> => ({
  bytes: limits.heldBytes,
  links: limits.links,
  clients: limits.clients,
  credentials: limits.credentials,
  lanes: limits.lanes,
  duplicates: limits.duplicates,
  subscriptions: limits.subscriptions,
  presentities: limits.presentities,
  questions: limits.dnsSockets,
  dials: limits.strangerDials,
})
