/** Everything that a command has of the process that it runs in. `main.ts` makes the real one; tests make their own. */
import type { Cancel, Clock } from '../lib/clock.ts'
import type { Random } from '../lib/random.ts'
import type { LogOptions, ProcessLog } from './process-log.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** `output`: nobody takes what is printed any more. */
export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'output'

/** What the signals of a service do, from the first statement of the process on. */
export type Signals = {
  readonly isService: boolean
  /** One that came before anybody took it. */
  isReloadAsked: boolean
  reload: () => undefined
  stop: (signal: StopSignal) => undefined
}

export type Host = {
  /** The words of the command line behind the name of the program. */
  readonly words: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** Where relative paths start. */
  readonly folder: string
  readonly out: (text: string) => undefined
  /** While some of what was printed waits for whoever reads it: resolves once all has left, and never if it is lost. */
  readonly written: () => Promise<undefined> | undefined
  readonly err: (text: string) => undefined
  /** What of the three standard streams is a terminal. */
  readonly terminal: { readonly in: boolean; readonly out: boolean; readonly err: boolean }
  readonly columns: number
  /** Standard input to its end; fails with `too-large` as soon as it has more bytes than `most`. */
  readonly readInput: (most: number) => Promise<Buffer>
  /** Calls `task` once when standard input has ended, whatever is in it. */
  readonly onInputEnd: (task: () => undefined) => undefined
  /** From now on these signals do not end the process but call `task`. */
  readonly onStop: (task: (signal: StopSignal) => undefined) => Cancel
  /** SIGHUP calls `task`, at once if it came before; it does not end a service, from its first statement on. */
  readonly onReload: (task: () => undefined) => Cancel
  /** Everything is loaded and open: from now on speed counts for more than memory. */
  readonly serving: () => undefined
  /** How large the heap of this process may become, in bytes. */
  readonly heapBytes: () => number
  readonly pid: number
  /** CLOCK_MONOTONIC of the system in microseconds. */
  readonly monotonicUs: () => bigint
  /** Tells the service manager these variables at once; resolves with why that failed, or nothing. */
  readonly notify: (lines: readonly string[]) => Promise<string | undefined>
  /** Program and words that start this program again, without a command. */
  readonly again: readonly [string, ...string[]]
  /** The same as a person types it. */
  readonly typed: string
  /** `gatehouse/0.1.0`. */
  readonly software: string
  readonly log: (options: LogOptions) => Promise<ProcessLog>
  readonly clock: Clock
  readonly random: Random
}
