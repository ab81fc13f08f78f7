/**
 * What is counted at the end of each message: its result, how long it took, and whose peer it was.
 *
 * Runs once for every message: a look-up for the result, one for the peer, and no reading of the clock.
 */
import type { Envelope } from '../envelope.ts'
import { isSuccess, isTemporary, type Status } from '../errors.ts'
import { type Counter, type Histogram, type Meter, observe } from '../lib/meter.ts'
import { type Direction, type PeerOutcome, type PeerTally, placeOf } from './peer-tally.ts'

export type Ends = {
  readonly inbound: (envelope: Envelope, status: Status) => undefined
  readonly outbound: (envelope: Envelope, status: Status) => undefined
}

export type EndNeeds = {
  readonly meter: Meter
  readonly peers: PeerTally
  /** Clock time at which the bytes came that are being worked on. */
  readonly now: () => number
}

export function observeEnds({ meter, peers, now }: EndNeeds): Ends {
  const inbound = new Results(meter, 'in')
  const outbound = new Results(meter, 'out')
  return {
    inbound: (envelope, status) => {
      const { place } = inbound.count(status, envelope.at, now)
      if (envelope.origin.kind === 'peer') peers.ended(envelope.sender.domain, place)
    },
    outbound: (envelope, status) => {
      const { place } = outbound.count(status, envelope.at, now)
      peers.ended(envelope.recipient.domain, place)
    },
  }
}

type Result = { readonly counter: Counter; readonly place: number; readonly isDone: boolean }

/** The counters of one direction. */
class Results {
  readonly #meter: Meter
  readonly #direction: Direction
  readonly #seconds: Histogram
  readonly #byStatus = new Map<Status, Result>()

  constructor(meter: Meter, direction: Direction) {
    this.#meter = meter
    this.#direction = direction
    this.#seconds = meter.histogram('delivery_seconds', { direction })
  }

  count(status: Status, at: number, now: () => number): Result {
    const result = this.#byStatus.get(status) ?? this.#add(status)
    result.counter.n++
    if (result.isDone) observe(this.#seconds, (now() - at) / 1000)
    return result
  }

  #add(status: Status): Result {
    const direction = this.#direction
    const result = {
      counter: this.#meter.counter('messages_total', { direction, result: status }),
      place: placeOf(direction, outcomeOf(status)),
      isDone: isSuccess(status),
    }
    this.#byStatus.set(status, result)
    return result
  }
}

function outcomeOf(status: Status): PeerOutcome {
  if (isSuccess(status)) return 'ok'
  if (status === 'unknown-outcome') return 'unknown'
  return isTemporary(status) ? 'temporary' : 'permanent'
}
