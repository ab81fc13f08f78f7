/**
 * Things that happen, to be waited for.
 *
 * In:    things, one by one.
 * Out:   the next one that fits and was not taken yet.
 * Fails: `internal` when none came in time.
 */
import { GatewayError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'

const waitMs = 20_000

export class Heard<T> {
  readonly #clock: Clock
  readonly #untaken: T[] = []
  #told: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  hear(thing: T): undefined {
    this.#untaken.push(thing)
    this.#told?.()
  }

  /** `what` is named if it does not come. What came before it is passed over. */
  async next(what: string, fits: (thing: T) => boolean): Promise<T> {
    const until = this.#clock.now() + waitMs
    for (;;) {
      const index = this.#untaken.findIndex(fits)
      if (index >= 0) return this.#untaken.splice(0, index + 1).at(-1) as T
      const left = until - this.#clock.now()
      if (left <= 0) throw new GatewayError('internal', `expected ${what}, and it did not come`)
      await this.#change(left)
    }
  }

  #change(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(ms, () => resolve() as undefined)
      this.#told = () => {
        cancel()
        resolve()
      }
    })
  }
}
