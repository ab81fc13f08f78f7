/**
 * Why a domain can be reached or not, as the running gateway sees it: with its caches, links and events.
 *
 * In:    the query of `GET /explain`: `address=user@domain`, or a domain alone; `service=im` or `pres`; `prove=yes`, and
 *        `from=`, the domain of ours that it is about.
 * Out:   200 with a diagnosis; 400 for what cannot be asked; 503 while too many others are under way.
 * Fails: never.
 *
 * It asks DNS where the caches do not know. With `prove` it proves itself to the far side, on the link that is there or one
 * that it dials now, and looks for itself as others do; else it dials nobody. Who asks what is being asked already waits
 * for the same.
 */
import type { Service } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import { type Asked, askedFor } from '../diagnose/asked.ts'
import { conclude } from '../diagnose/conclude.ts'
import type { Claim, Diagnosis, Explainer, Ours } from '../diagnose/diagnosis.ts'
import { type Facts, gather } from '../diagnose/gather.ts'
import { claimOf, oursOf } from '../diagnose/probed.ts'
import { GatewayError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { Meter } from '../lib/meter.ts'
import type { Limits } from '../limits.ts'
import type { RunningView } from './view.ts'

export type ExplainNeeds = {
  readonly running: Pick<RunningView, 'resolver' | 'gateway' | 'domains'>
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
    const asked = read(query, needs.running.domains)
    if (asked instanceof GatewayError) return told(400, asked.code, asked.message)
    const key = `${asked.service}:${asked.domain} ${asked.from} ${asked.isProved}`
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

type Wanted = Asked & { readonly from: Domain | undefined; readonly isProved: boolean }

function read(query: URLSearchParams, ours: RunningView['domains']): Wanted | GatewayError {
  try {
    const asked = askedFor(query.get('address') ?? '', query.get('service') ?? undefined)
    const from = query.get('from')
    const own = ours.find(({ name }) => name === from)
    if (from !== null && own === undefined) {
      return new GatewayError('usage', `"${from}" is no domain of this gateway`)
    }
    const isProved = query.get('prove') === 'yes'
    return { ...asked, from: own?.name as Domain | undefined, isProved }
  } catch (error) {
    if (error instanceof GatewayError) return error
    throw error
  }
}

async function diagnose(needs: ExplainNeeds, wanted: Wanted): Promise<Diagnosis> {
  const { running, by, clock } = needs
  const { domain } = wanted
  const { gateway } = running
  const { explanation, claim, ours } = await inTime(needs, (signal) => look(needs, wanted, signal))
  return conclude(
    gather({
      ...{ explanation, claim, ours, by: by(), now: clock.now() },
      ruling: gateway.ruling(domain),
      isKnown: gateway.isProven(domain),
      destinations: gateway.sessions.pool.states(),
      links: gateway.sessions.all,
      events: gateway.journal.of(domain),
    }),
  )
}

type Looked = Pick<Facts, 'explanation' | 'claim' | 'ours'>

/** At most so long that whoever asked is still there. */
async function inTime<T>(
  { clock, limits }: ExplainNeeds,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const ended = new AbortController()
  const cancel = clock.after(limits.adminExplainMs, () => {
    ended.abort()
  })
  try {
    return await work(ended.signal)
  } finally {
    cancel()
  }
}

async function look(needs: ExplainNeeds, wanted: Wanted, signal: AbortSignal): Promise<Looked> {
  const { domain, service } = wanted
  const { domains, gateway } = needs.running
  const own = wanted.from ?? ourEnd(needs.running, wanted)
  if (!wanted.isProved || own === undefined) {
    return { explanation: await search(needs, domain, service, signal) }
  }
  const isOurs = domains.some(({ name }) => name === domain)
  const isBarred = gateway.ruling(domain).verdict === 'deny'
  const [explanation, claim, ours] = await Promise.all([
    search(needs, domain, service, signal),
    isOurs || isBarred ? undefined : claimNow(needs, own, wanted, signal),
    lookForUs(needs, isOurs ? domain : own, service, signal),
  ])
  return { explanation, claim, ours }
}

/** The domain of ours whose requests there are in trouble; else any that writes there; else the first. */
function ourEnd(
  { gateway, domains }: ExplainNeeds['running'],
  { domain, service }: Asked,
): Domain | undefined {
  const rows = [...gateway.sessions.pool.states()].filter(
    (row) => row.remote === domain && row.service === service,
  )
  const { local } = rows.find(({ code }) => code !== undefined) ?? rows[0] ?? {}
  return (local ?? domains[0]?.name) as Domain | undefined
}

async function claimNow(
  { running }: ExplainNeeds,
  own: Domain,
  { domain, service }: Asked,
  signal: AbortSignal,
): Promise<Claim> {
  const late = { isAsked: false, code: 'remote-timeout', detail: '' } as const
  const asked = running.gateway.sessions.probe.claim(own, domain, service)
  const said = await Promise.race([asked, aborted(signal).then(() => late)])
  return claimOf(own, said)
}

/** Whether whoever wants our keys finds them. */
async function lookForUs(
  needs: ExplainNeeds,
  own: Domain,
  service: Service,
  signal: AbortSignal,
): Promise<Ours> {
  const explanation = await search(needs, own, service, signal)
  try {
    return oursOf(
      explanation,
      await needs.running.gateway.sessions.probe.self(own, service, signal),
    )
  } catch (error) {
    if (error instanceof GatewayError) return oursOf(explanation, error)
    throw error
  }
}

const aborted = (signal: AbortSignal): Promise<unknown> =>
  new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))

/** What was found by the end of the time. */
async function search(
  { running, limits }: ExplainNeeds,
  domain: Domain,
  service: Service,
  signal: AbortSignal,
): Promise<Facts['explanation']> {
  const found = await running.resolver.explain(domain, service, signal)
  if (found.result !== 'cancelled') return found
  const sentence = `${service}:${domain}: DNS said nothing within ${limits.adminExplainMs / 1000} s.`
  return { ...found, result: 'dns-failed', sentence }
}
