/**
 * Time for many processes at once: one heap of tasks, run one by one, promises settled between two of them.
 *
 * In:    tasks by way of the clocks that it hands out, one a process.
 * Out:   the same order every time; tasks of one instant run in the order they were armed.
 * Fails: a task that throws is kept in `thrown`; the others go on, as they would in other processes.
 */
import { type Cancel, type Clock, clampTimer, type Task } from '../../../src/lib/clock.ts'

type Armed = {
  at: number
  readonly order: number
  task: Task | undefined
  readonly owner: SimClock
}

/** Wall clock at the start of every run. */
export const epochMs = 1_790_000_000_000

export class Scheduler {
  readonly thrown: unknown[] = []
  #now = 0
  #order = 0
  #tasks = 0
  readonly #heap: Armed[] = []

  get now(): number {
    return this.#now
  }

  /** Tasks that were run so far. */
  get tasks(): number {
    return this.#tasks
  }

  clock(): SimClock {
    return new SimClock(this)
  }

  arm(owner: SimClock, ms: number, task: Task): Armed {
    const armed = { at: this.#now + clampTimer(ms), order: this.#order++, task, owner }
    this.#push(armed)
    return armed
  }

  /** Runs everything that is due within the next `ms`. */
  async advance(ms: number): Promise<undefined> {
    const end = this.#now + ms
    await settle()
    for (let next = this.#heap[0]; next !== undefined && next.at <= end; next = this.#heap[0]) {
      this.#pop()
      if (this.#run(next)) await settle()
    }
    this.#now = end
  }

  /** Runs until `condition` holds, at most `ms`; whether it holds. */
  async until(condition: () => boolean, ms: number): Promise<boolean> {
    const end = this.#now + ms
    await settle()
    while (!condition()) {
      const next = this.#heap[0]
      if (next === undefined || next.at > end) {
        this.#now = end
        return condition()
      }
      this.#pop()
      if (this.#run(next)) await settle()
    }
    return true
  }

  #run(armed: Armed): boolean {
    const { owner, task } = armed
    if (task === undefined || owner.isKilled) return false
    if (owner.pausedUntil > armed.at) {
      armed.at = owner.pausedUntil
      this.#push(armed)
      return false
    }
    this.#now = Math.max(this.#now, armed.at)
    armed.task = undefined
    owner.pending--
    this.#tasks++
    try {
      task()
    } catch (error) {
      this.thrown.push(error)
    }
    return true
  }

  #push(armed: Armed): undefined {
    const heap = this.#heap
    let at = heap.length
    heap.push(armed)
    while (at > 0) {
      const up = (at - 1) >> 1
      const parent = heap[up] as Armed
      if (isBefore(parent, armed)) break
      heap[at] = parent
      at = up
    }
    heap[at] = armed
  }

  #pop(): undefined {
    const heap = this.#heap
    const last = heap.pop() as Armed
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let down = 2 * at + 1
      if (down >= heap.length) break
      if (down + 1 < heap.length && isBefore(heap[down + 1] as Armed, heap[down] as Armed)) down++
      if (isBefore(last, heap[down] as Armed)) break
      heap[at] = heap[down] as Armed
      at = down
    }
    heap[at] = last
  }
}

const isBefore = (a: Armed, b: Armed): boolean =>
  a.at < b.at || (a.at === b.at && a.order < b.order)

/**
 * The clock of one process. Its wall may be wrong (`skewMs`), it may stand still for a while (`pausedUntil`), and
 * it may end: what a killed process has armed never runs.
 */
export class SimClock implements Clock {
  skewMs = 0
  pausedUntil = 0
  /** Timers that are armed. */
  pending = 0
  isKilled = false
  readonly #scheduler: Scheduler

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
  }

  readonly now = (): number => this.#scheduler.now
  readonly wall = (): number => epochMs + this.#scheduler.now + this.skewMs

  readonly after = (ms: number, task: Task): Cancel => {
    if (this.isKilled) return () => undefined
    const armed = this.#scheduler.arm(this, ms, task)
    this.pending++
    return () => {
      if (armed.task === undefined) return
      armed.task = undefined
      this.pending--
    }
  }

  readonly soon = (task: Task): undefined => {
    this.after(0, task)
  }

  kill(): undefined {
    this.isKilled = true
  }
}

/**
 * Lets every promise that can settle do so. Node turns to the next tick only when no promise job is left, and unlike
 * `setImmediate` this costs no turn of the event loop.
 */
export const settle = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve))
