/**
 * Everything that arrives by one link: bytes to frames, frames to requests and answers.
 *
 * In:    chunks of the channel.
 * Out:   `events`, synchronously, in the order in which it came; nothing is copied but bodies in pieces.
 * Fails: every broken rule as `events.fault`, once: nothing more is read.
 * Spec:  [LINK-3.2-5], [LINK-3.3-1] ids, [LINK-4.1-4] fields, [LINK-4.4-4] long answers, [LINK-7.1-4] credit,
 *        [LINK-8.1-1] floods
 */
import { type Status, statusOf } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { TokenBucket } from '../lib/token-bucket.ts'
import type { Limits } from '../limits.ts'
import { FieldTable } from '../wire/fields.ts'
import { FrameReader } from '../wire/reader.ts'
import {
  trafficClass as classes,
  classMask,
  classShift,
  fields,
  flag,
  frame,
  requestHeadBytes,
  responseHeadBytes,
  type TrafficClass,
} from '../wire/registry.ts'
import { Allowance, type Grant } from './allowance.ts'
import { Bodies } from './bodies.ts'
import { needsNoCredit } from './credit.ts'
import type { Outbox } from './outbox.ts'
import type { AnswerView } from './outgoing.ts'
import { type Refusable, refusableOf } from './refusal.ts'

/** Reused for the next request: whoever keeps something copies it. */
export type RequestView = {
  id: number
  trafficClass: TrafficClass
  command: number
  hops: number
  reference: number
  /** Clock time at which it came. */
  at: number
  fields: FieldTable
  buffer: Buffer
  /** Payload from here: request head, fields, body from `bodyAt` to `end`. */
  payloadAt: number
  bodyAt: number
  end: number
}

export type InboxEvents = {
  readonly hello: (payload: Buffer) => undefined
  readonly request: (request: RequestView) => undefined
  /** A request that is refused before its owner sees it. */
  readonly refused: (request: Refusable, status: Status) => undefined
  /** One of our requests has its answer. */
  readonly answered: () => undefined
  /** An answer to a request that expected none, or that nobody waits for any more. */
  readonly orphan: (answer: AnswerView) => undefined
  readonly released: (reason: Status, restMs: number, lastTaken: number) => undefined
  readonly fault: (reason: Status, detail: string) => undefined
}

export type InboxNeeds = {
  /** Ids of the far side's requests: odd for the initiating side. */
  readonly idParity: 0 | 1
  readonly limits: Limits
  readonly clock: Clock
  readonly frames: { n: number }
  readonly bytes: { n: number }
  readonly limitHit: (limit: string) => undefined
  readonly outbox: Outbox
  readonly events: InboxEvents
}

const empty = Buffer.alloc(0)
/** A piece with less is tiny: it costs more than it carries. */
const tinyBytes = 256

export class Inbox {
  /** The last request that was taken. */
  lastTaken = 0
  /** Clock time of the last bytes, and of the last request or answer that is more than proof. */
  heardAt: number
  usedAt: number
  readonly #needs: InboxNeeds
  readonly #events: InboxEvents
  readonly #outbox: Outbox
  readonly #reader: FrameReader
  readonly #fields: FieldTable
  readonly #fieldBytes: number
  readonly #request: RequestView
  readonly #answer: AnswerView
  readonly #allowance: Allowance
  readonly #requests: Bodies
  readonly #answers: Bodies
  readonly #cancels: TokenBucket
  readonly #mistakes: TokenBucket
  readonly #pings: TokenBucket
  #emptyChunks = 0
  #tinyBudget: number
  #hasGreeted = false
  #isGiving = false
  #isTaking = true
  #isClosed = false

