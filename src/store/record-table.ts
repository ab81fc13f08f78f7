/**
 * Duplicate records in flat memory: hundreds of thousands of them cost the collector nothing.
 *
 * A record lives in a slot; slots are found by (sender number, id) through open addressing with a secret seed, since
 * ids are chosen by strangers. Grows by doubling up to `most` records.
 */
import type { ContentHash } from '../lib/content-hash.ts'
import type { Random } from '../lib/random.ts'

const idBytes = 16

const stateOf = { free: 0, underWay: 1, ended: 2 } as const

const isSettledBit = 1
/** Removed, but a list still names the slot. */
const isGoneBit = 2

export class RecordTable {
  readonly #most: number
  readonly #seed: number
  #capacity = 0
  #ids: Buffer = Buffer.alloc(0)
  #highs = new Uint32Array(0)
  #lows = new Uint32Array(0)
  #senders = new Uint32Array(0)
  #epochs = new Uint32Array(0)
  #sequences = new Uint32Array(0)
  #statuses = new Uint16Array(0)
  #states = new Uint8Array(0)
  #marks = new Uint8Array(0)
  /** Seconds of the rising clock. */
  #times = new Uint32Array(0)
  /** Slot + 1, by hash; 0: empty. Twice as long as there are slots. */
  #index = new Uint32Array(0)
  #free: number[] = []
  #used = 0
  #count = 0

  constructor(most: number, random: Random) {
    this.#most = most
    this.#seed = random.bytes(4).readUInt32BE()
  }

  /** Records that can be found. */
  get size(): number {
    return this.#count
  }

  /** Slots that a list still names count, too. */
  get isFull(): boolean {
    return this.#free.length === 0 && this.#used >= this.#most
  }

