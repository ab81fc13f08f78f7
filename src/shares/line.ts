/**
 * A line: places that are had for a short while each, and waited for where none is free.
 *
 * In:    for whom a place is wanted, and until when; places that are given back.
 * Out:   a place, at once or in its turn. Nobody may have more than so many times what is free (dynamic thresholds, as
 *        of shared buffers in switches), and who had some lately less than who had none, so that something is always left
 *        for whoever comes next. Of those who wait the one goes first whose account has least for its weight, from the
 *        root of the tree down (max-min fairness); of equals the one that was served longest ago.
 * Fails: never. `false`: the signal ended first, or as many wait for the same account as may.
 * Cost:  one comparison a step for a place, and a pass over the accounts that wait for each that is given back.
 */
import { type Account, type Held, parting } from './account.ts'
import type { Shares } from './shares.ts'
import { mostAccounts } from './tree.ts'

export type LineOptions = {
  readonly places: number
  /** Whoever had fewer in the last minute comes before the others. */
  readonly few: number
  /** Who waits for one account; more get nothing. */
  readonly most: number
  /** What it costs of the event loop to serve one, in ms: who is served pays. */
  readonly priceMs: number
  /** Told when somebody has to wait. */
  readonly waits: () => undefined
}

/** Strangers, alone, have two thirds of all, and so has any one user; up to three quarters is for those who had few. */
const timesFree = { usual: 2, few: 3 }
const lately = 60_000

/** When it was served last, and how often since when. */
type Service = { readonly at: number; readonly since: number; readonly count: number }

const longAgo = Number.NEGATIVE_INFINITY
const never: Service = { at: longAgo, since: longAgo, count: 0 }

export class Line {
  readonly #shares: Shares
  readonly #resource: Held
  readonly #options: LineOptions
  /** In the order of asking. */
  readonly #waiting = new Map<Account, Set<() => undefined>>()
  /** By the name of the account, which may have been forgotten meanwhile; who was served longest ago comes first. */
  readonly #services = new Map<string, Service>()

  constructor(shares: Shares, resource: Held, options: LineOptions) {
    this.#shares = shares
    this.#resource = resource
    this.#options = options
  }

  /** Whether a place was had. Give it back after use. */
  take(account: Account, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(false)
    if (this.#hasRoom(account)) {
      this.#enter(account)
      return Promise.resolve(true)
    }
    this.#options.waits()
    const own = this.#waiting.get(account) ?? new Set()
    if (own.size >= this.#options.most) return Promise.resolve(false)
    this.#waiting.set(account, own)
    return new Promise((resolve) => {
      const leave = () => {
        this.#drop(account, own, enter)
        resolve(false)
      }
      const enter = (): undefined => {
        this.#drop(account, own, enter)
        signal.removeEventListener('abort', leave)
        resolve(true)
      }
      own.add(enter)
      signal.addEventListener('abort', leave, { once: true })
    })
  }

  give(account: Account): undefined {
    this.#shares.give(account, this.#resource)
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      this.#enter(next)
      const [enter] = this.#waiting.get(next) as Set<() => undefined>
      enter?.()
    }
  }

  #enter(account: Account): undefined {
    this.#shares.hold(account, this.#resource)
    this.#shares.charge(account, this.#options.priceMs)
    const { now } = this.#shares
    const { since, count } = this.#serviceOf(account)
    const isNew = now - since > lately
    this.#services.delete(account.name)
    this.#services.set(account.name, {
      at: now,
      since: isNew ? now : since,
      count: isNew ? 1 : count + 1,
    })
    const [oldest] = this.#services.keys()
    if (oldest !== undefined && this.#services.size > mostAccounts) this.#services.delete(oldest)
  }

  #hasRoom(account: Account): boolean {
    const most = this.#free * (this.#hadFew(account) ? timesFree.few : timesFree.usual)
    for (let a = account; a.parent !== undefined; a = a.parent) {
      if (this.#part(a) >= most) return false
    }
    return true
  }

  get #free(): number {
    return this.#options.places - this.#shares.used(this.#shares.tree.all, this.#resource)
  }

  #hadFew(account: Account): boolean {
    const { since, count } = this.#serviceOf(account)
    return this.#shares.now - since > lately || count < this.#options.few
  }

  #drop(account: Account, own: Set<() => undefined>, enter: () => undefined): undefined {
    own.delete(enter)
    if (own.size === 0) this.#waiting.delete(account)
  }

  /** Whose turn it is; nobody's, while there is no room for any of them. */
  #next(): Account | undefined {
    let first: Account | undefined
    const full = this.#fullClasses()
    for (const account of this.#waiting.keys()) {
      if (full.some((one) => isBelow(account, one))) continue
      if (first !== undefined && !this.#isBefore(account, first)) continue
      if (this.#hasRoom(account)) first = account
    }
    return first
  }

  /** Where there is room for nobody: it is looked for once, and not for each that waits there. */
  #fullClasses(): readonly Account[] {
    const most = this.#free * timesFree.few
    const { all } = this.#shares.tree
    return [...(all.children?.values() ?? [])].filter((one) => this.#part(one) >= most)
  }

  #isBefore(one: Account, other: Account): boolean {
    const [a, b] = parting(one, other)
    const [least, most] = [this.#part(a), this.#part(b)]
    if (least !== most) return least < most
    return this.#serviceOf(one).at < this.#serviceOf(other).at
  }

  #serviceOf({ name }: Account): Service {
    return this.#services.get(name) ?? never
  }

  #part(account: Account): number {
    return this.#shares.used(account, this.#resource) / account.weight
  }
}

function isBelow(account: Account, other: Account): boolean {
  for (let a: Account | undefined = account; a !== undefined; a = a.parent)
    if (a === other) return true
  return false
}
