/**
 * Whether somebody answers at the targets of a domain and can be believed: the last steps of `gatehouse explain`.
 *
 * In:    the explanation of where a domain is; how to connect to one address.
 * Out:   the same with a step for each address that was tried, and the result of the whole.
 * Fails: never; a failure is a step and a result.
 *
 * The next target is tried only if the one before failed entirely, as a gateway does it.
 */
import { GatewayError, type Status } from '../errors.ts'
import { formatEndpoint } from '../lib/ip.ts'
import type { Explanation } from '../resolve/resolver.ts'
import type { Step } from '../resolve/steps.ts'
import type { Target } from '../resolve/target.ts'

/** Connects, says in a few words what is there, and lets go; rejects with a GatewayError. */
export type Visit = (ip: string, port: number) => Promise<string>

type Visited = { readonly code: Status; readonly step: Step }

/** `most`: addresses that are tried in all. */
export async function tryTargets(
  explained: Explanation,
  visit: Visit,
  most: number,
): Promise<Explanation> {
  if (explained.result !== 'ok') return explained
  const visited: Visited[] = []
  for (const { addresses, port } of explained.targets) {
    const left = addresses.slice(0, most - visited.length)
    visited.push(...(await Promise.all(left.map(({ ip }) => visitOne(visit, ip, port)))))
    if (visited.some(({ code }) => code === 'ok')) break
  }
  return { ...explained, ...verdictOf(explained, visited), steps: stepsOf(explained, visited) }
}

const stepsOf = ({ steps }: Explanation, visited: readonly Visited[]): readonly Step[] => [
  ...steps,
  ...visited.map(({ step }) => step),
]

async function visitOne(visit: Visit, ip: string, port: Target['port']): Promise<Visited> {
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
function verdictOf(
  { service, domain }: Explanation,
  visited: readonly Visited[],
): Pick<Explanation, 'result' | 'sentence'> {
  const good = visited.find(({ code }) => code === 'ok')
  const name = `${service}:${domain}`
  if (good !== undefined)
    return { result: 'ok', sentence: `${name} answers at ${good.step.asked}.` }
  return visited.every(({ code }) => doubtful.has(code))
    ? { result: 'remote-untrusted', sentence: `${name}: who answers does not prove the domain.` }
    : { result: 'remote-unreachable', sentence: `${name}: no address takes a link.` }
}

const doubtful: ReadonlySet<Status> = new Set(['tls-failed', 'identity-mismatch'])
