/** A destination of the log that is as slow, full or broken as a test wants it. */
import type { Sink } from '../../src/lib/line-buffer.ts'

export class FakeSink {
  /** What it took. */
  text = ''
  /** Writes that it was asked for. */
  writes = 0
  /** The code that each write fails with; `undefined`: it is well. */
  fault: string | undefined
  /** It calls back only when `release` is called. */
  isStalled = false
  /** Most bytes that it takes at once. */
  mostBytes = Number.POSITIVE_INFINITY
  #parked: (() => void)[] = []

  readonly sink: Sink = (bytes, done) => {
    this.writes++
    const finish = () => {
      if (this.fault !== undefined) return done({ code: this.fault }, 0)
      const taken = Math.min(bytes.length, this.mostBytes)
      this.text += bytes.subarray(0, taken).toString()
      done(null, taken)
    }
    if (this.isStalled) this.#parked.push(finish)
    else queueMicrotask(finish)
  }

  release(): undefined {
    this.isStalled = false
    for (const finish of this.#parked.splice(0)) finish()
  }

  get lines(): readonly string[] {
    return this.text.split('\n').slice(0, -1)
  }
}
