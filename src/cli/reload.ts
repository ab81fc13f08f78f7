/**
 * SIGHUP: the configuration and its files are read again, and a running gateway takes what it can take.
 *
 * In:    the signal; what is in use; the gateway that runs.
 * Out:   one line in the log: what is taken, and what waits for a restart.
 * Fails: never. A file that is wrong changes nothing: the line says what is wrong with it.
 */
import { changesBetween } from '../config/changes.ts'
import type { DomainFiles, Files } from '../config/files.ts'
import type { Reload } from '../config/marks.ts'
import type { Config } from '../config/schema.ts'
import { GatewayError } from '../errors.ts'
import type { Cancel } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import type { Running } from '../run.ts'
import { readConfig } from './config-file.ts'
import type { Host, LogLevel } from './host.ts'

/** What the gateway was started with. */
type Started = { readonly config: Config; readonly files: Files; readonly file: string }

export class Reloader {
  readonly forget: Cancel
  readonly #host: Host
  readonly #log: Log
  readonly #become: (level: LogLevel) => undefined
  #started: Started | undefined
  #running: Running | undefined
  /** What was read last. */
  #last: Config | undefined
  #isBusy = false
  #isAsked = false

  /** SIGHUP that comes before `start` is done then. */
  constructor(host: Host, log: Log, become: (level: LogLevel) => undefined) {
    this.#host = host
    this.#log = log
    this.#become = become
    this.forget = host.onReload(() => this.#ask())
  }

  start(started: Started, running: Running): undefined {
    this.#started = started
    this.#running = running
    this.#last = started.config
    if (this.#isAsked) this.#ask()
  }

  #ask(): undefined {
    this.#isAsked = true
    if (!this.#isBusy) void this.#run()
  }

  /** Once for all that asked meanwhile. */
  async #run(): Promise<undefined> {
    const [running, started] = [this.#running, this.#started]
    if (running === undefined || started === undefined) return
    this.#isBusy = true
    while (this.#isAsked) {
      this.#isAsked = false
      try {
        await this.#take(running, started)
      } catch (error) {
        const cause = error instanceof GatewayError ? error.code : 'internal'
        const message = error instanceof Error ? error.message : String(error)
        this.#log.error('config.reload-refused', { cause, message })
      }
    }
    this.#isBusy = false
  }

  async #take(running: Running, started: Started): Promise<undefined> {
    const { config, files, warnings } = await readConfig(this.#host, started.file)
    const renewed = running.reload(config, files)
    for (const { path, message } of warnings) this.#log.warn('config.warning', { path, message })
    const paths = (since: Config, mark: Reload) =>
      changesBetween(since, config)
        .filter(({ reload }) => reload === mark)
        .map(({ path }) => path)
    this.#log.info('config.reloaded', {
      certificates: renewed.join(', '),
      changed: paths(this.#last ?? started.config, 'live').join(', '),
      restart: [...paths(started.config, 'restart'), ...otherKeys(started.files, files)].join(', '),
    })
    this.#last = config
    this.#become(config.log.level)
  }
}

/** Key files that hold another key than the one that signs. */
const otherKeys = (before: Files, after: Files): readonly string[] =>
  before.domains.flatMap((old, i) => {
    const now = after.domains[i]
    return now === undefined || keysOf(old) === keysOf(now) ? [] : [`domains[${i}].key`]
  })

const keysOf = ({ key, userKey, otherKeys: more }: DomainFiles): string =>
  [key, userKey, ...more].join()
