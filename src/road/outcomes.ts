/** What is counted at the end of each message. */
import type { Envelope } from '../envelope.ts'
import type { Status } from '../errors.ts'
import type { Counter, Meter } from '../lib/meter.ts'

export type Ends = {
  readonly inbound: (envelope: Envelope, status: Status) => undefined
  readonly outbound: (envelope: Envelope, status: Status) => undefined
}

export function observeEnds(meter: Meter): Ends {
  const counters = new Map<string, Counter>()
  const count = (direction: 'in' | 'out', result: Status): undefined => {
    const key = direction + result
    let counter = counters.get(key)
    if (counter === undefined) {
      counter = meter.counter('messages_total', { direction, result })
      counters.set(key, counter)
    }
    counter.n++
  }
  return {
    inbound: (_envelope, status) => count('in', status),
    outbound: (_envelope, status) => count('out', status),
  }
}
