/**
 * The seams between the rooms. Each has a contract suite in `test/support` that every implementation passes.
 *
 *   a domain speaks   Adapter ─▶ Core ─▶ policy ─▶ route ─▶ delivery, presence ─▶ UserSession
 *   our user speaks   Door    ─▶ Core ─▶ policy ─▶ route ─▶ delivery, presence ─▶ Hop
 */
import type { Address } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import type { Status } from '../errors.ts'
import type { Asker, Call, Caller, Outcome } from './call.ts'
import type { Entry } from './directory.ts'
import type { Message } from './message.ts'
import type { Audience, Fetch, Notice, Renew, Subscribe } from './presence.ts'

/** Tells watchers of a change. Best effort: presence alone repeats what did not get through. */
export interface Notifies {
  /** `only`: one subscription of the audience; nothing: all. What is refused comes back by `Core.refused`. */
  notify(audience: Audience, only: string | undefined): undefined
}

/** What is asked of another domain, and answered. */
export type Question = Subscribe | Renew | Fetch

/** A way to other domains. */
export interface Hop extends Notifies {
  /**
   * Messages of a lane leave in the order of the calls, and each ends once. Once one ends for a time or unknown, later
   * ones of its lane that were not taken end for a time, and nothing more of the lane is given before all have ended.
   * A hop repeats only what was surely not taken, and never stores.
   */
  deliver(message: Message, asker: Asker<Message>): undefined
  ask<O extends Question>(operation: O, asker: Asker<O>): undefined
}

/** A protocol that hands us requests: it says who speaks, reads its grammar and calls `Core.receive`. */
export interface Door {
  /** Names it in `via`. */
  readonly name: string
  start(core: Core): undefined
  /** Lets go in an orderly way: what is under way is answered. */
  drain(reason: Status): Promise<undefined>
  /** At once. */
  close(): undefined
}

/** Where another domain comes in and is reached. HTTP is a Door alone, and the sessions of our users are a Hop. */
export type Adapter = Door & Hop

/** What is true of the links to a domain now. */
export type Reachability = {
  readonly isUp: boolean
  /** Its store of subscriptions is another one: what we hold there is gone. */
  readonly isNew: boolean
  /** While it is not up: how long it asked to be left alone. */
  readonly restMs: number
}

/** What doors and adapters ask and tell. */
export interface Core {
  receive(call: Call): undefined
  /** [LINK-6.5-1] A request of a domain is counted before its grammar is read: -1, or how long it has to wait. */
  waitOf(domain: string, what: 'request' | 'notify', at: number): number
  /** What the rules say of a domain, before DNS and before any key; `named`: the operator names it. */
  standing(domain: Domain): 'barred' | 'open' | 'named'
  /** Whether there are subscriptions with the domain: then its idle links are kept. */
  isUsed(domain: Domain): boolean
  /** What the directory says of a user of ours. Rejects if it cannot say. */
  find(user: Address): Promise<Entry | undefined>
  attach(session: UserSession): Promise<Status>
  detach(session: UserSession): undefined
  reachable(via: string, local: Domain, remote: Domain, change: Reachability): undefined
  /** A NOTIFY did not get through, perhaps long after it was sent. */
  refused(via: string, domain: Domain, subscription: string, outcome: Outcome): undefined
}

/** One attachment of a user of ours, by any door. */
export interface UserSession {
  readonly caller: Caller & { readonly user: Address }
  /** [LINK-6.7-14] Ends `delivered` once the session has confirmed it. */
  deliver(message: Message, asker: Asker<Message>): undefined
  /**
   * Of what waits the last value is told. A session that has no room for the last value of each of its subscriptions is
   * closed by itself: when it comes back it is told what holds then.
   */
  notify(subscription: string, presentity: Address, notice: Notice): undefined
}
