/**
 * The credentials that the far side of one link showed, by the number that it gave each of their users.
 *
 * A number is little: whom it stands for, and the grant of the token that it was shown with, which all numbers of that
 * token share. What was refused keeps no number: the last refusals are remembered, a fixed number of them.
 *
 * Fails: `bad-request`, `limit-reached`; for requests `credential-ref-unknown`, or the code of the refusal.
 * Spec:  [LINK-6.3-1] numbers, [LINK-6.3-4] refresh, [LINK-6.3-12] to [LINK-6.3-15], [LINK-6.4-1] FORGET
 */
import type { Address, Service } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import type { Senders } from '../credential/checks.ts'
import type { Status } from '../errors.ts'
import { mostSubjects, type Scope } from '../wire/registry.ts'
import { type LinkCaller, native } from './callers.ts'
import type { Pair } from './pair.ts'

/** What a good token says for each of its users. */
type Said = {
  /** The pair of domains on whose proof it rests. */
  readonly pair: Pair
  /** What else is proven on this link. */
  readonly proofs: { serves(local: string, remote: string, service: Service): boolean }
  readonly scope: ReadonlySet<Scope>
  /** Wall time in ms from which on it is refused as expired; the skew is in it. */
  readonly expiresAt: number
}

/** What one token allows: `waiting` while its key is fetched; `dropped`, to be shown again, once keys changed. */
export class Grant {
  state: 'waiting' | 'good' | 'dropped' = 'waiting'
  /** The request that shows it. */
  readonly request: number
  /** The domain of ours that it says it is meant for, good or not. */
  named: Domain | undefined = undefined
  /** That domain and the one that it says it is of, while their proof or key is waited for. */
  awaited = ''
  /** Of a good one. */
  pair: Pair | undefined = undefined
  proofs: Said['proofs'] | undefined = undefined
  expiresAt = 0
  #scope: ReadonlySet<Scope> | undefined = undefined

  constructor(request: number) {
    this.request = request
  }

  accept({ pair, proofs, scope, expiresAt }: Said): undefined {
    this.state = 'good'
    this.awaited = ''
    this.pair = pair
    this.proofs = proofs
    this.expiresAt = expiresAt
    this.#scope = scope
  }

  allows(scope: Scope): boolean {
    return this.#scope?.has(scope) === true
  }
}

export class Held implements LinkCaller {
  grant: Grant
  #user: Address | undefined = undefined

  constructor(grant: Grant) {
    this.grant = grant
  }

  get door(): 'domain' {
    return 'domain'
  }

  get via(): string {
    return native
  }

  /** Of a good one, as what follows. */
  get user(): Address {
    return this.#user as Address
  }

  get domain(): Domain {
    return this.user.domain
  }

  get local(): Domain {
    return (this.grant.pair as Pair).local
  }

  /** [LINK-6.3-4] A number keeps its issuer, subject and audience. */
  isSame(user: Address | undefined, audience: string): boolean {
    if (this.#user === undefined) return true
    return this.#user.text === user?.text && this.local === audience
  }

  /** [LINK-6.3-15] From now on it rests on this grant alone. */
  accept(user: Address, grant: Grant): undefined {
    this.#user = user
    this.grant = grant
  }

  /**
   * [LINK-6.5-1] [LINK-6.5-2] [LINK-5.4-12] The pair of domains is proven on this link for the service, and the credential
   * is meant for the recipient's domain.
   */
  may(scope: Scope, from: Address, audience: Domain): Status | undefined {
    const { pair, proofs } = this.grant
    const service = serviceOf(scope)
    if (pair?.local !== audience) {
      const isProven = proofs?.serves(audience, this.domain, service) === true
      return isProven ? 'credential-audience' : 'domain-not-proven'
    }
    if (!pair.services.includes(service)) return 'domain-not-proven'
    if (!this.grant.allows(scope)) return 'credential-scope'
    return from.text === this.user.text ? undefined : 'credential-subject'
  }
}

const serviceOf = (scope: Scope): Service => (scope === 'im.send' ? 'im' : 'pres')

/** A token that was refused: its new numbers, which rise, and why. */
export type Refused = {
  readonly numbers: readonly number[]
  readonly code: Status
  readonly named: Domain | undefined
}

/** [LINK-6.3-14] Refused tokens of a link that are remembered. */
const mostRefused = 64

/** Places for numbers, of whoever shows them. */
export type NumberPlaces = {
  readonly take: (count: number) => boolean
  readonly give: (count: number) => undefined
}

export class HeldCredentials {
  readonly #byNumber = new Map<number, Held>()
  readonly #most: number
  readonly #places: NumberPlaces
  #highest = 0
  /** Of tokens that wait for a proof, by the request that shows them and comes again. */
  readonly #waiting = new Map<number, Grant>()
  /** The oldest first. Numbers of one are all above those of the one before. */
  #refused: Refused[] = []

