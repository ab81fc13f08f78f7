/** How the process itself is, as a port: the only file that asks the system for it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { memoryUsage, pid, version } from 'node:process'

export type LoopDelay = {
  /** How late the event loop was, in seconds, since the last `reset`. `quantile` from 0 to 1; 1 is the most. */
  readonly seconds: (quantile: number) => number
  readonly reset: () => undefined
  readonly stop: () => undefined
}

export type Vitals = {
  readonly node: string
  readonly pid: number
  readonly heapBytes: () => number
  /** File descriptors that are open, and how many may be; `undefined`: the system does not tell, or there is no bound. */
  readonly openFiles: () => number | undefined
  readonly mostFiles: () => number | undefined
  /** Begins to measure. */
  readonly loopDelay: () => LoopDelay
}

/**
 * The monitor arms a timer of this many milliseconds again and again, and tells how long each really took. Ten a
 * second see whatever an operator would act upon, and cost a thousandth of a CPU.
 */
const resolutionMs = 100

/** Linux alone has them. */
const ownFiles = '/proc/self/fd'
const ownBounds = '/proc/self/limits'

/** Of `/proc/self/limits`: the number in force; `undefined`: none is told, or there is none. */
export function openFilesIn(text: string): number | undefined {
  const [, most] = /^Max open files +(\d+) /m.exec(text) ?? []
  return most === undefined ? undefined : Number(most)
}

/** The bound as it was when it could be read. */
let mostSeen: number | undefined

/** A look takes a descriptor, too: without one for it, all that there may be are open. */
function looked(file: string, look: () => number | undefined): number | undefined {
  try {
    return existsSync(file) ? look() : undefined
  } catch (error) {
    if (/^E[MN]FILE$/.test((error as NodeJS.ErrnoException).code ?? '')) return mostSeen
    throw error
  }
}

export const systemVitals: Vitals = {
  node: version,
  pid,
  heapBytes: () => memoryUsage().heapUsed,
  // One of them is that of the look itself.
  openFiles: () => looked(ownFiles, () => readdirSync(ownFiles).length - 1),
  mostFiles: () =>
    looked(ownBounds, () => {
      mostSeen = openFilesIn(readFileSync(ownBounds, 'utf8'))
      return mostSeen
    }),
  loopDelay: () => {
    const monitor = monitorEventLoopDelay({ resolution: resolutionMs })
    monitor.enable()
    return {
      // Without a single turn the monitor says nanoseconds that mean nothing: they fall below 0.
      seconds: (quantile) => {
        const took = quantile >= 1 ? monitor.max : monitor.percentile(Math.max(quantile * 100, 1))
        return Math.max(0, took / 1e9 - resolutionMs / 1000)
      },
      reset: () => {
        monitor.reset()
      },
      stop: () => {
        monitor.disable()
      },
    }
  },
}
