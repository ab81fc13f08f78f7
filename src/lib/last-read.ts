/** A clock that remembers what it said last: a time that is exact to the event under way and costs no reading. */
import type { Clock } from './clock.ts'

export type LastRead = {
  readonly clock: Clock
  /** What `clock.now()` returned last, to whoever asked. */
  readonly last: () => number
}

export function rememberLastRead(clock: Clock): LastRead {
  let last = clock.now()
  const now = (): number => {
    last = clock.now()
    return last
  }
  const remembering: Clock = {
    now,
    wall: () => clock.wall(),
    after: (ms, task) => clock.after(ms, task),
    soon: (task) => clock.soon(task),
  }
  return { clock: remembering, last: () => last }
}
