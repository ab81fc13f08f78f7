/**
 * Messages to our users: once, in order, each with one answer.
 *
 * In:    messages that the policy let pass and whose recipient is ours.
 * Out:   the message to the sessions of its recipient, once the store has it; its outcome to everyone who asked with
 *        this id.
 * Fails: `conflict` (id used for something else), `order` (gap in the lane), `busy` (no room for a record), what the owner
 *        or the sessions of the inbox say.
 * Spec:  [LINK-6.7-5], [LINK-6.7-9] to [LINK-6.7-12]
 */
import { isTemporary, type Status } from '../errors.ts'
import { type Asker, type Call, later, type Outcome, outcomeOf } from '../operation/call.ts'
import type { Ends } from '../operation/ends.ts'
import type { Message } from '../operation/message.ts'
import type { Store, Taker } from '../operation/store.ts'
import { goBack, takePlace } from './place.ts'

export type InboundPorts = {
  readonly store: Pick<Store, 'accept' | 'settle'>
  /** Hands a message to the sessions of its recipient. */
  readonly home: { readonly deliver: (message: Message, asker: Asker<Message>) => undefined }
  readonly ends: Ends
}

/** While another node is at a message. */
const elsewhereMs = 1000
/** [LINK-6.7-16] Repetitions of one that wait for its answer. */
const mostRepeated = 16
/** Until the recipient has taken some of what it has. */
const full = later('busy', 1000)

export class Inbound implements Taker, Asker<Message> {
  readonly #ports: InboundPorts
  /** Repetitions of messages that are under way, by the place of the first in the store. */
  readonly #repeated = new Map<number, Message[]>()

  constructor(ports: InboundPorts) {
    this.#ports = ports
  }

  /** `refusal`: what the owner of the inbox says. It is told as any other end: nothing shows who refused. */
  take(call: Call<Message>, refusal: Status | undefined): undefined {
    const message = call.operation
    message.call = call
    message.refusal = refusal
    this.#ports.store.accept(message, takePlace(message), this)
  }

  kept(message: Message, seq: number): undefined {
    message.seq = seq
    if (message.refusal !== undefined) return this.#settle(message, message.refusal)
    this.#ports.home.deliver(message, this)
  }

  /** [LINK-6.7-9] The same answer again. */
  known(message: Message, status: Status): undefined {
    this.#end(message, outcomeOf(status))
  }

  /** [LINK-6.7-9] A repetition of one that is under way shares its answer. */
  underWay(message: Message, seq: number): undefined {
    const others = this.#repeated.get(seq)
    if (others === undefined) this.#repeated.set(seq, [message])
    else if (others.length >= mostRepeated) this.#end(message, full)
    else others.push(message)
  }

  elsewhere(message: Message): undefined {
    this.#end(message, later('busy', elsewhereMs))
  }

  /** [LINK-6.7-10] */
  conflict(message: Message): undefined {
    this.#end(message, outcomeOf('conflict'))
  }

  outOfOrder(message: Message): undefined {
    this.#end(message, outcomeOf('order'))
  }

  failed(message: Message, status: Status): undefined {
    this.#end(message, outcomeOf(status))
  }

  /** The sessions have said what became of it. */
  ended(message: Message, { status }: Outcome): undefined {
    this.#settle(message, status)
  }

  #settle(message: Message, status: Status): undefined {
    const { seq } = message
    this.#ports.store.settle(message, seq, status)
    const outcome = status === 'busy' ? full : outcomeOf(status)
    this.#end(message, outcome)
    if (this.#repeated.size === 0) return
    const others = this.#repeated.get(seq)
    if (others === undefined) return
    this.#repeated.delete(seq)
    for (const other of others) this.#end(other, outcome)
  }

  /** [LINK-6.7-8] What ends badly for a time has to come again before what follows it. */
  #end(message: Message, outcome: Outcome): undefined {
    const { call } = message
    if (isTemporary(outcome.status)) goBack(message)
    message.release()
    if (call === undefined) return
    this.#ports.ends.inbound(call, outcome.status)
    call.answer(outcome)
  }
}
