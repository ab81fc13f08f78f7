/**
 * Frames of the bare relay: the head and the field shape of the gateway's own protocol, and nothing of its meaning.
 *
 * In:    chunks as the socket gives them.
 * Out:   one call for each whole frame, inside the chunk that held it; frames written into a buffer.
 * Fails: throws on a frame that breaks the grammar; in a bench that is a bug, and the process ends.
 * Spec:  head = length (24), type (8), flags (8), id (32); request = command (8), hops (8), credential reference (32),
 *        length of the fields (16), fields of tag (8), length (16), value; then the body.
 */
export const headBytes = 9
export const requestBytes = 8
const maxPayloadBytes = 16_384

export const types = { hello: 1, request: 2, response: 3, credential: 4 } as const
export const tags = { recipient: 0x21, messageId: 0x23, bodyType: 0x25 } as const

/** `bytes[start..end)` is one frame; it is only valid during the call. */
export type OnFrame = (bytes: Buffer, start: number, end: number) => undefined

export const typeOf = (bytes: Buffer, start: number): number => bytes[start + 3] as number

export const idOf = (bytes: Buffer, start: number): number => u32(bytes, start + 5)

export const referenceOf = (bytes: Buffer, start: number): number => u32(bytes, start + 11)

export const u32 = (bytes: Buffer, at: number): number =>
  (((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)) >>>
  0

export function putU32(bytes: Buffer, at: number, value: number): undefined {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

const u16 = (bytes: Buffer, at: number): number =>
  ((bytes[at] as number) << 8) | (bytes[at + 1] as number)

const u24 = (bytes: Buffer, at: number): number =>
  ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number)

/** Cuts chunks into frames. Only a frame that a chunk boundary splits is copied. */
export function frameReader(onFrame: OnFrame): (chunk: Buffer) => undefined {
  const carry = Buffer.allocUnsafeSlow(headBytes + maxPayloadBytes)
  let carried = 0
  const fill = (chunk: Buffer, from: number, want: number): number => {
    const taken = Math.min(want - carried, chunk.length - from)
    chunk.copy(carry, carried, from, from + taken)
    carried += taken
    return from + taken
  }
  return (chunk) => {
    let at = 0
    if (carried > 0) {
      if (carried < headBytes) at = fill(chunk, at, headBytes)
      if (carried < headBytes) return
      const want = frameEnd(carry, 0)
      at = fill(chunk, at, want)
      if (carried < want) return
      carried = 0
      onFrame(carry, 0, want)
    }
    const length = chunk.length
    while (at + headBytes <= length) {
      const end = frameEnd(chunk, at)
      if (end > length) break
      onFrame(chunk, at, end)
      at = end
    }
    if (at < length) fill(chunk, at, length - at)
  }
}

function frameEnd(bytes: Buffer, start: number): number {
  const payload = u24(bytes, start)
  if (payload > maxPayloadBytes) throw new RangeError(`a frame of ${payload} bytes`)
  return start + headBytes + payload
}

/** Walks every field of a request, as a relay must before it passes it on; returns where the recipient's length stands. */
export function checkRequest(bytes: Buffer, start: number, end: number): number {
  let at = start + headBytes + requestBytes
  const fieldsEnd = at + u16(bytes, at - 2)
  if (fieldsEnd > end) throw new RangeError('the fields pass the end of the frame')
  let last = 0
  let recipientAt = 0
  while (at < fieldsEnd) {
    const tag = bytes[at] as number
    if (tag <= last) throw new RangeError('the tags do not rise')
    last = tag
    if (tag === tags.recipient) recipientAt = at + 1
    at += 3 + u16(bytes, at + 1)
  }
  if (at !== fieldsEnd || recipientAt === 0) throw new RangeError('the fields are not whole')
  return recipientAt
}

/** The text of a field whose length stands at `at`. */
export const textAt = (bytes: Buffer, at: number): string =>
  bytes.toString('latin1', at + 2, at + 2 + u16(bytes, at))

/** The domain of the address in a field whose length stands at `at`. */
export function domainAt(bytes: Buffer, at: number): string {
  const end = at + 2 + u16(bytes, at)
  let from = at + 2
  while (from < end && bytes[from] !== 0x40) from++
  return bytes.toString('latin1', from + 1, end)
}

/** HELLO and CREDENTIAL of the relay: an id and one text. */
export function textFrame(type: number, id: number, text: string): Buffer {
  const frame = Buffer.alloc(headBytes + 2 + text.length)
  putHead(frame, type, id)
  frame.writeUInt16BE(text.length, headBytes)
  frame.write(text, headBytes + 2, 'latin1')
  return frame
}

/** An answer that says `delivered`. */
export function responseFrame(): Buffer {
  const frame = Buffer.alloc(headBytes + 4)
  putHead(frame, types.response, 0)
  frame[headBytes + 1] = 1
  return frame
}

export type RequestParts = {
  readonly recipient: string
  readonly messageId: Buffer
  readonly bodyType: string
  readonly reference: number
  readonly bodyBytes: number
}

/** A whole request, filled as it will be sent; the sender writes id, message id and the start of the body anew each time. */
export function requestFrame(parts: RequestParts): Buffer {
  const fields = Buffer.concat([
    field(tags.recipient, Buffer.from(parts.recipient, 'latin1')),
    field(tags.messageId, parts.messageId),
    field(tags.bodyType, Buffer.from(parts.bodyType, 'latin1')),
  ])
  const fixed = Buffer.alloc(headBytes + requestBytes)
  fixed[headBytes] = 1
  putU32(fixed, headBytes + 2, parts.reference)
  fixed.writeUInt16BE(fields.length, headBytes + 6)
  const frame = Buffer.concat([fixed, fields, Buffer.alloc(parts.bodyBytes, 'x')])
  putHead(frame, types.request, 0)
  return frame
}

export function putHead(frame: Buffer, type: number, id: number): undefined {
  frame.writeUIntBE(frame.length - headBytes, 0, 3)
  frame[3] = type
  frame[4] = 0
  putU32(frame, 5, id)
}

function field(tag: number, value: Buffer): Buffer {
  const head = Buffer.alloc(3)
  head[0] = tag
  head.writeUInt16BE(value.length, 1)
  return Buffer.concat([head, value])
}
