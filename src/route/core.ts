/** What doors and adapters ask and tell: a call goes by `receive.ts`, all else to the one room that it is for. */

import type { Address } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import type { Status } from '../errors.ts'
import type { Outcome } from '../operation/call.ts'
import type { Entry } from '../operation/directory.ts'
import type { Core, Reachability, UserSession } from '../operation/ports.ts'

export type CorePorts = {
  readonly receive: Core['receive']
  readonly policy: Pick<Core, 'waitOf' | 'standing'>
  readonly owners: Pick<Core, 'find'>
  readonly home: Pick<Core, 'attach' | 'detach'>
  readonly presence: Pick<Core, 'isUsed' | 'reachable' | 'refused'>
}

export class RouteCore implements Core {
  readonly receive: Core['receive']
  readonly #ports: CorePorts

  constructor(ports: CorePorts) {
    this.receive = ports.receive
    this.#ports = ports
  }

  waitOf(domain: string, what: 'request' | 'notify', at: number): number {
    return this.#ports.policy.waitOf(domain, what, at)
  }

  standing(domain: Domain): 'barred' | 'open' | 'named' {
    return this.#ports.policy.standing(domain)
  }

  isUsed(domain: Domain): boolean {
    return this.#ports.presence.isUsed(domain)
  }

  find(user: Address): Promise<Entry | undefined> {
    return this.#ports.owners.find(user)
  }

  attach(session: UserSession): Promise<Status> {
    return this.#ports.home.attach(session)
  }

  detach(session: UserSession): undefined {
    return this.#ports.home.detach(session)
  }

  reachable(via: string, local: Domain, remote: Domain, change: Reachability): undefined {
    return this.#ports.presence.reachable(via, local, remote, change)
  }

  refused(via: string, domain: Domain, subscription: string, outcome: Outcome): undefined {
    return this.#ports.presence.refused(via, domain, subscription, outcome)
  }
}
