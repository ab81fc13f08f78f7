/**
 * Messages to other domains: in order per lane, each with exactly one honest answer.
 *
 * In:    envelopes that the policy let pass and whose recipient is elsewhere.
 * Out:   the answer of the far side, passed on; or a code of ours.
 * Fails: `busy` (lane full), the code of the dial, `unknown-outcome` when a link died under a message.
 * Spec:  [LINK-6.7-4] to [LINK-6.7-8]; draft §5.5.4
 */
import type { Domain } from '../address/domain.ts'
import type { Answer, Carrier, Envelope, EnvelopeReference } from '../envelope.ts'
import { isTemporary, publicStatus, type Status } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { Limits } from '../limits.ts'
import { type LaneOut, LanesOut } from './lanes-out.ts'

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

export class Outbound implements Carrier {
  readonly #needs: OutboundNeeds
  readonly #lanes: LanesOut<Way>
  readonly #carry: (way: Way, envelope: Envelope) => undefined

  constructor(needs: OutboundNeeds) {
    this.#needs = needs
    this.#lanes = new LanesOut(needs.limits, () => Math.floor(needs.clock.wall() / 1000))
    this.#carry = (way, envelope) => this.#give(way, envelope)
  }

  get lanes(): number {
    return this.#lanes.size
  }

  accept(envelope: Envelope): undefined {
    const { clock, limits, limitHit } = this.#needs
    const { sender, recipient } = envelope
    const now = clock.now()
    const lane = this.#lanes.open(sender.text, recipient.text, now)
    if (lane === undefined || lane.unanswered >= limits.laneInFlight) {
      limitHit(lane === undefined ? 'lanes' : 'laneInFlight')
      return this.#end(envelope, 'busy', 1000)
    }
    lane.usedAt = now
    lane.unanswered++
    envelope.carrier = this
    this.#start(lane, envelope)
  }

  /** The next hop answered. */
  answered(envelope: Envelope, answer: Answer): undefined {
    const lane = this.#lane(envelope)
    const { laneEpoch, laneSequence } = envelope
    const { status } = answer
    if (status === 'credential-ref-unknown' && envelope.attempts < 2 && lane.way !== undefined) {
      return this.#showAgain(lane.way, envelope)
    }
    // The far side lost the count without refusing anything: it starts anew, in order.
    if (status === 'order' && laneEpoch !== lane.failedEpoch && envelope.attempts < 2) {
      lane.restart(laneEpoch)
      if (lane.way !== undefined) return this.#give(lane.way, envelope)
    }
    if (isTemporary(status)) {
      lane.failedEpoch = laneEpoch
      lane.restart(laneEpoch)
    } else lane.answered(laneEpoch, laneSequence)
    this.#needs.ended(envelope, status)
    envelope.origin.relay(envelope, answer)
    this.#finish(lane)
  }

  /** No answer will come. */
  failed(envelope: Envelope, code: Status, sent: boolean): undefined {
    const lane = this.#lane(envelope)
    if (!sent && code === 'link-lost' && envelope.attempts < 3) {
      // It never left: another link may take it.
      return this.#start(lane, envelope)
    }
    if (envelope.laneSequence > 0) {
      lane.failedEpoch = envelope.laneEpoch
      lane.restart(envelope.laneEpoch)
    }
    const { sender, recipient } = envelope
    if (sent) this.#end(envelope, 'unknown-outcome', -1)
    else
      this.#end(
        envelope,
        publicStatus(code),
        this.#needs.retryAfterMs(sender.domain, recipient.domain),
      )
    this.#finish(lane)
  }

  /** Once a minute: lanes that nobody uses are forgotten. */
  sweep(now: number): undefined {
    this.#lanes.sweep(now, 600_000)
  }

  /** [LINK-6.7-7] A lane stays on its link while anything of it is unanswered there. */
  #start(lane: LaneOut<Way>, envelope: Envelope): undefined {
    if (lane.way !== undefined) {
      if (lane.way.link.isUsable) this.#give(lane.way, envelope)
      else lane.held.push(envelope)
      return
    }
    const { sender, recipient } = envelope
    this.#needs.send(sender.domain, recipient.domain, envelope, this.#carry)
  }

  #give(way: Way, envelope: Envelope): undefined {
    const lane = this.#lane(envelope)
    lane.way = way
    lane.number(envelope)
    envelope.attempts++
    envelope.reference = way.refer(envelope)
    way.link.ask(envelope)
  }

  /** [LINK-6.3-5] Shows the credential again and repeats the request, with its place in the lane. */
  #showAgain(way: Way, envelope: Envelope): undefined {
    way.showAgain(envelope.reference?.number ?? 0)
    envelope.attempts++
    envelope.reference = way.refer(envelope)
    way.link.ask(envelope)
  }

  #finish(lane: LaneOut<Way>): undefined {
    lane.unanswered--
    if (lane.unanswered > lane.held.length) return
    lane.way = undefined
    const { held } = lane
    if (held.length === 0) return
    lane.held = []
    for (const envelope of held) this.#start(lane, envelope)
  }

  #end(envelope: Envelope, status: Status, retryAfterMs: number): undefined {
    this.#needs.ended(envelope, status)
    envelope.origin.reply(envelope, status, retryAfterMs)
  }

  #lane({ sender, recipient }: Envelope): LaneOut<Way> {
    // It is there: a lane with something unanswered is never forgotten.
    return this.#lanes.find(sender.text, recipient.text) as LaneOut<Way>
  }
}
