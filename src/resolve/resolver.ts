/**
 * Resolve: where is this domain? The stage as the rest of the gateway sees it.
 *
 * In:    a domain that is not ours, and one of its services.
 * Out:   targets, best first; or, for those who ask why, every step with its age and reason.
 * Fails: see `targets.ts`.
 * Spec:  draft §5.4.2, RFC 3861.
 */
import type { Service } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import { GatewayError, type Status } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { parseRange, type Range } from '../lib/ip.ts'
import type { Meter } from '../lib/meter.ts'
import type { Random } from '../lib/random.ts'
import type { Limits } from '../limits.ts'
import type { Account } from '../shares/account.ts'
import { DnsCache } from './cache.ts'
import type { DnsExchange, DnsServer } from './exchange.ts'
import type { QuestionLine } from './in-turn.ts'
import { createLookup } from './lookup.ts'
import { srvName } from './name.ts'
import { srvRecords } from './outcome.ts'
import type { Search } from './search.ts'
import { ServerList } from './server-list.ts'
import type { Step } from './steps.ts'
import { type LinkPlace, type Naming, namingOf } from './still-named.ts'
import type { Fallback, StaticRoute, Target } from './target.ts'
import { findTargets, type Needs } from './targets.ts'

export type ResolverOptions = {
  readonly exchange: DnsExchange
  readonly servers: readonly DnsServer[]
  readonly clock: Clock
  readonly random: Random
  readonly limits: Limits
  readonly meter: Meter
  /** By domain. They come before DNS, and instead of it. */
  readonly staticRoutes: ReadonlyMap<string, readonly StaticRoute[]>
  /** Ranges that may be dialled although they are private or special: `10.0.0.0/8`, `::1`. */
  readonly allowRanges: readonly string[]
  readonly fallback: Fallback
  /** For the domain's own addresses. */
  readonly defaultPort: number
  readonly isProven: (domain: Domain) => boolean
  /** Where questions wait for their turn. */
  readonly line?: QuestionLine | undefined
  /** On whose account DNS is asked for those who ask why. */
  readonly explainer?: Account | undefined
}

export type Resolution = {
  /** At least one. Each is looked up when it is asked for; to be read once. */
  readonly targets: AsyncIterable<Target>
  /** What was done so far; grows as targets are read. */
  readonly steps: readonly Step[]
}

export type Explanation = {
  readonly domain: string
  readonly service: Service
  /** Milliseconds since 1970. */
  readonly at: number
  readonly steps: readonly Step[]
  readonly targets: readonly Target[]
  readonly result: Status
  readonly sentence: string
}

export type Resolver = {
  /** `payer`: on whose account DNS is asked. */
  readonly resolve: (
    domain: Domain,
    service: Service,
    signal: AbortSignal,
    payer?: Account | undefined,
  ) => Promise<Resolution>
  /**
   * The service for which DNS, or a route, names a host; else the one that has the addresses of the domain itself; nothing:
   * there is none, as far as it can be told before `signal`.
   */
  readonly foundBy: (
    domain: Domain,
    signal: AbortSignal,
    payer?: Account | undefined,
  ) => Promise<Service | undefined>
  /** Whether a link to `place` leads where DNS, or a route, leads now; asks again once an answer has run out. */
  readonly naming: (
    domain: Domain,
    service: Service,
    place: LinkPlace,
    signal: AbortSignal,
    payer?: Account | undefined,
  ) => Promise<Naming>
  /** Finds every target, from the cache where it knows, and tells each step: all of them, or those before `signal`. */
  readonly explain: (domain: Domain, service: Service, signal?: AbortSignal) => Promise<Explanation>
  /**
   * What DNS said about a domain and its targets, or everything, has run out; of how many names and types that was. What
   * was good serves on while DNS fails, as what has run out does.
   */
  readonly flush: (domain: Domain | undefined) => number
  /** Other servers from now on. What is known of the old ones, and what they said, is forgotten as by `flush`. */
  readonly ask: (servers: readonly DnsServer[]) => undefined
}

