/** What the ways out need of a session and of the pool: a link to send by, or one to come. */
import type { Service } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import type { Link } from '../link/link.ts'
import type { Outgoing } from '../link/outgoing.ts'
import type { ShownCredentials } from './shown-credentials.ts'

/** A session that requests go by. */
export type Carrier = {
  readonly link: Pick<Link, 'ask' | 'isUsable'>
  readonly shown: Pick<ShownCredentials, 'refer' | 'isRenewed'>
}

export interface Carriers {
  find(local: Domain, remote: Domain, service: Service): Carrier | undefined
  send<R extends Outgoing>(
    local: Domain,
    remote: Domain,
    service: Service,
    request: R,
    send: (carrier: Carrier, request: R) => undefined,
  ): undefined
  want(local: Domain, remote: Domain, service: Service): undefined
  retryAfterMs(local: Domain, remote: Domain, service: Service): number
}
