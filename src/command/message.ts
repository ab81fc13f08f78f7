/** MESSAGE: `to`, `id`, an optional media type, and a body of any kind. [LINK-6.7-1] */
import type { Address } from '../address/address.ts'
import { encodeFields, type FieldValue } from '../wire/fields.ts'
import { fields } from '../wire/registry.ts'
import { type Read, type ReadAddress, type Request, readId16, readTo } from './request.ts'

export type Message = { readonly to: Address; readonly id: string }

/** The media type that is meant when none is named. [LINK-6.7-3] */
export const defaultContentType = 'text/plain;charset=utf-8'

const { id, contentType, to, lane, settled } = fields

export function readMessage(request: Request, readAddress: ReadAddress): Read<Message> {
  const messageId = readId16(request, id.tag)
  if (messageId === undefined) return 'bad-request'
  const recipient = readTo(request, readAddress)
  if (recipient === undefined) return 'bad-address'
  if (request.fields.length(contentType.tag) > 255) return 'bad-request'
  return { to: recipient, id: messageId }
}

/** Place in the lane; `undefined` if the field is malformed, sequence 0 if it is absent. [LINK-6.7-4] */
export function readLane({
  fields: table,
  buffer,
}: Request):
  | { readonly epoch: number; readonly sequence: number; readonly settled: number }
  | undefined {
  const start = table.start(lane.tag)
  if (start === 0) return { epoch: 0, sequence: 0, settled: 0 }
  if (table.length(lane.tag) !== 8) return undefined
  const sequence = buffer.readUInt32BE(start + 4)
  if (sequence === 0) return undefined
  return {
    epoch: buffer.readUInt32BE(start),
    sequence,
    settled: Math.max(0, table.u32(settled.tag)),
  }
}

/** Fields of a MESSAGE; the default type is not written. */
export function encodeMessage(recipient: string, messageId: Buffer, type: string): Buffer {
  const values: (readonly [number, FieldValue])[] = [
    [to.tag, recipient],
    [id.tag, messageId],
  ]
  if (type !== defaultContentType) values.push([contentType.tag, type])
  return encodeFields(values)
}
