/**
 * An account: what one user, domain, network or class uses of the things that run out, and how much its children may.
 *
 * Every use counts at each step up to the root. While nothing is scarce every level is Infinity, and nobody is over.
 */

/** What runs out: time of the event loop, bytes held, and places in tables. */
export const resources = [
  'time',
  'bytes',
  'links',
  'clients',
  'credentials',
  'lanes',
  'duplicates',
  'subscriptions',
  'presentities',
  'questions',
  'dials',
] as const

export type Resource = (typeof resources)[number]
/** All but time, which passes by itself. */
export type Held = Exclude<Resource, 'time'>

/** What a domain elsewhere can have: all but what only our own users do. */
export const resourcesOfPeers = resources.filter(
  (name) => name !== 'clients' && name !== 'presentities',
)

export const indexOf = Object.fromEntries(resources.map((name, at) => [name, at])) as Readonly<
  Record<Resource, number>
>

const zeros = resources.map(() => 0)
const unlimited: readonly number[] = resources.map(() => Number.POSITIVE_INFINITY)

/** Time that was used is weighed anew so often. */
export const turnMs = 100
/** τ of 2 s: after it a third is left. */
const leftPerTurn = Math.exp(-turnMs / 2000)
/** What a loop that does nothing else comes to, in ms. */
export const wholeTime = turnMs / (1 - leftPerTurn)
/** After so many turns nothing is. */
const forgottenAfter = 600
/** Less time than this (ms, or requests) is none. */
const leastTime = 0.01

export class Account {
  readonly name: string
  parent: Account | undefined
  weight: number
  children: Map<string, Account> | undefined = undefined
  /** Since when it uses more than twice its share of time; -1: it does not. */
  overSince = -1
  /** In the order of `resources`; time as it was in `#turn`. */
  readonly #used: number[] = zeros.slice()
  #turn = 0
  /** How much a child may use for each unit of its weight. */
  #levels = unlimited

  constructor(name: string, parent: Account | undefined, weight: number) {
    this.name = name
    this.parent = parent
    this.weight = weight
  }

  adopt(child: Account): Account {
    this.children ??= new Map()
    this.children.set(child.name, child)
    return child
  }

  /** What it uses; of time: lately, as of `turn`, in ms (one who sends for a domain: in requests). */
  use(at: number, turn: number): number {
    const passed = turn - this.#turn
    if (at === 0 && passed > 0) {
      const used = this.#used[0] as number
      // One turn is the rule under load.
      const left = passed === 1 ? leftPerTurn : passed > forgottenAfter ? 0 : leftPerTurn ** passed
      this.#used[0] = used * left
      this.#turn = turn
    }
    return this.#used[at] as number
  }

  /** So much more (or less) here alone. */
  add(at: number, amount: number, turn: number): undefined {
    if (at === 0) this.use(at, turn)
    this.#used[at] = (this.#used[at] as number) + amount
  }

  /** Nothing of it is left: a new one would be the same. */
  isBlank(turn: number): boolean {
    if (this.children !== undefined && this.children.size > 0) return false
    return this.use(0, turn) < leastTime && this.#used.every((used, at) => at === 0 || used === 0)
  }

  /** Infinity: its children are not limited. */
  level(at: number): number {
    return this.#levels[at] as number
  }

  limit(at: number, level: number): undefined {
    this.#levels = this.#levels.with(at, level)
  }

  /** With all that it uses, below another parent. */
  moveTo(parent: Account, turn: number): undefined {
    this.use(0, turn)
    const count = (from: Account | undefined, sign: number): undefined => {
      for (let a = from; a !== undefined; a = a.parent) {
        for (let at = 0; at < resources.length; at++) {
          a.add(at, sign * (this.#used[at] as number), turn)
        }
      }
    }
    count(this.parent, -1)
    this.parent?.children?.delete(this.name)
    this.parent = parent
    parent.adopt(this)
    count(parent, 1)
  }
}

/** Where the ways from the root to two accounts part. */
export function parting(one: Account, other: Account): readonly [Account, Account] {
  const [a, b] = [wayTo(one), wayTo(other)]
  const at = a.findIndex((step, i) => step !== b[i])
  return [a[at] ?? one, b[at] ?? other]
}

function wayTo(account: Account): readonly Account[] {
  const way: Account[] = []
  for (let a: Account | undefined = account; a !== undefined; a = a.parent) way.unshift(a)
  return way
}
