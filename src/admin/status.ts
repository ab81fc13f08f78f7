/**
 * The status of the gateway as an object, for `/status` and the page that shows it.
 *
 * In:    a running gateway, seen through `view.ts`; numbers; the time.
 * Out:   JSON: what an operator wants to see first stands first, and every list is bounded.
 * Fails: never.
 *
 * Names of domains, what strangers claim among them, addresses of gateways and networks of strangers only: no user, no
 * address of a client, no key.
 */
import { type Domain, displayDomain } from '../address/domain.ts'
import type { Meter } from '../lib/meter.ts'
import type { PartyReport, SharesReport } from '../shares/report.ts'
import { type PeerRow, peerRows, type RefusedRow, refusedRows } from './peers.ts'
import type { Readiness } from './readiness.ts'
import type { DestinationView, DomainView, LinkView, RunningView } from './view.ts'

export type StatusNeeds = {
  readonly running: RunningView
  readonly readiness: Readiness
  readonly meter: Meter
  readonly software: string
  readonly startedAt: number
  /** Clock time, and the wall clock in ms. */
  readonly now: number
  readonly wallMs: number
}

export type GatewayStatus = Readiness & {
  readonly software: string
  readonly uptimeSeconds: number
  readonly domains: readonly {
    readonly name: string
    readonly services: readonly string[]
    readonly certificateSecondsLeft: number
    readonly keysSecondsLeft: number
  }[]
  /** How it stands with other domains, those in trouble first. */
  readonly peers: readonly PeerRow[]
  /** Names that strangers claimed without proof, the last first. */
  readonly refused: readonly RefusedRow[]
  /** Those in trouble first. */
  readonly destinations: readonly {
    readonly local: string
    readonly remote: string
    readonly service: string
    readonly state: DestinationView['state']
    /** Why the last dial failed; `null`: it did not, or there is a link. */
    readonly cause: string | null
    readonly retryInSeconds: number
    readonly links: number
  }[]
  readonly links: readonly {
    readonly pairs: readonly {
      readonly local: string
      readonly remote: string
      readonly proof: readonly string[]
    }[]
    readonly direction: 'in' | 'out'
    readonly state: string
    readonly ageSeconds: number
    readonly underWay: number
    readonly address: string
    readonly software: string | null
  }[]
  /** What runs out, and who has most of it: who is over its share first. */
  readonly shares: Omit<SharesReport, 'leftOut'>
  readonly counts: Counts
  /** As people read them: the domains above whose name is written in another way on the wire. */
  readonly names: Readonly<Record<string, string>>
  /** What did not fit into the lists; of the shares who is over its own. */
  readonly leftOut: {
    readonly peers: number
    readonly destinations: number
    readonly links: number
    readonly shares: number
  }
}

type Counts = {
  /** Other domains that are known, and those of them that cannot be reached or do not take us for our domain. */
  readonly peers: number
  readonly failingPeers: number
  readonly gatewayLinks: number
  readonly clientLinks: number
  readonly unprovenLinks: number
  readonly messagesIn: number
  readonly messagesOut: number
  /** Messages that did not end well, and bounds that were hit: most first. */
  readonly failures: readonly Ranked[]
  readonly limits: readonly Ranked[]
}

type Ranked = { readonly name: string; readonly count: number }

/** Rows of one list. */
const mostRows = 200
const mostRanked = 10

