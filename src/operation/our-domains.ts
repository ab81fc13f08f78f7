/** Our own domains: which there are, what each offers, which directory knows its users, and who pays for whom. */
import type { Address, Service } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import type { Account } from '../shares/account.ts'
import type { Shares } from '../shares/shares.ts'
import type { Directory } from './directory.ts'

export type OurDomain = {
  readonly domain: Domain
  readonly services: readonly Service[]
  readonly directory: Directory
}

/** Its members are given to rooms one by one. */
export class OurDomains {
  readonly #byName: ReadonlyMap<string, OurDomain>
  readonly #shares: Shares

  constructor(domains: readonly OurDomain[], shares: Shares) {
    this.#shares = shares
    this.#byName = new Map(domains.map((entry) => [entry.domain, entry]))
  }

  readonly has = (domain: string): boolean => this.#byName.has(domain)

  readonly offers = (domain: string, service: Service): boolean =>
    this.#byName.get(domain)?.services.includes(service) ?? false

  readonly directoryOf = (domain: string): Directory | undefined =>
    this.#byName.get(domain)?.directory

  /** Who pays for what `address` holds: one of our users for itself, else its domain. */
  readonly accountOf = ({ domain, text }: Address): Account =>
    this.has(domain) ? this.#shares.tree.user(text) : this.#shares.domain(domain, '')
}
