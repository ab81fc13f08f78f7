/** Everything that can be asked of a gateway, as values. */
import type { Address } from '../address/address.ts'
import type { Message } from './message.ts'
import type { Fetch, Notify, Publish, Renew, Subscribe } from './presence.ts'

/** ISSUE: an attached user wants its next credential, bound to the key that it attached with. */
export type Issue = {
  readonly kind: 'issue'
  readonly user: Address
  /** Base64url of the public key. */
  readonly key: string
}

export type Operation = Message | Publish | Fetch | Subscribe | Renew | Notify | Issue
