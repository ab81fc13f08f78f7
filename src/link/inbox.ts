/**
 * Everything that arrives by one link: bytes to frames; the frames of exchanges go to `exchange-reader.ts`, those that
 * are about the link itself are read here.
 *
 * In:    chunks of the channel.
 * Out:   `events`, synchronously, in the order in which it came; CREDIT for what was taken.
 * Fails: every broken rule as `events.fault`, once: nothing more is read.
 * Spec:  [LINK-3.2-5], [LINK-7.1-4] flow control, [LINK-8.1-1] floods, [LINK-8.3-1]
 */
import type { Status } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { Counter } from '../lib/meter.ts'
import type { Limits } from '../limits.ts'
import { FrameReader } from '../wire/reader.ts'
import { flag, frame, type TrafficClass } from '../wire/registry.ts'
import { type Release, readRelease, releaseBytes } from '../wire/release.ts'
import type { LinkCounters } from './counters.ts'
import { type ExchangeEvents, ExchangeReader } from './exchange-reader.ts'
import { FloodGuard } from './flood-guard.ts'
import type { Outbox } from './outbox.ts'
import type { Payer } from './payer.ts'
import { ReceiveWindow } from './receive-window.ts'
import { needsNoCredit } from './send-window.ts'

export type { RequestView } from './exchange-reader.ts'

export type InboxEvents = ExchangeEvents & {
  readonly hello: (payload: Buffer) => undefined
  readonly released: (release: Release) => undefined
}

export type InboxNeeds = {
  /** Ids of the far side's requests: odd for the initiating side. */
  readonly idParity: 0 | 1
  readonly limits: Limits
  readonly clock: Clock
  readonly counters: Pick<LinkCounters, 'framesIn' | 'bytesIn'>
  readonly limitHit: (limit: string) => undefined
  /** What whoever it is read for may have, and in whose turns. */
  readonly payer: Payer
  readonly outbox: Outbox
  readonly events: InboxEvents
}

export class Inbox {
  /** Clock time of the last bytes. */
  heardAt: number
  readonly #needs: InboxNeeds
  readonly #frames: Counter
  readonly #events: InboxEvents
  readonly #outbox: Outbox
  readonly #reader: FrameReader
  readonly #exchanges: ExchangeReader
  readonly #window: ReceiveWindow
  readonly #floods: FloodGuard
  #hasGreeted = false
  #isClosed = false

