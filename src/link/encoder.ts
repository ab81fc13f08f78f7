/**
 * Requests and answers as frames: heads and the fields of this hop are written anew, the rest is copied as it is.
 *
 * In:    requests, answers, control frames.
 * Out:   bytes in the slabs of `writer`.
 * Fails: never; whether there is room and credit is decided before.
 * Spec:  [LINK-3.2-3] frames, [LINK-3.3-1] ids, [LINK-4.2-1] requests, [LINK-4.3-1] answers, [LINK-4.4-1] bodies in pieces
 */
import { type Status, statusNumber } from '../errors.ts'
import type { Counter } from '../lib/meter.ts'
import { encodeFields } from '../wire/fields.ts'
import {
  classShift,
  fields,
  flag,
  frame,
  requestHeadBytes,
  responseHeadBytes,
} from '../wire/registry.ts'
import { FrameWriter } from '../wire/writer.ts'
import type { Outgoing } from './outgoing.ts'

const noField = Buffer.alloc(0)
const laneBytes = 3 + 8
const wordBytes = 3 + 4

export class Encoder {
  readonly writer = new FrameWriter()
  readonly #frameBytes: number
  readonly #frames: Counter
  #nextId: number
  /** The last `from` and its field: messages of one sender often follow each other. */
  #from = ''
  #fromField: Buffer = noField

  constructor(firstId: 1 | 2, frameBytes: number, frames: Counter) {
    this.#nextId = firstId
    this.#frameBytes = frameBytes
    this.#frames = frames
  }

  /** [LINK-3.3-1] Of the request that was written last. */
  get lastId(): number {
    return this.#nextId - 2
  }

  /** Length of the payload of `outgoing` in one piece. */
  payloadBytes(outgoing: Outgoing): number {
    return requestHeadBytes + this.#hopBytes(outgoing) + (outgoing.end - outgoing.fieldsAt)
  }

  /** A request that fits one frame; leaves in `outgoing` where its copy lies. Returns the length of its payload. */
  request(outgoing: Outgoing): number {
    const { buffer, fieldsAt, end } = outgoing
    const payload = this.payloadBytes(outgoing)
    const at = this.#requestHead(outgoing, payload, 0, 0)
    const { slab } = this.writer
    buffer.copy(slab, at, fieldsAt, end)
    outgoing.buffer = slab
    outgoing.bodyAt += at - fieldsAt
    outgoing.fieldsAt = at
    outgoing.end = at + end - fieldsAt
    return payload
  }

  /** [LINK-4.4-1] The first frame of a longer request, which it fills; returns where in `buffer` the rest begins. */
  requestBegin(outgoing: Outgoing): number {
    const { buffer, fieldsAt, bodyAt, end } = outgoing
    const room = this.#frameBytes - requestHeadBytes - this.#hopBytes(outgoing) - wordBytes
    const at = this.#requestHead(outgoing, this.#frameBytes, flag.more, end - bodyAt)
    buffer.copy(this.writer.slab, at, fieldsAt, fieldsAt + room)
    return fieldsAt + room
  }

  chunk(id: number, flags: number, buffer: Buffer, from: number, to: number): undefined {
    const at = this.writer.frame(frame.chunk, flags, id, to - from)
    buffer.copy(this.writer.slab, at, from, to)
    this.#frames.n++
  }

  /** [LINK-3.3-2] [LINK-4.4-4] An answer; one over a frame goes on in chunks: the asker granted it, so it waits for nobody. */
  answer(
    id: number,
    status: Status,
    buffer: Buffer,
    fieldsAt: number,
    bodyAt: number,
    end: number,
  ): undefined {
    const payload = responseHeadBytes + end - fieldsAt
    if (payload > this.#frameBytes) {
      return this.#answerInChunks(id, status, buffer, fieldsAt, bodyAt, end)
    }
    const at = this.#answerHead(id, status, bodyAt - fieldsAt, payload, 0)
    if (end > fieldsAt) buffer.copy(this.writer.slab, at, fieldsAt, end)
  }

  control(type: number, flags: number, id: number, payload: Buffer): undefined {
    const at = this.writer.frame(type, flags, id, payload.length)
    payload.copy(this.writer.slab, at)
    this.#frames.n++
  }

  #hopBytes({ laneSequence, settled, answerCredit, from }: Outgoing): number {
    return (
      (laneSequence > 0 ? laneBytes : 0) +
      (settled > 0 ? wordBytes : 0) +
      (answerCredit > 0 ? wordBytes : 0) +
      (from === '' ? 0 : this.#encodeFrom(from).length)
    )
  }

  /** Writes header, request head and the fields of this hop; returns where the rest goes in the slab. */
  #requestHead(outgoing: Outgoing, payload: number, flags: number, bodyLength: number): number {
    const { trafficClass, laneSequence, settled, answerCredit, from } = outgoing
    const hopBytes = this.#hopBytes(outgoing) + (bodyLength > 0 ? wordBytes : 0)
    const classed = flags | (trafficClass << classShift)
    let at = this.writer.frame(frame.request, classed, this.#nextId, payload)
    const { slab } = this.writer
    this.#nextId += 2
    this.#frames.n++
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
    return from === '' ? at : copySmall(this.#encodeFrom(from), slab, at)
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
    const at = this.writer.frame(frame.response, flags, id, payload)
    const { slab } = this.writer
    slab.writeUInt16BE(statusNumber(status), at)
    slab.writeUInt16BE(fieldBytes, at + 2)
    this.#frames.n++
    return at + responseHeadBytes
  }

  #answerInChunks(
    id: number,
    status: Status,
    buffer: Buffer,
    fieldsAt: number,
    bodyAt: number,
    end: number,
  ): undefined {
    const fieldBytes = bodyAt - fieldsAt + wordBytes
    const head = this.#answerHead(id, status, fieldBytes, this.#frameBytes, flag.more)
    const at = word(this.writer.slab, head, fields.bodyLength.tag, end - bodyAt)
    let from = bodyAt + this.#frameBytes - responseHeadBytes - fieldBytes
    buffer.copy(this.writer.slab, at, fieldsAt, from)
    while (from < end) {
      const to = Math.min(end, from + this.#frameBytes)
      this.chunk(id, flag.answer | (to < end ? flag.more : 0), buffer, from, to)
      from = to
    }
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
