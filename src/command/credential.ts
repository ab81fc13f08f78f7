/** CREDENTIAL: what a domain vouches for, and the numbers that its users get. [LINK-6.3-1] [LINK-6.3-11] */
import { encodeFields } from '../wire/fields.ts'
import { fields } from '../wire/registry.ts'
import { readNumbers, writeNumbers } from './numbers.ts'
import type { Read, Request } from './request.ts'

export type Credential = {
  readonly token: Buffer
  /** Whether the token has to be one for several users. */
  readonly isShared: boolean
  /** Of its users, in the order of the token; 0: that user is not shown. */
  readonly numbers: readonly number[]
}

export function readCredential(
  request: Request & { readonly reference: number },
): Read<Credential> {
  const { fields: table, reference } = request
  const token = table.bytes(fields.token.tag)
  if (token === undefined) return 'bad-request'
  if (!table.has(fields.references.tag)) return { token, isShared: false, numbers: [reference] }
  const numbers = readNumbers(request)
  if (numbers === undefined || reference !== 0) return 'bad-request'
  return { token, isShared: true, numbers }
}

export const encodeCredential = (token: string): Buffer => encodeFields([[fields.token.tag, token]])

export const encodeShared = (token: string, numbers: readonly number[]): Buffer =>
  encodeFields([
    [fields.token.tag, token],
    [fields.references.tag, writeNumbers(numbers)],
  ])
