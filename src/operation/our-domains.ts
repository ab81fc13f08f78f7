/** Our own domains: which there are, what each offers, and which directory knows its users. */
import type { Service } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import type { Directory } from './directory.ts'

export type OurDomain = {
  readonly domain: Domain
  readonly services: readonly Service[]
  readonly directory: Directory
}

/** Its members are given to rooms one by one. */
export class OurDomains {
  readonly #byName: ReadonlyMap<string, OurDomain>

  constructor(domains: readonly OurDomain[]) {
    this.#byName = new Map(domains.map((entry) => [entry.domain, entry]))
  }

  readonly has = (domain: string): boolean => this.#byName.has(domain)

  readonly offers = (domain: string, service: Service): boolean =>
    this.#byName.get(domain)?.services.includes(service) ?? false

  readonly directoryOf = (domain: string): Directory | undefined =>
    this.#byName.get(domain)?.directory
}
