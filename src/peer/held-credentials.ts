/**
 * The credentials that the far side of one link showed, by the number that it gave them.
 *
 * Fails: `credential-ref-unknown`, or the code that its CREDENTIAL was refused with.
 * Spec:  [LINK-6.3-1] numbers, [LINK-6.3-4] refresh, [LINK-6.4-1] FORGET
 */
import type { Address } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import type { Status } from '../errors.ts'
import type { Scope } from '../wire/registry.ts'
import type { Pair } from './pair.ts'

export type Held = {
  readonly number: number
  /** `waiting`: its key is being fetched. */
  state: 'waiting' | 'good' | 'refused'
  /** Why it was refused. */
  code: Status
  subject: Address | undefined
  audience: Domain | undefined
  /** The pair of domains on whose proof it rests. */
  pair: Pair | undefined
  scope: ReadonlySet<Scope>
  /** Wall time in ms from which on it is refused as expired; the skew is in it. */
  expiresAt: number
}

export class HeldCredentials {
  readonly #byNumber = new Map<number, Held>()
  readonly #most: number
  #highest = 0

  constructor(most: number) {
    this.#most = most
  }

  get size(): number {
    return this.#byNumber.size
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
    const held: Held = {
      number,
      state: 'waiting',
      code: 'credential-ref-unknown',
      subject: undefined,
      audience: undefined,
      pair: undefined,
      scope: new Set(),
      expiresAt: 0,
    }
    this.#byNumber.set(number, held)
    return held
  }

  forget(number: number): undefined {
    this.#byNumber.delete(number)
  }

  /** Keys of `issuer` changed: what it vouched for has to be shown again. */
  dropIssuer(issuer: string): undefined {
    for (const held of this.#byNumber.values()) {
      if (held.subject?.domain !== issuer) continue
      held.state = 'refused'
      held.code = 'credential-ref-unknown'
    }
  }
}
