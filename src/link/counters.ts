/** What a link counts: frames and bytes in both directions, and how often a request waits for credit. */
import type { Counter } from '../lib/meter.ts'

export type LinkCounters = {
  readonly framesIn: Counter
  readonly framesOut: Counter
  readonly bytesIn: Counter
  readonly bytesOut: Counter
  readonly creditWaits: Counter
}

/** Counters of its own, for a link that stands in no metrics. */
export const ownCounters = (): LinkCounters => ({
  framesIn: { n: 0 },
  framesOut: { n: 0 },
  bytesIn: { n: 0 },
  bytesOut: { n: 0 },
  creditWaits: { n: 0 },
})
