/**
 * One link: the runner of `session-state.ts` over one channel. Reads frames, hands requests up, matches answers.
 *
 * In:    a channel, its side, and the owner's decisions.
 * Out:   `request` for each request, `answered`/`failed` for each of ours, `opened`, `draining`, `closed` once.
 * Fails: every broken rule ends the link with RELEASE and a code; nothing throws.
 * Spec:  `docs/protocol.md` sections 3 to 8
 */
import { createHash } from 'node:crypto'
import { isSuccess, type Status, statusNumber, statusOf } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { Limits } from '../limits.ts'
import { encodeFailure, type Failure } from '../wire/failure.ts'
import { FieldTable } from '../wire/fields.ts'
import { FrameReader } from '../wire/reader.ts'
import {
  trafficClass as classes,
  classMask,
  classShift,
  commands,
  fields,
  flag,
  frame,
  requestHeadBytes,
  responseHeadBytes,
  type TrafficClass,
} from '../wire/registry.ts'
import type { Queue } from './backlog.ts'
import type { Channel } from './channel.ts'
import { needsNoCredit } from './credit.ts'
import { decodeHello, encodeHello, type Hello, type ReadDomain } from './hello.ts'
import { Inbox } from './inbox.ts'
import { Outbox, type OutboxCounters } from './outbox.ts'
import type { AnswerView, Outgoing, Reference } from './outgoing.ts'
import { type Action, type Event, next, type State } from './session-state.ts'

export type Side = 'initiating' | 'receiving'

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

/** What the one above the link decides and is told. */
export type LinkOwner = {
  /** A code refuses the link. */
  readonly greeted: (link: Link, hello: Hello) => Status | undefined
  readonly request: (link: Link, request: RequestView) => undefined
  /** An answer to a request that expected none, such as a refused NOTIFY. */
  readonly orphan: (link: Link, answer: AnswerView) => undefined
  readonly opened: (link: Link) => undefined
  readonly draining: (link: Link, reason: Status) => undefined
  readonly closed: (link: Link, reason: Status, detail: string) => undefined
  /** Whether something lives on this link that makes silence normal. */
  readonly isUsed: (link: Link) => boolean
}

export type LinkOptions = {
  readonly channel: Channel
  readonly side: Side
  readonly hello: Hello
  readonly owner: LinkOwner
  readonly limits: Limits
  readonly clock: Clock
  /** How long an answer may take. */
  readonly answerMs: number
  /** Longest age in ms; drawn by the caller. */
  readonly ageMs: number
  readonly counters: OutboxCounters & {
    readonly framesIn: { n: number }
    readonly bytesIn: { n: number }
  }
  readonly limitHit: (limit: string) => undefined
  readonly readDomain: ReadDomain
}

const empty = Buffer.alloc(0)

export class Link {
  readonly side: Side
  readonly channel: Channel
  /** What the far side said of itself. */
  hello: Hello | undefined
  readonly #options: LinkOptions
  readonly #outbox: Outbox
  readonly #inbox: Inbox
  readonly #reader: FrameReader
  readonly #fields: FieldTable
  readonly #fieldBytes: number
  readonly #request: RequestView
  readonly #answer: AnswerView
  readonly #bornAt: number
  #state: State = { name: 'greeting' }
  #binding: Buffer | undefined
  #lastTaken = 0
  #heardAt: number
  #askedAt: number
  #drainAt = 0
  #pingsOut = 0
  #detail = ''
  #saidRelease = false
  /** What our RELEASE says, and until when that of the far side asks to be left alone. */
  #retryMs = 0
  #restUntil = 0
  /** The last request of ours that the far side took, if it let go. */
  #takenThere = Number.POSITIVE_INFINITY
  /** Requests that were refused before their body was here, with their class; long answers that nobody waits for. */
  readonly #discarding = new Map<number, TrafficClass>()
  readonly #discardingAnswers = new Set<number>()

