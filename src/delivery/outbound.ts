/**
 * Messages to other domains: in order per lane, each with exactly one honest answer.
 *
 * In:    messages that the policy let pass and whose recipient is elsewhere.
 * Out:   the answer of the far side, passed on; or the code of the hop.
 * Fails: `busy` (lane full), `order` (too early on the hop from the client), what the hop says.
 * Spec:  [LINK-6.7-5], [LINK-6.7-8]; draft §5.5.4
 */

import type { Env } from '../env.ts'
import { isTemporary } from '../errors.ts'
import { type Asker, type Call, later, type Outcome, outcomeOf } from '../operation/call.ts'
import type { Ends } from '../operation/ends.ts'
import type { Message } from '../operation/message.ts'
import type { Hop } from '../operation/ports.ts'
import { goBack, takePlace } from './place.ts'

/** Until the answers of a full lane are here. */
const fullMs = 1000

export class Outbound implements Asker<Message> {
  readonly #env: Env
  readonly #hop: Pick<Hop, 'deliver'>
  readonly #ends: Ends
  readonly #laneInFlight: number

  constructor(env: Env, hop: Pick<Hop, 'deliver'>, ends: Ends) {
    this.#env = env
    this.#hop = hop
    this.#ends = ends
    this.#laneInFlight = env.limits.laneInFlight
  }

  take(call: Call<Message>): undefined {
    const message = call.operation
    const { lane } = message
    message.call = call
    if (!takePlace(message)) return this.#end(message, outcomeOf('order'))
    // [LINK-6.7-15] Nothing overtakes what is about to come again.
    if (lane.isFailing) return this.#end(message, outcomeOf('order'))
    if (lane.unanswered >= this.#laneInFlight) {
      this.#env.meter.hit('laneInFlight')
      return this.#end(message, later('busy', fullMs))
    }
    lane.unanswered++
    this.#hop.deliver(message, this)
  }

  ended(message: Message, outcome: Outcome): undefined {
    const { lane } = message
    lane.unanswered--
    // Go-back-N: what follows it and was not taken ends for a time, too; nothing new goes out before all have ended.
    if (isTemporary(outcome.status)) lane.isFailing = true
    if (lane.unanswered === 0) lane.isFailing = false
    this.#end(message, outcome)
  }

  /** [LINK-6.7-8] A message that ends badly for a time has to come again before what follows it. */
  #end(message: Message, outcome: Outcome): undefined {
    const { call } = message
    if (isTemporary(outcome.status)) goBack(message)
    message.release()
    if (call === undefined) return
    this.#ends.outbound(call, outcome.status)
    call.answer(outcome)
  }
}
