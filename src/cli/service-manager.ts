/**
 * Tells the service manager how far the service is, by `systemd-notify`: Node has no datagram sockets of the local kind.
 *
 * In:    the environment that systemd gives; how far the service is.
 * Out:   states, one after the other; a sign of life in half of the time after which systemd takes silence for death.
 * Fails: never. What cannot be told is one line in the log; without systemd there is nothing to tell.
 * Spec:  sd_notify(3), sd_watchdog_enabled(3)
 */
import { type Cancel, every } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import { printableLine } from '../lib/printable.ts'
import type { Host } from './host.ts'

/** States that wait until the one before is told; more are left out. */
const mostWaiting = 8
/** Of a status. */
const mostSigns = 200

type ManagerHost = Pick<Host, 'clock' | 'env' | 'notify' | 'monotonicUs' | 'pid'>

export class ServiceManager {
  readonly #host: ManagerHost
  readonly #log: Log
  #last: Promise<undefined> = Promise.resolve(undefined)
  #waiting = 0
  #stopWatchdog: Cancel | undefined
  #isStopping = false

  constructor(host: ManagerHost, log: Log) {
    this.#host = host
    this.#log = log
  }

  /** It serves: after the start, and after each reload. */
  ready(status: string): undefined {
    if (this.#isStopping) return
    this.#tell('READY=1', statusLine(status))
    this.#stopWatchdog ??= this.#watchdog()
  }

  reloading(): undefined {
    if (this.#isStopping) return
    this.#tell('RELOADING=1', `MONOTONIC_USEC=${this.#host.monotonicUs()}`)
  }

  stopping(): undefined {
    this.#tell('STOPPING=1', statusLine('Finishing what is under way'))
    this.#isStopping = true
  }

  /** Nothing more is told. */
  forget(): undefined {
    this.#stopWatchdog?.()
  }

  #watchdog(): Cancel {
    const { env, pid, clock } = this.#host
    const { WATCHDOG_USEC: period, WATCHDOG_PID: whose } = env
    const ms = Number(period) / 2000
    const isOurs = whose === undefined || whose === '' || whose === `${pid}`
    return isOurs && ms >= 1 ? every(clock, ms, () => this.#tell('WATCHDOG=1')) : () => undefined
  }

  #tell(...lines: readonly string[]): undefined {
    const { env, notify } = this.#host
    if (!env['NOTIFY_SOCKET'] || this.#waiting >= mostWaiting) return
    this.#waiting++
    this.#last = this.#last.then(async () => {
      const cause = await notify(lines)
      this.#waiting--
      if (cause !== undefined) this.#log.warn('manager.not-told', { state: lines[0], cause })
      return undefined
    })
  }
}

const statusLine = (text: string): string => `STATUS=${printableLine(text).slice(0, mostSigns)}`
