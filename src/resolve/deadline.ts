/** A signal that ends with its parent or after a time, whichever is first; `end` lets go of both. */
import type { Cancel, Clock } from '../lib/clock.ts'

export type Deadline = {
  readonly signal: AbortSignal
  /** The time ran out, as against the parent having ended. */
  readonly isOver: () => boolean
  /** Aborts at once, as if the parent had. */
  readonly abort: () => undefined
  readonly end: Cancel
}

export function deadline(clock: Clock, ms: number, parent: AbortSignal): Deadline {
  const own = new AbortController()
  let over = false
  const abort = (): undefined => {
    own.abort()
    end()
  }
  const cancel = clock.after(ms, () => {
    over = true
    abort()
  })
  const end = (): undefined => {
    cancel()
    parent.removeEventListener('abort', abort)
  }
  if (parent.aborted) abort()
  else parent.addEventListener('abort', abort)
  return { signal: own.signal, isOver: () => over, abort, end }
}
