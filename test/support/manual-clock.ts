/** A clock that stands still until it is told to move. Tasks of one instant run in the order they were armed. */
import { type Cancel, type Clock, clampTimer, type Task } from '../../src/lib/clock.ts'
import { settle } from './simulator/scheduler.ts'

type Armed = {
  readonly at: number
  readonly order: number
  readonly task: Task
  isOver: boolean
}

const isBefore = (one: Armed, other: Armed): boolean =>
  one.at < other.at || (one.at === other.at && one.order < other.order)

export class ManualClock implements Clock {
  #now = 0
  readonly #epoch: number
  #order = 0
  #pending = 0
  readonly #armed = new Heap()

  constructor(epochMs = 1_790_000_000_000) {
    this.#epoch = epochMs
  }

  readonly now = () => this.#now
  readonly wall = () => this.#epoch + this.#now

  readonly after = (ms: number, task: Task): Cancel => {
    const armed = { at: this.#now + clampTimer(ms), order: this.#order++, task, isOver: false }
    this.#armed.push(armed)
    this.#pending++
    return () => this.#end(armed)
  }

  readonly soon = (task: Task): undefined => {
    this.after(0, task)
  }

  /** Runs everything due within the next `ms`, letting promises settle between tasks. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await turn()
    let isIdle = true
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#end(next)
      this.#now = Math.max(this.#now, next.at)
      next.task()
      isIdle = false
      await settle()
    }
    if (!isIdle) await turn()
    // A task may have taken longer.
    this.#now = Math.max(this.#now, end)
  }

  /** Time passes in which nothing is run, as while the event loop is held up: what is due comes late. */
  stall(ms: number): undefined {
    this.#now += ms
  }

  /** Number of timers that are armed. */
  get pending(): number {
    return this.#pending
  }

  #next(end: number): Armed | undefined {
    for (let first = this.#armed.first; first !== undefined; first = this.#armed.first) {
      if (!first.isOver) return first.at > end ? undefined : first
      this.#armed.shift()
    }
    return undefined
  }

  /** It has run, or is not to. */
  #end(armed: Armed): undefined {
    if (!armed.isOver) this.#pending--
    armed.isOver = true
  }
}

/** A binary heap: what is due first is the first. */
class Heap {
  readonly #items: Armed[] = []

  get first(): Armed | undefined {
    return this.#items[0]
  }

  push(item: Armed): undefined {
    const items = this.#items
    let at = items.length
    for (let up = (at - 1) >> 1; at > 0 && isBefore(item, items[up] as Armed); up = (at - 1) >> 1) {
      items[at] = items[up] as Armed
      at = up
    }
    items[at] = item
  }

  shift(): undefined {
    const items = this.#items
    const last = items.pop()
    if (last === undefined || items.length === 0) return
    let at = 0
    for (let down = 1; down < items.length; down = 2 * at + 1) {
      const right = items[down + 1]
      if (right !== undefined && isBefore(right, items[down] as Armed)) down++
      if (!isBefore(items[down] as Armed, last)) break
      items[at] = items[down] as Armed
      at = down
    }
    items[at] = last
  }
}

/** A turn of the event loop: what a stream or a file has to say is heard, too. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
