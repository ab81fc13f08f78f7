/**
 * Addresses seen lately, by their bytes: the same address is parsed once, and its text is one string.
 *
 * Two generations of `most` entries each; the older one is dropped when the younger one is full.
 */
import { latin1 } from '../lib/latin1.ts'
import { type Address, maxAddressBytes } from './address.ts'

export class Interner {
  readonly #parse: (buffer: Buffer, start: number, end: number) => Address | undefined
  readonly #most: number
  #young = new Map<string, Address>()
  #old = new Map<string, Address>()

  constructor(
    parse: (buffer: Buffer, start: number, end: number) => Address | undefined,
    most: number,
  ) {
    this.#parse = parse
    this.#most = most
  }

  /** The address between two offsets; `undefined` if it is none, or not in its canonical form. */
  readonly read = (buffer: Buffer, start: number, end: number): Address | undefined => {
    if (end - start > maxAddressBytes) return undefined
    const key = latin1(buffer, start, end)
    const known = this.#young.get(key)
    if (known !== undefined) return known
    const address = this.#old.get(key) ?? this.#parse(buffer, start, end)
    if (address === undefined) return undefined
    if (this.#young.size >= this.#most) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, address)
    return address
  }
}
