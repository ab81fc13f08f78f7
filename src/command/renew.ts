/** RENEW: extends subscriptions of one domain, many at once; it rests on the proof of that domain. [LINK-6.11-1] */
import { encodeFields, type FieldValue } from '../wire/fields.ts'
import { fields } from '../wire/registry.ts'
import { idBytes, type Read, type Request } from './request.ts'

export type Renew = {
  /** Domain of the watchers; absent from a client, which renews its own. */
  readonly domain: string | undefined
  /** Domain of the presentities. */
  readonly audience: string | undefined
  readonly ids: readonly string[]
  readonly leaseSeconds: number | undefined
}

const { domain, audience, subscriptions, lease, leases } = fields

export function readRenew({ fields: table, buffer }: Request): Read<Renew> {
  const start = table.start(subscriptions.tag)
  const bytes = table.length(subscriptions.tag)
  const seconds = table.u32(lease.tag)
  if (start === 0 || bytes % 16 !== 0 || (table.has(lease.tag) && seconds === -1)) {
    return 'bad-request'
  }
  const ids: string[] = []
  for (let at = start; at < start + bytes; at += 16)
    ids.push(buffer.toString('latin1', at, at + 16))
  return {
    domain: table.latin1(domain.tag),
    audience: table.latin1(audience.tag),
    ids,
    leaseSeconds: seconds === -1 ? undefined : seconds,
  }
}

export function encodeRenew(renew: Renew): Buffer {
  const values: (readonly [number, FieldValue])[] = [
    [subscriptions.tag, Buffer.concat(renew.ids.map(idBytes))],
  ]
  if (renew.domain !== undefined) values.push([domain.tag, renew.domain])
  if (renew.audience !== undefined) values.push([audience.tag, renew.audience])
  if (renew.leaseSeconds !== undefined) values.push([lease.tag, renew.leaseSeconds])
  return encodeFields(values)
}

/** Granted seconds in the order asked; 0 for an id that is not known. */
export function encodeRenewed(seconds: readonly number[]): Buffer {
  const list = Buffer.alloc(seconds.length * 4)
  for (const [i, value] of seconds.entries()) list.writeUInt32BE(value, i * 4)
  return encodeFields([[leases.tag, list]])
}

export function readRenewed(table: {
  readonly bytes: (tag: number) => Buffer | undefined
}): readonly number[] {
  const list = table.bytes(leases.tag)
  if (list === undefined) return []
  return Array.from({ length: Math.floor(list.length / 4) }, (_, i) => list.readUInt32BE(i * 4))
}
