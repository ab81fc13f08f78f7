/** A clock that stands still until it is told to move. Tasks of one instant run in the order they were armed. */
import { type Cancel, type Clock, clampTimer, type Task } from '../../src/lib/clock.ts'

type Armed = { readonly at: number; readonly order: number; readonly task: Task }

export class ManualClock implements Clock {
  #now = 0
  readonly #epoch: number
  #order = 0
  #armed: Armed[] = []

  constructor(epochMs = 1_790_000_000_000) {
    this.#epoch = epochMs
  }

  readonly now = () => this.#now
  readonly wall = () => this.#epoch + this.#now

  readonly after = (ms: number, task: Task): Cancel => {
    const armed = { at: this.#now + clampTimer(ms), order: this.#order++, task }
    this.#armed.push(armed)
    return () => {
      this.#armed = this.#armed.filter((other) => other !== armed)
      return undefined
    }
  }

  readonly soon = (task: Task): undefined => {
    this.after(0, task)
  }

  /** Runs everything due within the next `ms`, letting promises settle between tasks. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await settle()
    for (;;) {
      const next = this.#next(end)
      if (next === undefined) break
      this.#armed = this.#armed.filter((other) => other !== next)
      this.#now = Math.max(this.#now, next.at)
      next.task()
      await settle()
    }
    // A task may have taken longer.
    this.#now = Math.max(this.#now, end)
  }

  /** Time passes in which nothing is run, as while the event loop is held up: what is due comes late. */
  stall(ms: number): undefined {
    this.#now += ms
  }

  /** Number of timers that are armed. */
  get pending(): number {
    return this.#armed.length
  }

  #next(end: number): Armed | undefined {
    let best: Armed | undefined
    for (const armed of this.#armed) {
      if (armed.at > end) continue
      if (
        best === undefined ||
        armed.at < best.at ||
        (armed.at === best.at && armed.order < best.order)
      )
        best = armed
    }
    return best
  }
}

/** Lets every promise that can settle do so. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve))
