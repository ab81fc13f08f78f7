/** FETCH: the presence of a presentity, once; the answer's body is the document. [LINK-6.9-1] */
import type { Address } from '../address/address.ts'
import { encodeFields } from '../wire/fields.ts'
import { fields } from '../wire/registry.ts'
import { encodeVersion, type Version } from '../wire/version.ts'
import { type Read, type ReadAddress, type Request, readTo } from './request.ts'

export function readFetch(
  request: Request,
  readAddress: ReadAddress,
): Read<{ readonly to: Address }> {
  if (!request.fields.leavesRoom) return 'bad-request'
  const to = readTo(request, readAddress)
  return to === undefined ? 'bad-address' : { to }
}

export const encodeFetch = (presentity: string): Buffer =>
  encodeFields([[fields.to.tag, presentity]])

export const encodeFetched = (version: Version): Buffer =>
  encodeFields([[fields.version.tag, encodeVersion(version)]])
