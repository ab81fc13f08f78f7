/**
 * Shares: who may have how much of what runs out, with one mechanism under every door and table.
 *
 * In:    what is used and by whom; how late a timer is.
 * Out:   whether somebody is over its share. Nothing is limited while nothing is scarce; then the share of each is
 *        max-min fair over use ÷ weight, at each step of the tree, so that the biggest of the biggest give way first.
 * Fails: never.
 * Cost:  one addition a step for what is used, one comparison a step for what is asked; the levels are found once a
 *        turn, and only while something is scarce.
 */
import { type Cancel, type Clock, every } from '../lib/clock.ts'
import type { Counter, Meter } from '../lib/meter.ts'
import { type Account, type Held, indexOf, type Resource, resources, turnMs } from './account.ts'
import { bytesMarks, isScarceNow, LoopScarcity, loopRoom, placesMarks } from './scarcity.ts'
import { AccountTree, type DomainStanding } from './tree.ts'
import { Turns } from './turns.ts'
import { WaterLevel } from './water-level.ts'

/** How much there is of each. */
export type Sizes = Readonly<Record<Held, number>>

/** What a table does when it is full. */
export type FullTable = {
  /**
   * Gives up what an account holds and needs least; false: nothing of it can be had. `isOwn`: for the account itself, which
   * has no more room; else for one that has less.
   */
  readonly shed: (account: Account, isOwn: boolean) => boolean
  /** Nobody misses what is given up: who has no more room may replace its own. */
  readonly isReplaceable: boolean
}

export type SharesNeeds = {
  readonly clock: Clock
  readonly meter: Meter
  readonly sizes: Sizes
  /** What a domain is to our operator and our users. */
  readonly standing: (domain: string) => DomainStanding
}

/** So often, in quiet times too, it is looked whether anything is still scarce, and which accounts can be forgotten. */
const sweepMs = 10_000
const sweptAtOnce = 8192
/** Work in one turn that makes the next one worth a look at the lag of the loop. */
const worthMs = 10
/** What is not scarce any more is given back by so much a turn. */
const relaxation = 1.25
/** Times in one turn that somebody is asked for a place who has none to spare. */
const mostFailures = 4
/** Who uses so much of what the greatest user uses gives way as it does: one search finds many. */
const amongMost = 0.7

export class Shares {
  readonly tree = new AccountTree()
  /** Who is read when. */
  readonly turns: Turns
  readonly #needs: SharesNeeds
  readonly #sizes: readonly number[]
  /** Up to here everybody gets what is asked for. */
  readonly #enough: readonly number[]
  readonly #loop = new LoopScarcity()
  readonly #isScarce: boolean[] = resources.map(() => false)
  /** Nodes whose children are limited, by resource. */
  readonly #limited: Set<Account>[] = resources.map(() => new Set())
  readonly #sheds: (FullTable | undefined)[] = resources.map(() => undefined)
  readonly #failures: number[] = resources.map(() => 0)
  /** Who gives way first, by resource and by parent, until the end of the turn. */
  readonly #most: Map<Account, Most>[] = resources.map(() => new Map())
  readonly #weighedAt: number[] = resources.map(() => Number.NEGATIVE_INFINITY)
  readonly #refused: readonly Counter[]
  readonly #water = new WaterLevel()
  readonly #stop: Cancel
  readonly #pass = (): undefined => this.#look()
  #turn: number
  /** Set while turns are looked at. */
  #cancel: Cancel | undefined = undefined
  #turnAt = 0
  /** Time since the last turn that was charged to anybody, in ms. */
  #charged = 0
  /** All that was used lately when there was no more, in ms. */
  #capacity = 0
  readonly #waiting: (() => undefined)[] = []

