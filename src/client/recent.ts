/**
 * Messages that came lately: what was confirmed is confirmed again and not shown again.
 *
 * In:    a key of (sender, id) for each message, and who waits for the answer.
 * Out:   whether to show it; those who asked meanwhile, when the answer is known.
 * Bound: two generations of `most` keys; the older one is dropped when the younger one is full. What is being shown
 *        is never dropped: the window of the link bounds how many those are.
 */
export class Recent<Asker> {
  readonly #most: number
  readonly #showing = new Map<string, Asker[]>()
  #young = new Set<string>()
  #old = new Set<string>()

  constructor(most: number) {
    this.#most = most
  }

  /**
   * `show`: it is new, and `finish` has to follow. `shown`: confirm it. `wait`: it is being shown, and `asker` is
   * given out by `finish`.
   */
  take(key: string, asker: Asker): 'show' | 'shown' | 'wait' {
    const askers = this.#showing.get(key)
    if (askers !== undefined) {
      askers.push(asker)
      return 'wait'
    }
    if (this.#young.has(key)) return 'shown'
    if (this.#old.has(key)) {
      this.#remember(key)
      return 'shown'
    }
    this.#showing.set(key, [])
    return 'show'
  }

  /** The answer is known. What was not confirmed is new again when it comes again. */
  finish(key: string, isConfirmed: boolean): readonly Asker[] {
    const askers = this.#showing.get(key) ?? []
    this.#showing.delete(key)
    if (isConfirmed) this.#remember(key)
    return askers
  }

  #remember(key: string): undefined {
    if (this.#young.size >= this.#most) {
      this.#old = this.#young
      this.#young = new Set()
    }
    this.#young.add(key)
  }
}
