/** FORGET: numbers of credentials that will not be used again. [LINK-6.4-1] */
import { encodeFields } from '../wire/fields.ts'
import { fields } from '../wire/registry.ts'
import type { Read, Request } from './request.ts'

export function readForget({
  fields: table,
  buffer,
}: Request): Read<{ readonly numbers: readonly number[] }> {
  const start = table.start(fields.references.tag)
  const bytes = table.length(fields.references.tag)
  if (start === 0 || bytes === 0 || bytes % 4 !== 0) return 'bad-request'
  const numbers: number[] = []
  for (let at = start; at < start + bytes; at += 4) numbers.push(buffer.readUInt32BE(at))
  return { numbers }
}

export function encodeForget(numbers: readonly number[]): Buffer {
  const list = Buffer.alloc(numbers.length * 4)
  for (const [i, number] of numbers.entries()) list.writeUInt32BE(number, i * 4)
  return encodeFields([[fields.references.tag, list]])
}
