/** A publication (RFC 3903): tuples that one publisher holds up for a presentity, for a time. */
import type { Address } from '../../address/address.ts'
import type { Publish } from '../../operation/presence.ts'
import type { Tuples } from '../../wire/document.ts'

export type Publication = {
  readonly publisher: Address
  readonly presentity: Address
  /** The one that holds. */
  entityTag: string
  tuples: Tuples
  state: 'live' | 'removed' | 'lapsed'
  leaseSlot: number
}

/**
 * [LINK-6.8-1] RFC 3903 §4.1, table 1: a body takes a new entity-tag and no zero lease; without a body there is a tag
 * to match.
 */
export function isWellFormed({ ifMatch, entityTag, leaseSeconds, document }: Publish): boolean {
  if (leaseSeconds !== undefined && !(Number.isSafeInteger(leaseSeconds) && leaseSeconds >= 0)) {
    return false
  }
  if (document === undefined) return ifMatch !== undefined && entityTag === undefined
  return entityTag !== undefined && entityTag !== ifMatch && leaseSeconds !== 0
}
