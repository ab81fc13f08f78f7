/** PUBLISH as RFC 3903 §4 has it: create, refresh, modify, remove, told apart by which fields are there. */
import type { Address } from '../address/address.ts'

/** Entity-tags are 16 bytes as text, one character a byte. `leaseSeconds` 0 removes, `undefined` takes the default. */
export type PublishRequest = {
  readonly publisher: Address
  readonly presentity: Address
  readonly ifMatch: string | undefined
  readonly etag: string | undefined
  readonly leaseSeconds: number | undefined
  readonly document: Uint8Array | undefined
}

export type PublishRefusal = {
  readonly status:
    | 'bad-request'
    | 'too-large'
    | 'conflict'
    | 'precondition-failed'
    | 'lease-unknown'
    | 'limit-reached'
  readonly detail: string
}

/** With `lease-too-short`, `leaseSeconds` is the shortest that is granted. */
export type PublishAnswer =
  | { readonly status: 'ok'; readonly leaseSeconds: number }
  | { readonly status: 'lease-too-short'; readonly leaseSeconds: number }
  | PublishRefusal

export const refuse = (status: PublishRefusal['status'], detail: string): PublishRefusal => ({
  status,
  detail,
})

/** RFC 3903 §4.1, table 1: a body takes a new entity-tag and no zero lease; without a body there is a tag to match. */
export function isWellFormed({ ifMatch, etag, leaseSeconds, document }: PublishRequest): boolean {
  if (leaseSeconds !== undefined && !(Number.isSafeInteger(leaseSeconds) && leaseSeconds >= 0)) {
    return false
  }
  if (document === undefined) return ifMatch !== undefined && etag === undefined
  return etag !== undefined && etag !== ifMatch && leaseSeconds !== 0
}
