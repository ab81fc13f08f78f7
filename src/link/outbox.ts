/**
 * Everything that leaves by one link: requests within the send window, answers, control frames.
 *
 * In:    requests (`ask`), answers (`answer`), control frames, credit from the far side.
 * Out:   bytes to the channel; `answered` or `failed` exactly once for each request that expects an answer.
 * Fails: `busy` when too much waits; `remote-timeout` for what is awaited too long, written or not; `slow-reader` when
 *        nothing moves, or too much is not read.
 * Spec:  [LINK-7.1-1] flow control, [LINK-6.3-2] credentials, [LINK-8.2-2] and [LINK-8.2-5] the end of the link
 */
import type { Status } from '../errors.ts'
import type { Cancel, Clock } from '../lib/clock.ts'
import type { Limits } from '../limits.ts'
import {
  trafficClass as classes,
  flag,
  frame,
  hopRoom,
  requestHeadBytes,
  type TrafficClass,
} from '../wire/registry.ts'
import { Backlog, type Queue, type Waiting } from './backlog.ts'
import type { Channel } from './channel.ts'
import type { LinkCounters } from './counters.ts'
import { Encoder } from './encoder.ts'
import { Flusher } from './flusher.ts'
import { type Outgoing, presenting } from './outgoing.ts'
import { Payer } from './payer.ts'
import { Pending } from './pending.ts'
import { needsNoCredit, SendWindow } from './send-window.ts'
import { Unanswered } from './unanswered.ts'

/** [LINK-3.3-3] A link is given up this far before its numbers end. */
const mostId = 2 ** 32 - 2 ** 20

/** What is due so close together is one look at all that waits. */
const togetherMs = 100

const empty = Buffer.alloc(0)

export type OutboxCounters = Pick<LinkCounters, 'framesOut' | 'bytesOut' | 'creditWaits'>

export class Outbox {
  readonly #limits: Limits
  readonly #frameBytes: number
  readonly #socketBytes: number
  readonly #answerMs: number
  readonly #counters: OutboxCounters
  readonly #clock: Clock
  readonly #broken: (reason: Status) => undefined
  readonly #stirred: () => undefined
  readonly #payer: Payer
  readonly #encoder: Encoder
  readonly #flusher: Flusher
  readonly #window = new SendWindow()
  readonly #backlog: Backlog
  readonly #pending = new Pending()
  readonly #unanswered: Unanswered
  #isClosed = false
  /** Credentials have to be shown: what becomes due in this turn is shown together at its end. */
  #isCollecting = false
  /** Nothing waits for its turn, for an answer or for the socket: sweeps may be rare. */
  #isResting = false
  /** Clock time of the last sweep, or of the end of the rest: exact enough for what takes seconds, and costs nothing. */
  #now: number
  /** One timer for all that is awaited, while there is any, and when it is due: what is asked again may be awaited less. */
  #stopAwaiting: Cancel | undefined
  #awaitedUntil = Number.POSITIVE_INFINITY
  /** By class: since when requests wait for credit of which none has come. */
  readonly #drySince: (number | undefined)[] = [undefined, undefined, undefined]

