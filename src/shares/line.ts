/**
 * A line: places that are had for a short while each, and waited for where none is free.
 *
 * In:    for whom a place is wanted, and until when; places that are given back.
 * Out:   a place, at once or in its turn. Nobody may have more than so many times what is free (dynamic thresholds, as
 *        of shared buffers in switches), and who had some lately less than who had none, so that something is always left
 *        for whoever comes next. Of those who wait they have their turns first who had few lately, down the tree of
 *        accounts; then the others.
 * Fails: never. `false`: the signal ended first, or as many wait for the same account as may.
 * Cost:  one comparison a step for a place, and a few for each that is given back, however many wait.
 */
import type { Account, Held } from './account.ts'
import { Rotation } from './rotation.ts'
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
/** Accounts without room that are passed over for one place: they have their next turn after all others. */
const mostTries = 8

/** How often it was served, and since when. */
type Service = { readonly since: number; readonly count: number }

const never: Service = { since: Number.NEGATIVE_INFINITY, count: 0 }

/** All who wait for one account, in the order of asking. */
type Queue = { readonly account: Account; readonly enters: Set<() => undefined> }

export class Line {
  readonly #shares: Shares
  readonly #resource: Held
  readonly #options: LineOptions
  readonly #queues = new Map<Account, Queue>()
  /** Accounts that had few lately, and the others. */
  readonly #few = new Rotation<Queue>()
  readonly #others = new Rotation<Queue>()
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
    const queue = this.#queues.get(account) ?? { account, enters: new Set() }
    const { enters } = queue
    if (enters.size >= this.#options.most) return Promise.resolve(false)
    if (enters.size === 0) this.#wait(queue)
    return new Promise((resolve) => {
      const leave = () => {
        enters.delete(enter)
        if (enters.size === 0) this.#leave(queue)
        resolve(false)
      }
      const enter = (): undefined => {
        signal.removeEventListener('abort', leave)
        resolve(true)
      }
      enters.add(enter)
      signal.addEventListener('abort', leave, { once: true })
    })
  }

  give(account: Account): undefined {
    this.#shares.give(account, this.#resource)
    for (let next = this.#next(); next !== undefined; next = this.#next()) this.#serve(next)
  }

  #wait(queue: Queue): undefined {
    const { account } = queue
    this.#queues.set(account, queue)
    const rotation = this.#hadFew(account) ? this.#few : this.#others
    rotation.add(account, queue)
  }

  #leave(queue: Queue): undefined {
    const { account } = queue
    this.#queues.delete(account)
    this.#few.remove(account, queue)
    this.#others.remove(account, queue)
  }

  /** The first of those who wait for an account that has its turn. */
  #serve(queue: Queue): undefined {
    const { account, enters } = queue
    this.#enter(account)
    const [enter] = enters
    if (enter !== undefined) enters.delete(enter)
    if (enters.size > 0) this.#wait(queue)
    else this.#queues.delete(account)
    enter?.()
  }

  #enter(account: Account): undefined {
    this.#shares.hold(account, this.#resource)
    this.#shares.charge(account, this.#options.priceMs)
    const { now } = this.#shares
    const { since, count } = this.#serviceOf(account)
    const isNew = now - since > lately
    this.#services.delete(account.name)
    const service = isNew ? { since: now, count: 1 } : { since, count: count + 1 }
    this.#services.set(account.name, service)
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

  /** Whose turn it is; nobody's, while there is no room for any of them. */
  #next(): Queue | undefined {
    return this.#nextOf(this.#few) ?? this.#nextOf(this.#others)
  }

  #nextOf(rotation: Rotation<Queue>): Queue | undefined {
    const passed: Queue[] = []
    let found: Queue | undefined
    while (found === undefined && passed.length < mostTries) {
      const queue = rotation.next()
      if (queue === undefined) break
      const { account } = queue
      // An account that went elsewhere in the tree has left its queue behind.
      if (this.#queues.get(account) !== queue) continue
      if (rotation === this.#few && !this.#hadFew(account)) this.#others.add(account, queue)
      else if (this.#hasRoom(account)) found = queue
      else passed.push(queue)
    }
    for (const queue of passed) rotation.add(queue.account, queue)
    return found
  }

  #serviceOf({ name }: Account): Service {
    return this.#services.get(name) ?? never
  }

  #part(account: Account): number {
    return this.#shares.used(account, this.#resource) / account.weight
  }
}
