/**
 * Time as an argument. The only file that touches timers and the wall clock.
 *
 * `Task` returns `undefined`, not `void`: an `async` task is then a type error, so no rejection is
 * lost inside a timer.
 */
export type Task = () => undefined

/** Stops what it stands for; calling it twice is harmless. */
export type Cancel = () => undefined

export type Clock = {
  /** Milliseconds that only rise; for durations. */
  readonly now: () => number
  /** Milliseconds since 1970; for what other machines read (credentials, logs). */
  readonly wall: () => number
  /** Runs `task` once, `ms` from now. `ms` is clamped to [0, 24 h]. */
  readonly after: (ms: number, task: Task) => Cancel
  /** Runs `task` once, after the events that are already waiting. */
  readonly soon: (task: Task) => undefined
}

/** Node fires a timer of 2^31 ms after 1 ms; nothing here waits longer than a day. */
const longestTimerMs = 86_400_000

export const clampTimer = (ms: number): number =>
  ms > 0 ? Math.min(ms, longestTimerMs) : ms <= 0 ? 0 : longestTimerMs

/** What a wall clock says, for people: `2026-08-20T17:34:41.000Z`. */
export const isoTime = (wallMs: number): string => new Date(wallMs).toISOString()

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after: (ms, task) => {
    const timer = setTimeout(task, clampTimer(ms))
    return () => {
      clearTimeout(timer)
    }
  },
  soon: (task) => {
    setImmediate(task)
  },
}

/** Runs `task` every `ms` until cancelled. The next turn is armed before the task, so it cannot stop by throwing. */
export function every(clock: Clock, ms: number, task: Task): Cancel {
  let cancel: Cancel
  const turn: Task = () => {
    cancel = clock.after(ms, turn)
    task()
  }
  cancel = clock.after(ms, turn)
  return () => cancel()
}

/** Resolves `ms` from now, or when `signal` aborts, whichever is first. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve(undefined)
      return
    }
    const wake = () => {
      cancel()
      signal?.removeEventListener('abort', wake)
      resolve(undefined)
    }
    const cancel = clock.after(ms, () => {
      wake()
    })
    signal?.addEventListener('abort', wake)
  })
}
