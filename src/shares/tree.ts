/**
 * The tree of accounts: who stands where, and who is forgotten.
 *
 *   all → ours (4) → user
 *       → known (4) → domain (1; named by the operator 8) → sender
 *       → strangers (1) → network → domain → sender
 *       → admin (1/4)
 *
 * In:    names. What a domain proves never gives it more: until it is known, it stands under the network that it came from.
 * Out:   accounts; the same one for the same name, as long as anything is left of what it used.
 * Fails: never. Beyond `mostAccounts`, and strangers some time before, newcomers share one account of their parent.
 */
import { Account } from './account.ts'

export const mostAccounts = 16_384

/** Who sends for one domain; all of them together have half of the accounts. */
const mostSenders = 1024

/** Of a domain that the operator names or pins. */
const namedWeight = 8

/** For all for whom there is no room; no user, domain or network is called so. */
export const rest = '_rest'

export type DomainStanding = 'named' | 'known' | 'stranger'

export class AccountTree {
  readonly all = new Account('all', undefined, 1)
  readonly ours = this.#classOf('ours', 4)
  readonly known = this.#classOf('known', 4)
  readonly strangers = this.#classOf('strangers', 1)
  readonly admin = this.#classOf('admin', 0.25)
  /** Wherever they stand. */
  readonly #domains = new Map<string, Account>()
  readonly #leaves = new Set<Account>()
  readonly #most: number
  #cursor: Iterator<Account> = this.#leaves.values()

  constructor(most: number = mostAccounts) {
    this.#most = most
  }

  /** Accounts below the classes. */
  get size(): number {
    return this.#leaves.size
  }

  user(name: string): Account {
    return this.#childOf(this.ours, name, 1)
  }

  network(name: string): Account {
    return this.#childOf(this.strangers, name, 1)
  }

  /** `network`: where it came from first; a stranger stays there. */
  domain(name: string, network: string, standing: DomainStanding, turn: number): Account {
    const known = this.#domains.get(name)
    if (known !== undefined) {
      if (standing !== 'stranger') this.#promote(known, standing, turn)
      return known
    }
    const weight = standing === 'named' ? namedWeight : 1
    const parent = standing === 'stranger' ? this.network(network) : this.known
    const account = this.#childOf(parent, name, weight)
    if (account.name === name) this.#domains.set(name, account)
    return account
  }

  /** A domain that has an account. */
  find(name: string): Account | undefined {
    return this.#domains.get(name)
  }

  isDomain(account: Account): boolean {
    return this.#domains.get(account.name) === account
  }

  /** One who sends for a domain; nothing: it has so many already that no more are told apart. */
  sender(domain: Account, name: string): Account | undefined {
    const known = domain.children?.get(name)
    if (known !== undefined) return known
    const isFull = (domain.children?.size ?? 0) >= mostSenders || this.size >= this.#most / 2
    return isFull ? undefined : this.#childOf(domain, name, 1)
  }

  /** Looks at so many accounts whether anything is left of them. */
  sweep(turn: number, count: number): undefined {
    for (let n = 0; n < count; n++) {
      const { value, done } = this.#cursor.next()
      if (done === true) {
        this.#cursor = this.#leaves.values()
        return
      }
      if (value.isBlank(turn)) this.#drop(value)
    }
  }

  #classOf(name: string, weight: number): Account {
    return this.all.adopt(new Account(name, this.all, weight))
  }

  #childOf(parent: Account, name: string, weight: number): Account {
    const known = parent.children?.get(name)
    if (known !== undefined) return known
    if (this.#leaves.size >= this.#most * reachOf(parent) && name !== rest)
      return this.#childOf(parent, rest, 1)
    const account = parent.adopt(new Account(name, parent, weight))
    this.#leaves.add(account)
    return account
  }

  /** Our users know it now: it leaves its network, with all that it holds. */
  #promote(account: Account, standing: 'named' | 'known', turn: number): undefined {
    account.weight = standing === 'named' ? namedWeight : 1
    if (account.parent !== this.known) account.moveTo(this.known, turn)
  }

  #drop(account: Account): undefined {
    account.parent?.children?.delete(account.name)
    this.#leaves.delete(account)
    if (this.#domains.get(account.name) === account) this.#domains.delete(account.name)
  }
}

/** The last tenth of everything is for our users, and some before it for them and for known peers. */
export const reachOf = (account: Account): number => {
  let a = account
  while (a.parent?.parent !== undefined) a = a.parent
  return a.name === 'ours' ? 1 : a.name === 'known' ? 0.9 : 0.75
}
