/**
 * Resolve: what was done to find a domain, step by step, for those who ask why.
 *
 * In:    what a look-up found; what was decided about it.
 * Out:   steps that can be printed, logged or sent as JSON.
 * Fails: never.
 */
import { formatEndpoint } from '../lib/ip.ts'
import type { Found } from './cache.ts'
import type { DataRecord, SrvRecord } from './message.ts'
import type { LeftOut } from './order.ts'
import type { Outcome } from './outcome.ts'
import type { StaticRoute } from './target.ts'

export type Step = {
  readonly phase: 'route' | 'srv' | 'address' | 'target' | 'fallback' | 'result' | 'connect'
  /** `_im._mitp.b.example SRV`, or the host that the step is about. */
  readonly asked: string
  /** Who answered; `null` if DNS was not asked. */
  readonly server: string | null
  readonly source: Found['source'] | 'configuration' | 'rule' | 'gateway'
  readonly answer: string
  readonly ageMs: number | null
  /** How long the answer will still be used; below 0 for one that has run out. */
  readonly leftMs: number | null
  readonly decision: 'use' | 'skip' | 'go-on' | 'stop'
  /** One sentence. */
  readonly reason: string
}

export type Note = (step: Step) => undefined

export type Decided = Pick<Step, 'phase' | 'decision' | 'reason'>

/** A step that DNS had a part in. */
export const dnsStep = (
  asked: string,
  { outcome, source, ageMs, leftMs }: Found,
  { phase, decision, reason }: Decided,
): Step => ({
  phase,
  asked,
  server: outcome.server === 'none' ? null : outcome.server,
  source,
  answer: answerText(outcome),
  ageMs: Math.round(ageMs),
  leftMs: Math.round(leftMs),
  decision,
  reason,
})

/** A step that follows from a rule of this gateway or from its configuration. */
export const ruleStep = (
  asked: string,
  answer: string,
  { phase, decision, reason }: Decided,
): Step => ({
  phase,
  asked,
  server: null,
  source: phase === 'route' ? 'configuration' : 'rule',
  answer,
  ageMs: null,
  leftMs: null,
  decision,
  reason,
})

/** A long answer is cut for the reader; nothing is decided by this text. */
const mostShown = 16

function answerText({ kind, records, aliases, failure }: Found['outcome']): string {
  if (kind === 'failure') return `failure: ${failure}`
  const way = aliases.length === 0 ? '' : `alias of ${aliases.join(', ')}: `
  if (kind !== 'records') return `${way}${kind}`
  return `${way}${recordsText(records)}`
}

const recordsText = (records: readonly DataRecord[]): string => {
  const shown = records.slice(0, mostShown).map(recordText).join('; ')
  return records.length > mostShown ? `${shown}; ${records.length - mostShown} more` : shown
}

const recordText = (record: DataRecord): string =>
  record.type === 'SRV'
    ? `${record.priority} ${record.weight} ${record.port} ${record.target}`
    : record.ip

/** `192.0.2.1:5279, [2001:db8::1]:5279` */
export const endpointsText = (
  addresses: readonly { readonly ip: string }[],
  port: number,
): string => addresses.map(({ ip }) => formatEndpoint(ip, port)).join(', ')

export const routeStep = (domain: string, { host, port }: StaticRoute): Step =>
  ruleStep(domain, `${host} port ${port}`, {
    phase: 'route',
    decision: 'use',
    reason: 'A static route of the configuration comes before DNS.',
  })

export function srvDecision({ kind, failure }: Outcome): Decided {
  const phase = 'srv'
  switch (kind) {
    case 'records':
      return { phase, decision: 'use', reason: 'The SRV records name the hosts of the service.' }
    case 'failure': {
      const reason = `DNS could not say (${failure}); that is not "no", so nothing else is tried.`
      return { phase, decision: 'stop', reason }
    }
    default: {
      const reason = "There is no SRV record, so the domain's own addresses are the target."
      return { phase, decision: 'go-on', reason }
    }
  }
}

export const leftOutStep = (
  domain: string,
  why: LeftOut['why'],
  records: readonly SrvRecord[],
): Step =>
  ruleStep(domain, recordsText(records), {
    phase: 'srv',
    decision: 'skip',
    reason: `Left out: ${leftOutReasons[why]}.`,
  })

/** For the result, where no record is left. */
export const faultText = (why: LeftOut['why'], records: readonly SrvRecord[]): string =>
  `SRV ${recordsText(records)} cannot be used: ${leftOutReasons[why]}`

const leftOutReasons: Readonly<Record<LeftOut['why'], string>> = {
  root: 'the target "." stands beside others and names no host',
  'port-zero': 'port 0 cannot be dialled',
  'port-blocked': 'ports below 1024 are not dialled, but for 443',
  'not-a-host-name': 'the target is not the name of a host',
  'too-many': 'there are more records than are used of one answer',
}
