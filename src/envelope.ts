/**
 * The one value that travels between the stages: a request that passed its door, on its way to its recipient.
 *
 * It also is the request that goes out by a link (`link/outgoing.ts`), so that a message costs one object.
 */
import type { Address } from './address/address.ts'
import type { Status } from './errors.ts'
import type { Lane } from './lane.ts'
import type { FieldTable } from './wire/fields.ts'
import type { TrafficClass } from './wire/registry.ts'

/** The answer of a next hop, as it came. Valid during the call only. */
export type Answer = {
  readonly status: Status
  readonly retryAfterMs: number
  readonly fields: FieldTable
  readonly buffer: Buffer
  readonly fieldsAt: number
  readonly bodyAt: number
  readonly end: number
}

/** The door by which an envelope came, where its answer leaves. */
export type Origin = {
  readonly kind: 'peer' | 'client'
  /** Answers with a status of this gateway. `retryAfterMs` -1: nothing is said. */
  readonly reply: (envelope: Envelope, status: Status, retryAfterMs: number) => undefined
  /** Passes on the answer of the next hop, its end-to-end fields and body unchanged. */
  readonly relay: (envelope: Envelope, answer: Answer) => undefined
}

/** Who carries an envelope and is told how it ended. */
export type Carrier = {
  readonly answered: (envelope: Envelope, answer: Answer) => undefined
  /** No answer will come; `sent`: it was written, so nobody knows what became of it. */
  readonly failed: (envelope: Envelope, code: Status, sent: boolean) => undefined
}

/** A credential of a sender as a link refers to it; see `link/outgoing.ts`. */
export type EnvelopeReference = {
  readonly number: number
  shown: boolean
  readonly fieldBytes: () => Buffer
  readonly shownAnswer: (status: Status) => undefined
}

/** Place in a lane, and how far the sender holds answers. Sequence 0: none. */
export type LanePlace = {
  readonly epoch: number
  readonly sequence: number
  readonly settled: number
}

export const noLane: LanePlace = { epoch: 0, sequence: 0, settled: 0 }

export class Envelope {
  readonly origin: Origin
  /** Id of the request at its door. */
  readonly originId: number
  readonly command: number
  readonly trafficClass: TrafficClass
  readonly hops: number
  readonly sender: Address
  readonly recipient: Address
  readonly lane: Lane
  /** Clock time at which it came. */
  readonly at: number
  /** Its place in the lane of the hop it came by. */
  readonly cameAs: LanePlace

  // What a link needs to carry it on.
  reference: EnvelopeReference | undefined = undefined
  laneEpoch = 0
  laneSequence = 0
  settled = 0
  from = ''
  answerCredit = 0
  expectsAnswer = true
  user: string
  buffer: Buffer
  fieldsAt: number
  bodyAt: number
  end: number
  sentAt = -1
  readonly freshen = undefined

  carrier: Carrier | undefined = undefined
  /** delivery/, on the way in: the slot of its duplicate record. */
  record = -1
  /** How often it was given to a link. */
  attempts = 0

  constructor(
    origin: Origin,
    originId: number,
    command: number,
    trafficClass: TrafficClass,
    hops: number,
    lane: Lane,
    at: number,
    cameAs: LanePlace,
    buffer: Buffer,
    fieldsAt: number,
    bodyAt: number,
    end: number,
  ) {
    this.origin = origin
    this.originId = originId
    this.command = command
    this.trafficClass = trafficClass
    this.hops = hops
    this.sender = lane.sender.address
    this.recipient = lane.recipient
    this.lane = lane
    this.at = at
    this.cameAs = cameAs
    this.user = lane.sender.address.text
    this.buffer = buffer
    this.fieldsAt = fieldsAt
    this.bodyAt = bodyAt
    this.end = end
  }

  answered(answer: Answer): undefined {
    return this.carrier?.answered(this, answer)
  }

  failed(code: Status, sent: boolean): undefined {
    return this.carrier?.failed(this, code, sent)
  }
}
