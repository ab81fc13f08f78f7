/** Ids for messages: 128 random bits each, drawn many at a time since a draw costs more than an id. */
import type { Random } from '../lib/random.ts'

const idBytes = 16
const idsInOneDraw = 64

export class MessageIds {
  readonly #random: Random
  #drawn: Buffer = Buffer.alloc(0)
  #at = 0

  constructor(random: Random) {
    this.#random = random
  }

  /** The bytes of one; nobody writes into them. */
  next(): Buffer {
    if (this.#at === this.#drawn.length) {
      this.#drawn = this.#random.bytes(idBytes * idsInOneDraw)
      this.#at = 0
    }
    const from = this.#at
    this.#at += idBytes
    return this.#drawn.subarray(from, this.#at)
  }
}
