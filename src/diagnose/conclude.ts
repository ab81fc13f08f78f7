/**
 * What follows from what was found: can requests get there, and if not, why, whose side it is and what to do.
 *
 * In:    findings, of the running gateway or of a command alone.
 * Out:   the diagnosis.
 * Fails: never.
 *
 * What the far side says of us now counts most: it decides what becomes of messages. Then a link that is open: they go
 * over it. Where there is none, the last attempt of the gateway counts more than a connection that came about just now:
 * whether the far side takes us for our domain shows only behind it.
 */
import { isSuccess, type Status, statuses } from '../errors.ts'
import { adviceOn, foundFromHere, type Stage, sideOf } from './advice.ts'
import type {
  Claim,
  Conclusion,
  DestinationRow,
  Diagnosis,
  EventRow,
  Findings,
  Ours,
} from './diagnosis.ts'
import { spanText } from './span.ts'

export const conclude = (found: Findings): Diagnosis => ({
  ...found,
  ...outbound(found),
  inbound: inbound(found),
  ours: found.ours === null ? null : { ...found.ours, ...wayToUs(found.ours) },
})

function outbound(found: Findings): Conclusion {
  const { rules, search, connect, claim, service, destinations } = found
  if (rules?.verdict === 'deny') return barred(found, rules.rule)
  if (found.ours?.domain === found.domain) return wayToUs(found.ours)
  if (claim?.isAsked === true && isRefusal(claim.result)) return notTaken(found, claim)
  const own = destinations.filter((row) => row.service === service)
  const failing = own.find((row) => row.cause !== null && !isOutdated(found, row))
  const isLinked = own.some(({ links }) => links > 0)
  if ((isLinked || claim?.result === 'ok') && failing === undefined) return linked(found)
  if (search.result !== 'ok') return said('search', search.result, search.sentence)
  if (failing !== undefined) return failed(found, failing)
  if (connect === null) return said('search', search.result, search.sentence)
  const untried = ' Whether they take us for our domain was not tried.'
  const isAll = claim !== null || !isSuccess(connect.result)
  return said('connect', connect.result, `${connect.sentence}${isAll ? '' : untried}`)
}

/** It judged us: what it has no time for now says nothing. */
const isRefusal = (code: Status): boolean =>
  !isSuccess(code) && code !== 'rate-limited' && code !== 'proof-pending'

/** They have to come to us for our keys, so the way to us is looked at with what they say. */
function notTaken({ service, domain, ours }: Findings, claim: Claim): Conclusion {
  const what = `${service}:${domain} does not take us for ${claim.local}: ${ended(claim.sentence)}`
  const told = said('claim', claim.result, what)
  const isAboutKeys =
    claim.result === 'credential-unverifiable' || ours?.result === 'credential-key'
  if (ours === null || !isAboutKeys) return told
  const sentence = `${what} ${ended(ours.sentence)}`
  return isSuccess(ours.result)
    ? { ...told, sentence, next: foundFromHere }
    : { ...told, sentence, side: 'us', next: adviceOn('ours', ours.result) }
}

/** The same of a look at ourselves alone. */
const wayToUs = ({ result, sentence }: Ours): Conclusion => said('ours', result, sentence)

/** Nobody has dialled since, and somebody answers now. A refused claim is not outdated by that. */
const isOutdated = (found: Findings, row: DestinationRow): boolean =>
  row.state === 'idle' &&
  found.connect?.result === 'ok' &&
  lastFailure(found, row)?.kind !== 'claim'

const barred = ({ service, domain }: Findings, rule: string | null): Conclusion => {
  const by = rule === null ? 'policy.default' : `"${rule}" in policy.deny`
  return said('rules', 'domain-refused', `${service}:${domain} is barred by ${by}.`)
}

function linked({ service, domain, links, search, connect, claim }: Findings): Conclusion {
  const open = links.filter(({ state }) => state === 'open').length
  const count = open === 1 ? '1 link is open' : `${open} links are open`
  const taken = claim?.result === 'ok' ? `, and they take us for ${claim.local}` : ''
  const trouble = [search, ...(connect === null ? [] : [connect])].find(
    ({ result }) => result !== 'ok',
  )
  const more = trouble === undefined ? '' : ` Another one would fail: ${trouble.sentence}`
  return {
    ...said('search', 'ok', `${service}:${domain}: ${count}${taken}.${more}`),
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
      ? `${service}:${domain} did not take us for ${row.local}${ago}${reason(event?.detail)}.`
      : `no link from ${row.local} to ${service}:${domain}${ago}: ${ended(event?.detail ?? statuses[cause].meaning)}`
  const now = connect?.result === 'ok' ? ` ${connect.sentence}` : ''
  return said(stage, cause, `${what}${now} ${nextDial(row)}`)
}

/** Where they gave one. */
const reason = (detail = ''): string => (detail.startsWith('they say: ') ? `: ${detail}` : '')

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
