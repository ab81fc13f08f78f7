/**
 * How often a watcher can draw the whole document of a presentity: whoever subscribes and unsubscribes in turns gets
 * no more of it than whoever stays.
 */
import type { Clock } from '../../lib/clock.ts'
import { nowhere, TimerWheel } from '../../lib/timer-wheel.ts'

type Drawn = { readonly pair: string; readonly againAt: number; slot: number }

export class SnapshotPace {
  readonly #clock: Clock
  readonly #snapshotMs: number
  readonly #most: number
  readonly #drawn = new Map<string, Drawn>()
  readonly #ends: TimerWheel<'slot', Drawn>

  /** Remembers `most` pairs; those beyond are not slowed down. */
  constructor(clock: Clock, snapshotMs: number, most: number) {
    this.#clock = clock
    this.#snapshotMs = snapshotMs
    this.#most = most
    this.#ends = new TimerWheel({
      clock,
      tickMs: 1000,
      field: 'slot',
      due: ({ pair }) => {
        this.#drawn.delete(pair)
      },
    })
  }

  /** The time at which `pair` gets its snapshot: now, or when the last one is old enough. */
  draw(pair: string): number {
    const now = this.#clock.now()
    const last = this.#drawn.get(pair)
    if (last !== undefined && last.againAt > now) return last.againAt
    if (last !== undefined) this.#ends.delete(last)
    else if (this.#drawn.size >= this.#most) return now
    const drawn = { pair, againAt: now + this.#snapshotMs, slot: nowhere }
    this.#drawn.set(pair, drawn)
    this.#ends.set(drawn, drawn.againAt)
    return now
  }

  stop(): undefined {
    this.#ends.stop()
    this.#drawn.clear()
  }
}
