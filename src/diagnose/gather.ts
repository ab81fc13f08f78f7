/**
 * What is known about a domain now, cut out of everything that a gateway knows.
 *
 * In:    the steps of the search, the ruling, all destinations and links, the events with the domain, the time.
 * Out:   findings: rows about this domain alone, those in trouble first, bounded.
 * Fails: never.
 */
import type { Service } from '../address/address.ts'
import type { Status } from '../errors.ts'
import type { JournalEntry } from '../operation/journal.ts'
import type { Explanation } from '../resolve/resolver.ts'
import { sideOf } from './advice.ts'
import type {
  Claim,
  DestinationRow,
  EventRow,
  Explainer,
  Findings,
  LinkRow,
  Ours,
} from './diagnosis.ts'

/** A destination as the pool tells it. */
export type DestinationFacts = {
  readonly local: string
  readonly remote: string
  readonly service: Service
  readonly state: DestinationRow['state']
  readonly code: Status | undefined
  readonly retryAfterMs: number
  readonly links: number
}

/** A link with the pairs that are proven on it. */
export type LinkFacts = {
  /** `undefined`: the far side dialled. */
  readonly dialled: object | undefined
  readonly bornAt: number
  readonly pairs: Iterable<{
    readonly local: string
    readonly remote: string
    readonly kinds: ReadonlySet<string>
  }>
  readonly link: {
    readonly state: string
    readonly hello: { readonly software: string } | undefined
    readonly channel: { readonly facts: { readonly remote: string } }
  }
}

export type Facts = {
  readonly by: Explainer
  readonly explanation: Explanation
  readonly ruling:
    | { readonly verdict: 'allow' | 'deny'; readonly rule: string | undefined }
    | undefined
  readonly isKnown: boolean
  readonly destinations: Iterable<DestinationFacts>
  readonly links: Iterable<LinkFacts>
  readonly events: readonly JournalEntry[]
  readonly claim?: Claim | undefined
  readonly ours?: Ours | undefined
  /** Clock time: links tell their age by it. */
  readonly now: number
}

const mostRows = 50

export function gather(facts: Facts): Findings {
  const { explanation, ruling, by, isKnown, events } = facts
  const { domain, service, at, steps, targets, result, sentence } = explanation
  const destinations = destinationRows(facts)
  const links = linkRows(facts)
  return {
    ...{ by, domain, service, at, isKnown, steps },
    rules: ruling === undefined ? null : { verdict: ruling.verdict, rule: ruling.rule ?? null },
    targets: targets.map((target) => ({
      ...target,
      addresses: target.addresses.map(({ ip }) => ip),
    })),
    search: { result, sentence },
    connect: null,
    claim: facts.claim ?? null,
    ours: facts.ours ?? null,
    destinations: destinations.slice(0, mostRows),
    links: links.slice(0, mostRows),
    events: events.map(eventRow),
    leftOut: {
      destinations: Math.max(0, destinations.length - mostRows),
      links: Math.max(0, links.length - mostRows),
    },
  }
}

function destinationRows({ destinations, explanation }: Facts): readonly DestinationRow[] {
  const urgency = ({ service, cause }: DestinationRow): number =>
    (service === explanation.service ? 0 : 2) + (cause === null ? 1 : 0)
  return [...destinations]
    .filter(({ remote }) => remote === explanation.domain)
    .map(({ local, service, state, code, retryAfterMs, links }) => ({
      ...{ local, service, state, links },
      cause: code ?? null,
      retryInMs: Math.ceil(retryAfterMs),
    }))
    .sort((a, b) => urgency(a) - urgency(b))
}

const linkRows = ({ links, explanation, now }: Facts): readonly LinkRow[] =>
  [...links].flatMap(({ dialled, bornAt, pairs, link }) =>
    [...pairs]
      .filter(({ remote }) => remote === explanation.domain)
      .map(({ local, kinds }) => ({
        local,
        direction: dialled === undefined ? ('in' as const) : ('out' as const),
        state: link.state,
        ageMs: Math.round(now - bornAt),
        proof: [...kinds],
        address: link.channel.facts.remote,
        software: link.hello?.software ?? null,
      })),
  )

function eventRow({ remote: _, local, service, ...entry }: JournalEntry): EventRow {
  const side = sideOf(entry.kind, entry.cause)
  return { ...entry, local: local ?? null, service: service ?? null, side }
}
