/**
 * What our users ask of other domains: sent by a link that is there or dialled now, on their credential.
 *
 * In:    who asks, of whom, and how to make the request once its reference is known.
 * Out:   the request on a link; its answer goes to whoever made it.
 * Spec:  [LINK-6.3-2], [LINK-6.3-5]
 */
import type { Address } from '../address/address.ts'
import type { Outgoing } from '../link/outgoing.ts'
import type { Pool } from '../peer/pool.ts'
import type { Session } from '../peer/session.ts'

/** Makes the request; without a reference it only stands in the queue for a link. */
type Make = (reference: Outgoing['reference']) => Outgoing

export class Asking {
  readonly #pool: () => Pool

  constructor(pool: () => Pool) {
    this.#pool = pool
  }

  /** Sends what `make` makes to the domain of `to`, by a link on which the credential of `who` is referred to. */
  ask(who: Address, to: Address, make: Make): undefined {
    const place = make(undefined)
    this.#pool().send(who.domain, to.domain, 'pres', place, (session) =>
      this.#askOn(session, who, to, make),
    )
  }

  /** [LINK-6.3-5] What is refused because the far side lost a credential is asked again with it, once. */
  #askOn({ link, shown }: Session, who: Address, to: Address, make: Make): undefined {
    const reference = shown.refer(who, to.domain, 'user')
    const request = make(reference)
    link.ask({
      ...request,
      answered: (answer) => {
        if (answer.status !== 'credential-ref-unknown') return request.answered(answer)
        shown.showAgain(reference.number)
        link.ask(make(shown.refer(who, to.domain, 'user')))
      },
    })
  }
}
