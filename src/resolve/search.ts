/**
 * Resolve: one search for the targets of a domain, and what it saw on the way.
 *
 * In:    a place: a host and a port that a route, a SRV record or the domain itself names.
 * Out:   the target there, if it has an address that may be dialled; for a search without any, the error.
 * Fails: never; `noTarget` makes the error that its caller throws.
 */
import { isIP } from 'node:net'
import type { Service } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import { GatewayError, type Status } from '../errors.ts'
import { formatEndpoint } from '../lib/ip.ts'
import type { Account } from '../shares/account.ts'
import { type Needs as AddressNeeds, aliasFault, findAddresses } from './addresses.ts'
import { endpointsText, type Note, ruleStep } from './steps.ts'
import type { Target } from './target.ts'

export type Search = {
  readonly domain: Domain
  readonly service: Service
  readonly mayBeStale: boolean
  readonly signal: AbortSignal
  /** On whose account DNS is asked. */
  readonly payer: Account | undefined
  readonly note: Note
  readonly tally: Tally
}

/** What was seen so far. */
type Tally = {
  given: number
  /** Addresses and ports that the guard refused. */
  blocked: number
  /** DNS could not say something that mattered. */
  isUnsure: boolean
  /** A route or a SRV record says that the service is there. */
  hasService: boolean
  /** There were more records than are used. */
  isCut: boolean
  /** What is wrong with records that name a host. */
  readonly faults: Set<string>
}

export type Place = Pick<Target, 'host' | 'port' | 'via' | 'needsKnownKey'> & {
  /** The record that names the host had run out. */
  readonly isStale: boolean
}

/** No target, or one. */
export async function targetsAt(
  needs: AddressNeeds,
  search: Search,
  place: Place,
): Promise<readonly Target[]> {
  const { host, port, via, needsKnownKey, isStale } = place
  const { tally, note, mayBeStale, signal, payer } = search
  const found = isLiteral(place)
    ? literal(host)
    : await findAddresses(
        needs,
        { host, mayBeAlias: via !== 'srv', mayBeStale, signal, payer },
        note,
      )
  const { addresses } = found
  tally.blocked += found.blocked
  if (found.isAlias) tally.faults.add(aliasFault(host))
  if (addresses.length === 0) {
    tally.isUnsure ||= found.isUnsure
    return []
  }
  tally.given += 1
  note(
    ruleStep(formatEndpoint(host, port), endpointsText(addresses, port), {
      phase: 'target',
      decision: 'use',
      reason: `Target ${tally.given} in the order to try.`,
    }),
  )
  return [{ host, port, addresses, via, needsKnownKey, stale: isStale || found.isStale }]
}

/** An address in a static route, with its zone, is the operator's word, not a stranger's: the guard does not judge it. */
const isLiteral = ({ via, host }: Place): boolean => via === 'static' && isIP(host) !== 0

const literal = (ip: string) => ({
  addresses: [{ ip, family: ip.includes(':') ? (6 as const) : (4 as const) }],
  blocked: 0,
  isAlias: false,
  isUnsure: false,
  isStale: false,
})

/** Why a search found nothing. "Don't know" comes first: it must never look like "no". */
export function noTarget({ domain, service, signal, tally, note }: Search): GatewayError {
  const [code, why] = signal.aborted
    ? (['cancelled', 'nobody waits for the answer any more'] as const)
    : reasonFor(tally)
  const asked = `${service}:${domain}`
  note(ruleStep(asked, code, { phase: 'result', decision: 'stop', reason: `${asked}: ${why}.` }))
  return new GatewayError(code, `${asked}: ${why}`)
}

/** So many are told. */
const mostFaults = 4

function reasonFor({ isUnsure, blocked, hasService, faults }: Tally): readonly [Status, string] {
  if (isUnsure) return ['dns-failed', 'DNS could not say where it is']
  if (blocked > 0)
    return ['address-blocked', 'every address or port that DNS names is refused here']
  if (faults.size > 0) return ['remote-unreachable', [...faults].slice(0, mostFaults).join('; ')]
  if (hasService) return ['remote-unreachable', 'none of the hosts that are named has an address']
  return ['remote-not-found', 'DNS has no SRV record and no address for it']
}