  constructor(needs: InboxNeeds) {
    const { limits, clock, outbox, events } = needs
    const now = clock.now()
    this.#needs = needs
    this.#events = events
    this.#outbox = outbox
    this.heardAt = now
    this.usedAt = now
    this.#fields = new FieldTable(limits)
    this.#fieldBytes = limits.fieldBytes
    this.#allowance = new Allowance(limits)
    const { bodiesUnderWay } = limits
    this.#requests = new Bodies(bodiesUnderWay, bodiesUnderWay)
    // Those that are wanted were asked for, and each has its credit.
    this.#answers = new Bodies(Number.POSITIVE_INFINITY, bodiesUnderWay)
    this.#cancels = new TokenBucket(limits.cancelsPerSecond, limits.cancelsBurst, now)
    this.#mistakes = new TokenBucket(limits.mistakesPerSecond, limits.mistakesBurst, now)
    this.#pings = new TokenBucket(limits.pingsPerSecond, limits.pingsBurst, now)
    this.#tinyBudget = limits.tinyChunkBytes
    this.#reader = new FrameReader(limits.frameBytes, (type, flags, id, buffer, start, end) =>
      this.#frame(type, flags, id, buffer, start, end),
    )
    const nothing = { fields: this.#fields, buffer: empty, bodyAt: 0, end: 0 }
    const noRequest = { id: 0, command: 0, hops: 0, reference: 0, at: 0, payloadAt: 0 }
    this.#request = { ...nothing, ...noRequest, trafficClass: classes.control }
    this.#answer = { ...nothing, status: 'ok', retryAfterMs: -1, fieldsAt: 0 }
  }

  /** Requests that were taken and are not answered. */
  get underWay(): number {
    return this.#allowance.underWay
  }

  read(chunk: Buffer): undefined {
    this.heardAt = this.#needs.clock.now()
    this.#needs.bytes.n += chunk.length
    if (!this.#reader.push(chunk) && !this.#isClosed) {
      this.#events.fault('bad-frame', 'a frame is too long')
    }
  }

  /** Reads a request again that was put aside, as it arrived. */
  readAgain(trafficClass: TrafficClass, id: number, payload: Buffer): undefined {
    this.#readWhole(trafficClass, id, payload)
  }

  /** Proofs and keys are for the sake of the link: they do not keep it. */
  use(trafficClass: number): undefined {
    if (trafficClass !== classes.control) this.usedAt = this.heardAt
  }

  /** A request is answered, or needs no answer. */
  done(trafficClass: TrafficClass, command: number): undefined {
    this.#allowance.done(trafficClass, needsNoCredit(command))
    this.#giveCredit(trafficClass)
  }

  /** [LINK-7.1-4] The far side is proven: the whole window opens. */
  open(): undefined {
    this.#isGiving = true
    for (const trafficClass of Object.values(classes)) {
      this.#sendCredit(trafficClass, this.#allowance.open(trafficClass))
    }
  }

