/** SUBSCRIBE: the presence of a presentity and its changes, for a time. Repeating it is harmless. [LINK-6.10-1] */
import type { Address } from '../address/address.ts'
import { encodeFields, type FieldValue } from '../wire/fields.ts'
import { fields } from '../wire/registry.ts'
import { idBytes, type Read, type ReadAddress, type Request, readId16, readTo } from './request.ts'

export type Subscribe = {
  readonly to: Address
  readonly subscription: string
  readonly leaseSeconds: number | undefined
}

const { to, subscription, lease } = fields

export function readSubscribe(request: Request, readAddress: ReadAddress): Read<Subscribe> {
  const presentity = readTo(request, readAddress)
  if (presentity === undefined) return 'bad-address'
  const id = readId16(request, subscription.tag)
  const seconds = request.fields.u32(lease.tag)
  if (id === undefined || (request.fields.has(lease.tag) && seconds === -1)) return 'bad-request'
  return { to: presentity, subscription: id, leaseSeconds: seconds === -1 ? undefined : seconds }
}

export function encodeSubscribe(
  presentity: string,
  id: string,
  leaseSeconds: number | undefined,
): Buffer {
  const values: (readonly [number, FieldValue])[] = [
    [to.tag, presentity],
    [subscription.tag, idBytes(id)],
  ]
  if (leaseSeconds !== undefined) values.push([lease.tag, leaseSeconds])
  return encodeFields(values)
}