  constructor(needs: SharesNeeds) {
    const { clock, meter, sizes } = needs
    this.#needs = needs
    this.#sizes = resources.map((name) => (name === 'time' ? 0 : sizes[name]))
    this.#enough = this.#sizes.map((size, at) => size * marksOf(at).enter)
    this.#turn = Math.floor(clock.now() / turnMs)
    this.turns = new Turns(this, clock)
    this.#stop = every(clock, sweepMs, () => this.#sweep())
    this.#refused = resources.map((resource) => meter.counter('share_over_total', { resource }))
    meter.gauge('share_accounts', {}, () => this.tree.size)
    meter.gauge('share_unread_links', {}, () => this.turns.links)
    for (const resource of resources) {
      const at = indexOf[resource]
      meter.gauge('share_scarce', { resource }, () => (this.#isScarce[at] ? 1 : 0))
      for (const account of this.#classes) {
        meter.gauge('share_used', { resource, class: account.name }, () =>
          account.use(at, this.#turn),
        )
      }
    }
  }

  stop(): undefined {
    this.#stop()
    this.#cancel?.()
  }

  get #classes(): readonly Account[] {
    const { ours, known, strangers, admin } = this.tree
    return [ours, known, strangers, admin]
  }

  /** `network`: where the first of its links comes from. */
  domain(name: string, network: string): Account {
    return this.tree.domain(name, network, this.#needs.standing(name), this.#turn)
  }

  /** Whether our operator names it, or our users know it. */
  isKnown(name: string): boolean {
    return this.#needs.standing(name) !== 'stranger'
  }

  /** The account of a domain that is known or was met; one for all others, who are nobody's neighbours. */
  remote(name: string): Account {
    if (this.isKnown(name)) return this.domain(name, '')
    return this.tree.find(name) ?? this.tree.network('')
  }

  /** Set once, by the table. */
  onFull(resource: Held, table: FullTable): undefined {
    const at = indexOf[resource]
    if (this.#sheds[at] !== undefined) throw new Error(`two tables for ${resource}`)
    this.#sheds[at] = table
  }

  get now(): number {
    return this.#needs.clock.now()
  }

  /** Work was done for `account`, for so many ms. */
  charge(account: Account, ms: number): undefined {
    this.#charged += ms
    if (this.#charged > worthMs) this.#watch()
    this.#add(account, 0, ms)
  }

  /**
   * While time is scarce: one more request that `name` sends for `domain`, and whether it has more than its share of what
   * is left to the domain. Senders are told apart by the number of their requests; `undefined`: this one is not.
   */
  isGreedy(domain: Account, name: string): boolean | undefined {
    const sender = this.tree.sender(domain, name)
    sender?.add(indexOf.time, 1, this.#turn)
    return sender && this.isOver(sender, 'time')
  }

  /** Whether `account` uses more than `slack` times its share of what is left to its parent. */
  isOver(account: Account, resource: Resource, slack = 1): boolean {
    return this.isScarce(resource) && this.#isAbove(account, indexOf[resource], slack)
  }

  /** Whether anybody is limited. */
  isScarce(resource: Resource): boolean {
    return (this.#limited[indexOf[resource]] as Set<Account>).size > 0
  }

  used(account: Account, resource: Resource): number {
    return account.use(indexOf[resource], this.#turn)
  }

  /** Takes a place, or so many bytes; false: for the time being there is nothing for `account`. Give it back after use. */
  take(account: Account, resource: Held, amount = 1): boolean {
    const at = indexOf[resource]
    const total = this.tree.all.use(at, this.#turn) + amount
    const isNearlyFull = this.#isScarce[at] || total > (this.#enough[at] as number)
    if (isNearlyFull && !this.#hasRoom(account, at, total)) {
      ;(this.#refused[at] as Counter).n++
      return false
    }
    this.#add(account, at, amount)
    return true
  }

  /** What is there already, and counts whether there is room or not. Give it back, too. */
  hold(account: Account, resource: Held, amount = 1): undefined {
    this.#add(account, indexOf[resource], amount)
  }

  give(account: Account, resource: Held, amount = 1): undefined {
    this.#add(account, indexOf[resource], -amount)
  }

  /** Who is not over its share gets room even in a full table: from whoever is over most. */
  #hasRoom(account: Account, at: number, total: number): boolean {
    this.#weigh(at, total)
    const size = this.#sizes[at] as number
    const isAbove = this.#isAbove(account, at, 1)
    if (!isAbove && total <= Math.ceil(size * reachOf(account))) return true
    const table = this.#sheds[at]
    if (table === undefined) return false
    if (isAbove) return table.isReplaceable && table.shed(account, true)
    while ((this.#failures[at] as number) < mostFailures) {
      const victim = this.#greatest(at)
      if (!table.isReplaceable && !this.#hasLess(account, victim, at)) return false
      if (table.shed(victim, false)) return true
      this.#failures[at] = (this.#failures[at] as number) + 1
      // The next one among those found, if there is one.
      if (victim.parent !== undefined) this.#most[at]?.get(victim.parent)?.accounts.pop()
    }
    return false
  }

  /** Who uses most of what its siblings use, from the root down. */
  #greatest(at: number): Account {
    let node = this.tree.all
    for (let next = this.#mostOf(node, at); next !== undefined; next = this.#mostOf(node, at)) {
      node = next
    }
    return node
  }

  /** One of the children that use most. Found together, so that a place from one of many costs no look at all of them. */
  #mostOf(node: Account, at: number): Account | undefined {
    const { children } = node
    if (children === undefined) return undefined
    const found = this.#most[at]?.get(node)
    for (let last = found?.accounts.at(-1); last !== undefined; last = found?.accounts.at(-1)) {
      if (found !== undefined && this.#part(last, at) >= found.least) return last
      found?.accounts.pop()
    }
    let most = 0
    for (const child of children.values()) most = Math.max(most, this.#part(child, at))
    if (most <= 0) return undefined
    const least = most * amongMost
    const accounts = [...children.values()].filter((child) => this.#part(child, at) >= least)
    this.#most[at]?.set(node, { accounts, least })
    return accounts.at(-1)
  }

  #part(account: Account, at: number): number {
    return account.use(at, this.#turn) / account.weight
  }

  /** Also once a place has changed hands: equals take nothing from each other. Compared where their ways part. */
  #hasLess(account: Account, other: Account, at: number): boolean {
    const [own, its] = [pathOf(account), pathOf(other)]
    const fork = own.findIndex((step, n) => step !== its[n])
    const [mine, theirs] = [own[fork], its[fork]]
    if (mine === undefined || theirs === undefined) return false
    const after = (step: Account, change: number): number =>
      (step.use(at, this.#turn) + change) / step.weight
    return after(mine, 1) <= after(theirs, -1)
  }

  #add(account: Account, at: number, amount: number): undefined {
    for (let a: Account | undefined = account; a !== undefined; a = a.parent) {
      a.add(at, amount, this.#turn)
    }
  }

  /** Whoever stands above it gives way by those of its children that are over: the others keep what they have. */
  #isAbove(account: Account, at: number, slack: number): boolean {
    const { parent, weight } = account
    if (parent === undefined) return false
    return account.use(at, this.#turn) > parent.level(at) * weight * slack
  }

  /** `task` is done once, when this turn is over and it is known anew who is over its share of time. */
  afterTurn(task: () => undefined): undefined {
    this.#waiting.push(task)
    this.#watch()
  }

  /** From now on each turn is looked at, until nothing is scarce and little is done. */
  #watch(): undefined {
    if (this.#cancel !== undefined) return
    const { clock } = this.#needs
    this.#turnAt = clock.now()
    this.#cancel = clock.after(turnMs, this.#pass)
  }

  /** A turn is over. */
  #look(): undefined {
    const now = this.now
    const wallMs = now - this.#turnAt
    this.#cancel = undefined
    this.#turn = Math.floor(now / turnMs)
    const isScarce = this.#loop.turn(wallMs, turnMs, this.#charged, this.turns.links > 0)
    this.#isScarce[0] = isScarce
    if (this.#loop.isFull) this.#capacity = this.tree.all.use(0, this.#turn)
    if (isScarce) this.#share(0, this.#capacity * loopRoom)
    else this.#relax(0)
    const isQuiet = this.#charged < worthMs && !isScarce
    this.#charged = 0
    const waiting = this.#waiting.splice(0)
    for (const task of waiting) task()
    if (!isQuiet || this.isScarce('time') || this.#waiting.length > 0) this.#watch()
  }

  /** In quiet times, too. */
  #sweep(): undefined {
    this.#turn = Math.floor(this.now / turnMs)
    for (let at = 1; at < resources.length; at++) this.#weigh(at, this.tree.all.use(at, this.#turn))
    this.tree.sweep(this.#turn, sweptAtOnce)
  }

  /** Places: whether they are scarce with `total` taken, and who may have how many; anew once a turn. */
  #weigh(at: number, total: number): undefined {
    const { now } = this
    const before = this.#isScarce[at] as boolean
    if (before && now - (this.#weighedAt[at] as number) < turnMs) return
    this.#weighedAt[at] = now
    this.#failures[at] = 0
    this.#most[at]?.clear()
    const size = this.#sizes[at] as number
    const marks = marksOf(at)
    const isScarce = isScarceNow(before, total, size, marks)
    this.#isScarce[at] = isScarce
    if (isScarce) this.#share(at, size * marks.room)
    else if (before) this.#share(at, Number.POSITIVE_INFINITY)
  }

  /** Shares out so much of a resource. */
  #share(at: number, room: number): undefined {
    const before = this.#limited[at] as Set<Account>
    const after = new Set<Account>()
    this.#limited[at] = after
    this.#fill(this.tree.all, at, room, after)
    for (const node of before) if (!after.has(node)) node.limit(at, Number.POSITIVE_INFINITY)
  }

  /** Finds the level of `node`, then of those of its children that are over it: what is left to them is shared, too. */
  #fill(node: Account, at: number, room: number, limited: Set<Account>): undefined {
    const turn = this.#turn
    for (const child of node.children?.values() ?? [])
      this.#water.add(child.use(at, turn), child.weight)
    const level = this.#water.take(room)
    if (level === Number.POSITIVE_INFINITY) return
    node.limit(at, level)
    limited.add(node)
    for (const child of node.children?.values() ?? []) {
      const used = child.use(at, turn)
      const share = level * child.weight
      // Of those who send for a domain requests are counted, not ms: what counts is which part of it is left.
      if (used > share && child.children !== undefined) {
        this.#fill(child, at, this.#sumBelow(child, at) * (share / used), limited)
      }
    }
  }

  #sumBelow({ children }: Account, at: number): number {
    let sum = 0
    for (const child of children?.values() ?? []) sum += child.use(at, this.#turn)
    return sum
  }

  /** There is plenty: levels rise until nobody is near them. */
  #relax(at: number): undefined {
    const limited = this.#limited[at] as Set<Account>
    for (const node of limited) {
      const level = node.level(at) * relaxation
      let most = 0
      for (const child of node.children?.values() ?? []) {
        most = Math.max(most, child.use(at, this.#turn) / child.weight)
      }
      if (level <= most) node.limit(at, level)
      else {
        node.limit(at, Number.POSITIVE_INFINITY)
        limited.delete(node)
      }
    }
  }
}

/** Accounts that use at least `least`, of the children of one. */
type Most = { readonly accounts: Account[]; readonly least: number }

const marksOf = (at: number) => (at === indexOf.bytes ? bytesMarks : placesMarks)

/** From the root down. */
const pathOf = (account: Account): readonly Account[] => {
  const path: Account[] = []
  for (let a: Account | undefined = account; a !== undefined; a = a.parent) path.unshift(a)
  return path
}

/** The last tenth of everything is for our users, and some before it for them and for known peers. */
const reachOf = (account: Account): number => {
  let a = account
  while (a.parent?.parent !== undefined) a = a.parent
  return a.name === 'ours' ? 1 : a.name === 'known' ? 0.9 : 0.75
}
