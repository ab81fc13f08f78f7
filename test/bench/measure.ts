/**
 * Measure: what a process costs, what time it is, and what a list of samples says.
 *
 * In:    process ids, samples.
 * Out:   CPU in microseconds, resident memory in MiB, microseconds of the machine's monotonic clock, medians and spread.
 * Fails: throws where there is no Linux `/proc`.
 * Spec:  proc_pid_stat(5), proc_pid_status(5); the kernel's sched-stats document for `schedstat`.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

const tickUs = 1e6 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'latin1' }))

/**
 * CPU time (user and system) of all threads of a process, in microseconds.
 *
 * `schedstat` counts nanoseconds, but only of threads that live; `stat` counts the dead ones too, but in ticks of 10 ms.
 * Both can only fall short, so the larger one is nearer.
 */
export function cpuUs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  // The name of the process stands in brackets and may hold anything, so fields are counted from the last bracket.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const inTicks = (Number(fields[11]) + Number(fields[12])) * tickUs
  return Math.max(inTicks, threadsUs(pid))
}

function threadsUs(pid: number): number {
  let nanoseconds = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      const text = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1')
      nanoseconds += Number(text.slice(0, text.indexOf(' ')))
    } catch {
      // The thread ended meanwhile, or this kernel keeps no schedstat: `stat` has the sum.
    }
  }
  return nanoseconds / 1000
}

/** CPU time that the machine did not have to spare so far, in microseconds: of all processes, and what its host took. */
export function machineUs(): number {
  const [, ...ticks] = (/^cpu .*$/m.exec(readFileSync('/proc/stat', 'latin1'))?.[0] ?? '')
    .split(/ +/)
    .map(Number)
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = ticks
  return (user + nice + system + irq + softirq + steal) * tickUs
}

/** Resident memory of a process, in MiB. */
export function rssMiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024
}

/** `performance.now()` counts from the start of its process; CLOCK_MONOTONIC is one clock for all of them. */
const originUs = Math.min(...Array.from({ length: 100 }, originSample))

function originSample(): number {
  const before = performance.now()
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1e6 + nanoseconds / 1e3 - before * 1e3
}

/** Microseconds of CLOCK_MONOTONIC: comparable between the processes of one machine, without garbage. */
export const monotonicUs = (): number => originUs + performance.now() * 1e3

export const sleepMs = (ms: number): Promise<undefined> =>
  new Promise((resolve) => setTimeout(() => resolve(undefined), ms))

/** The value that `percent` of the samples do not exceed (nearest rank). NaN when there are none. */
export function percentile(samples: readonly number[], percent: number): number {
  const sorted = Float64Array.from(samples).sort()
  const rank = Math.ceil((percent / 100) * sorted.length)
  return sorted[Math.max(0, Math.min(sorted.length - 1, rank - 1))] ?? Number.NaN
}

export type Spread = {
  readonly median: number
  readonly min: number
  readonly max: number
  readonly n: number
}

/** The median of an even number of samples is the mean of the middle two: rounds are few. */
export function spreadOf(samples: readonly number[]): Spread {
  const sorted = Float64Array.from(samples).sort()
  const n = sorted.length
  const low = sorted[Math.floor((n - 1) / 2)] ?? Number.NaN
  const high = sorted[Math.ceil((n - 1) / 2)] ?? Number.NaN
  return {
    median: (low + high) / 2,
    min: sorted[0] ?? Number.NaN,
    max: sorted[n - 1] ?? Number.NaN,
    n,
  }
}
