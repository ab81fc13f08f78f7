/**
 * Our own users: their sessions, by whatever door, in one table; the last hop of messages and notifications.
 *
 * In:    messages and notifications for our users.
 * Out:   the same to every session of the user; the first confirmation settles a message for all.
 * Fails: `inbox-closed` (no session), `unknown-outcome` (a session had it and said nothing), `busy` (it takes no more
 *        now); an attachment: `refused` (no such user), `limit-reached`.
 * Spec:  [LINK-6.7-14]; draft §5.2.1.3 (clients are reached by the links they opened)
 */
import type { Address } from '../address/address.ts'
import type { Env } from '../env.ts'
import { isSuccess, type Status } from '../errors.ts'
import { type Asker, type Caller, type Outcome, outcomeOf } from '../operation/call.ts'
import type { Message } from '../operation/message.ts'
import type { Notifies, UserSession } from '../operation/ports.ts'
import type { Audience, Notice } from '../operation/presence.ts'
import type { Owners } from './owners.ts'

export class Home implements Notifies {
  readonly #env: Env
  readonly #owners: Owners
  readonly #sessions = new Map<string, UserSession[]>()

  constructor(env: Env, owners: Owners) {
    this.#env = env
    this.#owners = owners
    env.meter.gauge('client_sessions', {}, () => this.size)
  }

  /** Sessions that are attached. */
  get size(): number {
    let count = 0
    for (const sessions of this.#sessions.values()) count += sessions.length
    return count
  }

  /** Rejects if the directory cannot say whether there is such a user. */
  async attach(session: UserSession): Promise<Status> {
    const { user } = session.caller
    const known = this.#owners.known(user, this.#env.clock.now())
    const isUser =
      known === undefined ? (await this.#owners.find(user)) !== undefined : known.isUser
    if (!isUser) return 'refused'
    const sessions = this.#sessions.get(user.text) ?? []
    if (sessions.length >= this.#env.limits.sessionsPerUser) {
      this.#env.meter.hit('sessionsPerUser')
      return 'limit-reached'
    }
    this.#sessions.set(user.text, [...sessions, session])
    return 'ok'
  }

  detach(session: UserSession): undefined {
    const { text } = session.caller.user
    const sessions = (this.#sessions.get(text) ?? []).filter((other) => other !== session)
    if (sessions.length === 0) this.#sessions.delete(text)
    else this.#sessions.set(text, sessions)
  }

  /** [LINK-6.7-14] Hands a message to every session of its recipient. */
  deliver(message: Message, asker: Asker<Message>): undefined {
    const sessions = this.#sessions.get(message.to.text)
    if (sessions === undefined) return asker.ended(message, outcomeOf('inbox-closed'))
    const shared = sessions.length === 1 ? asker : new Attempt(sessions.length, asker)
    for (const session of sessions) session.deliver(message, shared)
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
    for (const session of this.#sessions.get(watcher.text) ?? []) {
      if (only !== undefined && session.caller !== only) continue
      session.notify(subscription, presentity, notice)
    }
  }
}

/** One message at several sessions of its recipient: settled by the first confirmation, or the last failure. */
class Attempt implements Asker<Message> {
  #left: number
  #worst: Status = 'inbox-closed'
  #asker: Asker<Message> | undefined

  constructor(sessions: number, asker: Asker<Message>) {
    this.#left = sessions
    this.#asker = asker
  }

  ended(message: Message, { status }: Outcome): undefined {
    if (isSuccess(status)) return this.#settle(message, status)
    // [LINK-6.7-12] "Perhaps" weighs more than "no": the sender must not believe that nothing was shown.
    if (this.#worst !== 'unknown-outcome') this.#worst = status
    if (--this.#left === 0) this.#settle(message, this.#worst)
  }

  #settle(message: Message, status: Status): undefined {
    const asker = this.#asker
    this.#asker = undefined
    return asker?.ended(message, outcomeOf(status))
  }
}
