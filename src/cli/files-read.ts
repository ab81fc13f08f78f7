/**
 * Files as they were read: how each looked from outside, and no longer than there was time.
 *
 * In:    the time for all of them together; names, as they are read.
 * Out:   their bytes; whether one of them looks different now.
 * Fails: `file-unreadable` where time was not enough: a pipe that nobody writes to, a file system that does not answer.
 */
import { stat } from 'node:fs/promises'
import { GatewayError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { readBounded } from './bounded-file.ts'

export class FilesRead {
  readonly #looks = new Map<string, string>()
  readonly #late = new AbortController()
  #last = ''

  /** Of a file that is changed while it is read, the look before counts. */
  readonly read = async (file: string): Promise<Buffer> => {
    this.#last = file
    this.#looks.set(file, await lookOf(file))
    return readBounded(file, this.#late.signal)
  }

  /** `work`, or a failure once `ms` are over. */
  async within<T>(clock: Clock, ms: number, work: Promise<T>): Promise<T> {
    const { promise, reject } = Promise.withResolvers<T>()
    const cancel = clock.after(ms, () => {
      this.#late.abort()
      const seconds = ms / 1000
      reject(new GatewayError('file-unreadable', `${this.#last} cannot be read in ${seconds} s`))
    })
    return Promise.race([work, promise]).finally(cancel)
  }

  async haveChanged(): Promise<boolean> {
    for (const [file, look] of this.#looks) if ((await lookOf(file)) !== look) return true
    return false
  }
}

async function lookOf(file: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true })
    return [dev, ino, size, mtimeNs, ctimeNs].join()
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code)
  }
}