  constructor(most: number, places: NumberPlaces) {
    this.#most = most
    this.#places = places
  }

  get size(): number {
    return this.#byNumber.size
  }

  get(number: number): Held | undefined {
    return this.#byNumber.get(number)
  }

  /** Why `number` was refused; nothing: it was not, or that was long ago. */
  refusal(number: number): Refused | undefined {
    return this.#refused.findLast(({ numbers }) => isWithin(numbers, number))
  }

  /** The domain of ours that the token under `number` is meant for, as far as that was read. */
  named(number: number): Domain | undefined {
    return this.get(number)?.grant.named ?? this.refusal(number)?.named
  }

  /**
   * [LINK-6.3-11] [LINK-6.3-12] Numbers for the users of one token that `request` shows: each is held and shown again,
   * or new; new ones are used from now on. Else the code to refuse with.
   */
  place(numbers: readonly number[], request: number): Grant | Status {
    // [LINK-6.3-13] They have their places, but for those that were forgotten meanwhile.
    const placed = this.#waiting.get(request)
    if (placed !== undefined) return placed
    const fresh: number[] = []
    const seen = new Set<number>()
    let highest = this.#highest
    for (const number of numbers) {
      if (number === 0) continue
      if (seen.has(number)) return 'bad-request'
      seen.add(number)
      if (this.#byNumber.has(number)) continue
      // [LINK-6.3-3] A number that was given up is never used again on this link.
      if (number <= highest) return 'bad-request'
      highest = number
      fresh.push(number)
    }
    if (seen.size === 0) return 'bad-request'
    this.#highest = highest
    // [LINK-6.3-7]
    if (this.#byNumber.size + fresh.length > this.#most) {
      this.#remember({ numbers: fresh, code: 'limit-reached', named: undefined })
      return 'limit-reached'
    }
    if (fresh.length > 0 && !this.#places.take(fresh.length)) {
      this.#remember({ numbers: fresh, code: 'busy', named: undefined })
      return 'busy'
    }
    const grant = new Grant(request)
    for (const number of fresh) this.#byNumber.set(number, new Held(grant))
    return grant
  }

  /** The request that shows its numbers is put aside, and comes again. */
  wait(grant: Grant): undefined {
    this.#waiting.set(grant.request, grant)
  }

  /** The token is good: each number stands for the user in its place. False: one stands for another already. */
  accept(grant: Grant, numbers: readonly number[], senders: Senders, said: Said): boolean {
    const { local } = said.pair
    const fits = numbers.every((number, i) => this.get(number)?.isSame(senders[i], local) !== false)
    if (!fits) return false
    this.#waiting.delete(grant.request)
    grant.accept(said)
    for (const [i, number] of numbers.entries()) {
      const sender = senders[i]
      // [LINK-10.4-1] Who is no user of the issuer gets no number.
      if (sender === undefined) this.forget(number)
      // [LINK-6.3-13] What was forgotten meanwhile stays so.
      else this.get(number)?.accept(sender, grant)
    }
    return true
  }

  /** [LINK-6.3-12] The token is refused: its new numbers are not held, and the others stay as they were. */
  refuse(grant: Grant, numbers: readonly number[], code: Status): undefined {
    const fresh = numbers.filter((number) => {
      const held = this.get(number)
      return held !== undefined && isWaiting(held, grant.request)
    })
    for (const number of fresh) this.forget(number)
    this.#waiting.delete(grant.request)
    this.#remember({ numbers: fresh, code, named: grant.named })
  }

  /** Nobody has looked at the token: its new numbers are not used yet, and may be shown again. */
  notShown(numbers: readonly number[], code: Status): undefined {
    // [LINK-6.3-10]
    if (numbers.length > mostSubjects) return
    const fresh = numbers.filter((number) => number > this.#highest)
    this.#remember({ numbers: fresh, code, named: undefined })
  }

  forget(number: number): undefined {
    if (this.#byNumber.delete(number)) this.#places.give(1)
  }

  /** The link is closed. */
  close(): undefined {
    this.#places.give(this.#byNumber.size)
    this.#byNumber.clear()
  }

  /** Keys of `issuer` changed: what it vouched for has to be shown again. */
  dropIssuer(issuer: string): undefined {
    for (const { grant } of this.#byNumber.values()) {
      if (grant.pair?.remote === issuer) grant.state = 'dropped'
    }
  }

  #remember(refused: Refused): undefined {
    if (refused.numbers.length === 0) return
    this.#refused.push(refused)
    if (this.#refused.length > mostRefused) this.#refused.shift()
  }
}

const isWaiting = ({ grant }: Held, request: number): boolean =>
  grant.state === 'waiting' && grant.request === request

const isWithin = (numbers: readonly number[], number: number): boolean =>
  number >= (numbers[0] as number) &&
  number <= (numbers.at(-1) as number) &&
  numbers.includes(number)