  constructor(
    channel: Channel,
    firstId: 1 | 2,
    limits: Limits,
    clock: Clock,
    answerMs: number,
    counters: OutboxCounters,
    broken: (reason: Status) => undefined,
    stirred: () => undefined = () => undefined,
    payer: Payer = new Payer(),
  ) {
    this.#limits = limits
    this.#frameBytes = limits.frameBytes
    this.#socketBytes = limits.socketBytes
    this.#answerMs = answerMs
    this.#counters = counters
    this.#clock = clock
    this.#broken = broken
    this.#stirred = stirred
    this.#payer = payer
    const encoder = new Encoder(firstId, limits.frameBytes, counters.framesOut)
    this.#encoder = encoder
    this.#flusher = new Flusher(
      channel,
      encoder.writer,
      clock,
      { soon: (task) => payer.soon(clock, task) },
      counters.bytesOut,
      (waiting) => this.#unread(waiting),
      (ms) => payer.charge(ms),
      () => this.#pump(),
    )
    const payloadBytes = (outgoing: Outgoing): number => encoder.payloadBytes(outgoing)
    this.#backlog = new Backlog(this.#window, limits, payer, payloadBytes)
    this.#unanswered = new Unanswered(2 * limits.windowRequests)
    this.#now = clock.now()
  }

  /** Requests that wait for their answer or their turn. */
  get underWay(): number {
    return this.#pending.size + this.#backlog.count
  }

  /** Requests of a class whose turn has not come: how many, and since when the oldest of them. */
  queue(trafficClass: TrafficClass): Queue {
    return this.#backlog.look(trafficClass)
  }

  get lastAsked(): number {
    return this.#encoder.lastId
  }

  /** Sends a request, now or when credit and the socket allow. */
  ask(outgoing: Outgoing): undefined {
    if (this.#isClosed) return outgoing.failed('link-lost', false)
    this.stir()
    if (outgoing.since < 0) outgoing.since = this.#now
    else if (outgoing.since + this.#answerMs <= this.#now) {
      return outgoing.failed('remote-timeout', false)
    }
    if (outgoing.expectsAnswer) this.#awaitTill(outgoing.since + this.#answerMs, 1)
    if (needsNoCredit(outgoing.command) || this.#mayGo(outgoing)) return this.#write(outgoing)
    const isFull = this.#backlog.isFull(outgoing, this.#encoder.writer.length)
    if (isFull || !this.#backlog.push(outgoing, this.#now)) return outgoing.failed('busy', false)
    this.#counters.creditWaits.n++
    // [LINK-6.3-17] No longer than what is written anyhow waits for the end of the turn.
    this.#isCollecting ||= !this.#isShown(outgoing)
    if (this.#isCollecting) this.#flusher.plan()
    else this.#pump()
  }

  /** The answer to request `id` is here: who asked? `undefined`: nobody waits for it. */
  settle(id: number): Outgoing | undefined {
    const outgoing = this.#pending.take(id) ?? this.#unanswered.take(id)
    if (this.#backlog.begun.size > 0) this.#cut()
    return outgoing
  }

  /** Who asked request `id`; it goes on waiting. */
  waiting(id: number): Outgoing | undefined {
    return this.#pending.get(id)
  }

  /** [LINK-7.1-3] The far side takes more; false: more than anybody may give. */
  grant(trafficClass: TrafficClass, requests: number, bytes: number): boolean {
    if (!this.#window.grant(trafficClass, requests, bytes)) return false
    this.#drySince[trafficClass] = undefined
    this.#pump()
    return true
  }

  /** [LINK-8.1-1] Whether a CREDIT gives back what was used. */
  isOwed(): boolean {
    return this.#window.isOwed()
  }

  /** Answers request `id`: fields as encoded in `buffer` from `fieldsAt` to `bodyAt`, then the body. */
  answer(
    id: number,
    status: Status,
    buffer: Buffer,
    fieldsAt: number,
    bodyAt: number,
    end: number,
  ): undefined {
    if (this.#isClosed) return
    this.stir()
    this.#encoder.answer(id, status, buffer, fieldsAt, bodyAt, end)
    this.#flusher.plan()
  }

  /** A frame that needs no credit: HELLO, CREDIT, CANCEL, PING, RELEASE. */
  control(type: number, flags: number, id: number, payload: Buffer): undefined {
    if (this.#isClosed) return
    this.stir()
    this.#encoder.control(type, flags, id, payload)
    this.#flusher.plan()
  }

  /** What the far side does not read is thrown away: nothing has to wait behind it. */
  drop(): undefined {
    this.#flusher.drop()
  }

  /** Writes at once what has collected, and nothing after it; then the channel is closed. */
  end(): undefined {
    this.#flusher.end()
  }

  /** The channel is closed, and what was written with it. */
  gone(): undefined {
    this.#payer.write(0)
  }

  /** The socket took everything. */
  drained(): undefined {
    this.#flusher.drained()
    this.#pump()
  }

  /** Whether it rests now: `stirred` tells when that is over. */
  rest(): boolean {
    this.#isResting = this.underWay === 0 && this.#flusher.isResting
    return this.#isResting
  }

  /** Once a second, unless it rests: a far side that reads nothing or gives no credit, memory of an idle link. */
  sweep(now: number): undefined {
    this.#now = now
    // What waits for the end of the turn does not wait for credit.
    if (this.#isCollecting) this.#pump()
    this.#flusher.sweep(now)
    // [LINK-8.1-2]
    if (this.#flusher.stuckMs > this.#limits.slowReaderMs || this.#isDry(now)) {
      this.#broken('slow-reader')
    }
  }

  /** [LINK-8.2-2] The far side took no request after `last`: none of them was done. */
  failAfter(last: number): undefined {
    const untaken = this.#pending.takeAfter(last)
    if (this.#backlog.begun.size > 0) this.#cut()
    for (const outgoing of untaken) outgoing.failed('link-lost', false)
    for (const outgoing of this.#unanswered.takeAfter(last)) outgoing.failed('link-lost', false)
  }

  /** [LINK-8.2-5] The link is gone: tells every request. Those that were written may have been done. */
  close(code: Status): undefined {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#stopAwaiting?.()
    this.#flusher.stop()
    for (const outgoing of this.#unanswered.takeAfter(0)) outgoing.failed(code, true)
    for (const outgoing of this.#pending.takeOlder(Number.POSITIVE_INFINITY)) {
      outgoing.failed(code, true)
    }
    this.failWaiting(code)
  }

  /** Gives back what was not written yet, so that it can take another link. */
  failWaiting(code: Status): undefined {
    for (const { outgoing, id } of this.#backlog.drain(this.#isClosed)) {
      // One that was begun is told with the others that were written.
      if (id === 0) outgoing.failed(code, false)
    }
  }

  /** Whether `outgoing` can go at once as one frame, before nobody. */
  #mayGo(outgoing: Outgoing): boolean {
    const { trafficClass, fieldsAt, end } = outgoing
    const bytes = requestHeadBytes + (end - fieldsAt) + hopRoom.bytes
    return (
      this.#backlog.isEmpty(trafficClass) &&
      this.#hasRoom() &&
      this.#isShown(outgoing) &&
      bytes <= this.#frameBytes &&
      this.#window.has(trafficClass, 1, bytes)
    )
  }

  #isShown({ reference }: Outgoing): boolean {
    return reference === undefined || this.#now < reference.refreshAt
  }

  /** Something comes or goes: a rest is over. */
  stir(): undefined {
    if (!this.#isResting) return
    this.#isResting = false
    this.#now = this.#clock.now()
    this.#flusher.wake(this.#now)
    this.#stirred()
  }

  /** [LINK-6.5-6] What is awaited has an end. `leastMs`: what is left may be less than the clock can tell. */
  #awaitTill(until: number, leastMs: number): undefined {
    if (until >= this.#awaitedUntil) return
    this.#stopAwaiting?.()
    const now = this.#clock.now()
    const ms = Math.max(leastMs, until - now)
    this.#awaitedUntil = now + ms
    this.#stopAwaiting = this.#clock.after(ms, () => this.#giveUp())
  }

  /** What was awaited too long, written or not. */
  #giveUp(): undefined {
    this.#stopAwaiting = undefined
    this.#awaitedUntil = Number.POSITIVE_INFINITY
    const latest = this.#clock.now() - this.#answerMs
    const [written, waiting] = [
      this.#pending.takeOlder(latest),
      this.#backlog.takeStuck(latest),
    ] as const
    if (this.#backlog.begun.size > 0) this.#cut()
    for (const outgoing of written) outgoing.failed('remote-timeout', true)
    for (const { outgoing } of waiting) outgoing.failed('remote-timeout', false)
    const since = Math.min(this.#pending.oldest(), this.#backlog.oldest())
    // Each look is at all of them: what is due within a moment is given up together.
    if (!this.#isClosed) this.#awaitTill(since + this.#answerMs, togetherMs)
  }

  /** [LINK-4.4-5] Answered, or given up, before its body was out: the rest is not wanted. */
  #cut(): undefined {
    for (const [id, waiting] of this.#backlog.begun) {
      if (this.#pending.has(id)) continue
      this.#backlog.cut(waiting)
      this.control(frame.cancel, 0, id, empty)
    }
  }

  /** Whether a far side that had time to answer everything that it holds has not given back what that took. */
  #isDry(now: number): boolean {
    if (!this.#hasRoom()) return false
    for (const trafficClass of Object.values(classes)) {
      const since = this.#drySince[trafficClass]
      if (since !== undefined && now - since > 2 * this.#answerMs) return true
      if (!this.#backlog.isEmpty(trafficClass)) this.#drySince[trafficClass] ??= now
    }
    return false
  }

  /** So much is written and not out. */
  #unread(bytes: number): undefined {
    if (bytes > this.#limits.mostOutBytes) this.#broken('slow-reader')
    else this.#payer.write(bytes)
  }

  /** So much is handed to the socket ahead. */
  #hasRoom(): boolean {
    return this.#flusher.waiting < this.#socketBytes
  }

  /** Lets waiting requests go while there is room. */
  #pump(): undefined {
    this.#isCollecting = false
    if (this.#backlog.count === 0 || this.#isClosed) return
    while (this.#hasRoom()) {
      const waiting = this.#backlog.next(this.#now)
      if (waiting === undefined) return
      if (waiting.id !== 0) this.#goOn(waiting)
      else if (this.#backlog.isFresh(waiting)) this.#begin(waiting)
    }
  }

  #begin(waiting: Waiting): undefined {
    const { outgoing } = waiting
    const { reference, trafficClass } = outgoing
    // [LINK-6.3-2] Shows a credential just before the first request that names it, in that request's class.
    if (reference !== undefined && !this.#isShown(outgoing)) {
      this.#write(presenting(reference.present(this.#now), trafficClass, this.#now))
    }
    if (!this.#backlog.isLong(outgoing)) {
      this.#backlog.leave(waiting)
      return this.#write(outgoing)
    }
    waiting.at = this.#encoder.requestBegin(outgoing)
    waiting.id = this.#encoder.lastId
    this.#sent(outgoing, this.#frameBytes)
    // [LINK-7.2-2] A long body takes turns with what else waits.
    this.#backlog.rotate(waiting, true)
  }

  /** The next piece of a long body. */
  #goOn(waiting: Waiting): undefined {
    const { outgoing, id, at } = waiting
    const to = Math.min(outgoing.end, at + this.#frameBytes)
    const isLast = to === outgoing.end
    this.#encoder.chunk(id, isLast ? 0 : flag.more, outgoing.buffer, at, to)
    this.#window.take(outgoing.trafficClass, 0, to - at)
    this.#flusher.plan()
    waiting.at = to
    if (isLast) this.#backlog.leave(waiting)
    else this.#backlog.rotate(waiting, false)
  }

  /** A request that fits one frame. */
  #write(outgoing: Outgoing): undefined {
    this.#sent(outgoing, this.#encoder.request(outgoing))
  }

  #sent(outgoing: Outgoing, payload: number): undefined {
    const { command, trafficClass } = outgoing
    const id = this.#encoder.lastId
    if (id > mostId) this.#broken('ids-used-up')
    if (!needsNoCredit(command)) this.#window.take(trafficClass, 1, payload)
    outgoing.sentAt = this.#now
    if (outgoing.expectsAnswer) this.#pending.set(id, outgoing)
    else this.#unanswered.add(id, outgoing)
    this.#flusher.plan()
  }
}
