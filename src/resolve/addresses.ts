/**
 * Resolve: a host name becomes the addresses to dial.
 *
 * In:    a host name; whether it may be an alias; whether answers that have run out may serve.
 * Out:   addresses that may be dialled, how many were refused, and whether the rest is "no" or "don't know".
 * Fails: never.
 * Spec:  RFC 8305 §3 (AAAA and A side by side, no waiting for the slower), RFC 2782, "Target" (no alias).
 */
import { type Clock, sleep } from '../lib/clock.ts'
import type { IpAddress, Range } from '../lib/ip.ts'
import type { Meter } from '../lib/meter.ts'
import type { Limits } from '../limits.ts'
import type { Account } from '../shares/account.ts'
import type { DnsCache, Found } from './cache.ts'
import { whyBlocked } from './guard.ts'
import { addressRecords, type Outcome } from './outcome.ts'
import { dnsStep, type Note } from './steps.ts'

export type Needs = {
  readonly cache: DnsCache
  readonly clock: Clock
  readonly limits: Limits
  readonly meter: Meter
  readonly allowed: readonly Range[]
}

export type HostQuestion = {
  readonly host: string
  readonly mayBeAlias: boolean
  readonly mayBeStale: boolean
  readonly signal: AbortSignal
  readonly payer: Account | undefined
}

export type HostAddresses = {
  readonly addresses: readonly IpAddress[]
  /** Addresses that the guard refused. */
  readonly blocked: number
  /** It is an alias where it may be none. */
  readonly isAlias: boolean
  /** One of the two questions could not be answered. */
  readonly isUnsure: boolean
  readonly isStale: boolean
}

const types = ['AAAA', 'A'] as const

/** Asks for AAAA and A at once. */
export async function findAddresses(
  needs: Needs,
  question: HostQuestion,
  note: Note,
): Promise<HostAddresses> {
  const found = await askBoth(needs, question)
  const parts = found.map((one, i) => judge(needs, question, types[i] ?? 'A', one, note))
  const addresses = new Map(
    parts.flatMap((part) => part.addresses.map((address) => [address.ip, address])),
  )
  return {
    addresses: [...addresses.values()],
    blocked: parts.reduce((sum, { blocked }) => sum + blocked, 0),
    isAlias: parts.some(({ isAlias }) => isAlias),
    isUnsure: parts.some(({ isUnsure }) => isUnsure),
    isStale: parts.some(({ isStale, addresses: used }) => isStale && used.length > 0),
  }
}

/** Waits for both, but once one has addresses no longer than the other family would be waited for when dialling. */
async function askBoth(
  { cache, clock, limits }: Needs,
  { host, mayBeStale, signal, payer }: HostQuestion,
): Promise<readonly (Found | undefined)[]> {
  const found: (Found | undefined)[] = [undefined, undefined]
  const asked = types.map(async (type, i) => {
    const one = await cache.find({ name: host, type, mayBeStale, signal, payer })
    found[i] = one
    return one
  })
  const both = Promise.all(asked)
  const first = await Promise.race(asked)
  if (first.outcome.kind === 'records') {
    const ended = new AbortController()
    await Promise.race([both, sleep(clock, limits.dialStaggerMs, ended.signal)])
    ended.abort()
  } else await both
  return [...found]
}

/** What one of the two answers is good for. */
function judge(
  { meter, allowed }: Needs,
  { host, mayBeAlias }: HostQuestion,
  type: 'AAAA' | 'A',
  found: Found | undefined,
  note: Note,
): HostAddresses {
  // Not answered in time: what the other family gave is enough, and the cache will have this one.
  if (found === undefined) return noAddresses
  const { outcome, source } = found
  const isAlias = outcome.aliases.length > 0 && !mayBeAlias
  const verdicts = isAlias
    ? []
    : addressRecords(outcome).map(({ ip }) => ({ ip, why: whyBlocked(ip, allowed) }))
  const addresses = verdicts.filter(({ why }) => why === undefined)
  const blocked = verdicts.filter(({ why }) => why !== undefined)
  if (isAlias) meter.counter('dns_refused_total', { reason: 'alias' }).n += 1
  meter.counter('dns_refused_total', { reason: 'address' }).n += blocked.length
  note(
    dnsStep(`${host} ${type}`, found, {
      phase: 'address',
      decision: addresses.length > 0 ? 'use' : 'skip',
      reason: isAlias ? `${aliasFault(host)}.` : reasonOf(outcome, blocked),
    }),
  )
  return {
    addresses: addresses.map(({ ip }) => ({ ip, family: type === 'A' ? 4 : 6 })),
    blocked: blocked.length,
    isAlias,
    isUnsure: outcome.kind === 'failure',
    isStale: source === 'stale',
  }
}

const noAddresses: HostAddresses = {
  addresses: [],
  blocked: 0,
  isAlias: false,
  isUnsure: false,
  isStale: false,
}

export const aliasFault = (host: string): string =>
  `${host} is an alias, which RFC 2782 does not allow for the target of a SRV record`

function reasonOf(
  { kind, failure }: Outcome,
  blocked: readonly { readonly ip: string; readonly why: string | undefined }[],
): string {
  if (kind === 'failure') return `DNS could not say (${failure}), which does not mean "no".`
  if (kind === 'nxdomain') return 'The name does not exist.'
  if (kind === 'nodata') return 'The name has no address of this kind.'
  if (blocked.length === 0) return 'These addresses may be dialled.'
  return `Not dialled: ${blocked.map(({ ip, why }) => `${ip} ${why}`).join('; ')}.`
}
