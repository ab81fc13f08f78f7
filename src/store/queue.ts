/** Messages that wait for another domain, oldest first: the model of a table. */
import type { Queued } from '../operation/store.ts'
import type { Holder } from './leases.ts'
import type { Row } from './rows.ts'

export type Waiting = {
  readonly row: Row
  readonly pair: string
  readonly caller: Queued['caller']
  readonly cause: Queued['cause']
  attempts: number
  via: string | undefined
  dueAt: number
  claimedBy: Holder | undefined
}

export class Queue {
  readonly #isAlive: (holder: Holder) => boolean
  readonly #pairs = new Map<string, Map<number, Waiting>>()

  constructor(isAlive: (holder: Holder) => boolean) {
    this.#isAlive = isAlive
  }

  count(pair: string): number {
    return this.#pairs.get(pair)?.size ?? 0
  }

  add(waiting: Waiting): undefined {
    const { pair, row } = waiting
    const rows = this.#pairs.get(pair) ?? new Map<number, Waiting>()
    rows.set(row.seq, waiting)
    this.#pairs.set(pair, rows)
  }

  remove({ pair, row }: Waiting): undefined {
    this.#pairs.get(pair)?.delete(row.seq)
    if (this.count(pair) === 0) this.#pairs.delete(pair)
  }

  claim(pair: string, most: number, holder: Holder, now: number): readonly Waiting[] {
    const taken: Waiting[] = []
    const stopped = new Set<string>()
    for (const waiting of this.#pairs.get(pair)?.values() ?? []) {
      if (taken.length >= most) break
      const { lane } = waiting.row
      if (stopped.has(lane)) continue
      if (waiting.dueAt > now || this.#isClaimed(waiting)) stopped.add(lane)
      else taken.push(waiting)
    }
    for (const waiting of taken) {
      waiting.claimedBy = holder
      waiting.attempts++
    }
    return taken
  }

  claimed(pair: string, seq: number, holder: Holder): Waiting | undefined {
    const waiting = this.#pairs.get(pair)?.get(seq)
    return waiting?.claimedBy === holder ? waiting : undefined
  }

  #isClaimed({ claimedBy }: Waiting): boolean {
    return claimedBy !== undefined && this.#isAlive(claimedBy)
  }
}

export const pairOf = (local: string, remote: string): string => `${local} ${remote}`
