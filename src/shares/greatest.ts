/**
 * Who holds most of a table: the one that gives way when it is full.
 *
 * In:    the tree of accounts, and which table.
 * Out:   of each step from the root down one of those that hold most for their weight.
 * Fails: never.
 * Cost:  those that hold nearly as much are found together, so that a place from one of many costs no look at all of them.
 */
import type { Account } from './account.ts'

/** Accounts that hold at least `least` for their weight, of the children of one. */
type Found = { readonly accounts: Account[]; readonly least: number }

/** Who holds so much of what the greatest holds gives way as it does. */
const nearly = 0.7

export class Greatest {
  readonly #root: Account
  readonly #at: number
  /** By parent. */
  readonly #found = new Map<Account, Found>()

  /** `at`: which resource, but not time. */
  constructor(root: Account, at: number) {
    this.#root = root
    this.#at = at
  }

  find(): Account {
    let node = this.#root
    for (let next = this.#below(node); next !== undefined; next = this.#below(node)) node = next
    return node
  }

  /** It has none to spare: the next one among those found, if there is one. */
  pass({ parent }: Account): undefined {
    if (parent !== undefined) this.#found.get(parent)?.accounts.pop()
  }

  /** Others may hold more by now. */
  forget(): undefined {
    this.#found.clear()
  }

  #below(node: Account): Account | undefined {
    const { accounts, least } = this.#found.get(node) ?? this.#search(node)
    for (let last = accounts.at(-1); last !== undefined; last = accounts.at(-1)) {
      if (this.#part(last) >= least) return last
      accounts.pop()
    }
    return this.#search(node).accounts.at(-1)
  }

  #search(node: Account): Found {
    const children = [...(node.children?.values() ?? [])].filter((child) => this.#part(child) > 0)
    const most = children.reduce((part, child) => Math.max(part, this.#part(child)), 0)
    const accounts = children.filter((child) => this.#part(child) >= most * nearly)
    const found = { accounts, least: most * nearly }
    if (accounts.length > 0) this.#found.set(node, found)
    return found
  }

  #part(account: Account): number {
    return account.use(this.#at, 0) / account.weight
  }
}
