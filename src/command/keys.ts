/** KEYS: asks for the key set of a domain; the answer's body is the signed set. [LINK-6.2-1] */
import { type Domain, readDomain } from '../address/domain.ts'
import { encodeFields } from '../wire/fields.ts'
import { fields } from '../wire/registry.ts'
import type { Read, Request } from './request.ts'

export function readKeys({ fields: table }: Request): Read<{ readonly domain: Domain }> {
  const text = table.latin1(fields.domain.tag)
  const domain = text === undefined ? undefined : readDomain(text)
  return domain === undefined || domain !== text ? 'bad-request' : { domain }
}

export const encodeKeys = (domain: string): Buffer => encodeFields([[fields.domain.tag, domain]])
