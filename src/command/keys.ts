/** KEYS: asks for the key set of a domain; the answer's body is the signed set. [LINK-6.2-1] */
import { encodeFields } from '../wire/fields.ts'
import { fields } from '../wire/registry.ts'
import type { Read, Request } from './request.ts'

export function readKeys({ fields: table }: Request): Read<{ readonly domain: string }> {
  const domain = table.latin1(fields.domain.tag)
  return domain === undefined ? 'bad-request' : { domain }
}

export const encodeKeys = (domain: string): Buffer => encodeFields([[fields.domain.tag, domain]])