  /** The slot of (sender, id), or -1. `id` is 16 bytes of `buffer` at `at`. */
  find(sender: number, buffer: Buffer, at: number): number {
    if (this.#count === 0) return -1
    const mask = this.#index.length - 1
    for (let i = this.#hash(sender, buffer, at) & mask; ; i = (i + 1) & mask) {
      const entry = this.#index[i] as number
      if (entry === 0) return -1
      if (this.#isKey(entry - 1, sender, buffer, at)) return entry - 1
    }
  }

  /** A new record, under way; -1: no room. */
  add(
    sender: number,
    buffer: Buffer,
    at: number,
    content: ContentHash,
    epoch: number,
    sequence: number,
    now: number,
  ): number {
    const slot = this.#take()
    if (slot === -1) return -1
    const own = slot * idBytes
    // For so few bytes cheaper than a call.
    for (let i = 0; i < idBytes; i++) this.#ids[own + i] = buffer[at + i] as number
    this.#highs[slot] = content.high
    this.#lows[slot] = content.low
    this.#senders[slot] = sender
    this.#epochs[slot] = epoch
    this.#sequences[slot] = sequence
    this.#statuses[slot] = 0
    this.#states[slot] = stateOf.underWay
    this.#marks[slot] = 0
    this.#times[slot] = now / 1000
    this.#link(slot)
    this.#count++
    return slot
  }

  /** Ends the record with the number of a final status. */
  end(slot: number, status: number): undefined {
    this.#states[slot] = stateOf.ended
    this.#statuses[slot] = status
  }

  isEnded(slot: number): boolean {
    return this.#states[slot] === stateOf.ended
  }

  status(slot: number): number {
    return this.#statuses[slot] as number
  }

  epoch(slot: number): number {
    return this.#epochs[slot] as number
  }

  sequence(slot: number): number {
    return this.#sequences[slot] as number
  }

  ageMs(slot: number, now: number): number {
    return now - (this.#times[slot] as number) * 1000
  }

  isSettled(slot: number): boolean {
    return ((this.#marks[slot] as number) & isSettledBit) !== 0
  }

  settle(slot: number): undefined {
    this.#marks[slot] = (this.#marks[slot] as number) | isSettledBit
  }

  isGone(slot: number): boolean {
    return ((this.#marks[slot] as number) & isGoneBit) !== 0
  }

  hasContent(slot: number, { high, low }: ContentHash): boolean {
    return this.#highs[slot] === high && this.#lows[slot] === low
  }

  /** Not found any more; the slot stays taken until `free`. */
  remove(slot: number): undefined {
    if (this.isGone(slot)) return
    this.#unlink(slot)
    this.#marks[slot] = (this.#marks[slot] as number) | isGoneBit
    this.#count--
  }

  /** No list names the slot any more. */
  free(slot: number): undefined {
    this.remove(slot)
    this.#states[slot] = stateOf.free
    this.#free.push(slot)
  }

  /** Slots of records that can be found. */
  *slots(): Generator<number> {
    for (let slot = 0; slot < this.#used; slot++) {
      if (this.#states[slot] !== stateOf.free && !this.isGone(slot)) yield slot
    }
  }

  #take(): number {
    const free = this.#free.pop()
    if (free !== undefined) return free
    if (this.#used >= this.#most) return -1
    if (this.#used === this.#capacity) this.#grow()
    return this.#used++
  }

  #grow(): undefined {
    const capacity = Math.min(Math.max(1024, this.#capacity * 2), this.#most)
    this.#ids = Buffer.concat([this.#ids], capacity * idBytes)
    this.#highs = grown(this.#highs, new Uint32Array(capacity))
    this.#lows = grown(this.#lows, new Uint32Array(capacity))
    this.#senders = grown(this.#senders, new Uint32Array(capacity))
    this.#epochs = grown(this.#epochs, new Uint32Array(capacity))
    this.#sequences = grown(this.#sequences, new Uint32Array(capacity))
    this.#times = grown(this.#times, new Uint32Array(capacity))
    this.#statuses = grown(this.#statuses, new Uint16Array(capacity))
    this.#states = grown(this.#states, new Uint8Array(capacity))
    this.#marks = grown(this.#marks, new Uint8Array(capacity))
    this.#capacity = capacity
    this.#index = new Uint32Array(2 ** Math.ceil(Math.log2(capacity * 2)))
    for (const slot of this.slots()) this.#link(slot)
  }

  #link(slot: number): undefined {
    const mask = this.#index.length - 1
    let i = this.#hashOf(slot) & mask
    while (this.#index[i] !== 0) i = (i + 1) & mask
    this.#index[i] = slot + 1
  }

  /** Takes the slot out of the index and closes the gap, so that no search ends too early. */
  #unlink(slot: number): undefined {
    const mask = this.#index.length - 1
    let gap = this.#hashOf(slot) & mask
    while (this.#index[gap] !== slot + 1) gap = (gap + 1) & mask
    for (let i = (gap + 1) & mask; this.#index[i] !== 0; i = (i + 1) & mask) {
      const home = this.#hashOf((this.#index[i] as number) - 1) & mask
      // The entry may move into the gap unless its home lies between the gap and itself.
      if (((i - home) & mask) < ((i - gap) & mask)) continue
      this.#index[gap] = this.#index[i] as number
      gap = i
    }
    this.#index[gap] = 0
  }

  #isKey(slot: number, sender: number, buffer: Buffer, at: number): boolean {
    if (this.#senders[slot] !== sender) return false
    const own = slot * idBytes
    for (let i = 0; i < idBytes; i++) if (this.#ids[own + i] !== buffer[at + i]) return false
    return true
  }

  #hashOf(slot: number): number {
    return this.#hash(this.#senders[slot] as number, this.#ids, slot * idBytes)
  }

  #hash(sender: number, bytes: Buffer, at: number): number {
    let h = Math.imul(sender ^ this.#seed, 0x9e3779b1)
    for (let i = at; i < at + idBytes; i += 4) {
      const word =
        (bytes[i] as number) |
        ((bytes[i + 1] as number) << 8) |
        ((bytes[i + 2] as number) << 16) |
        ((bytes[i + 3] as number) << 24)
      h = Math.imul(h ^ word, 0x85ebca6b)
      h ^= h >>> 13
    }
    h = Math.imul(h ^ this.#seed, 0xc2b2ae35)
    return h ^ (h >>> 16)
  }
}

function grown<T extends Uint8Array | Uint16Array | Uint32Array>(from: T, to: T): T {
  to.set(from as never)
  return to
}
