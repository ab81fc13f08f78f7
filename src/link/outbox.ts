/**
 * Everything that leaves by one link: requests with their credit, answers, control frames; written once per tick.
 *
 * In:    requests (`ask`), answers (`answer`), control frames, credit from the far side.
 * Out:   bytes to the channel; `answered` or `failed` exactly once for each request that expects an answer.
 * Fails: `busy` when too much waits; `slow-reader` when nothing moves.
 * Spec:  [LINK-3.3-1] ids, [LINK-7.1-1] credit, [LINK-7.2-1] order of classes
 */
import { type Status, statusNumber } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { Counter } from '../lib/meter.ts'
import type { Limits } from '../limits.ts'
import { encodeFields } from '../wire/fields.ts'
import {
  classShift,
  commands,
  fields,
  flag,
  frame,
  requestHeadBytes,
  responseHeadBytes,
  type TrafficClass,
} from '../wire/registry.ts'
import { FrameWriter } from '../wire/writer.ts'
import type { Channel } from './channel.ts'
import { FairQueue } from './fair-queue.ts'
import { Notices } from './notices.ts'
import type { Outgoing, Reference } from './outgoing.ts'
import { Pending } from './pending.ts'

/** [LINK-7.1-2] Credit that both sides have before the first CREDIT. */
export const startRequests = 16
export const startBytes = 65_536

/** [LINK-3.3-3] A link is given up this far before its numbers end. */
const lastId = 2 ** 32 - 2 ** 20

/** [LINK-7.1-5] PROVE never waits: nothing else moves before it. */
export const needsNoCredit = (command: number): boolean => command === commands.prove.number

/** A link that wrote this lately is busy. */
const busyMs = 5

/** Ticks that a busy link waits at most. */
const mostWaits = 4

/** So much is worth a write of its own. */
const fullBytes = 16_384

/** A request whose turn has not come, or whose body goes out in chunks. */
type Waiting = { readonly outgoing: Outgoing; readonly since: number; id: number; at: number }

/** `since`: clock time, exact to a second; `undefined`: nothing waits. */
export type Queue = { readonly count: number; readonly since: number | undefined }

const noField = Buffer.alloc(0)
const laneBytes = 3 + 8
const wordBytes = 3 + 4

export type OutboxCounters = {
  readonly framesOut: Counter
  readonly bytesOut: Counter
  readonly creditWaits: Counter
}

export class Outbox {
  readonly #channel: Channel
  readonly #limits: Limits
  readonly #frameBytes: number
  readonly #socketBytes: number
  readonly #answerMs: number
  readonly #clock: Clock
  readonly #counters: OutboxCounters
  readonly #broken: (reason: Status) => undefined
  readonly #writer = new FrameWriter()
  readonly #pending = new Pending()
  readonly #notices: Notices
  readonly #queues = [new FairQueue<Waiting>(), new FairQueue<Waiting>(), new FairQueue<Waiting>()]
  readonly #credit = [startRequests, startRequests, startRequests]
  readonly #byteCredit = [startBytes, startBytes, startBytes]
  readonly #bodies = [0, 0, 0]
  readonly #flush: () => undefined
  /** The last `from` and its field: messages of one sender often follow each other. */
  #from = ''
  #fromField: Buffer = noField
  #nextId: number
  #queued = 0
  #queuedBytes = 0
  #imInARow = 0
  #planned = false
  #waits = 0
  #seen = 0
  #flushedAt = Number.NEGATIVE_INFINITY
  #closed = false
  /** Clock time of the last sweep: exact enough for what takes seconds, and costs nothing. */
  #now: number
  #progressAt: number
  #lookedAt = 0
  #wroteAt: number

  constructor(
    channel: Channel,
    firstId: 1 | 2,
    limits: Limits,
    clock: Clock,
    answerMs: number,
    counters: OutboxCounters,
    broken: (reason: Status) => undefined,
  ) {
    this.#channel = channel
    this.#limits = limits
    this.#frameBytes = limits.frameBytes
    this.#socketBytes = limits.socketBytes
    this.#answerMs = answerMs
    this.#clock = clock
    this.#counters = counters
    this.#broken = broken
    this.#notices = new Notices(2 * limits.windowRequests)
    this.#nextId = firstId
    this.#now = clock.now()
    this.#progressAt = this.#now
    this.#wroteAt = this.#now
    this.#flush = () => this.#turn()
  }

