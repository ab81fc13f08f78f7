/**
 * A request of somebody, and how it ends: who speaks, what is asked, and the one answer.
 */
import type { Address } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import type { Status } from '../errors.ts'
import type { Scope } from '../wire/registry.ts'
import type { Operation } from './operation.ts'
import type { Presence } from './presence.ts'

/** Whose word a request is; one for each credential that is held and each attachment, never one a message. */
export interface Caller {
  /** Who speaks: a user of ours, or another domain. `via` names the door. */
  readonly door: 'user' | 'domain'
  /** The door or adapter by which it speaks. */
  readonly via: string
  /** The domain that answers for what is said. */
  readonly domain: Domain
  /** Whom it speaks for; nothing: the domain itself. */
  readonly user: Address | undefined
  /** Why it may not do `scope` as `from` at the domain `audience`; nothing: it may. */
  may(scope: Scope, from: Address, audience: Domain): Status | undefined
}

/** What a caller asks to do, as policy sees it. */
export type AccessRequest = {
  readonly from: Address
  readonly to: Address
  readonly scope: Scope
  readonly hops: number
  /** SUBSCRIBE or UNSUBSCRIBE, which have a rate of their own. */
  readonly isWatch?: boolean
}

export interface Call<O extends Operation = Operation> {
  readonly caller: Caller
  readonly operation: O
  /** Clock time at which it came. */
  readonly at: number
  /** Exactly once. */
  answer(outcome: Outcome): undefined
}

/** What is granted or told beside the status. */
export type Answer = {
  /** Granted seconds: of a publication, a subscription; or, with `lease-too-short`, the shortest. */
  readonly leaseSeconds?: number
  /** Granted seconds for each id of a RENEW, in its order; 0: no such lease. */
  readonly leases?: readonly number[]
  readonly presence?: Presence
  /** A credential that was issued. */
  readonly token?: string
}

/** What the next hop answered beyond status and wait, as it came: end-to-end fields, and a body from `bodyAt` on. */
export type Rest = {
  readonly buffer: Buffer
  readonly fieldsAt: number
  readonly bodyAt: number
  readonly end: number
}

/** Lent: valid during the call that tells it. */
export type Outcome = {
  readonly status: Status
  /** Below 0: nothing is said. */
  readonly retryAfterMs: number
  /** Who found a failure; nothing: this gateway, or `rest` says it. */
  readonly reporter: Domain | undefined
  readonly answer: Answer | undefined
  readonly rest: Rest | undefined
}

/** Told how an operation ended that was given to a hop: exactly once. */
export interface Asker<O extends Operation> {
  ended(operation: O, outcome: Outcome): undefined
}

const bare = { retryAfterMs: -1, reporter: undefined, answer: undefined, rest: undefined }
const plain = new Map<Status, Outcome>()

/** A status and nothing else; one object for each. */
export function outcomeOf(status: Status): Outcome {
  const known = plain.get(status)
  if (known !== undefined) return known
  const outcome: Outcome = { ...bare, status }
  plain.set(status, outcome)
  return outcome
}

export const later = (status: Status, retryAfterMs: number): Outcome =>
  retryAfterMs < 0 ? outcomeOf(status) : { ...bare, status, retryAfterMs }

export const answered = (status: Status, answer: Answer): Outcome => ({ ...bare, status, answer })
