/** CREDENTIAL: a user credential; the request's reference is the number that it gets. [LINK-6.3-1] */
import { encodeFields } from '../wire/fields.ts'
import { fields } from '../wire/registry.ts'
import type { Read, Request } from './request.ts'

export function readCredential({ fields: table }: Request): Read<{ readonly token: Buffer }> {
  const token = table.bytes(fields.token.tag)
  return token === undefined ? 'bad-request' : { token }
}

export const encodeCredential = (token: string): Buffer => encodeFields([[fields.token.tag, token]])
