/** Findings made by hand: a domain that is found in DNS, of which nothing else is known. */
import type {
  DestinationRow,
  EventRow,
  Findings,
  LinkRow,
} from '../../../src/diagnose/diagnosis.ts'

export const at = 1_790_000_000_000

export const found = (told: Partial<Findings> = {}): Findings => ({
  by: {
    ...{ who: 'gateway', software: 'gatehouse/0.1.0', pid: 4711, uptimeSeconds: 7300 },
    domains: ['a.example'],
  },
  ...{ domain: 'b.example', service: 'im', at, isKnown: false, steps: [], targets: [] },
  rules: { verdict: 'allow', rule: null },
  search: { result: 'ok', sentence: 'im:b.example has 1 target.' },
  ...{ connect: null, claim: null, ours: null },
  ...{ destinations: [], links: [], events: [], leftOut: { destinations: 0, links: 0 } },
  ...told,
})

export const destinationRow = (told: Partial<DestinationRow> = {}): DestinationRow => ({
  ...{ local: 'a.example', service: 'im', state: 'backing-off', cause: 'remote-unreachable' },
  ...{ retryInMs: 12_000, links: 0, ...told },
})

export const running = destinationRow({ state: 'running', cause: null, retryInMs: 0, links: 1 })

export const linkRow = (told: Partial<LinkRow> = {}): LinkRow => ({
  ...{ local: 'a.example', direction: 'out', state: 'open', ageMs: 61_000 },
  ...{ proof: ['certificate', 'key'], address: '192.0.2.7:5279', software: 'gatehouse/0.1.0' },
  ...told,
})

/** A dial that failed a minute ago. */
export const eventRow = (told: Partial<EventRow> = {}): EventRow => ({
  ...{ kind: 'dial', direction: 'out', local: 'a.example', service: 'im', side: 'network' },
  ...{ cause: 'remote-unreachable', detail: '192.0.2.7:5279: connection refused' },
  ...{ times: 3, since: at - 600_000, at: at - 60_000, ...told },
})

export const refusedClaim = eventRow({
  ...{ kind: 'claim', cause: 'domain-refused', side: 'peer', detail: 'answer to PROVE' },
})

export const refusedProof = eventRow({
  ...{ kind: 'proof', direction: 'in', local: null, service: null, side: 'network' },
  ...{ cause: 'credential-unverifiable', detail: 'no keys of the domain that signed came' },
})
