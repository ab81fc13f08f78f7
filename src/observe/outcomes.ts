/**
 * What is counted at the end of each message: its result, how long it took, and whose peer it was; and who has met whom.
 *
 * Runs once for every message: a look-up for the result, one for the peer, and no reading of the clock.
 *
 * What is answered `order` is no end (go-back-N): nothing was done with it, and its sender sends it again, behind what was
 * missing. Its end is counted then.
 */
import type { Address } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import { isSuccess, isTemporary, type Status } from '../errors.ts'
import { type Counter, type Histogram, type Meter, observe } from '../lib/meter.ts'
import type { Call } from '../operation/call.ts'
import type { Ends } from '../operation/ends.ts'
import type { Message } from '../operation/message.ts'
import { type Direction, type PeerMetrics, type PeerOutcome, placeOf } from './peer-metrics.ts'

/** Told of a message of `user`, one of ours, that was delivered or stored at `domain`. */
type Memory = { met(domain: Domain, user: Address, now: number): undefined }

export class Outcomes implements Ends {
  readonly #peers: PeerMetrics
  readonly #memory: Memory
  readonly #now: () => number
  readonly #in: Results
  readonly #out: Results

  /** `now`: clock time at which the bytes came that are being worked on. */
  constructor(meter: Meter, peers: PeerMetrics, memory: Memory, now: () => number) {
    this.#peers = peers
    this.#memory = memory
    this.#now = now
    this.#in = new Results(meter, 'in')
    this.#out = new Results(meter, 'out')
  }

  inbound({ caller, operation, at }: Call<Message>, status: Status): undefined {
    if (status === 'order') return this.#in.again()
    const place = this.#in.count(status, at, this.#now)
    if (caller.door !== 'domain') return
    const { domain } = operation.from
    this.#peers.ended(domain, place)
    if (!isSuccess(status)) this.#peers.failed(domain, 'message-in', status)
  }

  outbound({ operation, at }: Call<Message>, status: Status): undefined {
    if (status === 'order') return this.#out.again()
    const { domain } = operation.to
    this.#peers.ended(domain, this.#out.count(status, at, this.#now))
    if (isSuccess(status)) this.#memory.met(domain, operation.from, at)
    else this.#peers.failed(domain, 'message-out', status)
  }
}

type Result = { readonly counter: Counter; readonly place: number; readonly isDone: boolean }

/** The counters of one direction. */
class Results {
  readonly #meter: Meter
  readonly #direction: Direction
  readonly #seconds: Histogram
  readonly #repeats: Counter
  readonly #byStatus = new Map<Status, Result>()

  constructor(meter: Meter, direction: Direction) {
    this.#meter = meter
    this.#direction = direction
    this.#seconds = meter.histogram('delivery_seconds', { direction })
    this.#repeats = meter.counter('lane_repeats_total', { direction })
  }

  again(): undefined {
    this.#repeats.n++
  }

  /** Where the outcome stands in the row of a peer. */
  count(status: Status, at: number, now: () => number): number {
    const result = this.#byStatus.get(status) ?? this.#add(status)
    result.counter.n++
    if (result.isDone) observe(this.#seconds, (now() - at) / 1000)
    return result.place
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