  /** Requests that wait for their answer or their turn. */
  get underWay(): number {
    return this.#pending.size + this.#queued
  }

  /** Requests of a class whose turn has not come: how many, and since when the oldest of them. */
  queue(trafficClass: TrafficClass): Queue {
    const queue = this.#queues[trafficClass] as FairQueue<Waiting>
    let since: number | undefined
    for (const waiting of queue.firsts()) since = Math.min(since ?? waiting.since, waiting.since)
    return { count: queue.length, since }
  }

  get lastAsked(): number {
    return this.#nextId - 2
  }

  /** Sends a request, now or when credit and the socket allow. */
  ask(outgoing: Outgoing): undefined {
    if (this.#closed) return outgoing.failed('link-lost', false)
    const queue = this.#queues[outgoing.trafficClass] as FairQueue<Waiting>
    if (
      needsNoCredit(outgoing.command) ||
      (queue.length === 0 && this.#roomy() && this.#affords(outgoing))
    ) {
      this.#write(outgoing)
      return
    }
    if (this.#queuedBytes + this.#writer.length > this.#limits.waitingOutBytes) {
      return outgoing.failed('busy', false)
    }
    this.#keep(outgoing)
    queue.push(outgoing.user, { outgoing, since: this.#now, id: 0, at: 0 })
    this.#queued++
    this.#queuedBytes += outgoing.end - outgoing.fieldsAt
    this.#counters.creditWaits.n++
    this.#pump()
  }

  /** The answer to request `id` is here: who asked? `undefined`: nobody waits for it. */
  settle(id: number): Outgoing | undefined {
    return this.#pending.take(id) ?? this.#notices.take(id)
  }

  /** Who asked request `id`; it goes on waiting. */
  waiting(id: number): Outgoing | undefined {
    return this.#pending.get(id)
  }

  /** [LINK-7.1-3] The far side takes more. */
  grant(trafficClass: number, requests: number, bytes: number): boolean {
    const credit = (this.#credit[trafficClass] as number) + requests
    const byteCredit = (this.#byteCredit[trafficClass] as number) + bytes
    if (credit > 0x7fffffff || byteCredit > 0x7fffffff) return false
    this.#credit[trafficClass] = credit
    this.#byteCredit[trafficClass] = byteCredit
    this.#pump()
    return true
  }

  /**
   * [LINK-3.3-2] Answers request `id`: status, then fields as encoded in `buffer` from `fieldsAt` to `bodyAt`,
   * then the body.
   */
  answer(
    id: number,
    status: Status,
    buffer: Buffer,
    fieldsAt: number,
    bodyAt: number,
    end: number,
  ): undefined {
    if (this.#closed) return
    const fieldBytes = bodyAt - fieldsAt
    const room = this.#frameBytes - responseHeadBytes - fieldBytes
    const bodyBytes = end - bodyAt
    if (bodyBytes <= room) {
      const at = this.#answerHead(
        id,
        status,
        fieldBytes,
        responseHeadBytes + fieldBytes + bodyBytes,
        0,
      )
      if (end > fieldsAt) buffer.copy(this.#writer.slab, at, fieldsAt, end)
    } else this.#answerInChunks(id, status, buffer, fieldsAt, bodyAt, end)
    this.#plan()
  }

  /** A frame that needs no credit: HELLO, CREDIT, CANCEL, PING, RELEASE. */
  control(type: number, flags: number, id: number, payload: Buffer): undefined {
    if (this.#closed) return
    const at = this.#writer.frame(type, flags, id, payload.length)
    payload.copy(this.#writer.slab, at)
    this.#counters.framesOut.n++
    this.#plan()
  }

  /**
   * Once per tick. A link that wrote a moment ago waits while more comes in, a few ticks at most: under load much goes
   * with one call to the system, and a link that was quiet never waits.
   */
  #turn(): undefined {
    const now = this.#clock.now()
    const { length } = this.#writer
    const isBusy = now - this.#flushedAt < busyMs && length < fullBytes
    if (isBusy && this.#waits < mostWaits && length > this.#seen) {
      this.#waits++
      this.#seen = length
      this.#clock.soon(this.#flush)
      return
    }
    this.#waits = 0
    this.#seen = 0
    this.#planned = false
    this.#flushedAt = now
    this.flush()
  }

  /** Writes what has collected; the channel calls back when it has drained. */
  flush(): undefined {
    if (this.#closed || this.#writer.length === 0) return
    this.#wroteAt = this.#now
    if (this.#channel.queued() === 0) this.#progressAt = this.#wroteAt
    this.#counters.bytesOut.n += this.#writer.length
    this.#channel.write(this.#writer.take())
  }

  /** The socket took everything. */
  drained(): undefined {
    this.#progressAt = this.#now
    this.#pump()
  }

  /** Once a second: requests that waited too long, a far side that does not read, memory of an idle link. */
  sweep(now: number): undefined {
    this.#now = now
    // Looked for ten times in the time allowed: exact enough, and a full ring is not walked every second.
    if (now - this.#lookedAt >= this.#answerMs / 10) {
      this.#lookedAt = now
      for (const outgoing of this.#pending.takeOlder(now - this.#answerMs)) {
        outgoing.failed('remote-timeout', true)
      }
    }
    const stuck = this.#channel.queued() + this.#writer.length + this.#queuedBytes
    // [LINK-8.1-2]
    if (stuck > this.#limits.slowOutBytes && now - this.#progressAt > this.#limits.slowReaderMs) {
      this.#broken('slow-reader')
    }
    if (now - this.#wroteAt > 2000) this.#writer.rest()
  }

  /** [LINK-8.2-2] The far side took no request after `last`: none of them was done. */
  failAfter(last: number): undefined {
    for (const outgoing of this.#pending.takeAfter(last)) outgoing.failed('link-lost', false)
    for (const outgoing of this.#notices.takeAfter(last)) outgoing.failed('link-lost', false)
  }

  /** [LINK-8.2-5] The link is gone: tells every request. Those that were written may have been done. */
  close(code: Status): undefined {
    if (this.#closed) return
    this.flush()
    this.#closed = true
    for (const outgoing of this.#notices.takeAfter(0)) outgoing.failed(code, true)
    for (const outgoing of this.#pending.takeOlder(Number.POSITIVE_INFINITY))
      outgoing.failed(code, true)
    this.failWaiting(code)
  }

  /** References of requests that were not written yet. */
  get awaited(): ReadonlySet<Reference> {
    const found = new Set<Reference>()
    for (const queue of this.#queues) {
      for (const { outgoing } of queue.items()) {
        if (outgoing.reference !== undefined) found.add(outgoing.reference)
      }
    }
    return found
  }

  /** Gives back what was not written yet, so that it can take another link. */
  failWaiting(code: Status): undefined {
    for (const queue of this.#queues) {
      for (const waiting of queue.drain()) {
        if (waiting.id !== 0 && !this.#closed) {
          queue.push(waiting.outgoing.user, waiting)
          continue
        }
        this.#queued--
        this.#queuedBytes -= waiting.outgoing.end - waiting.outgoing.fieldsAt
        // One that was begun is told with the others that were written.
        if (waiting.id === 0) waiting.outgoing.failed(code, false)
      }
    }
  }

  #roomy(): boolean {
    return this.#writer.length + this.#channel.queued() < this.#socketBytes
  }

  /** Whether `outgoing` can go at once as one frame. */
  #affords({ trafficClass, reference, fieldsAt, end }: Outgoing): boolean {
    const bytes = requestHeadBytes + (end - fieldsAt)
    return (
      (reference === undefined || reference.shown) &&
      bytes <= this.#frameBytes - 512 &&
      (this.#credit[trafficClass] as number) > 0 &&
      (this.#byteCredit[trafficClass] as number) >= bytes + 512
    )
  }

  /** The request may wait longer than the chunk it came in: takes a copy. */
  #keep(outgoing: Outgoing): undefined {
    const { fieldsAt, bodyAt, end } = outgoing
    outgoing.buffer = Buffer.from(outgoing.buffer.subarray(fieldsAt, end))
    outgoing.fieldsAt = 0
    outgoing.bodyAt = bodyAt - fieldsAt
    outgoing.end = end - fieldsAt
  }

  /** Lets waiting requests go while there is room: control first, then im and pres 4 to 1. */
  #pump(): undefined {
    if (this.#queued === 0 || this.#closed) return
    while (this.#roomy()) {
      const trafficClass = this.#nextClass()
      if (trafficClass === undefined) return
      this.#advance(trafficClass, this.#queues[trafficClass] as FairQueue<Waiting>)
    }
  }

  /** [LINK-7.2-1] The class whose turn it is among those that wait and have credit. */
  #nextClass(): TrafficClass | undefined {
    if (this.#canMove(0)) return 0
    const im = this.#canMove(1)
    const pres = this.#canMove(2)
    if (im && (this.#imInARow < 4 || !pres)) {
      this.#imInARow++
      return 1
    }
    if (!pres) return undefined
    this.#imInARow = 0
    return 2
  }

  #canMove(trafficClass: TrafficClass): boolean {
    const first = (this.#queues[trafficClass] as FairQueue<Waiting>).peek()
    if (first === undefined) return false
    const needed = Math.min(this.#frameBytesOf(first), this.#frameBytes)
    if ((this.#byteCredit[trafficClass] as number) < needed) return false
    if (first.id !== 0) return true
    const { reference } = first.outgoing
    // [LINK-7.1-6] A credential and the request that needs it.
    const requests = reference === undefined || reference.shown ? 1 : 2
    const long = this.#isLong(first.outgoing)
    return (
      (this.#credit[trafficClass] as number) >= requests &&
      (!long || (this.#bodies[trafficClass] as number) < this.#limits.bodiesUnderWay)
    )
  }

  /** Bytes of credit that the next frame of `waiting` takes, its presentation included. */
  #frameBytesOf({ outgoing, id, at }: Waiting): number {
    if (id !== 0) return Math.min(outgoing.end - at, this.#frameBytes)
    const { reference } = outgoing
    const shown =
      reference === undefined || reference.shown
        ? 0
        : requestHeadBytes + reference.fieldBytes().length
    return shown + requestHeadBytes + this.#hopBytes(outgoing) + (outgoing.end - outgoing.fieldsAt)
  }

  #isLong(outgoing: Outgoing): boolean {
    const bytes = requestHeadBytes + this.#hopBytes(outgoing) + (outgoing.end - outgoing.fieldsAt)
    return bytes > this.#frameBytes
  }

  #advance(trafficClass: TrafficClass, queue: FairQueue<Waiting>): undefined {
    const waiting = queue.peek() as Waiting
    const { outgoing } = waiting
    if (waiting.id === 0) {
      if (outgoing.reference !== undefined && !outgoing.reference.shown) {
        this.#show(outgoing.reference, trafficClass)
      }
      if (!this.#isLong(outgoing)) {
        this.#leave(queue)
        this.#write(outgoing)
        return
      }
      this.#bodies[trafficClass] = (this.#bodies[trafficClass] as number) + 1
      waiting.at = this.#writeFirst(outgoing)
      waiting.id = this.#nextId - 2
      // [LINK-7.2-2] A long body takes turns with what else waits.
      queue.rotate()
      return
    }
    // [LINK-4.4-5] Answered before its body was out: the rest is not wanted.
    const wanted = this.#pending.has(waiting.id)
    if (!wanted) this.control(frame.cancel, 0, waiting.id, Buffer.alloc(0))
    else if (!this.#writeChunk(waiting, trafficClass)) {
      queue.rotate()
      return
    }
    this.#bodies[trafficClass] = (this.#bodies[trafficClass] as number) - 1
    this.#leave(queue)
  }

  #leave(queue: FairQueue<Waiting>): undefined {
    const { outgoing } = queue.shift() as Waiting
    this.#queued--
    this.#queuedBytes -= outgoing.end - outgoing.fieldsAt
  }

  /** A request that fits one frame. */
  #write(outgoing: Outgoing): undefined {
    const tail = outgoing.end - outgoing.fieldsAt
    const at = this.#requestHead(outgoing, tail, 0, 0)
    const slab = this.#writer.slab
    outgoing.buffer.copy(slab, at, outgoing.fieldsAt, outgoing.end)
    outgoing.bodyAt += at - outgoing.fieldsAt
    outgoing.buffer = slab
    outgoing.fieldsAt = at
    outgoing.end = at + tail
    this.#sent(outgoing, this.#nextId - 2)
    this.#plan()
  }

  /** [LINK-3.2-3] [LINK-4.4-1] First frame of a long request; returns where in `buffer` the rest begins. */
  #writeFirst(outgoing: Outgoing): number {
    const room = this.#frameBytes - requestHeadBytes - this.#hopBytes(outgoing) - wordBytes
    const at = this.#requestHead(outgoing, room, flag.more, outgoing.end - outgoing.bodyAt)
    outgoing.buffer.copy(this.#writer.slab, at, outgoing.fieldsAt, outgoing.fieldsAt + room)
    this.#sent(outgoing, this.#nextId - 2)
    this.#plan()
    return outgoing.fieldsAt + room
  }

  #writeChunk(waiting: Waiting, trafficClass: TrafficClass): boolean {
    const { outgoing } = waiting
    const bytes = Math.min(outgoing.end - waiting.at, this.#frameBytes)
    const last = waiting.at + bytes === outgoing.end
    const at = this.#writer.frame(frame.chunk, last ? 0 : flag.more, waiting.id, bytes)
    outgoing.buffer.copy(this.#writer.slab, at, waiting.at, waiting.at + bytes)
    waiting.at += bytes
    this.#byteCredit[trafficClass] = (this.#byteCredit[trafficClass] as number) - bytes
    this.#counters.framesOut.n++
    this.#plan()
    return last
  }

  #sent(outgoing: Outgoing, id: number): undefined {
    outgoing.sentAt = this.#now
    if (outgoing.expectsAnswer) this.#pending.set(id, outgoing)
    else this.#notices.add(id, outgoing)
  }

  /** [LINK-6.3-2] Shows a credential just before the first request that names it, in that request's class. */
  #show(reference: Reference, trafficClass: TrafficClass): undefined {
    reference.shown = true
    const bytes = reference.fieldBytes()
    this.#write(presentation(reference, trafficClass, bytes))
  }

  #hopBytes(outgoing: Outgoing): number {
    return (
      (outgoing.laneSequence > 0 ? laneBytes : 0) +
      (outgoing.settled > 0 ? wordBytes : 0) +
      (outgoing.answerCredit > 0 ? wordBytes : 0) +
      (outgoing.from === '' ? 0 : this.#encodeFrom(outgoing.from).length)
    )
  }

  /** Writes header, request head and the fields of this hop; returns where the rest goes in the slab. */
  #requestHead(outgoing: Outgoing, tail: number, flags: number, bodyLength: number): number {
    const { trafficClass, laneSequence, settled, answerCredit, from } = outgoing
    const hopBytes = this.#hopBytes(outgoing) + (bodyLength > 0 ? wordBytes : 0)
    const payload = requestHeadBytes + hopBytes + tail
    const id = this.#nextId
    this.#nextId += 2
    if (id > lastId) this.#broken('ids-used-up')
    let at = this.#writer.frame(frame.request, flags | (trafficClass << classShift), id, payload)
    const slab = this.#writer.slab
    slab[at] = outgoing.command
    slab[at + 1] = outgoing.hops
    slab.writeUInt32BE(outgoing.reference?.number ?? 0, at + 2)
    slab.writeUInt16BE(hopBytes + (outgoing.bodyAt - outgoing.fieldsAt), at + 6)
    at += requestHeadBytes
    if (bodyLength > 0) at = word(slab, at, fields.bodyLength.tag, bodyLength)
    if (laneSequence > 0) {
      slab[at] = fields.lane.tag
      slab.writeUInt16BE(8, at + 1)
      slab.writeUInt32BE(outgoing.laneEpoch, at + 3)
      slab.writeUInt32BE(laneSequence, at + 7)
      at += laneBytes
    }
    if (settled > 0) at = word(slab, at, fields.settled.tag, settled)
    if (answerCredit > 0) at = word(slab, at, fields.answerCredit.tag, answerCredit)
    if (from !== '') at = copySmall(this.#encodeFrom(from), slab, at)
    this.#counters.framesOut.n++
    if (needsNoCredit(outgoing.command)) return at
    this.#credit[trafficClass] = (this.#credit[trafficClass] as number) - 1
    this.#byteCredit[trafficClass] = (this.#byteCredit[trafficClass] as number) - payload
    return at
  }

  #encodeFrom(from: string): Buffer {
    if (from === this.#from) return this.#fromField
    this.#from = from
    this.#fromField = encodeFields([[fields.from.tag, from]])
    return this.#fromField
  }

  #answerHead(
    id: number,
    status: Status,
    fieldBytes: number,
    payload: number,
    flags: number,
  ): number {
    const at = this.#writer.frame(frame.response, flags, id, payload)
    const slab = this.#writer.slab
    slab.writeUInt16BE(statusNumber(status), at)
    slab.writeUInt16BE(fieldBytes, at + 2)
    this.#counters.framesOut.n++
    return at + responseHeadBytes
  }

  /** [LINK-4.4-4] A long answer: its length, then chunks. The asker granted it, so it waits for nobody. */
  #answerInChunks(
    id: number,
    status: Status,
    buffer: Buffer,
    fieldsAt: number,
    bodyAt: number,
    end: number,
  ): undefined {
    const fieldBytes = bodyAt - fieldsAt + wordBytes
    const room = this.#frameBytes - responseHeadBytes - fieldBytes
    let at = this.#answerHead(id, status, fieldBytes, this.#frameBytes, flag.more)
    at = word(this.#writer.slab, at, fields.bodyLength.tag, end - bodyAt)
    buffer.copy(this.#writer.slab, at, fieldsAt, bodyAt + room)
    for (let from = bodyAt + room; from < end; ) {
      const bytes = Math.min(end - from, this.#frameBytes)
      const flags = flag.answer | (from + bytes < end ? flag.more : 0)
      const chunkAt = this.#writer.frame(frame.chunk, flags, id, bytes)
      buffer.copy(this.#writer.slab, chunkAt, from, from + bytes)
      from += bytes
    }
  }

  #plan(): undefined {
    if (this.#planned) return
    this.#planned = true
    this.#clock.soon(this.#flush)
  }
}

function word(slab: Buffer, at: number, tag: number, value: number): number {
  slab[at] = tag
  slab[at + 1] = 0
  slab[at + 2] = 4
  slab.writeUInt32BE(value, at + 3)
  return at + wordBytes
}

/** A few bytes: cheaper than a call of `copy`. Returns where they end. */
function copySmall(from: Buffer, slab: Buffer, at: number): number {
  for (let i = 0; i < from.length; i++) slab[at + i] = from[i] as number
  return at + from.length
}

/** The CREDENTIAL request of `reference`. */
function presentation(reference: Reference, trafficClass: TrafficClass, bytes: Buffer): Outgoing {
  return {
    command: commands.credential.number,
    trafficClass,
    hops: 0,
    reference,
    laneEpoch: 0,
    laneSequence: 0,
    settled: 0,
    from: '',
    answerCredit: 0,
    expectsAnswer: true,
    user: '',
    buffer: bytes,
    fieldsAt: 0,
    bodyAt: bytes.length,
    end: bytes.length,
    sentAt: -1,
    answered: ({ status }) => reference.shownAnswer(status),
    failed: () => undefined,
  }
}
