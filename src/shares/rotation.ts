/**
 * Whose turn it is: round robin at each step of the tree of accounts, each child so often in a row as it weighs
 * (hierarchical weighted round robin); of a class, a child of the root, those that are late after all others.
 *
 * In:    items that wait, each for an account; which are late.
 * Out:   the next one, which waits no more.
 * Fails: never.
 * Cost:  one look-up a step of the tree for each that comes or goes, however many wait.
 */
import type { Account } from './account.ts'

/** What waits below an account, what is next first: items of its own, and accounts with what waits below them. */
class Branch<T> {
  readonly waiting = new Map<Account | T, Branch<T> | undefined>()
  /** Turns that it had in a row. */
  had = 0
  /** Of a class: what comes after all that. */
  late: Branch<T> | undefined
}

export class Rotation<T extends object> {
  readonly #root = new Branch<T>()
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Behind all that wait for the same account. */
  add(account: Account, item: T, isLate = false): undefined {
    this.#branchOf(account, isLate).waiting.set(item, undefined)
    this.#size++
  }

  /** It waits no more, and was not late. What is left of its way goes when its turn comes. */
  remove(account: Account, item: T): undefined {
    if (this.#find(account)?.waiting.delete(item) === true) this.#size--
  }

  next(): T | undefined {
    const item = this.#take(this.#root)
    if (item !== undefined) this.#size--
    return item
  }

  #find(account: Account): Branch<T> | undefined {
    const { parent } = account
    return parent === undefined ? this.#root : this.#find(parent)?.waiting.get(account)
  }

  #branchOf(account: Account, isLate: boolean): Branch<T> {
    const { parent } = account
    if (parent === undefined) return this.#root
    const { waiting } = this.#branchOf(parent, isLate)
    const branch = waiting.get(account) ?? new Branch<T>()
    waiting.set(account, branch)
    if (!isLate || parent.parent !== undefined) return branch
    branch.late ??= new Branch<T>()
    return branch.late
  }

  /** Of the first child, which goes to the end once it had its turns, and goes for good if nothing waits there. */
  #take({ waiting, late }: Branch<T>): T | undefined {
    for (const [child, below] of waiting) {
      const item = below === undefined ? (child as T) : this.#take(below)
      if (below !== undefined && item !== undefined && ++below.had < (child as Account).weight) {
        return item
      }
      waiting.delete(child)
      if (item === undefined) continue
      if (below !== undefined) {
        below.had = 0
        waiting.set(child, below)
      }
      return item
    }
    return late === undefined ? undefined : this.#take(late)
  }
}
