/** A Map that forgets what was used longest ago, unless `mayForget` says that it is still needed. */
export class BoundedMap<Value> {
  readonly #entries = new Map<string, Value>()
  readonly #max: number
  readonly #mayForget: (value: Value) => boolean

  constructor(max: number, mayForget: (value: Value) => boolean = () => true) {
    this.#max = max
    this.#mayForget = mayForget
  }

  /** Looking is using. */
  get(key: string): Value | undefined {
    const value = this.#entries.get(key)
    if (value !== undefined) this.#touch(key, value)
    return value
  }

  /** Returns how many entries had to go. */
  set(key: string, value: Value): number {
    this.#touch(key, value)
    return this.#shrink(key)
  }

  delete(key: string): boolean {
    return this.#entries.delete(key)
  }

  values(): IterableIterator<Value> {
    return this.#entries.values()
  }

  get size(): number {
    return this.#entries.size
  }

  #touch(key: string, value: Value): undefined {
    this.#entries.delete(key)
    this.#entries.set(key, value)
  }

  /** What is kept counts as used now, so the next search does not meet it again at once. */
  #shrink(newest: string): number {
    let forgotten = 0
    let left = this.#entries.size
    for (const [key, value] of this.#entries) {
      if (this.#entries.size <= this.#max || left-- === 0) break
      if (key === newest || !this.#mayForget(value)) this.#touch(key, value)
      else {
        this.#entries.delete(key)
        forgotten++
      }
    }
    return forgotten
  }
}
