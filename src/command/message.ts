/** MESSAGE: `to`, `id`, an optional media type, and a body of any kind. [LINK-6.7-1] */
import type { Address } from '../address/address.ts'
import { encodeFields, type FieldTable, type FieldValue } from '../wire/fields.ts'
import { fields } from '../wire/registry.ts'
import { type Read, type ReadAddress, type Request, readTo } from './request.ts'

/** The media type that is meant when none is named. [LINK-6.7-3] */
export const defaultContentType = 'text/plain;charset=utf-8'

const { id, contentType, to, lane, settled } = fields

/** The recipient. No object is made for it: this is read once a message. */
export function readMessage(request: Request, readAddress: ReadAddress): Read<Address> {
  const { fields: table } = request
  if (table.length(id.tag) !== 16 || !table.leavesRoom) return 'bad-request'
  const recipient = readTo(request, readAddress)
  if (recipient === undefined) return 'bad-address'
  if (table.has(contentType.tag) && !hasContentType(table)) return 'bad-request'
  return recipient
}

/** Where the 16 bytes of the id stand in the buffer of a request that `readMessage` has read. */
export const idAt = ({ fields: table }: Request): number => table.start(id.tag)

/** A media type that may be one: what it means is for the recipient to say. [LINK-6.7-1] */
export const hasContentType = (table: FieldTable): boolean =>
  table.length(contentType.tag) <= 255 && table.isAscii(contentType.tag)

/** Place in the lane; `undefined` if the field is malformed, sequence 0 if it is absent. [LINK-6.7-4] [LINK-4.1-8] */
export function readLane({
  fields: table,
  buffer,
}: Request):
  | { readonly epoch: number; readonly sequence: number; readonly settled: number }
  | undefined {
  const start = table.start(lane.tag)
  if (start === 0) return { epoch: 0, sequence: 0, settled: 0 }
  if (table.length(lane.tag) !== 8) return undefined
  const epoch = buffer.readUInt32BE(start)
  const sequence = buffer.readUInt32BE(start + 4)
  if (epoch === 0 || sequence === 0) return undefined
  return {
    epoch,
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
