/**
 * The credentials that the far side of one link showed, by the number that it gave them.
 *
 * Fails: `credential-ref-unknown`, or the code that its CREDENTIAL was refused with.
 * Spec:  [LINK-6.3-1] numbers, [LINK-6.3-4] refresh, [LINK-6.4-1] FORGET
 */
import type { Address, Service } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import type { Status } from '../errors.ts'
import type { Scope } from '../wire/registry.ts'
import { type LinkCaller, native } from './callers.ts'
import type { Pair } from './pair.ts'

/** What a good credential says. */
type Said = {
  readonly subject: Address
  readonly audience: Domain
  /** The pair of domains on whose proof it rests. */
  readonly pair: Pair | undefined
  /** What else is proven on this link. */
  readonly proofs: { serves(local: string, remote: string, service: Service): boolean }
  readonly scope: ReadonlySet<Scope>
  /** Wall time in ms from which on it is refused as expired; the skew is in it. */
  readonly expiresAt: number
}

export class Held implements LinkCaller {
  readonly door = 'domain' as const
  readonly via = native
  readonly number: number
  /** `waiting`: its key is being fetched. */
  state: 'waiting' | 'good' | 'refused' = 'waiting'
  /** Why it was refused. */
  code: Status = 'credential-ref-unknown'
  /** The domain that it says it is meant for, good or not. */
  named: string | undefined = undefined
  /** That domain and the one that it says it is of: whose proof and key it waits for. */
  pair = ''
  #said: Said | undefined = undefined

  constructor(number: number) {
    this.number = number
  }

  /** Of a good one. */
  get user(): Address {
    return (this.#said as Said).subject
  }

  get domain(): Domain {
    return (this.#said as Said).subject.domain
  }

  get local(): Domain {
    return (this.#said as Said).audience
  }

  get expiresAt(): number {
    return this.#said?.expiresAt ?? 0
  }

  get issuer(): Domain | undefined {
    return this.#said?.subject.domain
  }

  /** [LINK-6.3-4] A number keeps its issuer, subject and audience. */
  isSame(subject: Address, audience: string): boolean {
    const said = this.#said
    return said === undefined || (said.subject.text === subject.text && said.audience === audience)
  }

  accept(said: Said): undefined {
    this.state = 'good'
    this.#said = said
  }

  /**
   * [LINK-6.5-1] [LINK-6.5-2] [LINK-5.4-12] The pair of domains is proven on this link for the service, and the credential
   * is meant for the recipient's domain.
   */
  may(scope: Scope, from: Address, audience: Domain): Status | undefined {
    const said = this.#said
    const service = serviceOf(scope)
    if (said === undefined) return 'domain-not-proven'
    if (said.audience !== audience) {
      const isProven = said.proofs.serves(audience, said.subject.domain, service)
      return isProven ? 'credential-audience' : 'domain-not-proven'
    }
    if (said.pair?.services.includes(service) !== true) return 'domain-not-proven'
    if (!said.scope.has(scope)) return 'credential-scope'
    return from.text === said.subject.text ? undefined : 'credential-subject'
  }
}

const serviceOf = (scope: Scope): Service => (scope === 'im.send' ? 'im' : 'pres')

export class HeldCredentials {
  readonly #byNumber = new Map<number, Held>()
  readonly #most: number
  #highest = 0

  constructor(most: number) {
    this.#most = most
  }

  get(number: number): Held | undefined {
    return this.#byNumber.get(number)
  }

  /** Room for the credential `number`; a number is new, or held and shown again. Else the code to refuse with. */
  place(number: number): Held | Status {
    if (number === 0) return 'bad-request'
    const known = this.#byNumber.get(number)
    if (known !== undefined) return known
    // [LINK-6.3-3] A number that was given up is never used again on this link.
    if (number <= this.#highest) return 'bad-request'
    // [LINK-6.3-7]
    if (this.#byNumber.size >= this.#most) return 'limit-reached'
    this.#highest = number
    const held = new Held(number)
    this.#byNumber.set(number, held)
    return held
  }

  forget(number: number): undefined {
    this.#byNumber.delete(number)
  }

  /** Keys of `issuer` changed: what it vouched for has to be shown again. */
  dropIssuer(issuer: string): undefined {
    for (const held of this.#byNumber.values()) {
      if (held.issuer !== issuer) continue
      held.state = 'refused'
      held.code = 'credential-ref-unknown'
    }
  }
}
