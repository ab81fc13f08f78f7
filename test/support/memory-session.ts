/**
 * A session of a user of ours in this process: what a client does at the far end of a link, as values.
 *
 * In:    messages and notifications for the user; what the user does.
 * Out:   what it was shown, as lines; calls to the core, on the word of the user.
 * Fails: `unknown-outcome` for what it was shown and did not confirm, `inbox-closed` once it is gone. One that does not
 *        read keeps the last value of a few subscriptions, and is closed where there are more.
 */
import type { Address } from '../../src/address/address.ts'
import type { Status } from '../../src/errors.ts'
import type { Cancel, Clock } from '../../src/lib/clock.ts'
import { limitsWith } from '../../src/limits.ts'
import {
  type Asker,
  type Call,
  type Caller,
  type Outcome,
  outcomeOf,
} from '../../src/operation/call.ts'
import type { Message } from '../../src/operation/message.ts'
import type { Operation } from '../../src/operation/operation.ts'
import type { Core, UserSession } from '../../src/operation/ports.ts'
import type { Notice } from '../../src/operation/presence.ts'
import { bodyOf, copyOf, makeMessage } from './operations.ts'

/** Subscriptions of which something waits to be read; with more it is closed. */
const mostUnread = 64

type Shown = { readonly body: string; readonly end: (status: Status) => undefined }

export class MemorySession implements UserSession {
  readonly caller: Caller & { readonly user: Address }
  /** Sender and body of each message that it was shown. */
  readonly messages: string[] = []
  /** Presentity, and the document or the state, of each notification that it has read. */
  readonly notices: string[] = []
  /** What it says to a message at once; nothing: it waits for `confirm`. */
  reply: (body: string) => Status | undefined = () => 'delivered'
  isReading = true
  isClosed = false
  readonly #core: Core
  readonly #clock: Clock
  #shown: Shown[] = []
  #unread: [subscription: string, line: string][] = []

  constructor(core: Core, clock: Clock, user: Address) {
    this.#core = core
    this.#clock = clock
    this.caller = new Local(user)
  }

  /** Rejects as the core does. */
  async attach(): Promise<Status> {
    const status = await this.#core.attach(this)
    if (!this.isClosed) return status
    this.#core.detach(this)
    return 'link-lost'
  }

  deliver(message: Message, asker: Asker<Message>): undefined {
    if (this.isClosed) return asker.ended(message, outcomeOf('inbox-closed'))
    const body = bodyOf(message)
    const line = `${message.from.text} ${body}`
    let cancel: Cancel = () => undefined
    const end = (status: Status): undefined => {
      cancel()
      this.#shown = this.#shown.filter((other) => other !== shown)
      return asker.ended(message, outcomeOf(status))
    }
    const shown: Shown = { body, end }
    this.#shown.push(shown)
    cancel = this.#clock.after(limitsWith().confirmMs, () => end('unknown-outcome'))
    this.#clock.soon(() => {
      if (this.isClosed) return
      this.messages.push(line)
      const status = this.reply(body)
      if (status !== undefined) this.confirm(body, status)
    })
  }

  /** The oldest message with that body; one that has ended has ended. */
  confirm(body: string, status: Status): undefined {
    this.#shown.find((shown) => shown.body === body)?.end(status)
  }

  notify(subscription: string, presentity: Address, { state, presence }: Notice): undefined {
    if (this.isClosed) return
    const line = `${presentity.text} ${presence?.document.toString() ?? state}`
    const waiting = this.isReading ? -1 : this.#unread.findIndex(([id]) => id === subscription)
    if (waiting >= 0) this.#unread.splice(waiting, 1, [subscription, line])
    else this.#unread.push([subscription, line])
    if (this.#unread.length > mostUnread) return this.close()
    this.#clock.soon(() => {
      if (this.isReading) this.notices.push(...this.#unread.splice(0).map(([, read]) => read))
    })
  }

  close(): undefined {
    if (this.isClosed) return
    this.isClosed = true
    this.#core.detach(this)
    for (const { end } of this.#shown) end('unknown-outcome')
  }

  send(to: Address, body: string): readonly Status[] {
    const told: Status[] = []
    this.ask(makeMessage({ from: this.caller.user, to, body }), ({ status }) => {
      told.push(status)
    })
    return told
  }

  /** Outcomes of what it asks: one, if all is well. */
  ask(
    operation: Operation,
    onEnd: (outcome: Outcome) => undefined = () => undefined,
  ): readonly Outcome[] {
    const outcomes: Outcome[] = []
    const call: Call = {
      caller: this.caller,
      operation,
      at: this.#clock.now(),
      answer: (outcome) => {
        outcomes.push(copyOf(outcome))
        return onEnd(outcome)
      },
    }
    this.#core.receive(call)
    return outcomes
  }
}

/** A user speaks for itself alone. */
class Local implements Caller {
  readonly door = 'user' as const
  readonly via = 'memory'
  readonly domain
  readonly user: Address

  constructor(user: Address) {
    this.user = user
    this.domain = user.domain
  }

  may(_scope: string, from: Address): Status | undefined {
    return from.text === this.user.text ? undefined : 'credential-scope'
  }
}
