/**
 * Addresses seen lately, by their bytes: the same address is parsed once, and none of it is made a string again.
 *
 * One slot for each hash: a newcomer takes the place of whom it meets, who is parsed once more the next time.
 */
import { type Address, addressFromBytes, maxAddressBytes } from './address.ts'

type Known = { readonly bytes: Buffer; readonly address: Address }

export class Interner {
  readonly #slots: (Known | undefined)[]

  /** `slots` is a power of two. */
  constructor(slots: number) {
    this.#slots = new Array<Known | undefined>(slots).fill(undefined)
  }

  /** The address between two offsets; `undefined` if it is none, or not in its canonical form. */
  readonly read = (buffer: Buffer, start: number, end: number): Address | undefined => {
    if (end - start > maxAddressBytes) return undefined
    const slot = hash(buffer, start, end) & (this.#slots.length - 1)
    const known = this.#slots[slot]
    if (known !== undefined && isSame(known.bytes, buffer, start, end)) return known.address
    const address = addressFromBytes(buffer, start, end)
    if (address === undefined) return undefined
    this.#slots[slot] = { bytes: Buffer.from(buffer.subarray(start, end)), address }
    return address
  }
}

/** FNV-1a. */
function hash(buffer: Buffer, start: number, end: number): number {
  let h = 0x811c9dc5
  for (let i = start; i < end; i++) h = Math.imul(h ^ (buffer[i] as number), 0x01000193)
  return h ^ (h >>> 15)
}

function isSame(bytes: Buffer, buffer: Buffer, start: number, end: number): boolean {
  if (bytes.length !== end - start) return false
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== buffer[start + i]) return false
  return true
}
