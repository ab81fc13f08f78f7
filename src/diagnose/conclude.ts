/**
 * What follows from what was found: can requests get there, and if not, why, whose side it is and what to do.
 *
 * In:    findings, of the running gateway or of a command alone.
 * Out:   the diagnosis.
 * Fails: never.
 *
 * A link that is open counts more than any look-up: messages go over it. Where there is none, the last attempt of the
 * gateway counts more than a connection that came about just now: whether the far side takes us for our domain shows
 * only behind it.
 */
import { isSuccess, type Status, statuses } from '../errors.ts'
import { adviceOn, type Stage, sideOf } from './advice.ts'
import type { Conclusion, DestinationRow, Diagnosis, EventRow, Findings } from './diagnosis.ts'
import { spanText } from './span.ts'

export const conclude = (found: Findings): Diagnosis => ({
  ...found,
  ...outbound(found),
  inbound: inbound(found),
})

function outbound(found: Findings): Conclusion {
  const { rules, search, connect, service, destinations } = found
  if (rules?.verdict === 'deny') return barred(found, rules.rule)
  const own = destinations.filter((row) => row.service === service)
  const failing = own.find((row) => row.cause !== null && !isOutdated(found, row))
  const isLinked = own.some(({ links }) => links > 0)
  if (isLinked && failing === undefined) return linked(found)
  if (search.result !== 'ok') return said('search', search.result, search.sentence)
  if (failing !== undefined) return failed(found, failing)
  return connect === null
    ? said('search', search.result, search.sentence)
    : said('connect', connect.result, connect.sentence)
}

/** Nobody has dialled since, and somebody answers now. A refused claim is not outdated by that. */
const isOutdated = (found: Findings, row: DestinationRow): boolean =>
  row.state === 'idle' &&
  found.connect?.result === 'ok' &&
  lastFailure(found, row)?.kind !== 'claim'

const barred = ({ service, domain }: Findings, rule: string | null): Conclusion => {
  const by = rule === null ? 'policy.default' : `"${rule}" in policy.deny`
  return said('rules', 'domain-refused', `${service}:${domain} is barred by ${by}.`)
}

function linked({ service, domain, links, search, connect }: Findings): Conclusion {
  const open = links.filter(({ state }) => state === 'open').length
  const count = open === 1 ? '1 link is open' : `${open} links are open`
  const trouble = [search, ...(connect === null ? [] : [connect])].find(
    ({ result }) => result !== 'ok',
  )
  const more = trouble === undefined ? '' : ` Another one would fail: ${trouble.sentence}`
  return {
    ...said('search', 'ok', `${service}:${domain}: ${count}.${more}`),
    next: trouble === undefined ? '' : adviceOn('search', trouble.result),
  }
}

function failed(found: Findings, row: DestinationRow): Conclusion {
  const { service, domain, at, connect } = found
  const cause = row.cause ?? 'internal'
  const event = lastFailure(found, row)
  const stage = event?.kind ?? 'dial'
  const ago = event === undefined ? '' : `, ${spanText(at - event.at)} ago`
  const what =
    stage === 'claim'
      ? `${service}:${domain} did not take us for ${row.local}${ago}.`
      : `no link from ${row.local} to ${service}:${domain}${ago}: ${ended(event?.detail ?? statuses[cause].meaning)}`
  const now = connect?.result === 'ok' ? ` ${connect.sentence}` : ''
  return said(stage, cause, `${what}${now} ${nextDial(row)}`)
}

const nextDial = ({ state, retryInMs }: DestinationRow): string => {
  if (state === 'connecting') return 'Another dial is under way.'
  return state === 'backing-off'
    ? `The next dial may start in ${spanText(retryInMs)}.`
    : 'Nothing had to go there since.'
}

/** The event that left the destination as it is. */
const lastFailure = ({ events }: Findings, row: DestinationRow): EventRow | undefined =>
  events.findLast(
    ({ kind, direction, local, service, cause }) =>
      (kind === 'dial' || kind === 'claim') &&
      direction === 'out' &&
      local === row.local &&
      (service === null || service === row.service || kind === 'claim') &&
      cause === row.cause,
  )

function inbound({ events, domain, at }: Findings): Conclusion | null {
  const last = events.findLast(({ kind, direction }) => kind === 'proof' && direction === 'in')
  if (last === undefined) return null
  const { cause, times, detail } = last
  const ago = `${spanText(at - last.at)} ago`
  if (isSuccess(cause)) return said('proof', 'ok', `${domain} proved itself to us, ${ago}.`)
  const often = times === 1 ? 'once' : `${times} times`
  const who = `Somebody who says to be ${domain} was refused ${often}, the last time ${ago}`
  return said('proof', cause, `${who}: ${ended(detail)}`)
}

const said = (stage: Stage, result: Status, sentence: string): Conclusion => ({
  result,
  sentence,
  side: isSuccess(result) ? 'none' : sideOf(stage, result),
  next: adviceOn(stage, result),
})

const ended = (text: string): string => (text.endsWith('.') ? text : `${text}.`)