  constructor(needs: InboxNeeds) {
    const { idParity, limits, limitHit, clock, payer, outbox, events } = needs
    const now = clock.now()
    this.#needs = needs
    this.#frames = needs.counters.framesIn
    this.#events = events
    this.#outbox = outbox
    this.heardAt = now
    const window = new ReceiveWindow(
      limits,
      (trafficClass, requests, bytes) => this.#sendCredit(trafficClass, requests, bytes),
      payer,
      clock,
    )
    const floods = new FloodGuard(limits, now)
    this.#window = window
    this.#floods = floods
    const exchanges = { idParity, limits, limitHit, outbox, window, floods, payer, events }
    this.#exchanges = new ExchangeReader(exchanges, now)
    this.#reader = new FrameReader(
      limits.frameBytes,
      (type, flags, id, buffer, start, end) => this.#frame(type, flags, id, buffer, start, end),
      payer.turns,
    )
  }

  /** The last request that was taken. */
  get lastTaken(): number {
    return this.#exchanges.lastTaken
  }

  /** Clock time of the last request or answer that is more than proof. */
  get usedAt(): number {
    return this.#exchanges.usedAt
  }

  /** Requests that were taken and are not answered. */
  get underWay(): number {
    return this.#window.underWay
  }

  /** Nothing here waits for time to pass. */
  get isQuiet(): boolean {
    return this.#exchanges.isQuiet
  }

  /** Bytes of `chunk` that were taken, at `now`; what comes after the end is passed over. */
  read(chunk: Buffer, now: number): number {
    this.#outbox.stir()
    this.heardAt = now
    this.#exchanges.now = now
    const taken = this.#reader.push(chunk)
    if (taken < 0 && !this.#isClosed) this.#events.fault('bad-frame', 'a frame is too long')
    const count = taken < 0 ? chunk.length : taken
    this.#needs.counters.bytesIn.n += count
    return count
  }

  /** Reads a request again that was put aside, as it arrived. */
  readAgain(trafficClass: TrafficClass, id: number, payload: Buffer): undefined {
    // [LINK-6.5-6] What waited for a proof or a key counts from the end of that wait.
    this.#exchanges.now = this.#needs.clock.now()
    this.#exchanges.readAgain(trafficClass, id, payload)
  }

  /** Proofs and keys are for the sake of the link: they do not keep it. */
  use(trafficClass: TrafficClass): undefined {
    this.#exchanges.use(trafficClass)
  }

  /** A request is answered, or needs no answer. */
  done(trafficClass: TrafficClass, command: number): undefined {
    this.#window.done(trafficClass, needsNoCredit(command))
    this.#window.update(trafficClass)
  }

  /** [LINK-7.1-4] The far side is proven: the whole window opens. */
  open(): undefined {
    this.#window.open()
  }

  /** Once a second: credit that is lent, and bodies that come too slowly. */
  tick(): undefined {
    this.#window.tick()
    this.#exchanges.sweep(this.#needs.clock.now())
  }

  /** [LINK-8.2-3] Our RELEASE is written: no request is taken any more. */
  stopTaking(): undefined {
    this.#exchanges.stopTaking()
  }

  close(): undefined {
    this.#isClosed = true
    this.#exchanges.close()
  }

  #frame(
    type: number,
    flags: number,
    id: number,
    buffer: Buffer,
    start: number,
    end: number,
  ): boolean {
    this.#frames.n++
    if (this.#isClosed) return false
    if (!this.#hasGreeted && type !== frame.hello) {
      return this.#fault('protocol-state', 'expected HELLO first')
    }
    switch (type) {
      case frame.request:
        return this.#exchanges.request(flags, id, buffer, start, end) && !this.#isClosed
      case frame.response:
        return this.#exchanges.response(flags, id, buffer, start, end)
      case frame.chunk:
        return this.#exchanges.chunk(flags, id, buffer.subarray(start, end)) && !this.#isClosed
      case frame.credit:
        return this.#onCredit(buffer, start, end)
      case frame.cancel:
        return this.#exchanges.cancel(flags, id)
      case frame.ping:
        return this.#onPing(flags, buffer.subarray(start, end))
      case frame.release:
        return this.#onRelease(buffer, start, end)
      case frame.hello:
        return this.#onHello(buffer.subarray(start, end))
      default:
        return this.#onUnknown(type, flags)
    }
  }

  #onHello(payload: Buffer): boolean {
    if (this.#hasGreeted) return this.#fault('protocol-state', 'HELLO came twice')
    this.#hasGreeted = true
    this.#events.hello(payload)
    return !this.#isClosed
  }

  /** [LINK-3.2-5] Unknown frames are passed over, unless their sender insists. */
  #onUnknown(type: number, flags: number): boolean {
    if ((flags & flag.critical) !== 0) {
      return this.#fault('bad-frame', `unknown critical frame ${type}`)
    }
    return this.#floods.unknown(this.heardAt) || this.#fault('flood', 'unknown frames')
  }

  #onCredit(buffer: Buffer, start: number, end: number): boolean {
    if (end - start !== 9) return this.#fault('bad-frame', 'CREDIT of a wrong length')
    const trafficClass = buffer[start] as number
    if (trafficClass > 2) return this.#fault('bad-frame', 'CREDIT for an unknown class')
    const requests = buffer.readUInt32BE(start + 1)
    const bytes = buffer.readUInt32BE(start + 5)
    if (!this.#outbox.grant(trafficClass as TrafficClass, requests, bytes)) {
      return this.#fault('flow-exceeded', 'CREDIT over 2^31-1')
    }
    const isOwed = this.#outbox.isOwed() && requests + bytes > 0
    return isOwed || this.#isSeldom('CREDIT')
  }

  #onPing(flags: number, payload: Buffer): boolean {
    // [LINK-8.3-1]
    if (payload.length !== 8) return this.#fault('bad-frame', 'PING of a wrong length')
    if ((flags & flag.ack) !== 0) return this.#isSeldom('answers to PING')
    if (!this.#floods.ping(this.heardAt)) return this.#fault('flood', 'PING')
    this.#outbox.control(frame.ping, flag.ack, 0, payload)
    return true
  }

  #onRelease(buffer: Buffer, start: number, end: number): boolean {
    if (end - start < releaseBytes) {
      return this.#fault('bad-frame', 'RELEASE of a wrong length')
    }
    this.#events.released(readRelease(buffer, start))
    return this.#isSeldom('RELEASE')
  }

  /** [LINK-8.1-1] A frame without effect. */
  #isSeldom(what: string): boolean {
    return this.#floods.idle(this.heardAt) || this.#fault('flood', what)
  }

  #sendCredit(trafficClass: TrafficClass, requests: number, bytes: number): undefined {
    const payload = Buffer.alloc(9)
    payload[0] = trafficClass
    payload.writeUInt32BE(requests, 1)
    payload.writeUInt32BE(bytes, 5)
    this.#outbox.control(frame.credit, 0, 0, payload)
  }

  #fault(reason: Status, detail: string): false {
    this.#events.fault(reason, detail)
    return false
  }
}
