/** What became of a request, in a line for a person. */

import type { Outcome } from '../client/outcome.ts'
import { isSuccess, type Retry, type Status, statuses } from '../errors.ts'
import { printableLine } from '../lib/printable.ts'
import type { Paint } from './paint.ts'

/** `refused: The recipient does not exist … Found by b.example (policy); do not repeat it.` `id`: of a message. */
export function outcomeText(outcome: Outcome, paint: Paint, id?: string): string {
  const { status, reporter, stage, text, retryAfterMs } = outcome
  if (isSuccess(status)) return paint('green', status)
  const said = text === undefined ? meaningOf(outcome) : sentence(printableLine(text))
  const found = reporter === undefined ? [] : [`found by ${reporter}${stage ? ` (${stage})` : ''}`]
  const rest = [...found, ...advice(outcome, id)].join('; ')
  const colour = status === 'unknown-outcome' ? 'yellow' : 'red'
  return `${paint(colour, status)}: ${said} ${sentence(`${rest}${waitText(retryAfterMs)}`)}`
}

/** The table speaks as the gateway that says it: to the one who reads it that may be another one than his. */
const meaningOf = ({ status, reporter }: Outcome): string =>
  statuses[status].meaning.replace(
    'this gateway',
    reporter === undefined ? 'the gateway' : `the gateway of ${reporter}`,
  )

/** Begins and ends as one. */
const sentence = (text: string): string =>
  `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?…]$/.test(text) ? '' : '.'}`

const advice = ({ status }: Outcome, id: string | undefined): readonly string[] =>
  [hints[status], adviceOf(statuses[status].retry, id)].filter((one) => one !== undefined)

const adviceOf = (retry: Retry, id: string | undefined): string =>
  retry === 'ask' && id !== undefined ? `repeat it with --id ${id}` : advices[retry]

/** Where the reason is to be looked for, if the one who asked may find it. */
const hints: Readonly<Partial<Record<Status, string>>> = {
  'credential-time': 'compare the clocks of both sides',
  'credential-expired': 'compare the clocks of both sides',
  'dns-failed': '"gatehouse explain" tells why',
  'remote-unreachable': '"gatehouse explain" tells why',
  'remote-untrusted': '"gatehouse explain" tells why',
}

const advices = {
  no: 'nothing is to be done',
  never: 'the same will be refused again',
  change: 'something has to change first',
  later: 'try again later',
  present: 'try again',
  ask: 'repeat it with the same --id',
} as const

const waitText = (ms: number | undefined): string =>
  ms === undefined ? '' : `, in ${Math.max(1, Math.ceil(ms / 1000))} s`
