/** FORGET: numbers of credentials that will not be used again. [LINK-6.4-1] */
import { encodeFields } from '../wire/fields.ts'
import { fields } from '../wire/registry.ts'
import { readNumbers, writeNumbers } from './numbers.ts'
import type { Read, Request } from './request.ts'

export function readForget(request: Request): Read<{ readonly numbers: readonly number[] }> {
  const numbers = readNumbers(request)
  return numbers === undefined ? 'bad-request' : { numbers }
}

export const encodeForget = (numbers: readonly number[]): Buffer =>
  encodeFields([[fields.references.tag, writeNumbers(numbers)]])
