/**
 * Who pays for what a link does and holds: the account of whoever it is read for, which may change meanwhile.
 *
 * In:    bytes that are held for somebody; how many are written and not out.
 * Out:   the same in an account, given back by the one that paid. One that has too much when more is written gives up
 *        the link with most of it.
 * Fails: `take` and `reserve` say no: that account has its share. A link that shares with nobody pays nothing.
 */
import type { Clock, Task } from '../lib/clock.ts'
import { Account } from '../shares/account.ts'
import type { Shares } from '../shares/shares.ts'
import type { Turns } from '../shares/turns.ts'

/** With whom a link shares, and for whom it is read. */
export type Share = { readonly shares: Shares; readonly account: Account }

/** What is held is not wanted any more, since others need the room. */
export type GiveUp = (now: number) => undefined

/** So little is a part of what a link takes anyhow, and is not counted. */
export const freeBytes = 65_536

const nobody = new Account('nobody', undefined, 1)

export class Payer {
  /** For whom the link is read. */
  account: Account
  /** In whose turns it is read; nothing: at once. */
  readonly turns: Turns | undefined
  readonly #shares: Shares | undefined
  /** What was reserved and can be given up, in the order in which it was. */
  readonly #reserved = new Set<GiveUp>()
  /** Bytes that are written and not out, as far as they count, and who paid for them. */
  #unread = 0
  #paid: Account

  constructor(share?: Share) {
    this.account = share?.account ?? nobody
    this.turns = share?.shares.turns
    this.#shares = share?.shares
    this.#paid = this.account
  }

  /** Whether the far side uses more than its share of our time. */
  get isOver(): boolean {
    return this.#shares?.isOver(this.account, 'time') ?? false
  }

  /** Runs `task` when all is read that is read in this turn of the loop. */
  soon(clock: Clock, task: Task): undefined {
    if (this.turns?.atEnd(task) !== true) clock.soon(task)
  }

  /** Writing to the far side took so long. */
  charge(ms: number): undefined {
    this.turns?.charge(this.account, ms)
  }

  /** `task` is done once, when it is known anew whether it is. */
  afterTurn(task: () => undefined): undefined {
    this.#shares?.afterTurn(task)
  }

  /** Bytes that the far side does not read, if they are many. */
  get unread(): number {
    return this.#unread
  }

  /** False: there is no room for so many bytes of `account`. Give them back. */
  take(account: Account, bytes: number): boolean {
    return this.#shares?.take(account, 'bytes', bytes) ?? true
  }

  /** More of what was taken, whether there is room or not; less than none: fewer. */
  hold(account: Account, bytes: number): undefined {
    this.#shares?.hold(account, 'bytes', bytes)
  }

  give(account: Account, bytes: number): undefined {
    this.#shares?.give(account, 'bytes', bytes)
  }

  /** Bytes of whoever the link is read for now, and how they are given back; nothing: there is no room for them. */
  reserve(bytes: number, giveUp: GiveUp): (() => undefined) | undefined {
    const { account } = this
    if (!this.take(account, bytes)) return undefined
    this.#reserved.add(giveUp)
    return () => {
      if (this.#reserved.delete(giveUp)) this.give(account, bytes)
    }
  }

  /** Gives up what was reserved longest ago; false: there is nothing. */
  giveUp(now: number): boolean {
    const [first] = this.#reserved
    first?.(now)
    return first !== undefined
  }

  /** So many bytes are written and not out. While they are few this is two comparisons. */
  write(bytes: number): undefined {
    const counted = bytes > freeBytes ? bytes : 0
    const before = this.#unread
    if (counted === before && (counted === 0 || this.#paid === this.account)) return
    const { account } = this
    this.give(this.#paid, before)
    this.#paid = account
    this.#unread = counted
    this.hold(account, counted)
    if (counted > before) this.#shares?.relieve(account, 'bytes')
  }
}
