/**
 * What a command reads of a request: the view of the link, as bytes and fields; and how it says no.
 *
 * A command file is the grammar of one command, both ways: request fields to a value, a value to request fields.
 * What the value means is decided elsewhere.
 */
import type { Address } from '../address/address.ts'
import type { Status } from '../errors.ts'
import { latin1 } from '../lib/latin1.ts'
import type { FieldTable } from '../wire/fields.ts'
import { fields } from '../wire/registry.ts'

/** The request as the link hands it up; valid during the call only. */
export type Request = {
  readonly fields: FieldTable
  readonly buffer: Buffer
  readonly bodyAt: number
  readonly end: number
}

/** Either the value, or the code to answer with. */
export type Read<T> = T | Status

/** The address between two offsets, in its canonical form; `undefined` if it is not an address in that form. */
export type ReadAddress = (buffer: Buffer, start: number, end: number) => Address | undefined

/** The recipient or presentity. */
export function readTo(
  { fields: table, buffer }: Request,
  readAddress: ReadAddress,
): Address | undefined {
  const start = table.start(fields.to.tag)
  return start === 0 ? undefined : readAddress(buffer, start, table.end(fields.to.tag))
}

/** A field of exactly 16 bytes, as a string of one character a byte; `undefined` if it is absent or not that long. */
export function readId16({ fields: table, buffer }: Request, tag: number): string | undefined {
  const start = table.start(tag)
  const end = table.end(tag)
  return start !== 0 && end - start === 16 ? latin1(buffer, start, end) : undefined
}

export const idBytes = (id: string): Buffer => Buffer.from(id, 'latin1')

/** A copy of the body. */
export const bodyOf = ({ buffer, bodyAt, end }: Request): Buffer =>
  Buffer.from(buffer.subarray(bodyAt, end))
