/** How the process itself is, as a port: the only file that asks the system for it. */
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
  /** Begins to measure. */
  readonly loopDelay: () => LoopDelay
}

/**
 * The monitor arms a timer of this many milliseconds again and again, and tells how long each really took. Ten a
 * second see whatever an operator would act upon, and cost a thousandth of a CPU.
 */
const resolutionMs = 100

export const systemVitals: Vitals = {
  node: version,
  pid,
  heapBytes: () => memoryUsage().heapUsed,
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
