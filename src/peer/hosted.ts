/** Our own domains, as the links to others and to clients need them. */
import type { Address, Service } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import type { SetKey } from '../credential/key-set.ts'
import type { CredentialFacts, SharedCredential, SharedFacts, Signer } from '../credential/sign.ts'
import { limitTable } from '../limits.ts'
import { services } from './destinations.ts'

export type HostedDomain = {
  readonly domain: Domain
  readonly signer: Signer
  /** The signed key set that KEYS answers. */
  readonly keySet: Buffer
  /** The keys of the domain itself, by which its own credentials are checked when its users attach. */
  readonly keys: readonly SetKey[]
  readonly services: readonly Service[]
}

export class Hosted {
  /** The domain that speaks on accepted links before a pair is proven. */
  readonly main: Domain
  readonly #byName: ReadonlyMap<string, HostedDomain>

  constructor(domains: readonly [HostedDomain, ...HostedDomain[]]) {
    this.main = domains[0].domain
    this.#byName = new Map(domains.map((entry) => [entry.domain, entry]))
  }

  get all(): Iterable<HostedDomain> {
    return this.#byName.values()
  }

  has(domain: string): boolean {
    return this.#byName.has(domain)
  }

  /** Of a domain that is hosted. */
  signer(domain: Domain): Signer {
    return (this.#byName.get(domain) as HostedDomain).signer
  }

  /**
   * [LINK-10.1-1] A credential of a user of ours; nothing: it is too long for a field, as it can be with the longest of
   * names.
   */
  credential(facts: CredentialFacts): string | undefined {
    const token = this.signer(facts.sub.domain).signCredential(facts)
    return token.length <= limitTable.tokenBytes.value ? token : undefined
  }

  /** [LINK-10.3-4] One for several users of one of our domains, or as many of them as have room; nothing: two have none. */
  credentials(
    subs: readonly [Address, ...Address[]],
    facts: Omit<SharedFacts, 'subs'>,
  ): SharedCredential | undefined {
    if (subs.length === 1) return undefined
    return this.signer(subs[0].domain).signShared({ ...facts, subs })
  }

  keySet(domain: string): Buffer | undefined {
    return this.#byName.get(domain)?.keySet
  }

  /** [LINK-9.1-7] What `domain` offers; without one what all do: each may have a service elsewhere. */
  services(domain?: Domain): readonly Service[] {
    return services.filter((service) =>
      domain === undefined
        ? [...this.all].every((entry) => entry.services.includes(service))
        : this.#byName.get(domain)?.services.includes(service),
    )
  }
}