  /** Once a second: credit that was not given for too many requests is given now. */
  tick(): undefined {
    if (this.#allowance.tick()) this.#needs.limitHit('creditPerSecond')
    for (const trafficClass of Object.values(classes)) this.#giveCredit(trafficClass)
  }

  /** [LINK-8.2-3] Our RELEASE is written: no request is taken any more. */
  stopTaking(): undefined {
    this.#isTaking = false
  }

  /** The link lets go: no more credit. */
  stopGiving(): undefined {
    this.#isGiving = false
  }

  close(): undefined {
    this.#isClosed = true
  }

  #frame(
    type: number,
    flags: number,
    id: number,
    buffer: Buffer,
    start: number,
    end: number,
  ): boolean {
    this.#needs.frames.n++
    if (this.#isClosed) return false
    if (!this.#hasGreeted && type !== frame.hello) {
      return this.#fault('protocol-state', 'expected HELLO first')
    }
    switch (type) {
      case frame.request:
        return this.#onRequest(flags, id, buffer, start, end)
      case frame.response:
        return this.#onResponse(flags, id, buffer, start, end)
      case frame.chunk:
        return this.#onChunk(flags, id, buffer.subarray(start, end))
      case frame.credit:
        return this.#onCredit(buffer, start, end)
      case frame.cancel:
        return this.#onCancel(flags, id)
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
    return this.#mistakes.take(this.heardAt) || this.#fault('flood', 'unknown frames')
  }

  #onRequest(flags: number, id: number, buffer: Buffer, start: number, end: number): boolean {
    // [LINK-8.2-3] After our RELEASE nothing more is taken; the far side knows the last that was.
    if (!this.#isTaking) return true
    // [LINK-3.3-4] The grammar first, then the id, then the credit.
    if (end - start < requestHeadBytes) {
      return this.#fault('bad-frame', 'a REQUEST without its head')
    }
    // [LINK-4.2-2] Whether the class is that of the command is not looked at.
    const trafficClass = ((flags & classMask) >> classShift) as TrafficClass
    if (trafficClass > 2) return this.#fault('bad-frame', 'unknown class')
    const bodyAt = this.#readFields(buffer, start + requestHeadBytes, start + 6, end)
    if (bodyAt === -1) return this.#fault('bad-frame', 'fields of a REQUEST')
    const isLong = (flags & flag.more) !== 0
    if (isLong && !this.#declares(end - bodyAt)) return false
    // [LINK-3.3-1] Odd ids are the initiating side's, even ones the receiving side's; they rise.
    if ((id & 1) !== this.#needs.idParity || id <= this.lastTaken) {
      return this.#fault('protocol-state', `request id ${id}`)
    }
    this.lastTaken = id
    this.use(trafficClass)
    const free = needsNoCredit(buffer[start] as number)
    if (!this.#allowance.takeRequest(trafficClass, end - start, free)) {
      return this.#fault('flow-exceeded', 'a REQUEST without credit')
    }
    if (isLong) return this.#beginRequest(trafficClass, id, buffer, start, bodyAt, end)
    this.#giveCredit(trafficClass)
    return this.#tell(trafficClass, id, buffer, start, bodyAt, end)
  }

  /** [LINK-4.4-1] Whether the fields declare a body that the `here` bytes of this frame are a part of. */
  #declares(here: number): boolean {
    const isGood = this.#fields.u32(fields.bodyLength.tag) >= here
    return isGood || this.#fault('bad-frame', 'body length missing or too small')
  }

  /** A request whose body goes on: its declared length is checked before a byte of it is kept. */
  #beginRequest(
    trafficClass: TrafficClass,
    id: number,
    buffer: Buffer,
    start: number,
    bodyAt: number,
    end: number,
  ): boolean {
    const declared = this.#fields.u32(fields.bodyLength.tag)
    const isTooLarge = declared > this.#needs.limits.messageBytes
    // [LINK-4.4-6] Refused at once; the pieces that are on their way are passed over.
    const code = isTooLarge
      ? this.#requests.passOver(id, trafficClass)
      : this.#requests.begin(
          id,
          trafficClass,
          buffer.subarray(start, end),
          bodyAt - start + declared,
        )
    if (code !== undefined) return this.#fault(code, 'too many bodies under way')
    if (!isTooLarge) return true
    this.#needs.limitHit('messageBytes')
    const command = buffer[start] as number
    const reference = buffer.readUInt32BE(start + 2)
    this.#events.refused(
      refusableOf({ id, trafficClass, command, reference, fields: this.#fields }),
      'too-large',
    )
    return true
  }

  /** A request that was put together, or put aside: its fields were good, and are read again. */
  #readWhole(trafficClass: TrafficClass, id: number, payload: Buffer): boolean {
    const { length } = payload
    const bodyAt = this.#readFields(payload, requestHeadBytes, 6, length)
    return this.#tell(trafficClass, id, payload, 0, bodyAt, length)
  }

