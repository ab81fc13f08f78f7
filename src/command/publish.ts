/** PUBLISH: creates, refreshes, modifies or removes what one publisher tells of itself (RFC 3903). [LINK-6.8-1] */
import { encodeFields, type FieldValue } from '../wire/fields.ts'
import { fields } from '../wire/registry.ts'
import { bodyOf, idBytes, type Read, type Request, readId16 } from './request.ts'

export type Publish = {
  /** Tag of the publication that this request makes; a refresh or removal makes none. */
  readonly entityTag: string | undefined
  readonly ifMatch: string | undefined
  /** Wanted seconds; `undefined`: as the gateway likes; 0: remove. */
  readonly leaseSeconds: number | undefined
  readonly document: Buffer | undefined
}

const { entityTag, ifMatch, lease } = fields

export function readPublish(request: Request): Read<Publish> {
  const { fields: table } = request
  const made = readId16(request, entityTag.tag)
  const matched = readId16(request, ifMatch.tag)
  const seconds = table.u32(lease.tag)
  if (table.has(entityTag.tag) && made === undefined) return 'bad-request'
  if (table.has(ifMatch.tag) && matched === undefined) return 'bad-request'
  if (table.has(lease.tag) && seconds === -1) return 'bad-request'
  return {
    entityTag: made,
    ifMatch: matched,
    leaseSeconds: seconds === -1 ? undefined : seconds,
    document: request.end > request.bodyAt ? bodyOf(request) : undefined,
  }
}

export function encodePublish(publish: Omit<Publish, 'document'>): Buffer {
  const values: (readonly [number, FieldValue])[] = []
  if (publish.entityTag !== undefined) values.push([entityTag.tag, idBytes(publish.entityTag)])
  if (publish.ifMatch !== undefined) values.push([ifMatch.tag, idBytes(publish.ifMatch)])
  if (publish.leaseSeconds !== undefined) values.push([lease.tag, publish.leaseSeconds])
  return encodeFields(values)
}

/** Answer of PUBLISH, SUBSCRIBE: the seconds that were granted. */
export const encodeLease = (seconds: number): Buffer => encodeFields([[lease.tag, seconds]])
