/**
 * Collects frames in slabs, so that a link writes once per tick.
 *
 * A slab is never written to again where it was taken, so a frame may be read back from it (to repeat a request)
 * as long as somebody holds it.
 */
import { headerBytes } from './registry.ts'

const smallSlab = 2048
const largeSlab = 65_536

export class FrameWriter {
  #slab: Buffer = Buffer.alloc(0)
  #taken = 0
  #filled = 0
  #full: Buffer[] = []
  #waiting = 0
  #next = smallSlab

  /** Bytes that were written here and not taken yet. */
  get length(): number {
    return this.#waiting
  }

  get slab(): Buffer {
    return this.#slab
  }

  /** Makes room for a frame, writes its header and returns the offset of its payload in `slab`. */
  frame(type: number, flags: number, id: number, payloadBytes: number): number {
    const bytes = headerBytes + payloadBytes
    if (this.#filled + bytes > this.#slab.length) this.#renew(bytes)
    const slab = this.#slab
    let at = this.#filled
    slab[at++] = payloadBytes >>> 16
    slab[at++] = payloadBytes >>> 8
    slab[at++] = payloadBytes
    slab[at++] = type
    slab[at++] = flags
    slab[at++] = id >>> 24
    slab[at++] = id >>> 16
    slab[at++] = id >>> 8
    slab[at++] = id
    this.#filled += bytes
    this.#waiting += bytes
    return at
  }

  /** Hands out everything written since the last call, in order. */
  take(): readonly Buffer[] {
    const full = this.#full
    if (this.#filled > this.#taken) full.push(this.#slab.subarray(this.#taken, this.#filled))
    this.#taken = this.#filled
    this.#full = []
    this.#waiting = 0
    return full
  }

  /** Gives the slab back: an idle link keeps no memory for writing. Call it when nothing was written for a while. */
  rest(): undefined {
    if (this.#waiting > 0) return
    this.#slab = Buffer.alloc(0)
    this.#taken = 0
    this.#filled = 0
    this.#next = smallSlab
  }

  #renew(bytes: number): undefined {
    if (this.#filled > this.#taken) this.#full.push(this.#slab.subarray(this.#taken, this.#filled))
    this.#slab = Buffer.allocUnsafeSlow(Math.max(this.#next, bytes))
    this.#next = Math.min(this.#next * 4, largeSlab)
    this.#taken = 0
    this.#filled = 0
  }
}
