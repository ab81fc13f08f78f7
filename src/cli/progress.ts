/** Tells on standard error what takes longer than a second. */
import { every } from '../lib/clock.ts'
import type { Host } from './host.ts'

type Screen = Pick<Host, 'err' | 'terminal' | 'clock'>

/** `what`: "looking up b.example". */
export async function withProgress<T>(
  { err, terminal, clock }: Screen,
  what: string,
  work: Promise<T>,
): Promise<T> {
  let seconds = 0
  const cancel = every(clock, 1000, () => {
    seconds++
    // A file or a pipe gets one line, not one a second.
    if (terminal.err) err(`\r${what} … ${seconds} s`)
    else if (seconds === 1) err(`${what} …\n`)
  })
  try {
    return await work
  } finally {
    cancel()
    if (terminal.err && seconds > 0) err(`\r${' '.repeat(what.length + 12)}\r`)
  }
}
