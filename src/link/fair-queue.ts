/** Items of one class that wait for credit or for the socket: first in first out for a user, round robin between users. */
export class FairQueue<T> {
  readonly #byUser = new Map<string, T[]>()
  #turns: string[] = []
  #length = 0

  get length(): number {
    return this.#length
  }

  get users(): number {
    return this.#turns.length
  }

  push(user: string, item: T): undefined {
    const own = this.#byUser.get(user)
    if (own === undefined) {
      this.#byUser.set(user, [item])
      this.#turns.push(user)
    } else own.push(item)
    this.#length++
  }

  /** Of each user the item that waits longest. */
  *firsts(): Generator<T> {
    for (const own of this.#byUser.values()) if (own[0] !== undefined) yield own[0]
  }

  /** The item whose turn it is; it stays. */
  peek(): T | undefined {
    const user = this.#turns[0]
    return user === undefined ? undefined : this.#byUser.get(user)?.[0]
  }

  /** Takes the item whose turn it is; the next user follows. */
  shift(): T | undefined {
    const user = this.#turns.shift()
    if (user === undefined) return undefined
    const own = this.#byUser.get(user) as T[]
    const item = own.shift()
    this.#length--
    if (own.length === 0) this.#byUser.delete(user)
    else this.#turns.push(user)
    return item
  }

  /** Gives the turn to the next user; the item stays first of its own. */
  rotate(): undefined {
    const user = this.#turns.shift()
    if (user !== undefined) this.#turns.push(user)
  }

  /** Everything that waits; it stays. */
  *items(): Generator<T> {
    for (const own of this.#byUser.values()) yield* own
  }

  /** Takes what `goes`, of each user in its order, if what waits of that user is `meant`. What stays keeps its order. */
  take(
    goes: (item: T) => boolean,
    meant: (own: readonly T[]) => boolean = () => true,
  ): readonly T[] {
    const taken: T[] = []
    for (const [user, own] of this.#byUser) {
      if (!meant(own)) continue
      const left: T[] = []
      for (const item of own) (goes(item) ? taken : left).push(item)
      if (left.length > 0) this.#byUser.set(user, left)
      else this.#byUser.delete(user)
    }
    if (taken.length > 0) this.#turns = this.#turns.filter((user) => this.#byUser.has(user))
    this.#length -= taken.length
    return taken
  }
}
