/**
 * Whether somebody answers at the targets of a domain and can be believed: the last steps of `gatehouse explain`.
 *
 * In:    where a domain is; how to connect to one address.
 * Out:   a step for each address that was tried, and what the whole came to.
 * Fails: never; a failure is a step and a result.
 *
 * The next target is tried only if the one before failed entirely, as a gateway does it.
 */
import type { Finding, Findings } from '../diagnose/diagnosis.ts'
import { GatewayError, type Status } from '../errors.ts'
import { formatEndpoint } from '../lib/ip.ts'
import type { Step } from '../resolve/steps.ts'

/** Connects, says in a few words what is there, and lets go; rejects with a GatewayError. */
export type Visit = (ip: string, port: number) => Promise<string>

export type Tried = { readonly steps: readonly Step[]; readonly connect: Finding }

type Visited = { readonly code: Status; readonly step: Step }

type Places = Pick<Findings, 'service' | 'domain'> & {
  readonly targets: readonly Pick<Findings['targets'][number], 'addresses' | 'port'>[]
}

/** `most`: addresses that are tried in all. */
export async function tryTargets(found: Places, visit: Visit, most: number): Promise<Tried> {
  const visited: Visited[] = []
  for (const { addresses, port } of found.targets) {
    const left = addresses.slice(0, most - visited.length)
    visited.push(...(await Promise.all(left.map((ip) => visitOne(visit, ip, port)))))
    if (visited.some(({ code }) => code === 'ok')) break
  }
  return { steps: visited.map(({ step }) => step), connect: verdictOf(found, visited) }
}

async function visitOne(visit: Visit, ip: string, port: number): Promise<Visited> {
  const asked = formatEndpoint(ip, port)
  try {
    const reason = `Somebody answers: ${await visit(ip, port)}.`
    return { code: 'ok', step: connectStep(asked, { answer: 'ok', decision: 'use', reason }) }
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    const { code, message } = error
    const said = message.startsWith(`${asked}: `) ? message.slice(asked.length + 2) : message
    const reason = `No link: ${said}.`
    return { code, step: connectStep(asked, { answer: code, decision: 'go-on', reason }) }
  }
}

const connectStep = (asked: string, told: Pick<Step, 'answer' | 'decision' | 'reason'>): Step => ({
  ...{ phase: 'connect', asked, server: null, source: 'gateway', ageMs: null, leftMs: null },
  ...told,
})

/** As a gateway judges it: distrust only if somebody was there at every address. */
function verdictOf({ service, domain }: Places, visited: readonly Visited[]): Finding {
  const good = visited.find(({ code }) => code === 'ok')
  const name = `${service}:${domain}`
  if (good !== undefined)
    return { result: 'ok', sentence: `${name} answers at ${good.step.asked}.` }
  return visited.every(({ code }) => doubtful.has(code))
    ? { result: 'remote-untrusted', sentence: `${name}: who answers does not prove the domain.` }
    : { result: 'remote-unreachable', sentence: `${name}: no address takes a link.` }
}

const doubtful: ReadonlySet<Status> = new Set(['tls-failed', 'identity-mismatch'])