  /** Hands up the request whose fields have just been read. */
  #tell(
    trafficClass: TrafficClass,
    id: number,
    buffer: Buffer,
    start: number,
    bodyAt: number,
    end: number,
  ): boolean {
    const request = this.#request
    request.id = id
    request.trafficClass = trafficClass
    request.command = buffer[start] as number
    request.hops = buffer[start + 1] as number
    request.reference = buffer.readUInt32BE(start + 2)
    request.at = this.heardAt
    if (request.buffer !== buffer) request.buffer = buffer
    request.payloadAt = start
    request.bodyAt = bodyAt
    request.end = end
    // [LINK-4.1-4] An odd tag of this hop that is not known.
    if (this.#fields.unknownHop !== 0) {
      this.#events.refused(refusableOf(request), 'feature-required')
      return true
    }
    this.#events.request(request)
    return !this.#isClosed
  }

  #onResponse(flags: number, id: number, buffer: Buffer, start: number, end: number): boolean {
    if (end - start < responseHeadBytes) {
      return this.#fault('bad-frame', 'a RESPONSE without its head')
    }
    const bodyAt = this.#readFields(buffer, start + responseHeadBytes, start + 2, end)
    if (bodyAt === -1) return this.#fault('bad-frame', 'fields of a RESPONSE')
    if ((flags & flag.more) !== 0) return this.#beginAnswer(id, buffer, start, bodyAt, end)
    const answer = this.#answer
    // [LINK-4.3-3] A number that is not known is a fault of somebody, and may pass.
    answer.status = statusOf(buffer.readUInt16BE(start)) ?? 'internal'
    answer.retryAfterMs = this.#fields.u32(fields.retryAfter.tag)
    if (answer.buffer !== buffer) answer.buffer = buffer
    answer.fieldsAt = this.#fields.endToEndAt
    answer.bodyAt = bodyAt
    answer.end = end
    // [LINK-4.3-4] [LINK-4.1-7] What the fields of an answer mean is for the one who asked.
    const outgoing = this.#outbox.settle(id)
    if (outgoing !== undefined) outgoing.answered(answer)
    else if (id > this.#outbox.lastAsked) {
      return this.#fault('protocol-state', 'an answer to nothing')
    } else this.#events.orphan(answer)
    this.#events.answered()
    return true
  }

  /** [LINK-4.4-4] An answer over one frame is no longer than the asker granted. */
  #beginAnswer(id: number, buffer: Buffer, start: number, bodyAt: number, end: number): boolean {
    if (!this.#declares(end - bodyAt)) return false
    const outgoing = this.#outbox.waiting(id)
    if (outgoing === undefined && id > this.#outbox.lastAsked) {
      return this.#fault('protocol-state', 'a long answer to nothing')
    }
    // [LINK-4.4-7] One that came too late: its pieces are passed over.
    if (outgoing === undefined) {
      const code = this.#answers.passOver(id, classes.control)
      return code === undefined || this.#fault(code, 'too many answers that nobody waits for')
    }
    const declared = this.#fields.u32(fields.bodyLength.tag)
    if (declared > outgoing.answerCredit) {
      return this.#fault('flow-exceeded', 'an answer longer than granted')
    }
    const total = bodyAt - start + declared
    const code = this.#answers.begin(id, classes.control, buffer.subarray(start, end), total)
    return code === undefined || this.#fault(code, 'an answer begun twice')
  }

  /** Where the body begins, behind fields whose length stands at `lengthAt`; -1: they break the grammar. */
  #readFields(buffer: Buffer, at: number, lengthAt: number, end: number): number {
    const length = buffer.readUInt16BE(lengthAt)
    const bodyAt = at + length
    const isGood = bodyAt <= end && length <= this.#fieldBytes
    return isGood && this.#fields.read(buffer, at, bodyAt) ? bodyAt : -1
  }

  #onChunk(flags: number, id: number, piece: Buffer): boolean {
    const isAnswer = (flags & flag.answer) !== 0
    const isLast = (flags & flag.more) === 0
    // [LINK-8.2-3] The rest of a request that came after our RELEASE.
    if (!isAnswer && !this.#isTaking && id > this.lastTaken) return true
    const bodies = isAnswer ? this.#answers : this.#requests
    const trafficClass = bodies.classOf(id)
    if (trafficClass === undefined) return this.#fault('protocol-state', 'a CHUNK of nothing')
    if (!isAnswer) {
      if (!this.#allowance.takeBytes(trafficClass, piece.length)) {
        return this.#fault('flow-exceeded', 'a CHUNK without credit')
      }
      this.#giveCredit(trafficClass)
    }
    if (this.#isFlood(piece.length, isLast)) return this.#fault('flood', 'tiny CHUNKs')
    const whole = bodies.add(id, piece, isLast)
    if (whole === 'more') return true
    if (typeof whole === 'string') return this.#fault(whole, 'a CHUNK')
    const { payload } = whole
    return isAnswer
      ? this.#onResponse(0, id, payload, 0, payload.length)
      : this.#readWhole(trafficClass, id, payload)
  }

  /** [LINK-8.1-1] Whether this piece is one too many that carries next to nothing. */
  #isFlood(bytes: number, isLast: boolean): boolean {
    if (bytes === 0) return ++this.#emptyChunks > this.#needs.limits.emptyChunks
    this.#emptyChunks = 0
    if (bytes >= tinyBytes || isLast) return false
    this.#tinyBudget -= tinyBytes
    return this.#tinyBudget < 0
  }

  #onCredit(buffer: Buffer, start: number, end: number): boolean {
    if (end - start !== 9) return this.#fault('bad-frame', 'CREDIT of a wrong length')
    const trafficClass = buffer[start] as number
    if (trafficClass > 2) return this.#fault('bad-frame', 'CREDIT for an unknown class')
    const fits = this.#outbox.grant(
      trafficClass as TrafficClass,
      buffer.readUInt32BE(start + 1),
      buffer.readUInt32BE(start + 5),
    )
    return fits || this.#fault('flow-exceeded', 'CREDIT over 2^31-1')
  }

  #onCancel(flags: number, id: number): boolean {
    if (!this.#cancels.take(this.heardAt)) return this.#fault('flood', 'CANCEL')
    const isAnswer = (flags & flag.answer) !== 0
    const cut = (isAnswer ? this.#answers : this.#requests).cancel(id)
    if (isAnswer || cut === undefined) return true
    const { first, trafficClass } = cut
    const command = first[0] as number
    const reference = first.readUInt32BE(2)
    this.#events.refused(
      { id, trafficClass, command, reference, subscription: undefined },
      'cancelled',
    )
    return true
  }

  #onPing(flags: number, payload: Buffer): boolean {
    // [LINK-8.3-1]
    if (payload.length !== 8) return this.#fault('bad-frame', 'PING of a wrong length')
    if ((flags & flag.ack) !== 0) return true
    if (!this.#pings.take(this.heardAt)) return this.#fault('flood', 'PING')
    this.#outbox.control(frame.ping, flag.ack, 0, payload)
    return true
  }

  #onRelease(buffer: Buffer, start: number, end: number): boolean {
    if (end - start < 10) return this.#fault('bad-frame', 'RELEASE of a wrong length')
    const reason = statusOf(buffer.readUInt16BE(start)) ?? 'internal'
    this.#events.released(reason, buffer.readUInt32BE(start + 2), buffer.readUInt32BE(start + 6))
    return true
  }

  #giveCredit(trafficClass: TrafficClass): undefined {
    if (!this.#isGiving) return
    const grant = this.#allowance.grant(trafficClass)
    if (grant !== undefined) this.#sendCredit(trafficClass, grant)
  }

  #sendCredit(trafficClass: TrafficClass, [requests, bytes]: Grant): undefined {
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
