/**
 * Messages that came lately: what was confirmed is confirmed again and not shown again.
 *
 * In:    a key of (sender, id) for each message, and who waits for the answer.
 * Out:   whether to show it; those who asked meanwhile, when the answer is known.
 * Bound: the oldest key goes when there are too many; then its repetition would be shown a second time.
 */

export class Recent<A> {
  readonly #most: number
  /** Those who wait for the answer; `undefined`: it was confirmed. */
  readonly #rows = new Map<string, A[] | undefined>()

  constructor(most: number) {
    this.#most = most
  }

  /**
   * `show`: it is new, and `finish` has to follow. `shown`: confirm it. `wait`: it is being shown, and `asker` is
   * given out by `finish`.
   */
  take(key: string, asker: A): 'show' | 'shown' | 'wait' {
    const row = this.#rows.get(key)
    if (row !== undefined) {
      row.push(asker)
      return 'wait'
    }
    if (this.#rows.delete(key)) {
      this.#rows.set(key, undefined)
      return 'shown'
    }
    this.#rows.set(key, [])
    if (this.#rows.size > this.#most) this.#evict()
    return 'show'
  }

  /** The answer is known. What was not confirmed is new again when it comes again. */
  finish(key: string, isConfirmed: boolean): readonly A[] {
    const askers = this.#rows.get(key) ?? []
    if (isConfirmed) this.#rows.set(key, undefined)
    else this.#rows.delete(key)
    return askers
  }

  /** What is being shown stays: the link bounds how many those are. */
  #evict(): undefined {
    for (const [key, askers] of this.#rows) {
      if (askers !== undefined) continue
      this.#rows.delete(key)
      return
    }
  }
}
