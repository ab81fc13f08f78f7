/** One message at the sessions of its recipient: settled by the first confirmation, or the last failure. */
import { isSuccess, isTemporary, type Status } from '../errors.ts'
import { type Asker, type Outcome, outcomeOf } from '../operation/call.ts'
import type { Message } from '../operation/message.ts'
import type { UserSession } from '../operation/ports.ts'

/** Whose attempts these are. */
export type Attempted = {
  /** One of several sessions did not take it. */
  missed(attempt: Attempt): undefined
  /** Once, before its sender is told, and then after that. */
  ended(attempt: Attempt, status: Status): undefined
  told(attempt: Attempt, status: Status): undefined
}

export class Attempt implements Asker<Message> {
  readonly message: Message
  readonly bytes: number
  /** It waits for its turn, behind others of its sender. */
  isWaiting = false
  /** A session of its recipient has not got it: what follows it must not be shown there before it. */
  isPartial = false
  isSettled = false
  /** Its neighbours among those of its recipient. */
  before: Attempt | undefined = undefined
  after: Attempt | undefined = undefined
  readonly #asker: Asker<Message>
  readonly #by: Attempted
  #left = 0
  #worst: Status = 'inbox-closed'

  constructor(message: Message, asker: Asker<Message>, by: Attempted) {
    this.message = message
    this.bytes = message.end - message.fieldsAt
    this.#asker = asker
    this.#by = by
  }

  give(sessions: readonly UserSession[]): undefined {
    this.isWaiting = false
    this.#left = sessions.length
    if (sessions.length === 0) return this.settle('inbox-closed')
    for (const session of sessions) session.deliver(this.message, this)
  }

  ended(_message: Message, { status }: Outcome): undefined {
    if (isSuccess(status)) return this.settle(status)
    // [LINK-6.7-12] "Perhaps" weighs more than "no": the sender must not believe that nothing was shown.
    if (this.#worst !== 'unknown-outcome') this.#worst = status
    if (--this.#left === 0) this.settle(this.#worst)
    else if (isTemporary(status)) this.#by.missed(this)
  }

  settle(status: Status): undefined {
    if (this.isSettled) return
    this.isSettled = true
    this.#by.ended(this, status)
    this.#asker.ended(this.message, outcomeOf(status))
    this.#by.told(this, status)
  }
}
