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
  /** The first and the last of a list, in the order in which they came: a set would want a hash of each. */
  #first: Attempt | undefined = undefined
  #last: Attempt | undefined = undefined
  #count = 0
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
    for (const attempt of this.#attempts()) if (!attempt.isWaiting) this.missed(attempt)
  }

  detach(session: UserSession): undefined {
    this.sessions = this.sessions.filter((other) => other !== session)
    this.#end()
  }

  /** What is in the way of one more message. */
  limitFor(message: Message): LimitName | undefined {
    const { recipientMessages, recipientBytes } = this.#env.limits
    if (this.#count === 0) return undefined
    const most = this.#isSilent ? Math.ceil(recipientMessages * silentPart) : recipientMessages
    if (this.#count >= most) return 'recipientMessages'
    const bytes = this.#bytes + message.end - message.fieldsAt
    return bytes > recipientBytes ? 'recipientBytes' : undefined
  }

  take(attempt: Attempt): undefined {
    const mustWait = this.#isMixed && this.#isBehind(attempt)
    this.#enter(attempt)
    if (!mustWait) return attempt.give(this.sessions)
    if (!attempt.message.detach(this.#env.held)) return attempt.settle('busy')
    attempt.isWaiting = true
  }

  missed(attempt: Attempt): undefined {
    attempt.isPartial = true
    this.#isMixed = true
  }

  ended(attempt: Attempt, status: Status): undefined {
    this.#leave(attempt)
    if (isSuccess(status)) this.#isSilent = false
    else if (status === 'unknown-outcome') this.#isSilent = true
  }

  /** What waited behind it goes to the sessions, or has to come again behind it. */
  told(attempt: Attempt, status: Status): undefined {
    if (this.#isMixed) {
      for (const next of this.#attempts()) {
        if (!next.isWaiting || next.isSettled || !isOfSame(next, attempt)) continue
        if (isTemporary(status)) next.settle('order')
        else if (!this.#isBehind(next)) next.give(this.sessions)
      }
      this.#isMixed = this.#attempts().some((one) => one.isPartial || one.isWaiting)
    }
    this.#end()
  }

  /** Whether an earlier one of its sender is in doubt that a session has not got, or waits itself. */
  #isBehind(attempt: Attempt): boolean {
    for (let one = this.#first; one !== attempt && one !== undefined; one = one.after) {
      if ((one.isPartial || one.isWaiting) && isOfSame(one, attempt)) return true
    }
    return false
  }

  #attempts(): readonly Attempt[] {
    const all: Attempt[] = []
    for (let one = this.#first; one !== undefined; one = one.after) all.push(one)
    return all
  }

  #enter(attempt: Attempt): undefined {
    const last = this.#last
    if (last === undefined) this.#first = attempt
    else last.after = attempt
    attempt.before = last
    this.#last = attempt
    this.#count++
    this.#bytes += attempt.bytes
  }

  #leave(attempt: Attempt): undefined {
    const { before, after } = attempt
    if (before === undefined) this.#first = after
    else before.after = after
    if (after === undefined) this.#last = before
    else after.before = before
    attempt.before = undefined
    attempt.after = undefined
    this.#count--
    this.#bytes -= attempt.bytes
  }

  #end(): undefined {
    if (this.sessions.length === 0 && this.#count === 0) this.#gone()
  }
}

const isOfSame = (a: Attempt, b: Attempt): boolean => a.message.from.text === b.message.from.text
