/**
 * Turns: how long each link may be read before another one is, so that nobody holds the event loop.
 *
 * In:    chunks as they come from channels, and other work that takes a while; the account that it is for.
 * Out:   frames, read in slices of time; work, done; what was spent, charged to whom it was spent for.
 * Fails: never. What is not read in its slice waits, its channel paused, and is read in the turns that follow, in the
 *        order of `rotation.ts`: many links, domains or networks make no class more, nor many links or domains a network. Who
 *        uses more than its share of time is read after the others of its class.
 * Cost:  two readings of the clock a chunk, and one each four frames.
 */
import type { Clock, Task } from '../lib/clock.ts'
import type { Account } from './account.ts'
import { byteMs, readMs } from './prices.ts'
import { Rotation } from './rotation.ts'
import type { Shares } from './shares.ts'

/** One link as it is read. */
export interface Reader {
  /** For whom it is read. */
  readonly account: Account
  /** Bytes of `chunk` that were taken; those behind the last whole frame wait for more inside. */
  read(chunk: Buffer, now: number): number
  /** No chunk comes until `resume`. */
  pause(): undefined
  resume(): undefined
}

type Unread = { readonly reader: Reader; rest: Buffer }
/** Work that is not reading. */
type Job = { readonly account: Account; readonly run: () => undefined }

/** All reading and work between two polls of the system. */
const turnMs = 4
const [leastSliceMs, mostSliceMs] = [0.25, 2]
/** No slice takes longer by what it does: that was a pause of the host, or of the engine. */
const mostMs = 8
/** So much smaller is the slice of one that is over its share. */
const overDivisor = 8
/** and so long is a turn, once one of those was read. */
const overMs = 1
/** Reading that is worth a look at where a turn ends. */
const worthMs = 1

export class Turns {
  readonly #shares: Shares
  readonly #clock: Clock
  readonly #unread = new Rotation<Unread | Job>()
  readonly #run = (): undefined => this.#next()
  #isPlanned = false
  /** While what waited is read: what is to be done at its end. */
  #after: Task[] | undefined
  #spent = 0
  #waitedMs = 0
  /** Since when something has waited for its turn. */
  #waitsSince: number | undefined
  /** The clock as it was when a read began, or when it ended. */
  #at = 0
  /** The read that is going on: for whom, since when, until when. */
  #account: Account | undefined
  #since = 0
  #until = 0

  constructor(shares: Shares, clock: Clock) {
    this.#shares = shares
    this.#clock = clock
  }

  /** Links with something that waits for its turn. */
  get links(): number {
    return this.#unread.size
  }

  /** How long something waited for its turn, since this was last asked. */
  takeWait(): number {
    this.#countWait(this.#clock.now())
    const ms = this.#waitedMs
    this.#waitedMs = 0
    return ms
  }

  /** What has come of `reader`; all of it, or a slice. */
  read(reader: Reader, chunk: Buffer): undefined {
    this.#at = this.#clock.now()
    const mayRead = this.#spent < this.#budgetOf(reader.account, turnMs)
    const taken = mayRead ? this.#slice(reader, chunk) : 0
    if (taken < chunk.length) this.#wait(reader, chunk.subarray(taken))
  }

  /** Work for `account`, at once or in its turn. */
  work(account: Account, run: () => undefined): undefined {
    const job = { account, run }
    if (this.#spent < turnMs) return this.#do(job)
    this.#at = this.#clock.now()
    this.#add(account, job)
    this.#plan()
  }

  /** Work for `account` took so long, and what no stopwatch sees; a pause of the host in it is nobody's use. */
  charge(account: Account, ms: number, unseenMs = 0): undefined {
    this.#shares.charge(account, Math.min(ms, mostMs) + unseenMs)
  }

  /**
   * While what waited is read: `task` is done at the end of it, before the system is polled again, so that what it has to
   * say goes out in the same turn. False: that is not so now, and the clock is the one to ask.
   */
  atEnd(task: Task): boolean {
    this.#after?.push(task)
    return this.#after !== undefined
  }

  /** Whether the slice is used up: no further frame of it is read in this turn. */
  isUp(): boolean {
    return this.#clock.now() > this.#until
  }

  /** From here on the work is for another one: several domains on one link. */
  switchTo(account: Account): undefined {
    if (this.#account === undefined || this.#account === account) return
    const now = this.#clock.now()
    this.charge(this.#account, now - this.#since)
    this.#account = account
    this.#since = now
  }

  #slice(reader: Reader, chunk: Buffer): number {
    const { account } = reader
    const now = this.#at
    const fair = Math.min(mostSliceMs, Math.max(leastSliceMs, turnMs / (this.links + 1)))
    this.#until = now + (this.#shares.isOver(account, 'time') ? fair / overDivisor : fair)
    this.#account = account
    this.#since = now
    const taken = reader.read(chunk, now)
    const end = this.#clock.now()
    this.#at = end
    this.charge(this.#account, end - this.#since, taken * byteMs + readMs)
    this.#account = undefined
    this.#spend(end - now)
    return taken
  }

  #do({ account, run }: Job): undefined {
    const from = this.#clock.now()
    run()
    this.#at = this.#clock.now()
    this.charge(account, this.#at - from)
    this.#spend(this.#at - from)
  }

  #spend(ms: number): undefined {
    this.#spent += ms
    if (this.#spent > worthMs) this.#plan()
  }

  #wait(reader: Reader, rest: Buffer): undefined {
    this.#add(reader.account, { reader, rest })
    reader.pause()
    this.#plan()
  }

  #add(account: Account, waiting: Unread | Job): undefined {
    this.#unread.add(account, waiting, this.#shares.isOver(account, 'time'))
    this.#waitsSince ??= this.#at
  }

  #countWait(now: number): undefined {
    if (this.#waitsSince === undefined) return
    this.#waitedMs += now - this.#waitsSince
    this.#waitsSince = this.links > 0 ? now : undefined
  }

  #plan(): undefined {
    if (this.#isPlanned) return
    this.#isPlanned = true
    this.#clock.soon(this.#run)
  }

  /** The system was polled: another turn. */
  #next(): undefined {
    this.#isPlanned = false
    this.#spent = 0
    const after: Task[] = []
    this.#after = after
    // Half of it is for what comes with the next poll.
    for (let most = turnMs / 2; this.links > 0 && this.#spent < most; ) {
      most = this.#budgetOf(this.#readOn(), turnMs / 2)
    }
    this.#after = undefined
    for (const task of after) task()
    if (this.links > 0) this.#plan()
    else this.#countWait(this.#at)
  }

  /** Who is over its share has little of a turn, so that the system is polled often for others. */
  #budgetOf(account: Account, ms: number): number {
    return this.#shares.isOver(account, 'time') ? overMs : ms
  }

  /** For whom. */
  #readOn(): Account {
    const unread = this.#unread.next() as Unread | Job
    if ('run' in unread) {
      this.#do(unread)
      return unread.account
    }
    const { reader, rest } = unread
    this.#at = this.#clock.now()
    unread.rest = rest.subarray(this.#slice(reader, rest))
    if (unread.rest.length > 0) this.#add(reader.account, unread)
    else reader.resume()
    return reader.account
  }
}
