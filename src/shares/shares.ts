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
import {
  type Account,
  type Held,
  indexOf,
  parting,
  type Resource,
  resources,
  turnMs,
  wholeTime,
} from './account.ts'
import { observeShares } from './gauges.ts'
import { Greatest } from './greatest.ts'
import { reportOf, type SharesReport } from './report.ts'
import { bytesMarks, isScarceNow, LoopScarcity, loopRoom, placesMarks } from './scarcity.ts'
import { AccountTree, type DomainStanding, reachOf } from './tree.ts'
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
/** A flood is so many times a share, and so much of all the time there is, or so many requests within two seconds. */
const floodSlack = 2
const floodPart = 0.1
const floodRequests = 100
/** Times in one turn that somebody is asked for a place who has none to spare. */
const mostFailures = 4

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
  readonly #greatest = resources.map((_, at) => new Greatest(this.tree.all, at))
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
    this.#sizes = resources.map((name) => (name === 'time' ? wholeTime : sizes[name]))
    this.#enough = this.#sizes.map((size, at) => size * marksOf(at).enter)
    this.#turn = Math.floor(clock.now() / turnMs)
    this.turns = new Turns(this, clock)
    this.#stop = every(clock, sweepMs, () => this.#sweep())
    this.#refused = resources.map((resource) => meter.counter('share_over_total', { resource }))
    observeShares(this, meter, this.#isScarce)
  }

  stop(): undefined {
    this.#stop()
    this.#cancel?.()
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
   * Whether `account` uses more than twice its share of time, and so much of all that no accident of the stopwatch can
   * be meant.
   */
  isFlood(account: Account): boolean {
    if (!this.isOver(account, 'time', floodSlack)) return false
    return account.use(indexOf.time, this.#turn) > this.#capacity * floodPart
  }

  /**
   * While time is scarce: one more request that `name` sends for `domain`, and whether it is one of a flood: of what is
   * left to the domain its sender uses more than its share, and more than the others do. Senders are told apart by the
   * number of their requests; `undefined`: this one is not.
   */
  isFloodOf(domain: Account, name: string): boolean | undefined {
    const sender = this.tree.sender(domain, name)
    if (sender === undefined) return undefined
    sender.add(indexOf.time, 1, this.#turn)
    return this.isOver(sender, 'time') && sender.use(indexOf.time, this.#turn) > floodRequests
  }

  /** Whether `account` uses more than its share of what is left to its parent, `slack` times. */
  isOver(account: Account, resource: Resource, slack = 1): boolean {
    return this.isScarce(resource) && this.#isAbove(account, indexOf[resource], slack)
  }

  /** Whether anybody is limited. */
  isScarce(resource: Resource): boolean {
    return (this.#limited[indexOf[resource]] as Set<Account>).size > 0
  }

  used(account: Account, resource: Resource): number {
    // In quiet times nobody counts turns.
    if (resource === 'time') this.#turn = Math.floor(this.now / turnMs)
    return account.use(indexOf[resource], this.#turn)
  }

  report(): SharesReport {
    return reportOf(this, this.#sizes, this.#isScarce)
  }

  /** Takes a place, or so many bytes; false: for the time being there is nothing for `account`. Give it back after use. */
  take(account: Account, resource: Held, amount = 1): boolean {
    const at = indexOf[resource]
    const total = this.tree.all.use(at, this.#turn) + amount
    if (this.#isNearlyFull(at, total) && !this.#hasRoom(account, at, amount, total)) {
      ;(this.#refused[at] as Counter).n++
      return false
    }
    this.#add(account, at, amount)
    return true
  }

  /** What is there already, and counts whether there is room or not. Give it back, too. */
  hold(account: Account, resource: Held, amount = 1): undefined {
    const at = indexOf[resource]
    this.#add(account, at, amount)
    const total = this.tree.all.use(at, this.#turn)
    if (this.#isNearlyFull(at, total)) this.#weigh(at, total)
  }

  /** Who has more than its share of what is there already gives up some of it. */
  relieve(account: Account, resource: Held): undefined {
    if (this.isOver(account, resource)) this.#sheds[indexOf[resource]]?.shed(account, true)
  }

  give(account: Account, resource: Held, amount = 1): undefined {
    this.#add(account, indexOf[resource], -amount)
  }

  #isNearlyFull(at: number, total: number): boolean {
    return (this.#isScarce[at] as boolean) || total > (this.#enough[at] as number)
  }

  /** Who is not over its share gets room even in a full table: from whoever is over most. */
  #hasRoom(account: Account, at: number, amount: number, total: number): boolean {
    this.#weigh(at, total)
    const size = this.#sizes[at] as number
    const isAbove = this.#isAbove(account, at, 1)
    if (!isAbove && total <= Math.ceil(size * reachOf(account))) return true
    const table = this.#sheds[at]
    if (table === undefined) return false
    if (isAbove) return table.isReplaceable && table.shed(account, true)
    while ((this.#failures[at] as number) < mostFailures) {
      const victim = (this.#greatest[at] as Greatest).find()
      if (!table.isReplaceable && !this.#hasLess(account, victim, at, amount)) return false
      if (table.shed(victim, false)) return true
      this.#failures[at] = (this.#failures[at] as number) + 1
      this.#greatest[at]?.pass(victim)
    }
    return false
  }

  /** Also with what it asks for: equals take nothing from each other. Compared where their ways part. */
  #hasLess(account: Account, other: Account, at: number, amount: number): boolean {
    const [mine, theirs] = parting(account, other)
    const part = (step: Account, more: number): number =>
      (step.use(at, this.#turn) + more) / step.weight
    return part(mine, amount) < part(theirs, 0)
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
    const isScarce = this.#loop.turn(wallMs, turnMs, this.#charged, this.turns.takeWait())
    this.#isScarce[0] = isScarce
    const used = this.tree.all.use(0, this.#turn)
    // Where more is used than there was, there was more.
    if (this.#loop.isFull || used > this.#capacity) this.#capacity = used
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
    this.#greatest[at]?.forget()
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
    const fair = this.#water.take(room)
    if (fair === Number.POSITIVE_INFINITY) return
    const level = Math.max(fair, this.#leastLevel(node, at))
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

  /** Where all who send for a domain ask for as much, none of them is greedy: they wait for credit together. */
  #leastLevel(node: Account, at: number): number {
    if (at !== indexOf.time || !this.tree.isDomain(node)) return 0
    return (floodSlack * this.#sumBelow(node, at)) / (node.children?.size ?? 1)
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

const marksOf = (at: number) => (at === indexOf.bytes ? bytesMarks : placesMarks)
