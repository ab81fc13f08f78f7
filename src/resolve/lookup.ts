/**
 * Resolve: one name and type, asked of the configured servers.
 *
 * In:    a name and a type.
 * Out:   records, nxdomain, nodata or failure, with the time that DNS lets it be kept.
 * Fails: never; "could not find out" is the outcome `failure`.
 * Spec:  RFC 1034 §5.3.3, RFC 2308 §2 and §5, RFC 9520.
 */
import { formatEndpoint, isLoopback } from '../lib/ip.ts'
import { observe } from '../lib/meter.ts'
import type { Account } from '../shares/account.ts'
import { type Chain, followAliases } from './aliases.ts'
import { type Asking, type Needs as AskNeeds, askServers } from './ask-servers.ts'
import { deadline } from './deadline.ts'
import { type Answer, type RecordType, rcodes } from './message.ts'
import { isQueryName } from './name.ts'
import { type Failure, failed, type Outcome } from './outcome.ts'
import type { ServerList } from './server-list.ts'

/** `payer`: on whose account it is asked; nobody: it waits for nobody. */
export type Lookup = (
  name: string,
  type: RecordType,
  signal: AbortSignal,
  payer?: Account | undefined,
) => Promise<Outcome>

export type Needs = AskNeeds & { readonly servers: ServerList }

export function createLookup(needs: Needs): Lookup {
  const { clock, limits, meter } = needs
  const seconds = meter.histogram('dns_lookup_seconds')
  return async (name, type, signal, payer) => {
    // A name that cannot be written cannot exist: no server has to be asked.
    if (!isQueryName(name)) return { ...failed('no-servers', 'none', 'udp'), ...noSuchName }
    const started = clock.now()
    const total = deadline(clock, limits.dnsTotalMs, signal)
    try {
      const asking = { question: { name, type }, signal: total.signal, payer }
      const outcome = await walk(needs, asking, startOf(name))
      if (!total.isOver()) return outcome
      meter.hit('dnsTotalMs')
      return { ...outcome, ...timedOut(outcome) }
    } finally {
      total.end()
      observe(seconds, (clock.now() - started) / 1000)
    }
  }
}

const noSuchName = { kind: 'nxdomain', failure: 'none' } as const

/** A question that was cut off by the end of the time is a time-out, not a wish of the one who asked. */
const timedOut = ({ kind }: Outcome): Partial<Outcome> =>
  kind === 'failure' ? { failure: 'timeout' } : {}

type Path = { readonly from: string; readonly aliases: readonly string[]; readonly ttl: number }

const startOf = (name: string): Path => ({
  from: name,
  aliases: [],
  ttl: Number.POSITIVE_INFINITY,
})

/** Asks, and asks again where an alias leads out of the answer (RFC 1034 §5.3.3). */
async function walk(needs: Needs, asking: Asking, path: Path): Promise<Outcome> {
  const { question } = asking
  const { reply, server } = await askServers(needs, needs.servers, asking)
  const { answer, transport } = reply
  const name = server === undefined ? 'none' : formatEndpoint(server.ip, server.port)
  if (answer === undefined) return failed(reply.failure, name, transport)
  const chain = followAliases(answer.records, question.name, question.type)
  const way = {
    from: path.from,
    aliases: [...path.aliases, ...chain.aliases],
    ttl: Math.min(path.ttl, chain.ttl),
  }
  const fault = chain.isLoop ? 'alias-loop' : faultOf(way, needs)
  if (fault !== undefined) return failed(fault, name, transport)
  if (leadsOut(chain, answer)) {
    return walk(needs, { ...asking, question: { ...question, name: chain.name } }, way)
  }
  return {
    kind: kindOf(chain, answer),
    records: chain.records,
    ttlMs: lifeMs(chain.records.length > 0 ? way.ttl : Math.min(way.ttl, answer.negativeTtl ?? 0)),
    aliases: way.aliases,
    isAuthentic: answer.authentic && server !== undefined && isLoopback(server.ip),
    server: name,
    transport,
    failure: 'none',
  }
}

function faultOf({ from, aliases }: Path, { limits, meter }: Needs): Failure | undefined {
  if (new Set([from, ...aliases]).size <= aliases.length) return 'alias-loop'
  if (aliases.length <= limits.dnsAliases) return undefined
  meter.hit('dnsAliases')
  return 'too-many-aliases'
}

/** The aliases end at a name that this answer says nothing about, not even "no". */
const leadsOut = ({ aliases, records }: Chain, { rcode, negativeTtl }: Answer): boolean =>
  aliases.length > 0 &&
  records.length === 0 &&
  rcode !== rcodes.nameError &&
  negativeTtl === undefined

const kindOf = ({ records }: Chain, { rcode }: Answer): Outcome['kind'] => {
  if (records.length > 0) return 'records'
  return rcode === rcodes.nameError ? 'nxdomain' : 'nodata'
}

const lifeMs = (seconds: number): number => (Number.isFinite(seconds) ? seconds * 1000 : 0)
