/**
 * All ways to other domains as one: which adapter carries what.
 *
 * In:    what is to go to another domain.
 * Out:   the same at an adapter: by the name that a subscription came by, else by the first there is.
 * Fails: `remote-not-found` where there is no adapter at all.
 */
import { type Asker, outcomeOf } from '../operation/call.ts'
import type { Message } from '../operation/message.ts'
import type { Operation } from '../operation/operation.ts'
import type { Adapter, Hop, Question } from '../operation/ports.ts'
import type { Audience } from '../operation/presence.ts'

export class Outside implements Hop {
  readonly #byName: ReadonlyMap<string, Adapter>
  readonly #first: Adapter | undefined

  constructor(adapters: readonly Adapter[]) {
    this.#byName = new Map(adapters.map((adapter) => [adapter.name, adapter]))
    this.#first = adapters[0]
  }

  deliver(message: Message, asker: Asker<Message>): undefined {
    if (this.#first === undefined) return nowhere(message, asker)
    this.#first.deliver(message, asker)
  }

  ask<O extends Question>(operation: O, asker: Asker<O>): undefined {
    if (this.#first === undefined) return nowhere(operation, asker)
    this.#first.ask(operation, asker)
  }

  /** By the way of the subscription, not by that of today. */
  notify(audience: Audience, only: string | undefined): undefined {
    this.#byName.get(audience.via)?.notify(audience, only)
  }
}

const nowhere = <O extends Operation>(operation: O, asker: Asker<O>): undefined =>
  asker.ended(operation, outcomeOf('remote-not-found'))
