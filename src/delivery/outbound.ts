/**
 * Messages to other domains: in order per lane, each with exactly one honest answer.
 *
 * In:    envelopes that the policy let pass and whose recipient is elsewhere.
 * Out:   the answer of the far side, passed on; or a code of ours.
 * Fails: `busy` (lane full), `order` (too early on the hop from the client), the code of the dial,
 *        `unknown-outcome` when a link died under a message.
 * Spec:  [LINK-6.7-4] to [LINK-6.7-8]; draft §5.5.4
 */
import type { Domain } from '../address/domain.ts'
import type { Answer, Carrier, Envelope, EnvelopeReference } from '../envelope.ts'
import { isSuccess, isTemporary, publicStatus, type Status } from '../errors.ts'
import type { Lane } from '../lane.ts'
import type { Clock } from '../lib/clock.ts'
import type { Limits } from '../limits.ts'
import { goBack, takePlace } from './lane-in.ts'
import { noteAnswer, numberNext, restart } from './lane-out.ts'

/** What this stage needs of a link to another domain. */
export type Way = {
  readonly link: {
    readonly isUsable: boolean
    readonly ask: (envelope: Envelope) => undefined
  }
  /** How the sender of `envelope` is referred to on this link. */
  readonly refer: (envelope: Envelope) => EnvelopeReference
  /** The far side does not know this number any more. */
  readonly showAgain: (number: number) => undefined
}

export type OutboundNeeds = {
  /** Gives the envelope to `carry` with a way to `remote`, now or when there is one; else it fails. */
  readonly send: (
    local: Domain,
    remote: Domain,
    envelope: Envelope,
    carry: (way: Way, envelope: Envelope) => undefined,
  ) => undefined
  readonly retryAfterMs: (local: Domain, remote: Domain) => number
  readonly clock: Clock
  readonly limits: Limits
  readonly limitHit: (limit: string) => undefined
  readonly ended: (envelope: Envelope, status: Status) => undefined
}

/** What a sender is asked to wait at most: the far side may come by itself, and to be refused here costs little. */
const mostWaitMs = 1000

export class Outbound implements Carrier {
  readonly #needs: OutboundNeeds
  readonly #laneInFlight: number
  readonly #firstEpoch: () => number
  readonly #carry: (way: Way, envelope: Envelope) => undefined

  constructor(needs: OutboundNeeds) {
    this.#needs = needs
    this.#laneInFlight = needs.limits.laneInFlight
    this.#firstEpoch = () => Math.floor(needs.clock.wall() / 1000)
    this.#carry = (way, envelope) => this.#give(way, envelope)
  }

  accept(envelope: Envelope): undefined {
    const { lane, cameAs } = envelope
    if (!takePlace(lane, cameAs)) return this.#end(envelope, 'order', -1)
    if (lane.unanswered >= this.#laneInFlight) {
      this.#needs.limitHit('laneInFlight')
      return this.#end(envelope, 'busy', 1000)
    }
    lane.unanswered++
    envelope.carrier = this
    this.#start(lane, envelope)
  }

  /** The next hop answered. */
  answered(envelope: Envelope, answer: Answer): undefined {
    const { lane, laneEpoch, laneSequence } = envelope
    const { status } = answer
    if (!isSuccess(status)) {
      if (this.#isRepaired(lane, envelope, status)) return
      if (isTemporary(status)) {
        lane.failedEpoch = laneEpoch
        restart(lane, laneEpoch)
        goBack(lane, envelope.cameAs)
      }
    }
    noteAnswer(lane, laneEpoch, laneSequence)
    this.#needs.ended(envelope, status)
    envelope.origin.relay(envelope, answer)
    this.#finish(lane)
  }

  /** No answer will come. */
  failed(envelope: Envelope, code: Status, sent: boolean): undefined {
    const { lane, sender, recipient } = envelope
    // It was never taken there: another link may take it.
    if (!sent && code === 'link-lost' && envelope.attempts < 3) return this.#turn(lane, envelope)
    if (envelope.laneSequence > 0) {
      lane.failedEpoch = envelope.laneEpoch
      restart(lane, envelope.laneEpoch)
    }
    if (sent) this.#end(envelope, 'unknown-outcome', -1)
    else {
      const wait = this.#needs.retryAfterMs(sender.domain, recipient.domain)
      this.#end(envelope, publicStatus(code), Math.min(wait, mostWaitMs))
    }
    this.#finish(lane)
  }

  /** Two refusals are put right without the sender: a number that is not held, and a count that was lost. */
  #isRepaired(lane: Lane, envelope: Envelope, status: Status): boolean {
    const way = lane.way as Way | undefined
    if (way === undefined || envelope.attempts >= 2) return false
    if (status === 'credential-ref-unknown') {
      // [LINK-6.3-5] Shown again, and the request repeated with its place in the lane.
      way.showAgain(envelope.reference?.number ?? 0)
      envelope.attempts++
      envelope.reference = way.refer(envelope)
      way.link.ask(envelope)
      return true
    }
    // [LINK-6.7-8] Nothing of this epoch was refused, so nothing can be overtaken: the count starts anew.
    if (status !== 'order' || envelope.laneEpoch === lane.failedEpoch) return false
    this.#turn(lane, envelope)
    return true
  }

  /** [LINK-6.7-7] A lane stays on its link while anything of it is unanswered there. */
  #start(lane: Lane, envelope: Envelope): undefined {
    const way = lane.way as Way | undefined
    // What has to come again must not be overtaken.
    if (lane.back.length > 0) {
      lane.held.push(envelope)
      return
    }
    if (way === undefined) {
      const { sender, recipient } = envelope
      return this.#needs.send(sender.domain, recipient.domain, envelope, this.#carry)
    }
    if (way.link.isUsable) this.#give(way, envelope)
    else lane.held.push(envelope)
  }

  #give(way: Way, envelope: Envelope): undefined {
    const { lane } = envelope
    lane.way = way
    numberNext(lane, envelope, this.#firstEpoch)
    envelope.attempts++
    envelope.reference = way.refer(envelope)
    way.link.ask(envelope)
  }

  /** It has to be sent once more: the lane turns, and nothing new goes out before. */
  #turn(lane: Lane, envelope: Envelope): undefined {
    lane.back.push(envelope)
    this.#moveOn(lane)
  }

  #finish(lane: Lane): undefined {
    lane.unanswered--
    this.#moveOn(lane)
  }

  /** Once nothing of the lane is under way, what came back goes out in its old order, then what was held. */
  #moveOn(lane: Lane): undefined {
    const { back, held } = lane
    if (lane.unanswered > back.length + held.length) return
    lane.way = undefined
    if (lane.unanswered === 0) return
    lane.back = []
    lane.held = []
    if (back.length > 0) restart(lane, lane.outEpoch)
    for (const envelope of back.sort(byPlace)) this.#start(lane, envelope)
    for (const envelope of held) this.#start(lane, envelope)
    // A link may end while it is given the first of them.
    if (lane.unanswered === lane.back.length + lane.held.length) this.#moveOn(lane)
  }

  /** A message that ends badly for a time has to come again before what follows it. */
  #end(envelope: Envelope, status: Status, retryAfterMs: number): undefined {
    if (isTemporary(status)) goBack(envelope.lane, envelope.cameAs)
    this.#needs.ended(envelope, status)
    envelope.origin.reply(envelope, status, retryAfterMs)
  }
}

const byPlace = (a: Envelope, b: Envelope): number =>
  a.laneEpoch - b.laneEpoch || a.laneSequence - b.laneSequence
