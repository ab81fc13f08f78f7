/**
 * Fields: tag (8), length (16), value; tags strictly ascending, so that there is one encoding and no duplicate.
 *
 * In:    the bytes between two offsets.
 * Out:   where each value starts and ends; nothing is copied.
 * Fails: `bad-frame`, as a false return: the caller closes the link.
 * Spec:  [LINK-4.1-1] to [LINK-4.1-5], [LINK-4.1-9]
 */
import { latin1 } from '../lib/latin1.ts'
import { endToEndRoom, fields, lastHopTag, unusedTag } from './registry.ts'

const known = new Uint8Array(256)
for (const { tag } of Object.values(fields)) known[tag] = 1

export type FieldBounds = {
  readonly fieldCount: number
  readonly fieldValueBytes: number
  readonly tokenBytes: number
}

/**
 * One parse of one field block; used again for the next, so whoever keeps a value copies it.
 * A tag that is absent starts and ends at 0.
 */
export class FieldTable {
  readonly #start = new Int32Array(256)
  readonly #end = new Int32Array(256)
  readonly #seen = new Uint8Array(256)
  #count = 0
  /** Fields of this hop; if there are no others, as many as there can be. */
  #hopCount = 0
  #blockEnd = 0
  readonly #mostBytes: number
  readonly #mostFields: number
  buffer: Buffer = Buffer.alloc(0)
  /** Where the end-to-end fields begin: everything from here on travels unchanged. */
  endToEndAt = 0
  /** The first odd tag that this program does not know: of this hop, and of the rest. 0: none. */
  unknownHop = 0
  unknownEndToEnd = 0

  constructor(bounds: FieldBounds) {
    this.#mostBytes = Math.max(bounds.fieldValueBytes, bounds.tokenBytes)
    this.#mostFields = bounds.fieldCount
  }

  /** False: the block breaks the grammar. */
  read(buffer: Buffer, start: number, end: number): boolean {
    for (let i = 0; i < this.#count; i++) {
      const tag = this.#seen[i] as number
      this.#start[tag] = 0
      this.#end[tag] = 0
    }
    this.#count = 0
    // Most frames of a chunk share its buffer, and storing what is young costs more than looking.
    if (this.buffer !== buffer) this.buffer = buffer
    this.endToEndAt = end
    this.#blockEnd = end
    this.#hopCount = this.#mostFields
    this.unknownHop = 0
    this.unknownEndToEnd = 0
    let at = start
    let last = 0
    while (at < end) {
      if (at + 3 > end) return false
      const tag = buffer[at] as number
      const length = ((buffer[at + 1] as number) << 8) | (buffer[at + 2] as number)
      // [LINK-4.1-2] Strictly ascending: one encoding, no duplicates.
      if (tag <= last || at + 3 + length > end) return false
      // [LINK-4.1-3]
      if (length > this.#mostBytes || this.#count === this.#mostFields) return false
      if (tag > lastHopTag && last <= lastHopTag) {
        this.endToEndAt = at
        this.#hopCount = this.#count
      }
      if ((tag & 1) === 1 && known[tag] === 0) this.#unknown(tag)
      this.#seen[this.#count++] = tag
      this.#start[tag] = at + 3
      this.#end[tag] = at + 3 + length
      at += 3 + length
      last = tag
    }
    return true
  }

  /**
   * [LINK-4.1-9] Whether the next hop can write its own fields to the end-to-end ones, and whoever reads them takes both:
   * judged before anything that is passed on is taken.
   */
  get leavesRoom(): boolean {
    return (
      this.#blockEnd - this.endToEndAt <= endToEndRoom.bytes &&
      this.#count - this.#hopCount <= endToEndRoom.fields &&
      !this.has(unusedTag)
    )
  }

  has(tag: number): boolean {
    return this.#start[tag] !== 0
  }

  start(tag: number): number {
    return this.#start[tag] as number
  }

  end(tag: number): number {
    return this.#end[tag] as number
  }

  length(tag: number): number {
    return (this.#end[tag] as number) - (this.#start[tag] as number)
  }

  /** The value of a 32-bit field; -1 if it is absent or of another length. [LINK-4.1-8] */
  u32(tag: number): number {
    return this.length(tag) === 4 ? this.buffer.readUInt32BE(this.#start[tag] as number) : -1
  }

  /** A copy of the value; `undefined` if the field is absent. */
  bytes(tag: number): Buffer | undefined {
    const start = this.#start[tag] as number
    return start === 0 ? undefined : Buffer.from(this.buffer.subarray(start, this.#end[tag]))
  }

  /** Whether the value is ASCII, 0x20 to 0x7E, and not empty; false if the field is absent. */
  isAscii(tag: number): boolean {
    const start = this.#start[tag] as number
    const end = this.#end[tag] as number
    for (let at = start; at < end; at++) {
      const byte = this.buffer[at] as number
      if (byte < 0x20 || byte > 0x7e) return false
    }
    return end > start
  }

  /** The value as a string of one character a byte; `undefined` if the field is absent. For ids and ASCII. */
  latin1(tag: number): string | undefined {
    const start = this.#start[tag] as number
    return start === 0 ? undefined : latin1(this.buffer, start, this.#end[tag] as number)
  }

  #unknown(tag: number): undefined {
    if (tag <= lastHopTag) this.unknownHop ||= tag
    else this.unknownEndToEnd ||= tag
  }
}

export type FieldValue = Buffer | string | number

/** Encodes fields given in any order; numbers become 32 bits, strings UTF-8. */
export function encodeFields(
  values: readonly (readonly [tag: number, value: FieldValue])[],
): Buffer {
  const bytes = Buffer.allocUnsafe(values.reduce((sum, [, value]) => sum + 3 + lengthOf(value), 0))
  let at = 0
  for (const [tag, value] of values.toSorted(([a], [b]) => a - b)) {
    const length = lengthOf(value)
    bytes[at] = tag
    bytes.writeUInt16BE(length, at + 1)
    at += 3
    if (typeof value === 'string') bytes.write(value, at, 'utf8')
    else if (typeof value === 'number') bytes.writeUInt32BE(value, at)
    else bytes.set(value, at)
    at += length
  }
  return bytes
}

function lengthOf(value: FieldValue): number {
  if (typeof value === 'string') return Buffer.byteLength(value, 'utf8')
  return typeof value === 'number' ? 4 : value.length
}
