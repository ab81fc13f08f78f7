/** What happened, line by line: the same seed writes the same lines. */
import type { Facts, Log } from '../../../src/lib/log.ts'
import { faultLog } from '../fault-log.ts'
import type { Scheduler } from './scheduler.ts'

export class Trace {
  readonly lines: string[] = []
  /** Log lines of gateways as they would be written, for the search for secrets. */
  readonly logged: string[] = []
  readonly #scheduler: Scheduler

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
  }

  add(who: string, what: string): undefined {
    this.lines.push(`${this.#scheduler.now.toFixed(3).padStart(12)} ${who.padEnd(10)} ${what}`)
  }

  /** A log of the gateway `who`. A line of level `error` counts as thrown. */
  log(who: string): Log {
    const write =
      (level: string) =>
      (event: string, facts: Facts = {}): undefined => {
        const text = JSON.stringify(facts)
        this.logged.push(`${event} ${text}`)
        this.add(who, `${level} ${event} ${text}`)
      }
    const log = {
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
    }
    return faultLog((fault) => {
      this.#scheduler.thrown.push(fault)
    }, log)
  }
}