export function gatewayStatus(needs: StatusNeeds): GatewayStatus {
  const { running, readiness, software, startedAt, now, wallMs } = needs
  const { sessions, shares } = running.gateway
  const { resources, most, leftOut } = shares.report()
  const destinations = [...sessions.pool.states()].sort((a, b) => urgencyOf(a) - urgencyOf(b))
  const links = [...sessions.all]
  const peers = peerRows(needs)
  const refused = refusedRows(needs)
  const shownDestinations = destinations.slice(0, mostRows)
  const proven = links.filter(({ role, pairs }) => role === 'gateway' && [...pairs].length > 0)
  return {
    ...readiness,
    software,
    uptimeSeconds: seconds(now - startedAt),
    domains: running.domains.slice(0, mostRows).map((domain) => domainRow(domain, wallMs)),
    peers: peers.slice(0, mostRows),
    refused,
    destinations: shownDestinations.map(destinationRow),
    links: proven.slice(0, mostRows).map((link) => linkRow(link, now)),
    shares: { resources, most },
    counts: countsOf(links, proven.length, peers, needs.meter),
    names: namesOf([
      ...running.domains.map(({ name }) => name),
      ...shownDestinations.map(({ remote }) => remote),
      ...peers.slice(0, mostRows).map(({ remote }) => remote),
      ...refused.map(({ claimed }) => claimed),
      ...proven.slice(0, mostRows).flatMap(({ pairs }) => [...pairs].map(({ remote }) => remote)),
      ...most.flatMap(domainsOf),
    ]),
    leftOut: {
      peers: Math.max(0, peers.length - mostRows),
      destinations: Math.max(0, destinations.length - mostRows),
      links: Math.max(0, proven.length - mostRows),
      shares: leftOut,
    },
  }
}

const domainsOf = ({ name, class: own, domains }: PartyReport): readonly string[] =>
  own === 'known' ? [name] : domains

/** Canonical names of domains, as `address/` makes them. */
const namesOf = (domains: readonly string[]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    domains
      .map((domain) => [domain, displayDomain(domain as Domain)] as const)
      .filter(([domain, shown]) => domain !== shown),
  )

const urgency = { 'backing-off': 0, connecting: 2, running: 3, idle: 4 } as const

/** One that nobody asks for any more since it failed is in trouble, too. */
const urgencyOf = ({ state, code }: DestinationView): number =>
  state === 'idle' && code !== undefined ? 1 : urgency[state]

const seconds = (ms: number): number => Math.round(ms / 1000)

const domainRow = (
  { name, services, certificateUntil, keysUntil }: DomainView,
  wallMs: number,
): GatewayStatus['domains'][number] => ({
  name,
  services,
  certificateSecondsLeft: seconds(certificateUntil - wallMs),
  keysSecondsLeft: seconds(keysUntil - wallMs),
})

const destinationRow = (view: DestinationView): GatewayStatus['destinations'][number] => {
  const { local, remote, service, state, code, retryAfterMs, links } = view
  const cause = code ?? null
  return { local, remote, service, state, cause, retryInSeconds: seconds(retryAfterMs), links }
}

const linkRow = (
  { dialled, bornAt, pairs, link }: LinkView,
  now: number,
): GatewayStatus['links'][number] => ({
  pairs: [...pairs].map(({ local, remote, kinds }) => ({ local, remote, proof: [...kinds] })),
  direction: dialled === undefined ? 'in' : 'out',
  state: link.state,
  ageSeconds: seconds(now - bornAt),
  underWay: link.underWay,
  address: link.channel.facts.remote,
  software: link.hello?.software ?? null,
})

function countsOf(
  links: readonly LinkView[],
  proven: number,
  peers: readonly PeerRow[],
  meter: Meter,
): Counts {
  const gateways = links.filter(({ role }) => role === 'gateway').length
  const isGood = ({ name }: Ranked): boolean => /^(delivered|stored|queued|ok)$/.test(name)
  return {
    peers: peers.length,
    failingPeers: peers.filter(({ state }) => state === 'failing').length,
    gatewayLinks: gateways,
    clientLinks: links.length - gateways,
    unprovenLinks: gateways - proven,
    messagesIn: meter.total('messages_total', { direction: 'in' }),
    messagesOut: meter.total('messages_total', { direction: 'out' }),
    failures: ranked(meter, 'messages_total', 'result').filter((one) => !isGood(one)),
    limits: ranked(meter, 'limit_hits_total', 'limit'),
  }
}

/** The values of a label that count most. */
function ranked(meter: Meter, name: string, label: string): readonly Ranked[] {
  const sums = new Map<string, number>()
  for (const { labels, value } of meter.counters.get(name)?.values() ?? []) {
    const key = labels[label] ?? ''
    sums.set(key, (sums.get(key) ?? 0) + value.n)
  }
  return [...sums]
    .map(([key, count]) => ({ name: key, count }))
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.count - a.count)
    .slice(0, mostRanked)
}
