/**
 * Records under text keys, a table for each kind. Kept as the text of their JSON, so that nobody holds what is stored.
 *
 * Fails: `busy` without room.
 */
import { GatewayError } from '../errors.ts'
import type { Counter } from '../lib/meter.ts'

export class Rooms {
  readonly #most: number
  readonly #hits: Counter
  readonly #rooms = new Map<string, Map<string, string>>()

  constructor(most: number, hits: Counter) {
    this.#most = most
    this.#hits = hits
  }

  get(room: string, key: string): string | undefined {
    return this.#rooms.get(room)?.get(key)
  }

  put(room: string, key: string, value: string): undefined {
    const records = this.#rooms.get(room) ?? new Map<string, string>()
    if (!records.has(key) && records.size >= this.#most) {
      this.#hits.n++
      throw new GatewayError('busy', `at most ${this.#most} records in the room ${room}`)
    }
    records.set(key, value)
    this.#rooms.set(room, records)
  }

  delete(room: string, key: string): undefined {
    this.#rooms.get(room)?.delete(key)
  }

  scan(room: string, after: string, most: number): readonly (readonly [string, string])[] {
    return [...(this.#rooms.get(room) ?? [])]
      .filter(([key]) => byBytes(key, after) > 0)
      .sort(([a], [b]) => byBytes(a, b))
      .slice(0, most)
  }
}

/** UTF-16, in which JavaScript compares, has another order. */
const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))