  constructor(options: LinkOptions) {
    const { channel, side, limits, clock, counters } = options
    this.#options = options
    this.channel = channel
    this.side = side
    this.#bornAt = clock.now()
    this.#heardAt = this.#bornAt
    this.#askedAt = this.#bornAt
    this.#fields = new FieldTable(limits)
    this.#fieldBytes = limits.fieldBytes
    this.#inbox = new Inbox(limits, this.#bornAt)
    this.#outbox = new Outbox(
      channel,
      side === 'initiating' ? 1 : 2,
      limits,
      clock,
      options.answerMs,
      counters,
      (reason) =>
        reason === 'ids-used-up'
          ? this.release(reason)
          : this.break(reason, 'nothing is read on the far side'),
    )
    this.#reader = new FrameReader(limits.frameBytes, (type, flags, id, buffer, start, end) =>
      this.#frame(type, flags, id, buffer, start, end),
    )
    const nothing = { fields: this.#fields, buffer: empty, bodyAt: 0, end: 0 }
    this.#request = {
      ...nothing,
      id: 0,
      trafficClass: 0,
      command: 0,
      hops: 0,
      reference: 0,
      at: 0,
      payloadAt: 0,
    }
    this.#answer = { ...nothing, status: 'ok', retryAfterMs: -1, fieldsAt: 0 }
  }

  /** Begins to read, and says HELLO. */
  start(): undefined {
    this.#outbox.control(frame.hello, 0, 0, encodeHello(this.#options.hello))
    this.channel.start({
      data: (chunk) => this.#data(chunk),
      drained: () => this.#outbox.drained(),
      closed: (detail) => {
        if (this.#detail === '') this.#detail = detail
        this.#step({ type: 'channel-closed' })
      },
    })
  }

  get state(): State['name'] {
    return this.#state.name
  }

  /** New requests may be sent: the far side has said HELLO or will read them after it. */
  get isUsable(): boolean {
    return this.#state.name !== 'draining' && this.#state.name !== 'closed'
  }

  get ageMs(): number {
    return this.#options.clock.now() - this.#bornAt
  }

  /** How long nothing was asked in either direction. */
  get idleMs(): number {
    return this.#options.clock.now() - this.#askedAt
  }

  /** Requests under way in both directions. */
  get underWay(): number {
    return this.#outbox.underWay + this.#inbox.underWay
  }

  /** Requests of a class that wait for credit or for the socket. */
  queue(trafficClass: TrafficClass): Queue {
    return this.#outbox.queue(trafficClass)
  }

  /** [LINK-5.3-2] What binds a proof to this channel; on plain TCP both HELLOs are needed first. */
  get binding(): Buffer | undefined {
    if (this.channel.facts.binding !== undefined) return this.channel.facts.binding
    if (this.#binding === undefined && this.hello !== undefined) {
      const own = this.#options.hello.nonce
      const theirs = this.hello.nonce
      const [first, second] = this.side === 'initiating' ? [own, theirs] : [theirs, own]
      this.#binding = createHash('sha256').update(`pitp-mitp/1 plain ${first} ${second}`).digest()
    }
    return this.#binding
  }

  /** References of requests that wait for their turn. */
  get awaited(): ReadonlySet<Reference> {
    return this.#outbox.awaited
  }

  /** Sends a request; the outcome comes to `outgoing`, exactly once. */
  ask(outgoing: Outgoing): undefined {
    if (!this.isUsable) return outgoing.failed('link-lost', false)
    this.#use(outgoing.trafficClass)
    this.#outbox.ask(outgoing)
  }

  /** [LINK-4.3-2] Answers with a bare success, or with a failure of this gateway. */
  answer(id: number, trafficClass: TrafficClass, command: number, status: Status): undefined {
    if (!isSuccess(status))
      return this.fail(id, trafficClass, command, { status, retryAfterMs: -1, about: [] })
    this.answerWith(id, trafficClass, command, status, empty, 0, 0, 0)
  }

  /** [LINK-6.5-3] A failure tells who found it and where. */
  fail(id: number, trafficClass: TrafficClass, command: number, failure: Failure): undefined {
    const bytes = encodeFailure(this.#options.hello.domain, failure)
    const { length } = bytes
    this.answerWith(id, trafficClass, command, failure.status, bytes, 0, length, length)
  }

  /** Refuses a request whose fields have just been read. [LINK-6.13-6] */
  #refuse(id: number, trafficClass: TrafficClass, command: number, status: Status): undefined {
    const { tag } = fields.subscription
    const about = command === commands.notify.number ? this.#fields.bytes(tag) : undefined
    this.fail(id, trafficClass, command, {
      status,
      retryAfterMs: -1,
      about: about === undefined ? [] : [[tag, about]],
    })
  }

  /** Answers with encoded fields (`fieldsAt` to `bodyAt`) and a body (to `end`). */
  answerWith(
    id: number,
    trafficClass: TrafficClass,
    command: number,
    status: Status,
    buffer: Buffer,
    fieldsAt: number,
    bodyAt: number,
    end: number,
  ): undefined {
    this.done(trafficClass, command)
    this.#outbox.answer(id, status, buffer, fieldsAt, bodyAt, end)
    if (this.#state.name === 'draining') this.#quietly()
  }

  /** A request is finished that gets no answer. */
  done(trafficClass: TrafficClass, command: number): undefined {
    this.#inbox.done(trafficClass, needsNoCredit(command))
    this.#giveCredit(trafficClass)
  }

  /** The first pair of domains is proven, or the client is attached: the whole window opens. */
  proven(): undefined {
    if (this.#state.name !== 'unproven') return
    for (const trafficClass of [0, 1, 2])
      this.#sendCredit(trafficClass, this.#inbox.open(trafficClass))
    this.#step({ type: 'proven' })
  }

  /** How long the far side wants to be left alone: it let go, and said when a new link is welcome. */
  get restMs(): number {
    return Math.max(0, this.#restUntil - this.#options.clock.now())
  }

  /**
   * [LINK-8.2-1] Lets go: nothing new, what is under way is answered, then the link closes. `retryMs`: after this
   * time a new link is welcome.
   */
  release(reason: Status, retryMs = 0): undefined {
    this.#retryMs = retryMs
    this.#step({ type: 'let-go', reason })
  }

  /** [LINK-8.2-4] A rule is broken: says so and closes. */
  break(reason: Status, detail: string): undefined {
    if (this.#detail === '') this.#detail = detail
    this.#step({ type: 'broken', reason })
  }

  /** Whether one more PROVE or KEYS is acceptable now. */
  mayClaim(): boolean {
    return this.#inbox.mayClaim(this.#options.clock.now())
  }

  /** Hands a request that was put aside to the owner again, as it arrived. */
  redeliver(flags: number, id: number, payload: Buffer): undefined {
    this.#dispatch(flags, id, payload, 0, payload.length)
  }

  /** Once a second. */
  tick(now: number): undefined {
    const { limits, owner } = this.#options
    if (this.#state.name === 'closed') return
    this.#outbox.sweep(now)
    if (this.#state.name === 'draining') {
      if (now - this.#drainAt > limits.drainMs) this.#step({ type: 'quiet' })
      else this.#quietly()
      return
    }
    // [LINK-5.1-2]
    if (this.#state.name !== 'open' && now - this.#bornAt > limits.proofMs) {
      this.break('proof-timeout', 'no proof in time')
      return
    }
    if (this.#state.name !== 'open') return
    // [LINK-8.3-4] [LINK-8.3-3]
    if (now - this.#bornAt > this.#options.ageMs) this.release('age-release')
    else if (this.underWay === 0 && now - this.#askedAt > limits.idleMs && !owner.isUsed(this)) {
      this.release('idle-release')
    } else this.#checkSilence(now)
  }

  /** [LINK-8.3-2] */
  #checkSilence(now: number): undefined {
    const { pingMs } = this.#options.limits
    if (now - this.#heardAt < pingMs * (this.#pingsOut + 1)) return
    if (this.#pingsOut === 2) {
      this.break('peer-silent', 'two PINGs without an answer')
      return
    }
    this.#pingsOut++
    const mark = Buffer.alloc(8)
    mark.writeUInt32BE(this.#pingsOut, 4)
    this.#outbox.control(frame.ping, 0, 0, mark)
  }

  /** Proofs and keys are for the sake of the link: they do not keep it. */
  #use(trafficClass: number): undefined {
    if (trafficClass !== classes.control) this.#askedAt = this.#heardAt
  }

  #data(chunk: Buffer): undefined {
    this.#heardAt = this.#options.clock.now()
    this.#pingsOut = 0
    this.#options.counters.bytesIn.n += chunk.length
    if (!this.#reader.push(chunk)) this.break('bad-frame', 'a frame is too long')
  }

  #frame(
    type: number,
    flags: number,
    id: number,
    buffer: Buffer,
    start: number,
    end: number,
  ): boolean {
    this.#options.counters.framesIn.n++
    if (this.#state.name === 'closed') return false
    if (this.hello === undefined && type !== frame.hello) {
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
        // [LINK-3.2-5] Unknown frames are passed over, unless their sender insists.
        return (flags & flag.critical) !== 0
          ? this.#fault('bad-frame', `unknown critical frame ${type}`)
          : this.#mistake('unknown frame')
    }
  }

  #onHello(payload: Buffer): boolean {
    const { owner, limits, readDomain } = this.#options
    if (this.hello !== undefined) return this.#fault('protocol-state', 'HELLO came twice')
    if (payload.length > limits.helloBytes) return this.#fault('bad-frame', 'HELLO is too long')
    const result = decodeHello(payload, readDomain)
    if (!result.ok) return this.#fault(result.code, result.detail)
    this.hello = result.hello
    // [LINK-5.2-6] A link that ends where it begins.
    if (result.hello.boot === this.#options.hello.boot)
      return this.#fault('loop', 'dialled ourselves')
    // This side has let go already, and only waits for the end.
    if (this.#state.name !== 'greeting') return true
    this.#step({ type: 'hello' })
    const refusal = owner.greeted(this, result.hello)
    return refusal === undefined || this.#fault(refusal, 'refused at HELLO')
  }

  #onRequest(flags: number, id: number, buffer: Buffer, start: number, end: number): boolean {
    // [LINK-8.2-3] After our RELEASE nothing more is taken; the far side knows the last that was.
    if (this.#saidRelease) return true
    // [LINK-3.3-1] Odd ids are the initiating side's, even ones the receiving side's; they rise.
    const parity = this.side === 'initiating' ? 0 : 1
    if ((id & 1) !== parity || id <= this.#lastTaken)
      return this.#fault('protocol-state', `request id ${id}`)
    if (end - start < requestHeadBytes)
      return this.#fault('bad-frame', 'a REQUEST without its head')
    // [LINK-4.2-2] Whether the class is that of the command is not looked at.
    const trafficClass = (flags & classMask) >> classShift
    if (trafficClass > 2) return this.#fault('bad-frame', 'unknown class')
    this.#lastTaken = id
    this.#use(trafficClass)
    const free = needsNoCredit(buffer[start] as number)
    if (!this.#inbox.takeRequest(trafficClass, end - start, free)) {
      return this.#fault('flow-exceeded', 'a REQUEST without credit')
    }
    if ((flags & flag.more) !== 0) return this.#beginRequest(flags, id, buffer, start, end)
    this.#giveCredit(trafficClass)
    return this.#dispatch(flags, id, buffer, start, end)
  }

  /** A request whose body goes on: its declared length is checked before a byte of it is kept. */
  #beginRequest(flags: number, id: number, buffer: Buffer, start: number, end: number): boolean {
    const trafficClass = ((flags & classMask) >> classShift) as TrafficClass
    const fieldsAt = start + requestHeadBytes
    const bodyAt = fieldsAt + buffer.readUInt16BE(start + 6)
    if (bodyAt > end || !this.#fields.read(buffer, fieldsAt, bodyAt)) {
      return this.#fault('bad-frame', 'fields of a REQUEST')
    }
    const declared = this.#fields.u32(fields.bodyLength.tag)
    if (declared < end - bodyAt) return this.#fault('bad-frame', 'body length missing or too small')
    if (declared > this.#options.limits.messageBytes) {
      // [LINK-4.4-6] Refused at once; the pieces that are on their way are passed over.
      this.#options.limitHit('messageBytes')
      if (this.#discarding.size >= this.#options.limits.bodiesUnderWay) {
        return this.#fault('flow-exceeded', 'too many bodies under way')
      }
      this.#discarding.set(id, trafficClass)
      this.#refuse(id, trafficClass, buffer[start] as number, 'too-large')
      return true
    }
    const code = this.#inbox.begin(
      id,
      false,
      trafficClass,
      buffer.subarray(start, end),
      bodyAt - start + declared,
    )
    return code === undefined || this.#fault(code, 'too many bodies under way')
  }

  #dispatch(flags: number, id: number, buffer: Buffer, start: number, end: number): boolean {
    const fieldsAt = start + requestHeadBytes
    const fieldBytes = buffer.readUInt16BE(start + 6)
    const bodyAt = fieldsAt + fieldBytes
    if (
      bodyAt > end ||
      fieldBytes > this.#fieldBytes ||
      !this.#fields.read(buffer, fieldsAt, bodyAt)
    ) {
      return this.#fault('bad-frame', 'fields of a REQUEST')
    }
    const request = this.#request
    request.id = id
    request.trafficClass = ((flags & classMask) >> classShift) as TrafficClass
    request.command = buffer[start] as number
    request.hops = buffer[start + 1] as number
    request.reference = buffer.readUInt32BE(start + 2)
    request.at = this.#heardAt
    if (request.buffer !== buffer) request.buffer = buffer
    request.payloadAt = start
    request.bodyAt = bodyAt
    request.end = end
    // [LINK-4.1-4] An odd tag of this hop that is not known.
    if (this.#fields.unknownHop !== 0) {
      this.#refuse(id, request.trafficClass, request.command, 'feature-required')
      return true
    }
    this.#options.owner.request(this, request)
    return this.#state.name !== 'closed'
  }

  #onResponse(flags: number, id: number, buffer: Buffer, start: number, end: number): boolean {
    if (end - start < responseHeadBytes)
      return this.#fault('bad-frame', 'a RESPONSE without its head')
    const fieldsAt = start + responseHeadBytes
    const fieldBytes = buffer.readUInt16BE(start + 2)
    const bodyAt = fieldsAt + fieldBytes
    if (
      bodyAt > end ||
      fieldBytes > this.#fieldBytes ||
      !this.#fields.read(buffer, fieldsAt, bodyAt)
    ) {
      return this.#fault('bad-frame', 'fields of a RESPONSE')
    }
    if ((flags & flag.more) !== 0) {
      const outgoing = this.#outbox.waiting(id)
      const declared = this.#fields.u32(fields.bodyLength.tag)
      if (outgoing === undefined && id <= this.#outbox.lastAsked) return this.#passOver(id)
      // [LINK-4.4-4] An answer over one frame is no longer than the asker granted.
      if (outgoing === undefined || declared < end - bodyAt || declared > outgoing.answerCredit) {
        return this.#fault('flow-exceeded', 'an answer longer than granted')
      }
      const code = this.#inbox.begin(
        id,
        true,
        0,
        buffer.subarray(start, end),
        bodyAt - start + declared,
      )
      return code === undefined || this.#fault(code, 'an answer begun twice')
    }
    // [LINK-4.3-3] A number that is not known is a fault of somebody, and may pass.
    const status = statusOf(buffer.readUInt16BE(start)) ?? 'internal'
    const answer = this.#answer
    answer.status = status
    answer.retryAfterMs = this.#fields.u32(fields.retryAfter.tag)
    if (answer.buffer !== buffer) answer.buffer = buffer
    answer.fieldsAt = this.#fields.endToEndAt
    answer.bodyAt = bodyAt
    answer.end = end
    // [LINK-4.3-4] [LINK-4.1-7] What the fields of an answer mean is for the one who asked.
    const outgoing = this.#outbox.settle(id)
    if (outgoing !== undefined) outgoing.answered(answer)
    else if (id > this.#outbox.lastAsked)
      return this.#fault('protocol-state', 'an answer to nothing')
    else this.#options.owner.orphan(this, answer)
    if (this.#state.name === 'draining') this.#quietly()
    return true
  }

  #onChunk(flags: number, id: number, piece: Buffer): boolean {
    const isAnswer = (flags & flag.answer) !== 0
    const last = (flags & flag.more) === 0
    // [LINK-8.2-3] The rest of a request that came after our RELEASE.
    if (!isAnswer && this.#saidRelease && id > this.#lastTaken) return true
    const discarded = isAnswer ? undefined : this.#discarding.get(id)
    const partial = this.#inbox.partial(id, isAnswer)
    const trafficClass = isAnswer ? undefined : (discarded ?? partial?.trafficClass)
    if (trafficClass !== undefined) {
      if (!this.#inbox.takeBytes(trafficClass, piece.length)) {
        return this.#fault('flow-exceeded', 'a CHUNK without credit')
      }
      this.#giveCredit(trafficClass as TrafficClass)
    }
    if (discarded !== undefined || (isAnswer && this.#discardingAnswers.has(id))) {
      if (last) this.#forget(id, isAnswer)
      return !this.#inbox.isFlood(piece.length, last) || this.#fault('flood', 'a CHUNK')
    }
    const whole = this.#inbox.add(id, isAnswer, piece, last)
    if (whole === 'more') return true
    if (typeof whole === 'string') return this.#fault(whole, 'a CHUNK')
    const classFlags = (partial?.trafficClass ?? 0) << classShift
    return isAnswer
      ? this.#onResponse(0, id, whole, 0, whole.length)
      : this.#dispatch(classFlags, id, whole, 0, whole.length)
  }

  /** [LINK-4.4-7] A long answer that came too late: its pieces are passed over. */
  #passOver(id: number): boolean {
    if (this.#discardingAnswers.size >= this.#options.limits.bodiesUnderWay) {
      return this.#fault('flow-exceeded', 'too many answers that nobody waits for')
    }
    this.#discardingAnswers.add(id)
    return true
  }

  #forget(id: number, isAnswer: boolean): boolean {
    return isAnswer ? this.#discardingAnswers.delete(id) : this.#discarding.delete(id)
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
    const now = this.#options.clock.now()
    if (!this.#inbox.mayCancel(now)) return this.#fault('flood', 'CANCEL')
    const isAnswer = (flags & flag.answer) !== 0
    if (this.#forget(id, isAnswer)) return true
    const partial = this.#inbox.partial(id, isAnswer)
    if (partial === undefined) return true
    this.#inbox.drop(id, isAnswer)
    if (!isAnswer) {
      const command = (partial.parts[0] as Buffer)[0] as number
      this.answer(id, partial.trafficClass as TrafficClass, command, 'cancelled')
    }
    return true
  }

  #onPing(flags: number, payload: Buffer): boolean {
    // [LINK-8.3-1]
    if (payload.length !== 8) return this.#fault('bad-frame', 'PING of a wrong length')
    if ((flags & flag.ack) !== 0) return true
    if (!this.#inbox.mayPing(this.#options.clock.now())) return this.#fault('flood', 'PING')
    this.#outbox.control(frame.ping, flag.ack, 0, Buffer.from(payload))
    return true
  }

  #onRelease(buffer: Buffer, start: number, end: number): boolean {
    if (end - start < 10) return this.#fault('bad-frame', 'RELEASE of a wrong length')
    const reason = statusOf(buffer.readUInt16BE(start)) ?? 'internal'
    if (this.#detail === '') this.#detail = `released by the far side: ${reason}`
    this.#takenThere = buffer.readUInt32BE(start + 6)
    const { clock, limits } = this.#options
    this.#restUntil = clock.now() + Math.min(buffer.readUInt32BE(start + 2), limits.restMaxMs)
    const isCrossing = this.#state.name === 'draining'
    this.#step({ type: 'released', reason })
    if (isCrossing) this.#leaveUntaken()
    return true
  }

  #mistake(detail: string): boolean {
    return this.#inbox.mayErr(this.#options.clock.now()) || this.#fault('flood', detail)
  }

  #fault(reason: Status, detail: string): false {
    this.break(reason, detail)
    return false
  }

  #giveCredit(trafficClass: number): undefined {
    if (this.#state.name !== 'open') return
    const grant = this.#inbox.grant(trafficClass)
    if (grant !== undefined) this.#sendCredit(trafficClass, grant)
  }

  #sendCredit(trafficClass: number, [requests, bytes]: readonly [number, number]): undefined {
    const payload = Buffer.alloc(9)
    payload[0] = trafficClass
    payload.writeUInt32BE(requests, 1)
    payload.writeUInt32BE(bytes, 5)
    this.#outbox.control(frame.credit, 0, 0, payload)
  }

  /** [LINK-8.2-2] What the far side has not taken can take another link; in the order in which it was asked. */
  #leaveUntaken(): undefined {
    this.#outbox.failAfter(this.#takenThere)
    this.#outbox.failWaiting('link-lost')
    return this.#quietly()
  }

  /** While draining: closes once nothing is under way. */
  #quietly(): undefined {
    if (this.underWay === 0) this.#step({ type: 'quiet' })
  }

  #step(event: Event): undefined {
    const [state, ...actions] = next(this.#state, event)
    this.#state = state
    for (const action of actions) this.#act(action)
  }

  #act(action: Action): undefined {
    const { owner, clock } = this.#options
    const reason =
      this.#state.name === 'draining' || this.#state.name === 'closed' ? this.#state.reason : 'ok'
    switch (action) {
      case 'tell-open':
        return owner.opened(this)
      case 'send-release':
        return this.#sendRelease(reason)
      case 'start-drain':
        this.#drainAt = clock.now()
        owner.draining(this, reason)
        return this.#leaveUntaken()
      case 'end':
        this.#outbox.flush()
        return this.channel.end()
      case 'destroy':
        return this.channel.destroy()
      case 'tell-closed':
        this.#outbox.close('link-lost')
        return owner.closed(this, reason, this.#detail)
    }
  }

  #sendRelease(reason: Status): undefined {
    if (this.#saidRelease) return
    this.#saidRelease = true
    const payload = Buffer.alloc(10)
    payload.writeUInt16BE(statusNumber(reason))
    payload.writeUInt32BE(Math.min(this.#retryMs, 0xffffffff), 2)
    payload.writeUInt32BE(this.#lastTaken, 6)
    this.#outbox.control(frame.release, 0, 0, payload)
  }
}
