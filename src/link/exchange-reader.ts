/**
 * The frames of exchanges: REQUEST, RESPONSE, and the CHUNKs and CANCELs of their bodies.
 *
 * In:    frames, as offsets into the chunk that they came in; requests that were put aside, to be read again.
 * Out:   `events`, synchronously, in the order in which it came; nothing is copied but bodies in pieces.
 * Fails: every broken rule as `events.fault`, with false to say that nothing more is read.
 * Spec:  [LINK-3.3-1] ids, [LINK-4.1-4] fields, [LINK-4.4-4] long answers, [LINK-8.2-3] after our RELEASE
 */
import { answerStatusOf, type Status } from '../errors.ts'
import type { Limits } from '../limits.ts'
import { FieldTable } from '../wire/fields.ts'
import {
  trafficClass as classes,
  classMask,
  classShift,
  fields,
  flag,
  requestHeadBytes,
  responseHeadBytes,
  type TrafficClass,
} from '../wire/registry.ts'
import type { FloodGuard } from './flood-guard.ts'
import type { Outbox } from './outbox.ts'
import type { AnswerView } from './outgoing.ts'
import type { Payer } from './payer.ts'
import { type Cut, Reassembly } from './reassembly.ts'
import type { ReceiveWindow } from './receive-window.ts'
import { type Refusable, refusableOf } from './refusal.ts'
import { needsNoCredit } from './send-window.ts'

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

export type ExchangeEvents = {
  readonly request: (request: RequestView) => undefined
  /** A request that is refused before its owner sees it. */
  readonly refused: (request: Refusable, status: Status) => undefined
  /** One of our requests has its answer. */
  readonly answered: () => undefined
  /** An answer to a request that expected none, or that nobody waits for any more. */
  readonly orphan: (answer: AnswerView) => undefined
  readonly fault: (reason: Status, detail: string) => undefined
}

export type ExchangeNeeds = {
  /** Ids of the far side's requests: odd for the initiating side. */
  readonly idParity: 0 | 1
  readonly limits: Limits
  readonly limitHit: (limit: string) => undefined
  readonly outbox: Outbox
  readonly window: ReceiveWindow
  readonly floods: FloodGuard
  /** Pays for bodies in pieces. */
  readonly payer: Payer
  readonly events: ExchangeEvents
}

const empty = Buffer.alloc(0)

export class ExchangeReader {
  /** The last request that was taken. */
  lastTaken = 0
  /** Clock time of what is read now, and of the last request or answer that is more than proof. */
  now: number
  usedAt: number
  readonly #needs: ExchangeNeeds
  readonly #events: ExchangeEvents
  readonly #outbox: Outbox
  readonly #window: ReceiveWindow
  readonly #fields: FieldTable
  readonly #fieldBytes: number
  readonly #request: RequestView
  readonly #answer: AnswerView
  readonly #requests: Reassembly
  readonly #answers: Reassembly
  #isTaking = true
  #answersRead = 0

