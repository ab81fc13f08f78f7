/**
 * A request of a link as a call: the one handle by which it is answered, once.
 *
 * In:    a request whose speaker is known and whose grammar is read.
 * Out:   the answer on its link.
 * Fails: a second answer is a fault of this program: it is logged as one and not sent.
 */
import { isSuccess } from '../errors.ts'
import type { RequestView } from '../link/link.ts'
import type { Call, Outcome } from '../operation/call.ts'
import type { Operation } from '../operation/operation.ts'
import type { TrafficClass } from '../wire/registry.ts'
import type { LinkCaller } from './callers.ts'
import type { Session } from './session.ts'

export class Incoming<O extends Operation> implements Call<O> {
  readonly caller: LinkCaller
  readonly operation: O
  readonly at: number
  readonly id: number
  readonly trafficClass: TrafficClass
  readonly command: number
  /** Of a NOTIFY: its refusal names it. */
  readonly subscription: Buffer | undefined
  readonly #session: Session
  #isAnswered = false

  constructor(
    session: Session,
    { id, trafficClass, command, at }: RequestView,
    caller: LinkCaller,
    operation: O,
    subscription: Buffer | undefined = undefined,
  ) {
    this.caller = caller
    this.operation = operation
    this.at = at
    this.id = id
    this.trafficClass = trafficClass
    this.command = command
    this.subscription = subscription
    this.#session = session
  }

  answer(outcome: Outcome): undefined {
    if (this.#isAnswered) return this.#session.answeredTwice(this.command)
    this.#isAnswered = true
    this.#session.reply(this, outcome)
  }
}

/** ISSUE: once the route says `ok`, the credential is signed here, where the keys are. */
export class IssueCall<O extends Operation> extends Incoming<O> {
  readonly #make: () => Outcome

  constructor(
    session: Session,
    request: RequestView,
    caller: LinkCaller,
    operation: O,
    make: () => Outcome,
  ) {
    super(session, request, caller, operation)
    this.#make = make
  }

  override answer(outcome: Outcome): undefined {
    super.answer(isSuccess(outcome.status) ? this.#make() : outcome)
  }
}
