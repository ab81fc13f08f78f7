/**
 * A user of ours as one who gets messages: the sessions, and what is under way to them.
 *
 * In:    sessions as they come and go; messages.
 * Out:   each message to all sessions, at once; one that would be shown somewhere before an earlier one of its sender,
 *        whose end is not known, when that has ended.
 * Fails: so much is under way that a user who takes nothing would hold what others need.
 * Spec:  [LINK-6.7-16] how much, [LINK-6.7-17] in order at each session
 */

import type { Env } from '../env.ts'
import { isSuccess, isTemporary, type Status } from '../errors.ts'
import type { LimitName } from '../limits.ts'
import type { Message } from '../operation/message.ts'
import type { UserSession } from '../operation/ports.ts'
import type { Attempt, Attempted } from './attempt.ts'

/** The part of its share that is left to a user who lets messages pass without a word. */
const silentPart = 1 / 16

export class Recipient implements Attempted {
  sessions: readonly UserSession[] = []
  readonly #env: Env
  readonly #gone: () => undefined
  /** In the order in which they came. */
  readonly #attempts = new Set<Attempt>()
  #bytes = 0
  /** A message got no answer since one was confirmed. */
  #isSilent = false
  /** A session came while messages were under way, or took one less than others: order has to be looked after. */
  #isMixed = false

  /** `gone`: there is nothing to be remembered. */
  constructor(env: Env, gone: () => undefined) {
    this.#env = env
    this.#gone = gone
  }

  attach(session: UserSession): undefined {
    this.sessions = [...this.sessions, session]
    this.#isSilent = false
    for (const attempt of this.#attempts) if (!attempt.isWaiting) this.missed(attempt)
  }

  detach(session: UserSession): undefined {
    this.sessions = this.sessions.filter((other) => other !== session)
    this.#leave()
  }

  /** What is in the way of one more message. */
  limitFor(message: Message): LimitName | undefined {
    const { recipientMessages, recipientBytes } = this.#env.limits
    const { size } = this.#attempts
    if (size === 0) return undefined
    const most = this.#isSilent ? Math.ceil(recipientMessages * silentPart) : recipientMessages
    if (size >= most) return 'recipientMessages'
    const bytes = this.#bytes + message.end - message.fieldsAt
    return bytes > recipientBytes ? 'recipientBytes' : undefined
  }

  take(attempt: Attempt): undefined {
    const mustWait = this.#isMixed && this.#isBehind(attempt)
    this.#attempts.add(attempt)
    this.#bytes += attempt.bytes
    if (!mustWait) return attempt.give(this.sessions)
    if (!attempt.message.detach(this.#env.held)) return attempt.settle('busy')
    attempt.isWaiting = true
  }

  missed(attempt: Attempt): undefined {
    attempt.isPartial = true
    this.#isMixed = true
  }

  ended(attempt: Attempt, status: Status): undefined {
    this.#attempts.delete(attempt)
    this.#bytes -= attempt.bytes
    if (isSuccess(status)) this.#isSilent = false
    else if (status === 'unknown-outcome') this.#isSilent = true
  }

  /** What waited behind it goes to the sessions, or has to come again behind it. */
  told(attempt: Attempt, status: Status): undefined {
    if (this.#isMixed) {
      for (const next of this.#attempts) {
        if (!next.isWaiting || !isOfSame(next, attempt)) continue
        if (isTemporary(status)) next.settle('order')
        else if (!this.#isBehind(next)) next.give(this.sessions)
      }
      this.#isMixed = [...this.#attempts].some((one) => one.isPartial || one.isWaiting)
    }
    this.#leave()
  }

  /** Whether an earlier one of its sender is in doubt that a session has not got, or waits itself. */
  #isBehind(attempt: Attempt): boolean {
    for (const one of this.#attempts) {
      if (one === attempt) return false
      if ((one.isPartial || one.isWaiting) && isOfSame(one, attempt)) return true
    }
    return false
  }

  #leave(): undefined {
    if (this.sessions.length === 0 && this.#attempts.size === 0) this.#gone()
  }
}

const isOfSame = (a: Attempt, b: Attempt): boolean => a.message.from.text === b.message.from.text
