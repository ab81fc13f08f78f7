/**
 * Frames, requests, answers and fields as `docs/protocol.md` describes them. Shares no line with `src/`, so that a
 * mistake there is not repeated here; and it writes what is wrong as readily as what is right.
 */
export const type = {
  hello: 0x01,
  request: 0x02,
  response: 0x03,
  chunk: 0x04,
  credit: 0x05,
  cancel: 0x06,
  ping: 0x07,
  release: 0x08,
} as const

export const more = 0x01
export const ofAnswer = 0x02
export const ack = 0x04
export const critical = 0x80
/** Classes as they stand in the flags of a REQUEST. */
export const control = 0x00
export const im = 0x10
export const pres = 0x20

export const command = {
  prove: 0x01,
  keys: 0x02,
  credential: 0x03,
  forget: 0x04,
  verify: 0x05,
  issue: 0x06,
  message: 0x10,
  publish: 0x20,
  fetch: 0x21,
  subscribe: 0x22,
  renew: 0x23,
  unsubscribe: 0x24,
  notify: 0x25,
} as const

export const tag = {
  bodyLength: 0x01,
  retryAfter: 0x02,
  lane: 0x03,
  settled: 0x04,
  answerCredit: 0x06,
  from: 0x21,
  to: 0x23,
  id: 0x25,
  contentType: 0x27,
  reporter: 0x28,
  stage: 0x2a,
  text: 0x2c,
  token: 0x31,
  userCredential: 0x33,
  publicKey: 0x35,
  domain: 0x37,
  references: 0x39,
  audience: 0x3b,
  scope: 0x3d,
  subscription: 0x41,
  subscriptions: 0x43,
  lease: 0x45,
  leases: 0x47,
  entityTag: 0x49,
  ifMatch: 0x4b,
  version: 0x4d,
  state: 0x4f,
  event: 0x51,
} as const

export type Frame = {
  readonly type: number
  readonly flags: number
  readonly id: number
  readonly payload: Buffer
}

export function frame(type: number, flags: number, id: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(id, 5)
  return Buffer.concat([head, payload])
}

/** A value of a field; numbers are 32 bits, strings UTF-8. */
export type Value = Uint8Array | string | number
export type FieldList = readonly (readonly [tag: number, value: Value])[]

export function u32(...numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(numbers.length * 4)
  for (const [i, number] of numbers.entries()) bytes.writeUInt32BE(number, i * 4)
  return bytes
}

const u16 = (number: number): Buffer => Buffer.of(number >> 8, number & 0xff)

const bytesOf = (value: Value): Uint8Array =>
  typeof value === 'number' ? u32(value) : typeof value === 'string' ? Buffer.from(value) : value

/** In the order in which they are given, right or wrong. */
export const fields = (values: FieldList): Buffer =>
  Buffer.concat(
    values.flatMap(([tag, value]) => {
      const bytes = bytesOf(value)
      return [Buffer.of(tag), u16(bytes.length), bytes]
    }),
  )

export type RequestShape = {
  readonly command: number
  readonly hops?: number
  readonly reference?: number
  readonly fields?: FieldList
  readonly body?: Uint8Array
}

export function requestPayload(shape: RequestShape): Buffer {
  const { command, hops = 0, reference = 0, fields: list = [], body = Buffer.alloc(0) } = shape
  const block = fields(list)
  return Buffer.concat([Buffer.of(command, hops), u32(reference), u16(block.length), block, body])
}

export function responsePayload(status: number, list: FieldList, body: Uint8Array): Buffer {
  const block = fields(list)
  return Buffer.concat([u16(status), u16(block.length), block, body])
}

/** Whole frames at the start of `bytes`, and the rest. */
export function readFrames(bytes: Buffer): {
  readonly frames: readonly Frame[]
  readonly rest: Buffer
} {
  const frames: Frame[] = []
  let at = 0
  while (at + 9 <= bytes.length) {
    const end = at + 9 + bytes.readUIntBE(at, 3)
    if (end > bytes.length) break
    frames.push({
      type: bytes[at + 3] as number,
      flags: bytes[at + 4] as number,
      id: bytes.readUInt32BE(at + 5),
      payload: Buffer.from(bytes.subarray(at + 9, end)),
    })
    at = end
  }
  return { frames, rest: bytes.subarray(at) }
}

export type Fields = ReadonlyMap<number, Buffer>

/** Throws what is wrong with the block: nothing that a gateway writes may be. */
export function readFields(block: Buffer): Fields {
  const found = new Map<number, Buffer>()
  let last = 0
  for (let at = 0; at < block.length; ) {
    const tag = block[at] as number
    const end = at + 3 + block.readUInt16BE(at + 1)
    if (tag <= last || end > block.length) throw new Error(`field 0x${tag.toString(16)} at ${at}`)
    found.set(tag, block.subarray(at + 3, end))
    last = tag
    at = end
  }
  return found
}

/** A frame is read once, however often it is looked for among those that came. */
function once<T>(read: (frame: Frame) => T): (frame: Frame) => T {
  const known = new WeakMap<Frame, T>()
  return (frame) => {
    const value = known.get(frame) ?? read(frame)
    known.set(frame, value)
    return value
  }
}

export type Request = {
  readonly id: number
  readonly flags: number
  readonly trafficClass: number
  readonly command: number
  readonly hops: number
  readonly reference: number
  readonly fields: Fields
  /** As it stands in the frame. */
  readonly fieldBytes: Buffer
  readonly body: Buffer
}

export const readRequest = once(({ id, flags, payload }: Frame): Request => {
  const bodyAt = 8 + payload.readUInt16BE(6)
  const fieldBytes = payload.subarray(8, bodyAt)
  return {
    id,
    flags,
    trafficClass: (flags >> 4) & 3,
    command: payload[0] as number,
    hops: payload[1] as number,
    reference: payload.readUInt32BE(2),
    fields: readFields(fieldBytes),
    fieldBytes,
    body: payload.subarray(bodyAt),
  }
})

export type Response = {
  readonly id: number
  readonly flags: number
  readonly status: number
  readonly fields: Fields
  readonly body: Buffer
}

export const readResponse = once(({ id, flags, payload }: Frame): Response => {
  const bodyAt = 4 + payload.readUInt16BE(2)
  return {
    id,
    flags,
    status: payload.readUInt16BE(0),
    fields: readFields(payload.subarray(4, bodyAt)),
    body: payload.subarray(bodyAt),
  }
})
