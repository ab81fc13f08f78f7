/**
 * The gate: requests that wait for the facts about an owner, and those that must not overtake them.
 *
 * In:    a call, and how it goes on.
 * Out:   it goes on in the same turn where nothing has to be waited for, else in the order of the calls: those about one
 *        owner, and those about one subscription, whether they need its owner (SUBSCRIBE) or not (RENEW, UNSUBSCRIBE).
 * Fails: `busy`, for a time: the directory cannot say, or too many wait. The same for users that exist and for others.
 * Spec:  [LINK-6.12-3] a subscription is known by its id, whatever user is named
 */
import type { Address } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import type { Env } from '../env.ts'
import { type Call, later } from '../operation/call.ts'
import type { Owner } from '../operation/directory.ts'
import type { Account } from '../shares/account.ts'
import { FairRoom } from '../shares/fair-room.ts'
import type { OwnersPort } from './stages.ts'

/** What whoever asks is told to wait. */
const againMs = 1000

export const busy = later('busy', againMs)

type Go = () => undefined

export class Gate {
  readonly #env: Env
  readonly #owners: OwnersPort
  /** SUBSCRIBEs that wait, by domain of the watcher and id: what goes on after each. */
  readonly #after = new Map<string, Go[]>()
  readonly #behind: FairRoom

  constructor(env: Env, owners: OwnersPort) {
    this.#env = env
    this.#behind = new FairRoom(env.limits.ownersWaiting)
    this.#owners = owners
  }

  /** Goes on with the facts about `user`. `payer`: who waits. */
  pass(call: Call, user: Address, payer: Account, go: (owner: Owner) => undefined): undefined {
    const { operation, at } = call
    const known = this.#owners.known(user, at)
    if (known !== undefined) return go(known)
    const after: Go[] = []
    const name =
      operation.kind === 'subscribe' ? nameOf(operation.watcher.domain, operation.id) : undefined
    const isWaiting = this.#owners.wait(user, payer, (owner) => {
      if (name !== undefined) this.#after.delete(name)
      if (owner === undefined) call.answer(busy)
      else go(owner)
      for (const next of after) next()
    })
    if (!isWaiting) return call.answer(busy)
    if (name !== undefined) this.#after.set(name, after)
  }

  /**
   * Goes on once nothing waits that is about one of these subscriptions of watchers in `domain`; or, of many and again
   * and again, once it has waited as long as a directory may take: a RENEW of many is not held by those of others.
   */
  behind(call: Call, domain: Domain, ids: readonly string[], payer: Account, go: Go): undefined {
    const after = this.#waitingFor(domain, ids)
    if (after === undefined) return go()
    const { limits, meter, clock } = this.#env
    if (clock.now() - call.at >= limits.directoryMs) return go()
    const leave = this.#behind.take(payer)
    if (leave === undefined) {
      meter.hit('ownersWaiting')
      return call.answer(busy)
    }
    after.push(() => {
      leave()
      // What went on before it may wait for another owner now.
      return this.behind(call, domain, ids, payer, go)
    })
  }

  #waitingFor(domain: Domain, ids: readonly string[]): Go[] | undefined {
    // Nearly always: nothing is looked up.
    if (this.#after.size === 0) return undefined
    for (const id of ids) {
      const after = this.#after.get(nameOf(domain, id))
      if (after !== undefined) return after
    }
    return undefined
  }
}

const nameOf = (domain: Domain, id: string): string => `${domain} ${id}`
