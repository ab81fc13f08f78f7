/**
 * Cuts a stream of bytes into frames.
 *
 * In:    chunks as they come from a channel; who says when to make a pause.
 * Out:   one call a frame, synchronously, with offsets into the chunk: no copy unless a frame is split over chunks.
 * Fails: `bad-frame` as -1 of `push`; an over-long frame is refused on its header, before a byte is kept.
 * Spec:  [LINK-3.2-1] to [LINK-3.2-4]
 */
import { headerBytes } from './registry.ts'

/** Returns false to stop reading for good. `start` and `end` bound the payload. */
export type OnFrame = (
  type: number,
  flags: number,
  id: number,
  buffer: Buffer,
  start: number,
  end: number,
) => boolean

/** Says, between frames, whether the rest of a chunk has to wait. */
export interface Pace {
  isUp(): boolean
}

/** It is asked once in so many frames: asking may cost as much as a frame. */
const framesPerLook = 4

export class FrameReader {
  /** Longest payload that is taken now; raised once the far side is proven. */
  maxPayload: number
  readonly #onFrame: OnFrame
  readonly #pace: Pace | undefined
  #head: Buffer = Buffer.alloc(headerBytes)
  #headFilled = 0
  #frame: Buffer | null = null
  #frameFilled = 0
  #dead = false

  constructor(maxPayload: number, onFrame: OnFrame, pace?: Pace) {
    this.maxPayload = maxPayload
    this.#onFrame = onFrame
    this.#pace = pace
  }

  /**
   * How many bytes were taken: all of them, or up to the frame at which to pause. -1: a frame is too long, or `onFrame`
   * said stop; later bytes are ignored.
   */
  push(chunk: Buffer): number {
    if (this.#dead) return -1
    let at = 0
    let frames = 0
    if (this.#headFilled > 0 || this.#frame !== null) at = this.#finishSplit(chunk)
    while (!this.#dead && at >= 0 && at + headerBytes <= chunk.length) {
      const length = chunk.readUIntBE(at, 3)
      if (length > this.maxPayload) {
        this.#stop()
        return -1
      }
      const end = at + headerBytes + length
      if (end > chunk.length) break
      if (!this.#emit(chunk, at, end)) return -1
      at = end
      if (++frames % framesPerLook === 0 && this.#pace?.isUp() === true) return at
    }
    if (this.#dead) return -1
    if (at < chunk.length) this.#keep(chunk, at)
    return this.#dead ? -1 : chunk.length
  }

  /** [LINK-3.2-2] Takes from `chunk` what the split frame still lacks; returns how far. */
  #finishSplit(chunk: Buffer): number {
    let at = 0
    if (this.#frame === null) {
      at = Math.min(headerBytes - this.#headFilled, chunk.length)
      chunk.copy(this.#head, this.#headFilled, 0, at)
      this.#headFilled += at
      if (this.#headFilled < headerBytes) return at
      if (!this.#begin()) return at
    }
    const frame = this.#frame as unknown as Buffer
    const take = Math.min(frame.length - this.#frameFilled, chunk.length - at)
    chunk.copy(frame, this.#frameFilled, at, at + take)
    this.#frameFilled += take
    at += take
    if (this.#frameFilled === frame.length) {
      this.#frame = null
      this.#headFilled = 0
      this.#emit(frame, 0, frame.length)
    }
    return at
  }

  /** The header of a split frame is complete: makes room for exactly this frame. */
  #begin(): boolean {
    const length = this.#head.readUIntBE(0, 3)
    if (length > this.maxPayload) return this.#stop()
    this.#frame = Buffer.allocUnsafe(headerBytes + length)
    this.#head.copy(this.#frame)
    this.#frameFilled = headerBytes
    return true
  }

  #keep(chunk: Buffer, at: number): undefined {
    if (chunk.length - at < headerBytes) {
      chunk.copy(this.#head, 0, at)
      this.#headFilled = chunk.length - at
      return
    }
    chunk.copy(this.#head, 0, at, at + headerBytes)
    this.#headFilled = headerBytes
    if (!this.#begin()) return
    const frame = this.#frame as unknown as Buffer
    chunk.copy(frame, headerBytes, at + headerBytes)
    this.#frameFilled = chunk.length - at
  }

  #emit(buffer: Buffer, at: number, end: number): boolean {
    const type = buffer[at + 3] as number
    const flags = buffer[at + 4] as number
    const id = buffer.readUInt32BE(at + 5)
    return this.#onFrame(type, flags, id, buffer, at + headerBytes, end) || this.#stop()
  }

  #stop(): false {
    this.#dead = true
    this.#frame = null
    return false
  }
}
