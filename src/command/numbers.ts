/** Numbers of credentials, packed into one field. */
import { fields } from '../wire/registry.ts'
import type { Request } from './request.ts'

const { tag } = fields.references

/** `undefined`: there are none, or something else. */
export function readNumbers({
  fields: table,
  buffer,
}: Pick<Request, 'fields' | 'buffer'>): readonly number[] | undefined {
  const start = table.start(tag)
  const bytes = table.length(tag)
  if (start === 0 || bytes === 0 || bytes % 4 !== 0) return undefined
  return Array.from({ length: bytes / 4 }, (_, i) => buffer.readUInt32BE(start + i * 4))
}

export function writeNumbers(numbers: readonly number[]): Buffer {
  const list = Buffer.alloc(numbers.length * 4)
  for (const [i, number] of numbers.entries()) list.writeUInt32BE(number, i * 4)
  return list
}
