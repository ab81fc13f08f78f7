/**
 * SIGHUP and `POST /reload`: the configuration and its files are read again, and a running gateway takes what it can take.
 *
 * In:    who asks; what is in use; the gateway that runs.
 * Out:   what is taken, and what waits for a restart: told to whoever asked, to the log, and to the admin port.
 * Fails: never. Files that are wrong change nothing, and are read again once one of them has changed.
 */
import type { ConfigView, Reloaded } from '../admin/view.ts'
import { changesBetween } from '../config/changes.ts'
import type { DomainFiles, Files } from '../config/files.ts'
import type { Reload } from '../config/marks.ts'
import type { Config } from '../config/schema.ts'
import { readPrivateKey } from '../credential/ed25519.ts'
import { GatewayError } from '../errors.ts'
import { type Cancel, every } from '../lib/clock.ts'
import type { Running } from '../run.ts'
import { readConfigAgain } from './config-file.ts'
import { FilesRead } from './files-read.ts'
import type { Host } from './host.ts'
import type { ProcessLog } from './process-log.ts'
import type { ServiceManager } from './service-manager.ts'

/** What the gateway was started with. */
type Started = { readonly config: Config; readonly files: Files; readonly file: string }

type Result = Awaited<ReturnType<ConfigView['reload']>>

export class Reloader implements ConfigView {
  takenAt: number
  refused: string | undefined
  restart: readonly string[] = []
  readonly #host: Host
  readonly #log: ProcessLog
  readonly #started: Started
  readonly #manager: ServiceManager
  readonly #forgetSignal: Cancel
  #running: Running | undefined
  /** What was taken last. */
  #last: Config
  /** Of whoever asked since the files were begun to be read. */
  #asked: PromiseWithResolvers<Result> | undefined
  #isBusy = false
  #stopLooking: Cancel = () => undefined

  /** A reload that is asked for before `start` is done then. */
  constructor(host: Host, log: ProcessLog, started: Started, manager: ServiceManager) {
    this.#manager = manager
    this.#host = host
    this.#log = log
    this.#started = started
    this.#last = started.config
    this.takenAt = host.clock.wall()
    this.#forgetSignal = host.onReload(() => {
      void this.reload()
    })
  }

  start(running: Running): undefined {
    this.#running = running
    if (this.#asked !== undefined) void this.#run(running)
  }

  forget(): undefined {
    this.#forgetSignal()
    this.#stopLooking()
  }

  /** One sentence for the service manager. */
  get status(): string {
    const { domains } = this.#started.config
    const serving = `Serving ${domains.map(({ name }) => name).join(', ')}`
    return this.refused === undefined ? serving : `The last reload was refused: ${this.refused}`
  }

  /** Once for all that ask meanwhile. */
  readonly reload = (): Promise<Result> => {
    this.#asked ??= Promise.withResolvers<Result>()
    const { promise } = this.#asked
    if (this.#running !== undefined && !this.#isBusy) void this.#run(this.#running)
    return promise
  }

  async #run(running: Running): Promise<undefined> {
    this.#isBusy = true
    this.#stopLooking()
    while (this.#asked !== undefined) {
      const { resolve } = this.#asked
      this.#asked = undefined
      const files = new FilesRead()
      this.#manager.reloading()
      const result = await this.#attempt(running, files)
      if ('error' in result) this.#lookAt(files)
      this.#manager.ready(this.status)
      resolve(result)
    }
    this.#isBusy = false
  }

  async #attempt(running: Running, files: FilesRead): Promise<Result> {
    this.#stopLooking()
    try {
      const taken = await this.#take(running, files)
      this.refused = undefined
      return taken
    } catch (error) {
      const code = error instanceof GatewayError ? error.code : 'internal'
      const message = error instanceof Error ? error.message : String(error)
      this.#log.error('config.reload-refused', { cause: code, message })
      this.refused = message
      return { error: { code, message } }
    }
  }

  async #take(running: Running, read: FilesRead): Promise<Reloaded> {
    const { config: before, files: filesBefore, file } = this.#started
    const { clock } = this.#host
    const { config, files, warnings } = await read.within(
      clock,
      before.limits.reloadMs,
      readConfigAgain(this.#host, file, read.read),
    )
    const certificates = running.reload(config, files)
    for (const { path, message } of warnings) this.#log.warn('config.warning', { path, message })
    const changed = pathsOf(this.#last, config, 'live')
    const own = otherKeys(filesBefore, files, config)
    const restart = [...new Set([...pathsOf(before, config, 'restart'), ...own])]
    this.#log.info('config.reloaded', {
      certificates: certificates.join(', '),
      changed: changed.join(', '),
      restart: restart.join(', '),
    })
    if (restart.length > 0) this.#log.warn('config.restart-needed', { paths: restart.join(', ') })
    this.#last = config
    this.takenAt = clock.wall()
    this.restart = restart
    this.#log.become(config.log.level)
    return { certificates, changed, restart }
  }

  /** Half of a renewal may have been there, or a slip of the pen: the other half needs no second signal. */
  #lookAt(files: FilesRead): undefined {
    const { clock } = this.#host
    let isLooking = false
    let isOver = false
    const stop = every(clock, this.#started.config.limits.reloadRetryMs, () => {
      if (isLooking) return
      isLooking = true
      void files.haveChanged().then((isOther) => {
        isLooking = false
        if (isOther && !isOver) void this.reload()
      })
    })
    this.#stopLooking = () => {
      isOver = true
      return stop()
    }
  }
}

const pathsOf = (since: Config, now: Config, mark: Reload): readonly string[] =>
  changesBetween(since, now)
    .filter(({ reload }) => reload === mark)
    .map(({ path }) => path)

/** Settings whose files hold another key than the one that is in use. */
const otherKeys = (before: Files, after: Files, { domains }: Config): readonly string[] =>
  after.domains.flatMap((now, i) => {
    const old = before.domains.find(({ name }) => name === now.name)
    if (old === undefined) return []
    const names = (['key', 'userKey', 'otherKeys'] as const).filter(
      // Without a file of its own the key for users is the other one.
      (name) =>
        (name !== 'userKey' || domains[i]?.userKey !== null) &&
        keyIn(old, name) !== keyIn(now, name),
    )
    return names.map((name) => `domains[${i}].${name}`)
  })

const keyIn = (files: DomainFiles, name: 'key' | 'userKey' | 'otherKeys'): string =>
  [files[name]]
    .flat()
    .map((pem) => readPrivateKey(pem)?.publicKey.x)
    .join()
