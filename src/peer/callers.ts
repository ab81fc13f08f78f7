/**
 * Whose word a request on a link is: that of the user who is attached, of the holder of a credential (see
 * `held-credentials.ts`), or of a domain itself.
 */
import type { Address } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import type { Status } from '../errors.ts'
import type { Caller } from '../operation/call.ts'
import type { Scope } from '../wire/registry.ts'

/** The name of this door and adapter. */
export const native = 'native'

export type LinkCaller = Caller & {
  /** The domain of ours that is spoken to, and that answers. */
  readonly local: Domain
}

/** A user of ours, on the link that it is attached by. */
export class Attached implements LinkCaller {
  readonly door = 'user' as const
  readonly via = native
  readonly domain: Domain
  readonly local: Domain
  readonly user: Address

  constructor(user: Address) {
    this.user = user
    this.domain = user.domain
    this.local = user.domain
  }

  /** [LINK-6.5-2] A client speaks for itself alone. */
  may(_scope: Scope, from: Address): Status | undefined {
    return from.text === this.user.text ? undefined : 'credential-scope'
  }
}

/** [LINK-6.11-1] A domain, on the proof of its pair alone: it renews, and does nothing for a user. */
export class DomainItself implements LinkCaller {
  readonly door = 'domain' as const
  readonly via = native
  readonly domain: Domain
  readonly local: Domain
  readonly user = undefined

  constructor(local: Domain, remote: Domain) {
    this.local = local
    this.domain = remote
  }

  may(): Status {
    return 'credential-missing'
  }
}
