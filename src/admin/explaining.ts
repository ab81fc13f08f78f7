/**
 * Why a domain can be reached or not, as the running gateway sees it: with its caches, links and events.
 *
 * In:    the query of `GET /explain`: `address=user@domain`, or a domain alone, and `service=im` or `pres`.
 * Out:   200 with a diagnosis; 400 for what cannot be asked; 503 while too many others are under way.
 * Fails: never.
 *
 * It asks DNS where the caches do not know, and dials nobody. Who asks what is being asked already waits for the same.
 */
import type { Service } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import { type Asked, askedFor } from '../diagnose/asked.ts'
import { conclude } from '../diagnose/conclude.ts'
import type { Diagnosis, Explainer } from '../diagnose/diagnosis.ts'
import { type Facts, gather } from '../diagnose/gather.ts'
import { GatewayError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { Meter } from '../lib/meter.ts'
import type { Limits } from '../limits.ts'
import type { RunningView } from './view.ts'

export type ExplainNeeds = {
  readonly running: Pick<RunningView, 'resolver' | 'gateway'>
  readonly by: () => Explainer
  readonly clock: Clock
  readonly limits: Pick<Limits, 'adminExplains' | 'adminExplainMs'>
  readonly meter: Meter
}

export type Reply = { readonly status: 200 | 400 | 503; readonly value: unknown }

export type Explain = (query: URLSearchParams) => Promise<Reply>

export function createExplain(needs: ExplainNeeds): Explain {
  const underWay = new Map<string, Promise<Diagnosis>>()
  const limitHits = needs.meter.counter('limit_hits_total', { limit: 'adminExplains' })
  return async (query) => {
    const asked = read(query)
    if (asked instanceof GatewayError) return told(400, asked.code, asked.message)
    const key = `${asked.service}:${asked.domain}`
    const known = underWay.get(key)
    if (known === undefined && underWay.size >= needs.limits.adminExplains) {
      limitHits.n++
      return told(503, 'busy', 'too many explanations are under way')
    }
    const diagnosis = known ?? diagnose(needs, asked).finally(() => underWay.delete(key))
    underWay.set(key, diagnosis)
    return { status: 200, value: await diagnosis }
  }
}

const told = (status: 400 | 503, code: string, message: string): Reply => ({
  status,
  value: { error: { code, message } },
})

function read(query: URLSearchParams): Asked | GatewayError {
  try {
    return askedFor(query.get('address') ?? '', query.get('service') ?? undefined)
  } catch (error) {
    if (error instanceof GatewayError) return error
    throw error
  }
}

async function diagnose(needs: ExplainNeeds, { domain, service }: Asked): Promise<Diagnosis> {
  const { running, by, clock } = needs
  const { gateway } = running
  const explanation = await search(needs, domain, service)
  return conclude(
    gather({
      ...{ explanation, by: by(), now: clock.now() },
      ruling: gateway.ruling(domain),
      isKnown: gateway.isProven(domain),
      destinations: gateway.sessions.pool.states(),
      links: gateway.sessions.all,
      events: gateway.journal.of(domain),
    }),
  )
}

/** At most so long that whoever asked is still there. */
async function search(
  { running, clock, limits }: ExplainNeeds,
  domain: Domain,
  service: Service,
): Promise<Facts['explanation']> {
  const ended = new AbortController()
  const cancel = clock.after(limits.adminExplainMs, () => {
    ended.abort()
  })
  try {
    const found = await running.resolver.explain(domain, service, ended.signal)
    if (found.result !== 'cancelled') return found
    const sentence = `${service}:${domain}: DNS said nothing within ${limits.adminExplainMs / 1000} s.`
    return { ...found, result: 'dns-failed', sentence }
  } finally {
    cancel()
  }
}
