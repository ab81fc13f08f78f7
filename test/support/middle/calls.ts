/** Who asks, and what was answered: calls as a door makes them. */
import type { Address } from '../../../src/address/address.ts'
import type { Domain } from '../../../src/address/domain.ts'
import type { Status } from '../../../src/errors.ts'
import type { Asker, Call, Caller, Outcome } from '../../../src/operation/call.ts'
import type { Operation } from '../../../src/operation/operation.ts'

export const address = (text: string): Address => {
  const [user = '', domain = ''] = text.split('@')
  return { user, domain: domain as Domain, text }
}

export const domain = (name: string): Domain => name as Domain

export const alice = address('alice@a.example')
export const bob = address('bob@b.example')
export const carol = address('carol@b.example')
export const zoe = address('zoe@z.example')

/** In these tests we are b.example. */
export const home = bob.domain
export const isHosted = (name: string): boolean => name === home

export type CallerWish = Partial<Pick<Caller, 'door' | 'domain' | 'user' | 'may'>>

/** The word of a user of ours, unless told otherwise. It may do everything. */
export const callerOf = (user: Address, wish: CallerWish = {}): Caller => ({
  door: 'user',
  via: 'test',
  domain: user.domain,
  user,
  may: () => undefined,
  ...wish,
})

/** The word of another domain for one of its users. */
export const peerCaller = (user: Address, wish: CallerWish = {}): Caller =>
  callerOf(user, { door: 'domain', ...wish })

/** A call, and its one answer. */
export class TestCall<O extends Operation> implements Call<O> {
  readonly caller: Caller
  readonly operation: O
  readonly at: number
  #outcome: Outcome | undefined

  constructor(operation: O, caller: Caller, at = 0) {
    this.operation = operation
    this.caller = caller
    this.at = at
  }

  answer(outcome: Outcome): undefined {
    if (this.#outcome !== undefined) throw new Error('answered twice')
    // Lent: valid during this call alone.
    this.#outcome = { ...outcome }
  }

  get outcome(): Outcome | undefined {
    return this.#outcome
  }

  get status(): Status | 'no answer' {
    return this.#outcome?.status ?? 'no answer'
  }

  get waitMs(): number {
    return this.#outcome?.retryAfterMs ?? Number.NaN
  }
}

/** Told how operations ended, each once, in this order. */
export class TestAsker<O extends Operation> implements Asker<O> {
  readonly told: { readonly operation: O; readonly outcome: Outcome }[] = []

  ended(operation: O, outcome: Outcome): undefined {
    if (this.told.some((one) => one.operation === operation)) throw new Error('ended twice')
    this.told.push({ operation, outcome: { ...outcome } })
  }

  get statuses(): readonly Status[] {
    return this.told.map(({ outcome }) => outcome.status)
  }

  of(operation: O): Outcome | undefined {
    return this.told.find((one) => one.operation === operation)?.outcome
  }
}
