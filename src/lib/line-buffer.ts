/**
 * Lines on their way to a destination that may be slow, full or gone: a bounded queue, written asynchronously.
 *
 * In:    lines; a sink, one write at a time.
 * Out:   the lines, whole and in order; `told` with how many were lost, once there is room again.
 * Fails: never. What has no room is lost and counted; what the sink refuses is tried again until it is taken.
 */
import type { Clock } from './clock.ts'
import type { Counter } from './meter.ts'

/** A file, a pipe, a terminal: calls back once, as `fs.write` does; it may take less than was given. */
export type Sink = (bytes: Buffer, done: (error: SinkError | null, taken: number) => void) => void

type SinkError = { readonly code?: string | undefined }

export type LineBufferOptions = {
  readonly sink: Sink
  readonly clock: Clock
  /** Bytes that may wait. */
  readonly most: number
  readonly lost: Counter
  /** So many lines were lost; `cause`: the last error of the sink, or that it was slow. */
  readonly told: (lines: number, cause: string) => undefined
}

/** At most this much is handed to the sink at once: no more than a pipe takes in one piece. */
const pieceBytes = 16_384
/** A pipe or terminal that is full. */
const fullMs = 50
/** A disk that is full, a reader that is gone. */
const brokenMs = 1000

export class LineBuffer {
  readonly #options: LineBufferOptions
  /** Behind what is being written. */
  #lines: string[] = []
  #waitingBytes = 0
  #piece: Buffer = Buffer.alloc(0)
  #isBusy = false
  /** Lost and not told yet. */
  #untold = 0
  #cause = ''
  #emptied: (() => undefined)[] = []

  constructor(options: LineBufferOptions) {
    this.#options = options
  }

  write(line: string): undefined {
    const bytes = Buffer.byteLength(line)
    if (this.#bytes + bytes > this.#options.most) {
      this.#untold++
      this.#options.lost.n++
      return
    }
    this.#lines.push(line)
    this.#waitingBytes += bytes
    if (!this.#isBusy) this.#next()
  }

  /** Resolves once all is written, or `ms` from now. */
  flush(ms: number): Promise<undefined> {
    return new Promise((resolve) => {
      if (!this.#isBusy) return resolve(undefined)
      const cancel = this.#options.clock.after(ms, () => resolve(undefined) as undefined)
      this.#emptied.push(() => {
        cancel()
        resolve(undefined)
      })
    })
  }

  /** What is not known to be written; part of it may be. */
  rest(): Buffer {
    return Buffer.concat([this.#piece, Buffer.from(this.#lines.join(''))])
  }

  get #bytes(): number {
    return this.#piece.length + this.#waitingBytes
  }

  #next(): undefined {
    if (this.#piece.length === 0) this.#piece = this.#take()
    this.#isBusy = this.#piece.length > 0
    if (this.#isBusy) this.#options.sink(this.#piece, (error, taken) => this.#done(error, taken))
    else for (const emptied of this.#emptied.splice(0)) emptied()
  }

  #take(): Buffer {
    let bytes = 0
    let count = 0
    for (const line of this.#lines) {
      bytes += Buffer.byteLength(line)
      if (count > 0 && bytes > pieceBytes) break
      count++
    }
    const piece = Buffer.from(this.#lines.splice(0, count).join(''))
    this.#waitingBytes -= piece.length
    return piece
  }

  #done(error: SinkError | null, taken: number): undefined {
    if (error === null) {
      this.#piece = this.#piece.subarray(taken)
      this.#tell()
      return this.#next()
    }
    const { code = 'failed' } = error
    const isFull = code === 'EAGAIN' || code === 'EBUSY'
    this.#cause = isFull ? 'slow' : code
    this.#options.clock.after(isFull ? fullMs : brokenMs, () => this.#next())
  }

  /** Told with half of the room free, so that a destination that is always full does not hear of little else. */
  #tell(): undefined {
    if (this.#untold === 0 || this.#bytes > this.#options.most / 2) return
    const lines = this.#untold
    this.#untold = 0
    this.#options.told(lines, this.#cause === '' ? 'slow' : this.#cause)
    this.#cause = ''
  }
}
