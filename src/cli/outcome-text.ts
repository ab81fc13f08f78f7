/** What became of a request, in a line for a person. */

import type { Outcome } from '../client/outcome.ts'
import { isSuccess, type Status, statuses } from '../errors.ts'
import { printableLine } from '../lib/printable.ts'
import type { Paint } from './paint.ts'

/** `refused: The recipient does not exist … Found by b.example (policy); do not repeat it.` */
export function outcomeText(outcome: Outcome, paint: Paint): string {
  const { status, reporter, stage, text, retryAfterMs } = outcome
  if (isSuccess(status)) return paint('green', status)
  const said = text === undefined ? statuses[status].meaning : printableLine(text)
  const where = reporter === undefined ? '' : ` Found by ${reporter}${stage ? ` (${stage})` : ''};`
  const colour = status === 'unknown-outcome' ? 'yellow' : 'red'
  return `${paint(colour, status)}: ${said}${where} ${advice(outcome)}${waitText(retryAfterMs)}.`
}

const advice = ({ status }: Outcome): string =>
  [hints[status], advices[statuses[status].retry]].filter((one) => one !== undefined).join('; ')

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
