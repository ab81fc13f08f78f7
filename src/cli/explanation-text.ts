/**
 * A diagnosis as text: who made it, the steps of the search as a table, what the gateway knows besides, what follows.
 *
 * What a far side said, or somebody who says to be it, is printed so that it cannot move the cursor.
 */

import type { Conclusion, Diagnosis, EventRow } from '../diagnose/diagnosis.ts'
import { spanText } from '../diagnose/span.ts'
import { printableLine } from '../lib/printable.ts'
import type { Host } from './host.ts'
import { type Paint, painter } from './paint.ts'
import { columns, widthOf } from './table.ts'

type Screen = Pick<Host, 'env' | 'terminal' | 'columns'>
type Rows = readonly (readonly string[])[]

const head = ['STEP', 'ASKED', 'SERVER', 'ANSWER', 'AGE', 'TTL', 'DECISION', 'WHY']

export function explanationText(screen: Screen, told: Diagnosis): string {
  const paint = painter(screen, 'out')
  const tables = [
    tableOf(screen, paint, head, stepRows(told.steps, paint)),
    ...(isShownAlone(told)
      ? [tableOf(screen, paint, oursHead, stepRows(told.ours?.steps ?? [], paint))]
      : []),
    ...(told.by.who === 'command' ? [] : [knownText(told)]),
    tableOf(screen, paint, linkHead, linkRows(told)),
    tableOf(screen, paint, destinationHead, destinationRows(told)),
    tableOf(screen, paint, eventHead, eventRows(told, paint)),
  ]
  const end = `${conclusionText(told, paint)}${inboundText(told.inbound)}${oursText(told)}`
  return [byText(told), ...tables, end].filter((part) => part !== '').join('\n')
}

function byText({ by }: Diagnosis): string {
  if (by.who === 'command') {
    const keys = by.isProving === true ? ' and the keys of the configuration' : ''
    return `${by.why}: explained by this command itself, with empty caches${keys}.\n`
  }
  const up = spanText(by.uptimeSeconds * 1000)
  return `As the running gateway sees it: ${printableLine(by.software)}, process ${by.pid}, up for ${up}.\n`
}

function knownText({ rules, isKnown }: Diagnosis): string {
  const rule = rules?.rule ?? 'policy.default'
  const verdict = rules === null ? '' : `Rules: ${rules.verdict}, by ${rule}.\n`
  const keys = isKnown ? 'held: answers of DNS that have run out may serve' : 'none are held'
  return `${verdict}Keys of the domain: ${keys}.\n`
}

/** Nothing if there is nothing to show; on a terminal that is too narrow the last cell stands on a line of its own. */
function tableOf(screen: Screen, paint: Paint, titles: readonly string[], rows: Rows): string {
  if (rows.length === 0) return ''
  const whole = columns([titles.map((cell) => paint('bold', cell)), ...rows])
  return fits(whole, screen) ? whole : narrow(titles, rows, paint)
}

const fits = (table: string, { terminal, columns: most }: Screen) =>
  !terminal.out || table.split('\n').every((line) => widthOf(line) <= most)

function narrow(titles: readonly string[], rows: Rows, paint: Paint): string {
  const [first = '', ...lines] = columns([titles, ...rows].map((row) => row.slice(0, -1))).split(
    '\n',
  )
  const told = rows.map((row, i) => `${lines[i]}\n    ${paint('dim', row.at(-1) ?? '')}\n`)
  return `${paint('bold', first)}\n${told.join('')}`
}

/** What is right needs no table. */
const isShownAlone = ({ ours, domain }: Diagnosis): boolean =>
  ours !== null && ours.result !== 'ok' && ours.domain !== domain

const oursHead = ['TO US', ...head.slice(1)]

const stepRows = (steps: Diagnosis['steps'], paint: Paint): Rows =>
  steps.map((step, i) => [
    `${i + 1} ${step.phase}`,
    printableLine(step.asked),
    step.server ?? step.source,
    printableLine(step.answer),
    seconds(step.ageMs),
    seconds(step.leftMs),
    paint(colours[step.decision], step.decision),
    printableLine(step.reason),
  ])

const colours = { use: 'green', 'go-on': 'yellow', skip: 'yellow', stop: 'red' } as const

/** `-` where time does not matter: a rule, a route. */
const seconds = (ms: number | null): string => {
  if (ms === null) return '-'
  return Math.abs(ms) < 10_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`
}

const linkHead = ['LINK', 'OURS', 'PROVEN BY', 'AGE', 'AT', 'SOFTWARE']

const linkRows = ({ links }: Diagnosis): Rows =>
  links.map(({ local, direction, state, ageMs, proof, address, software }) => [
    `${direction}, ${state}`,
    ...[local, proof.join('+'), spanText(ageMs), address, printableLine(software ?? '-')],
  ])

const destinationHead = ['DESTINATION', 'OURS', 'STATE', 'LINKS', 'NEXT DIAL', 'LAST FAILURE']

const destinationRows = ({ destinations }: Diagnosis): Rows =>
  destinations.map(({ local, service, state, cause, retryInMs, links }) => [
    ...[service, local, state, `${links}`],
    retryInMs > 0 ? `in ${spanText(retryInMs)}` : '-',
    cause ?? '-',
  ])

const eventHead = ['EVENT', 'LINK', 'OURS', 'CAUSE', 'SIDE', 'TIMES', 'AGO', 'WHY']

const eventRows = ({ events, at }: Diagnosis, paint: Paint): Rows =>
  events.map((event) => [
    eventName(event),
    event.direction,
    event.local ?? '-',
    paint(event.cause === 'ok' ? 'green' : 'red', event.cause),
    ...[event.side, `${event.times}`, spanText(at - event.at), printableLine(event.detail)],
  ])

const eventName = ({ kind, cause, service }: EventRow): string =>
  (cause === 'ok' ? good[kind] : undefined) ?? bad[kind](service)

const good: Partial<Record<EventRow['kind'], string>> = {
  proof: 'they proved',
  claim: 'we were taken',
}

const bad = {
  proof: () => 'they were refused',
  dial: (service: string | null) => `dial for ${service}`,
  claim: () => 'we were refused',
  credential: () => 'their user was refused',
  link: () => 'link ended',
} as const

function conclusionText({ result, sentence, next }: Conclusion, paint: Paint): string {
  const code = paint(result === 'ok' ? 'green' : 'red', result)
  return `${code}: ${printableLine(sentence)}\n${next === '' ? '' : `${next}\n`}`
}

const inboundText = (inbound: Conclusion | null): string => {
  if (inbound === null) return ''
  const next = inbound.next === '' ? '' : `${inbound.next}\n`
  return `The other way: ${printableLine(inbound.sentence)}\n${next}`
}

/** Unless it is what the conclusion says already. */
function oursText({ ours, domain, sentence }: Diagnosis): string {
  if (ours === null || ours.domain === domain || sentence.includes(ours.sentence)) return ''
  const next = ours.next === '' ? '' : `${ours.next}\n`
  return `The way to us: ${printableLine(ours.sentence)}\n${next}`
}
