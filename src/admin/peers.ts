/**
 * How it stands with each other domain, for the status and its page; and whom we refused lately.
 *
 * In:    the journal, links and destinations, what is counted of peers.
 * Out:   rows, those in trouble first, bounded.
 * Fails: never.
 *
 * A peer is a domain that was proven, that the operator names, or with which there is a link. What strangers claim to be
 * stands in a list of its own: anybody may claim any name.
 */
import type { Domain } from '../address/domain.ts'
import { sideOf } from '../diagnose/advice.ts'
import { isSuccess, type Side, type Status } from '../errors.ts'
import { isFault, type JournalEntry } from '../operation/journal.ts'
import type { LinkView, RunningView } from './view.ts'

/** Something that failed; `times` and `sinceSeconds` without a success in between. */
type Failure = {
  readonly what: JournalEntry['kind']
  readonly cause: Status
  readonly side: Side
  readonly detail: string
  readonly times: number
  readonly sinceSeconds: number
  readonly secondsAgo: number
}

export type PeerRow = {
  readonly remote: string
  /** `up`: a link is open. `failing`: the last attempt failed, or was refused. `idle`: neither. */
  readonly state: 'up' | 'idle' | 'failing'
  readonly links: number
  /** How long it is as it is; `null`: nobody knows. */
  readonly sinceSeconds: number | null
  /** `null`: never, or too long ago; 0: now. */
  readonly successSecondsAgo: number | null
  readonly lastFailure: Failure | null
  /** `null`: it has no row of its own in the metrics. */
  readonly messages: { readonly in: number; readonly out: number; readonly failed: number } | null
}

export type RefusedRow = Failure & { readonly claimed: string }

type Needs = { readonly running: RunningView; readonly now: number; readonly wallMs: number }

const mostRefused = 20

export function peerRows(needs: Needs): readonly PeerRow[] {
  const { gateway } = needs.running
  const links = linksByDomain(gateway.sessions.all)
  const domains = new Set(links.keys())
  for (const domain of gateway.journal.peers()) {
    if (gateway.peers.isKnown(domain)) domains.add(domain)
  }
  return [...domains]
    .map((domain) => peerRow(needs, domain, links.get(domain) ?? []))
    .sort((a, b) => order[a.state] - order[b.state] || (a.remote < b.remote ? -1 : 1))
}

const order = { failing: 0, up: 1, idle: 2 } as const

function peerRow(
  { running: { gateway }, now, wallMs }: Needs,
  domain: Domain,
  links: readonly LinkView[],
): PeerRow {
  const events = gateway.journal.of(domain)
  const success = events.findLast(({ cause }) => isSuccess(cause))
  const fault = events.findLast(isFault)
  const isFailing = gateway.sessions.pool.isFailing(domain)
  const state = isFailing ? 'failing' : links.length > 0 ? 'up' : 'idle'
  const oldest = links.reduce((age, { bornAt }) => Math.max(age, now - bornAt), 0)
  return {
    ...{ remote: domain, state, links: links.length },
    sinceSeconds: sinceOf(state, { fault, success, oldest, wallMs }),
    successSecondsAgo:
      links.length > 0 ? 0 : success === undefined ? null : ago(wallMs, success.at),
    lastFailure: fault === undefined ? null : failureOf(fault, wallMs),
    messages: gateway.peers.countsOf(domain) ?? null,
  }
}

type Known = {
  readonly fault: JournalEntry | undefined
  readonly success: JournalEntry | undefined
  readonly oldest: number
  readonly wallMs: number
}

function sinceOf(state: PeerRow['state'], { fault, success, oldest, wallMs }: Known) {
  if (state === 'up') return seconds(oldest)
  const since = state === 'failing' ? fault?.since : success?.at
  return since === undefined ? null : ago(wallMs, since)
}

/** Names that strangers claimed: what they said, and what we found. */
export function refusedRows({ running, wallMs }: Needs): readonly RefusedRow[] {
  const rows: RefusedRow[] = []
  for (const domain of running.gateway.journal.claimed()) {
    if (rows.length >= mostRefused) break
    const entry = running.gateway.journal.of(domain).findLast(isFault)
    if (entry !== undefined) rows.push({ claimed: domain, ...failureOf(entry, wallMs) })
  }
  return rows
}

const failureOf = (entry: JournalEntry, wallMs: number): Failure => ({
  ...{ what: entry.kind, cause: entry.cause, side: sideOf(entry.kind, entry.cause) },
  ...{ detail: entry.detail, times: entry.times },
  sinceSeconds: ago(wallMs, entry.since),
  secondsAgo: ago(wallMs, entry.at),
})

const seconds = (ms: number): number => Math.round(ms / 1000)
const ago = (wallMs: number, at: number): number => Math.max(0, seconds(wallMs - at))

function linksByDomain(all: Iterable<LinkView>): ReadonlyMap<Domain, readonly LinkView[]> {
  const links = new Map<Domain, LinkView[]>()
  for (const link of all) {
    if (link.role !== 'gateway' || link.link.state !== 'open') continue
    // Canonical, as `address/` makes them.
    for (const domain of new Set([...link.pairs].map(({ remote }) => remote as Domain))) {
      links.set(domain, [...(links.get(domain) ?? []), link])
    }
  }
  return links
}
