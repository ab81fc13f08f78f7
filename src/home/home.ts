/**
 * Our own users: their sessions, by whatever door, in one table; the last hop of messages and notifications.
 *
 * In:    messages and notifications for our users.
 * Out:   the same to every session of the user; the first confirmation settles a message for all.
 * Fails: `inbox-closed` (no session), `unknown-outcome` (a session had it and said nothing), `busy` (it takes no more
 *        now, or too much is under way to this user), `order` (what it had to wait for failed for a time); an
 *        attachment: `refused` (no such user), `limit-reached`.
 * Spec:  [LINK-6.7-14], [LINK-6.7-16], [LINK-6.7-17]; draft §5.2.1.3 (clients are reached by the links they opened)
 */
import type { Address } from '../address/address.ts'
import type { Env } from '../env.ts'
import type { Status } from '../errors.ts'
import { type Asker, type Caller, outcomeOf } from '../operation/call.ts'
import type { Message } from '../operation/message.ts'
import type { Notifies, UserSession } from '../operation/ports.ts'
import type { Audience, Notice } from '../operation/presence.ts'
import { Attempt } from './attempt.ts'
import type { Owners } from './owners.ts'
import { Recipient } from './recipient.ts'

export class Home implements Notifies {
  readonly #env: Env
  readonly #owners: Owners
  /** Who has a session, or messages that have not ended. */
  readonly #recipients = new Map<string, Recipient>()

  constructor(env: Env, owners: Owners) {
    this.#env = env
    this.#owners = owners
    env.meter.gauge('client_sessions', {}, () => this.size)
  }

  /** Sessions that are attached. */
  get size(): number {
    let count = 0
    for (const { sessions } of this.#recipients.values()) count += sessions.length
    return count
  }

  /** Rejects if the directory cannot say whether there is such a user. */
  async attach(session: UserSession): Promise<Status> {
    const { user } = session.caller
    const known = this.#owners.known(user, this.#env.clock.now())
    const isUser =
      known === undefined ? (await this.#owners.find(user)) !== undefined : known.isUser
    if (!isUser) return 'refused'
    const recipient = this.#recipients.get(user.text) ?? this.#newRecipient(user)
    if (recipient.sessions.length >= this.#env.limits.sessionsPerUser) {
      this.#env.meter.hit('sessionsPerUser')
      return 'limit-reached'
    }
    recipient.attach(session)
    return 'ok'
  }

  detach(session: UserSession): undefined {
    this.#recipients.get(session.caller.user.text)?.detach(session)
  }

  /** [LINK-6.7-14] Hands a message to every session of its recipient. */
  deliver(message: Message, asker: Asker<Message>): undefined {
    const recipient = this.#recipients.get(message.to.text)
    if (recipient === undefined || recipient.sessions.length === 0) {
      return asker.ended(message, outcomeOf('inbox-closed'))
    }
    // [LINK-6.7-16]
    const limit = recipient.limitFor(message)
    if (limit !== undefined) {
      this.#env.meter.hit(limit)
      return asker.ended(message, outcomeOf('busy'))
    }
    recipient.take(new Attempt(message, asker, recipient))
  }

  /** Watchers of ours who see one of ours. */
  notify(audience: Audience, only: string | undefined): undefined {
    const notice = audience.latest()
    if (notice === undefined) return
    for (const id of only === undefined ? audience.members() : [only]) {
      const watcher = audience.watcher(id)
      if (watcher !== undefined) this.show(watcher, id, audience.presentity, notice, undefined)
    }
  }

  /** [LINK-6.13-8] Each session knows its own subscriptions. `only`: the one session that asked. */
  show(
    watcher: Address,
    subscription: string,
    presentity: Address,
    notice: Notice,
    only: Caller | undefined,
  ): undefined {
    for (const session of this.#recipients.get(watcher.text)?.sessions ?? []) {
      if (only !== undefined && session.caller !== only) continue
      session.notify(subscription, presentity, notice)
    }
  }

  /** Whether it is no session of ours any more. */
  isGone(session: Caller): boolean {
    const sessions = this.#recipients.get(session.user?.text ?? '')?.sessions ?? []
    return !sessions.some(({ caller }) => caller === session)
  }

  #newRecipient({ text }: Address): Recipient {
    const made = new Recipient(this.#env, () => {
      this.#recipients.delete(text)
    })
    this.#recipients.set(text, made)
    return made
  }
}