  constructor(needs: ExchangeNeeds, now: number) {
    const { limits, outbox, window, events } = needs
    this.#needs = needs
    this.#events = events
    this.#outbox = outbox
    this.#window = window
    this.now = now
    this.usedAt = now
    this.#fields = new FieldTable(limits)
    this.#fieldBytes = limits.fieldBytes
    const { bodiesUnderWay } = limits
    this.#requests = new Reassembly(bodiesUnderWay, bodiesUnderWay)
    // Those that are wanted were asked for, and each has its credit; of others a flood is the end.
    this.#answers = new Reassembly(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)
    const nothing = { fields: this.#fields, buffer: empty, bodyAt: 0, end: 0 }
    const noRequest = { id: 0, command: 0, hops: 0, reference: 0, at: 0, payloadAt: 0 }
    this.#request = { ...nothing, ...noRequest, trafficClass: classes.control }
    this.#answer = { ...nothing, status: 'ok', retryAfterMs: -1, fieldsAt: 0 }
  }

  /** Reads a request again that was put aside, as it arrived. */
  readAgain(trafficClass: TrafficClass, id: number, payload: Buffer): undefined {
    this.#readWhole(trafficClass, id, payload)
  }

  /** Proofs and keys are for the sake of the link: they do not keep it. */
  use(trafficClass: number): undefined {
    if (trafficClass !== classes.control) this.usedAt = this.now
  }

  /** The link is closed: what is here of bodies is given up. */
  close(): undefined {
    this.#requests.close()
    this.#answers.close()
  }

  /** [LINK-8.2-3] Our RELEASE is written: no request is taken any more. */
  stopTaking(): undefined {
    this.#isTaking = false
  }

  request(flags: number, id: number, buffer: Buffer, start: number, end: number): boolean {
    // [LINK-8.2-3] After our RELEASE nothing more is taken; the far side knows the last that was.
    if (!this.#isTaking) return this.#isSeldom('after RELEASE')
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
    if (!this.#window.takeRequest(trafficClass, end - start, free)) {
      return this.#fault('flow-exceeded', 'a REQUEST without credit')
    }
    if (isLong) return this.#beginRequest(trafficClass, id, buffer, start, bodyAt, end)
    this.#window.update(trafficClass)
    return this.#tell(trafficClass, id, buffer, start, bodyAt, end)
  }

  chunk(flags: number, id: number, piece: Buffer): boolean {
    const isAnswer = (flags & flag.answer) !== 0
    const isLast = (flags & flag.more) === 0
    // [LINK-8.2-3] The rest of a request that came after our RELEASE.
    if (!isAnswer && !this.#isTaking && id > this.lastTaken) {
      return this.#isSeldom('after RELEASE')
    }
    const bodies = isAnswer ? this.#answers : this.#requests
    const trafficClass = bodies.classOf(id)
    if (trafficClass === undefined) return this.#fault('protocol-state', 'a CHUNK of nothing')
    if (!isAnswer) {
      if (!this.#window.takeBytes(trafficClass, piece.length)) {
        return this.#fault('flow-exceeded', 'a CHUNK without credit')
      }
      this.#window.update(trafficClass)
    }
    if (!this.#needs.floods.chunk(piece.length, isLast)) return this.#fault('flood', 'tiny CHUNKs')
    const whole = bodies.add(id, piece, isLast)
    if (whole === 'more') return true
    if (whole === 'passed-over') return this.#isSeldom('CHUNKs that nobody wants')
    if (typeof whole === 'string') return this.#fault(whole, 'a CHUNK')
    const { payload } = whole
    return isAnswer
      ? this.response(0, id, payload, 0, payload.length)
      : this.#readWhole(trafficClass, id, payload)
  }

  cancel(flags: number, id: number): boolean {
    const isAnswer = (flags & flag.answer) !== 0
    const bodies = isAnswer ? this.#answers : this.#requests
    // [LINK-8.1-1] What this side does not want is taken back because of that.
    if (!bodies.isPassedOver(id) && !this.#needs.floods.cancel(this.now)) {
      return this.#fault('flood', 'CANCEL')
    }
    const cut = bodies.cancel(id)
    if (!isAnswer && cut !== undefined) this.#refuseCut(cut, 'cancelled')
    return true
  }

  /** No body is under way. */
  get isQuiet(): boolean {
    return this.#requests.size + this.#answers.size === 0
  }

  /** Once a second: [LINK-4.4-8] bodies that come too slowly. */
  sweep(now: number): undefined {
    const { limits, limitHit } = this.#needs
    for (const cut of this.#requests.takeSlow(now, limits)) {
      limitHit('bodyMs')
      this.#refuseCut(cut, 'busy')
    }
    // Whoever asked is told in its own time.
    this.#answers.takeSlow(now, limits)
  }

  response(flags: number, id: number, buffer: Buffer, start: number, end: number): boolean {
    if (end - start < responseHeadBytes) {
      return this.#fault('bad-frame', 'a RESPONSE without its head')
    }
    const bodyAt = this.#readFields(buffer, start + responseHeadBytes, start + 2, end)
    if (bodyAt === -1) return this.#fault('bad-frame', 'fields of a RESPONSE')
    if ((flags & flag.more) !== 0) return this.#beginAnswer(id, buffer, start, bodyAt, end)
    const answer = this.#answer
    answer.status = answerStatusOf(buffer.readUInt16BE(start))
    // [LINK-4.3-5] -1: nothing is said.
    const waitMs = this.#fields.u32(fields.retryAfter.tag)
    answer.retryAfterMs = Math.min(waitMs, this.#needs.limits.restMaxMs)
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
    // [LINK-8.1-1] One answer to each request is no flood, however late it comes.
    return ++this.#answersRead * 2 <= this.#outbox.lastAsked + 1 || this.#isSeldom('answers')
  }

  /** [LINK-4.4-1] [LINK-4.4-2] Whether the fields declare a body of which `here` bytes are in this frame, and more to come. */
  #declares(here: number): boolean {
    const isGood = this.#fields.u32(fields.bodyLength.tag) > here
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
    const { limits, payer } = this.#needs
    const declared = this.#fields.u32(fields.bodyLength.tag)
    const isTooLarge = declared > limits.messageBytes
    const total = bodyAt - start + declared
    const giveUp = (now: number): undefined => this.#giveUp(id, now)
    const release = isTooLarge ? undefined : payer.reserve(total, giveUp)
    if (release === undefined) {
      return this.#passOver(trafficClass, id, buffer, start, isTooLarge ? 'too-large' : 'busy')
    }
    const first = buffer.subarray(start, end)
    const code = this.#requests.begin(id, trafficClass, first, total, this.now, release)
    if (code === undefined) return true
    release()
    return this.#fault(code, 'too many bodies under way')
  }

  /** [LINK-4.4-6] Refused at once; the pieces that are on their way are passed over. */
  #passOver(
    trafficClass: TrafficClass,
    id: number,
    buffer: Buffer,
    start: number,
    refusal: 'too-large' | 'busy',
  ): boolean {
    const code = this.#requests.passOver(id, trafficClass, this.now)
    if (code !== undefined) return this.#fault(code, 'too many bodies under way')
    this.#needs.limitHit(refusal === 'busy' ? 'heldBytes' : 'messageBytes')
    this.#refuse(trafficClass, id, buffer, start, refusal)
    return true
  }

  /** [LINK-4.4-8] Others need its room. */
  #giveUp(id: number, now: number): undefined {
    const cut = this.#requests.drop(id, now)
    if (cut === undefined) return
    this.#needs.limitHit('heldBytes')
    this.#refuseCut(cut, 'busy')
  }

  #refuseCut({ id, trafficClass, first }: Cut, code: Status): undefined {
    // Of its own: this may be in the middle of another request.
    const table = new FieldTable(this.#needs.limits)
    table.read(first, requestHeadBytes, requestHeadBytes + first.readUInt16BE(6))
    this.#refuse(trafficClass, id, first, 0, code, table)
  }

  /** One whose fields have just been read. */
  #refuse(
    trafficClass: TrafficClass,
    id: number,
    buffer: Buffer,
    start: number,
    code: Status,
    table = this.#fields,
  ): undefined {
    const command = buffer[start] as number
    const reference = buffer.readUInt32BE(start + 2)
    const request = { id, trafficClass, command, reference, fields: table }
    this.#events.refused(refusableOf(request), code)
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
    request.at = this.now
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
      const code = this.#answers.passOver(id, classes.control, this.now)
      return code === undefined ? this.#isSeldom('late answers') : this.#fault(code, 'begun twice')
    }
    const declared = this.#fields.u32(fields.bodyLength.tag)
    if (declared > outgoing.answerCredit) {
      return this.#fault('flow-exceeded', 'an answer longer than granted')
    }
    const total = bodyAt - start + declared
    const first = buffer.subarray(start, end)
    const code = this.#answers.begin(id, classes.control, first, total, this.now)
    return code === undefined || this.#fault(code, 'an answer begun twice')
  }

  /** Where the body begins, behind fields whose length stands at `lengthAt`; -1: they break the grammar. */
  #readFields(buffer: Buffer, at: number, lengthAt: number, end: number): number {
    const length = buffer.readUInt16BE(lengthAt)
    const bodyAt = at + length
    const isGood = bodyAt <= end && length <= this.#fieldBytes
    return isGood && this.#fields.read(buffer, at, bodyAt) ? bodyAt : -1
  }

  /** [LINK-8.1-1] A frame without effect. */
  #isSeldom(what: string): boolean {
    return this.#needs.floods.idle(this.now) || this.#fault('flood', what)
  }

  #fault(reason: Status, detail: string): false {
    this.#events.fault(reason, detail)
    return false
  }
}
