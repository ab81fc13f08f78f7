/**
 * Resolve: a domain and a service become the targets to dial, best first.
 *
 * In:    a domain that is not ours, and one of its services.
 * Out:   targets, found one by one as they are needed.
 * Fails: only if there is no target at all: `dns-failed`, `remote-unreachable` (later), `remote-declines`,
 *        `remote-not-found`, `address-blocked` (never), `cancelled`.
 * Spec:  draft §5.4.2.1.4 (SRV, then address records), RFC 3861 §3 and §4, RFC 2782, RFC 9619.
 */
import type { Domain } from '../address/domain.ts'
import { GatewayError } from '../errors.ts'
import type { Random } from '../lib/random.ts'
import type { Needs as AddressNeeds } from './addresses.ts'
import type { Found } from './cache.ts'
import type { SrvRecord } from './message.ts'
import { srvName } from './name.ts'
import { chooseRecords } from './order.ts'
import { srvRecords } from './outcome.ts'
import { noTarget, type Search, targetsAt } from './search.ts'
import { dnsStep, faultText, leftOutStep, routeStep, ruleStep, srvDecision } from './steps.ts'
import type { Fallback, StaticRoute, Target } from './target.ts'

export type Needs = AddressNeeds & {
  readonly random: Random
  readonly staticRoutes: ReadonlyMap<string, readonly StaticRoute[]>
  readonly fallback: Fallback
  readonly defaultPort: number
  /** The domain was proven before: an answer that has run out may lead to it. */
  readonly isProven: (domain: Domain) => boolean
}

type Targets = AsyncGenerator<Target, undefined>

/** Static routes come before DNS, and instead of it. */
export async function* findTargets(needs: Needs, search: Search): Targets {
  const routes = needs.staticRoutes.get(search.domain)
  if (routes === undefined) yield* bySrv(needs, search)
  else yield* byRoutes(needs, search, routes)
  if (search.tally.given === 0) throw noTarget(search)
}

async function* byRoutes(needs: Needs, search: Search, routes: readonly StaticRoute[]): Targets {
  search.tally.hasService = true
  for (const route of routes) {
    search.note(routeStep(search.domain, route))
    const place = { ...route, via: 'static', needsKnownKey: false, isStale: false } as const
    yield* await targetsAt(needs, search, place)
  }
}

async function* bySrv(needs: Needs, search: Search): Targets {
  const found = await askSrv(needs, search)
  const { tally } = search
  // [LINK-9.1-3] "Don't know" is no "no".
  if (found.outcome.kind === 'failure') {
    tally.isUnsure = true
    return
  }
  if (found.outcome.kind !== 'records') {
    // [LINK-9.1-2] RFC 3861 §4: without SRV records an address record acts as the one target.
    yield* await targetsAt(needs, search, ownPlace(needs, search, false))
    return
  }
  tally.hasService = true
  const isStale = found.source === 'stale'
  const chosen = choose(needs, search, found)
  for (const { target, port } of chosen) {
    if (search.signal.aborted) return
    const place = { host: target, port, via: 'srv', needsKnownKey: false, isStale } as const
    yield* await targetsAt(needs, search, place)
  }
  if (mayFallBack(needs, search, chosen.length > 0)) {
    yield* await targetsAt(needs, search, ownPlace(needs, search, needs.fallback === 'proven'))
  }
}

/** SRV, AAAA and A side by side, in a question each; the addresses wait in the cache until they are needed. */
async function askSrv({ cache }: Needs, search: Search): Promise<Found> {
  const { domain, service, mayBeStale, signal, payer, note } = search
  const name = srvName(domain, service)
  const isKnown = cache.isFresh({ name, type: 'SRV' })
  // The one that is waited for goes first.
  const asked = cache.find({ name, type: 'SRV', mayBeStale, signal, payer })
  if (!isKnown) {
    const types = ['AAAA', 'A'] as const
    void Promise.allSettled(
      types.map((type) => cache.find({ name: domain, type, mayBeStale, signal, payer })),
    )
  }
  const found = await asked
  note(dnsStep(`${name} SRV`, found, srvDecision(found.outcome)))
  return found
}

/** The records to use, in order. */
function choose(needs: Needs, search: Search, { outcome }: Found): readonly SrvRecord[] {
  const { limits, random, meter } = needs
  const choice = chooseRecords(srvRecords(outcome), limits.dnsRecords, random)
  // [LINK-9.1-4]
  if (choice.isDeclined) throw declined(search)
  for (const [why, all] of Map.groupBy(choice.leftOut, (one) => one.why)) {
    const left = all.map(({ record }) => record)
    meter.counter('dns_refused_total', { reason: why }).n += left.length
    if (why === 'port-blocked') search.tally.blocked += left.length
    if (why === 'too-many') {
      meter.hit('dnsRecords')
      search.tally.isCut = true
    } else if (why !== 'port-blocked') search.tally.faults.add(faultText(why, left))
    search.note(leftOutStep(search.domain, why, left))
  }
  return choice.ordered
}

function declined({ domain, service, note }: Search): GatewayError {
  const asked = `${service}:${domain}`
  const reason = `${asked} is not offered: its SRV record has the target ".", so nothing else is tried.`
  note(ruleStep(asked, 'remote-declines', { phase: 'result', decision: 'stop', reason }))
  return new GatewayError('remote-declines', reason)
}

/** [LINK-9.1-5] Asked only once every target of the SRV records has failed. [LINK-9.1-8] There has to have been one. */
function mayFallBack(
  { fallback }: Needs,
  { domain, tally, signal, note }: Search,
  hasUsable: boolean,
): boolean {
  if (signal.aborted) return false
  const isAllowed = fallback !== 'strict' && !tally.isUnsure && hasUsable
  const reason = tally.isUnsure
    ? 'An address of a target could not be looked up, and "don\'t know" is no reason to go elsewhere.'
    : hasUsable
      ? fallbackReasons[fallback]
      : 'There are SRV records, and none can be used: that is a mistake of theirs, and no reason to go elsewhere.'
  const decision = isAllowed ? 'go-on' : 'stop'
  note(ruleStep(domain, `fallback: ${fallback}`, { phase: 'fallback', decision, reason }))
  return isAllowed
}

const fallbackReasons: Readonly<Record<Fallback, string>> = {
  proven: "If no target can be connected: the domain's own addresses, for a known key only.",
  draft: "If no target can be connected: the domain's own addresses.",
  strict: "Where SRV records exist, the domain's own addresses are not used.",
}

const ownPlace = ({ defaultPort }: Needs, { domain }: Search, needsKnownKey: boolean) =>
  ({ host: domain, port: defaultPort, via: 'address', needsKnownKey, isStale: false }) as const