export function createResolver(options: ResolverOptions): Resolver {
  const servers = new ServerList(options.servers, options.clock, options.limits)
  const cache = new DnsCache({ ...options, lookup: createLookup({ ...options, servers }) })
  const needs: Needs = { ...options, cache, allowed: options.allowRanges.map(rangeOf) }
  return {
    resolve: (domain, service, signal, payer) => resolve(needs, { domain, service, signal, payer }),
    foundBy: (domain, signal, payer) => foundBy(needs, { domain, signal, payer }),
    naming: (domain, service, place, signal, payer) =>
      namingOf(
        needs,
        { ...searchFor(needs, { domain, service, signal, payer }, []), mayBeStale: false },
        place,
      ),
    explain: (domain, service, signal = never()) =>
      explain(needs, { domain, service, signal, payer: options.explainer }),
    flush: (domain) => cache.flush(domain === undefined ? everything : meantBy(cache, domain)),
    ask: (next) => {
      servers.replace(next)
      cache.flush(everything)
    },
  }
}

type Asked = Pick<Search, 'domain' | 'service' | 'signal' | 'payer'>

/** The first target is found at once, so that "there is none" is told here and not in the middle of a dial. */
async function resolve(needs: Needs, asked: Asked): Promise<Resolution> {
  const steps: Step[] = []
  const found = findTargets(needs, searchFor(needs, asked, steps))
  const first = await found.next()
  return { targets: continued(first, found), steps }
}

/** Messages first: most domains have both services in one place. */
async function foundBy(needs: Needs, asked: Omit<Asked, 'service'>): Promise<Service | undefined> {
  let atHome: Service | undefined
  for (const service of ['im', 'pres'] as const) {
    const via = await firstWay(needs, { ...asked, service })
    if (via === 'srv' || via === 'static') return service
    if (via === 'address') atHome ??= service
  }
  return atHome
}

async function firstWay(needs: Needs, asked: Asked): Promise<Target['via'] | undefined> {
  try {
    const found = findTargets(needs, searchFor(needs, asked, []))
    const { value } = await found.next()
    return value?.via
  } catch {
    return undefined
  }
}

async function* continued(
  first: IteratorResult<Target, undefined>,
  rest: AsyncGenerator<Target, undefined>,
): AsyncGenerator<Target, undefined> {
  if (first.done) return
  yield first.value
  yield* rest
}

async function explain(needs: Needs, asked: Asked): Promise<Explanation> {
  const { domain, service } = asked
  const steps: Step[] = []
  const targets: Target[] = []
  const ended = { domain, service, at: needs.clock.wall(), steps, targets }
  try {
    for await (const target of findTargets(needs, searchFor(needs, asked, steps))) {
      targets.push(target)
    }
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    return { ...ended, result: error.code, sentence: error.message }
  }
  const count = targets.length === 1 ? '1 target' : `${targets.length} targets`
  return { ...ended, result: 'ok', sentence: `${service}:${domain} has ${count}.` }
}

const searchFor = ({ isProven }: Needs, asked: Asked, steps: Step[]): Search => ({
  ...asked,
  mayBeStale: isProven(asked.domain),
  note: (step) => {
    steps.push(step)
  },
  tally: {
    given: 0,
    blocked: 0,
    isUnsure: false,
    hasService: false,
    isCut: false,
    faults: new Set(),
  },
})

const everything = () => true

/** The domain, every name under it, and the hosts that its SRV records named. */
function meantBy(cache: DnsCache, domain: Domain): (name: string) => boolean {
  const services = ['im', 'pres'] as const
  const records = services
    .map((service) => cache.lastGood({ name: srvName(domain, service), type: 'SRV' }))
    .flatMap((outcome) => (outcome === undefined ? [] : srvRecords(outcome)))
  const hosts = new Set(records.map(({ target }) => target))
  return (name) => name === domain || name.endsWith(`.${domain}`) || hosts.has(name)
}

function rangeOf(text: string): Range {
  const range = parseRange(text)
  if (range === undefined) {
    const wanted = 'an address range such as 10.0.0.0/8 was expected'
    throw new GatewayError('config-invalid', `${wanted}, not "${text}"`)
  }
  return range
}

const never = (): AbortSignal => new AbortController().signal
