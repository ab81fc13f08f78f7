/** What became of a request: the status, and what the one who failed it said about it. */
import type { Status } from '../errors.ts'
import type { AnswerView } from '../link/outgoing.ts'
import { fields } from '../wire/registry.ts'

export type Outcome = {
  readonly status: Status
  /** Wait this long before another try; `undefined`: nothing was said. */
  readonly retryAfterMs: number | undefined
  /** The domain that found the failure. */
  readonly reporter: string | undefined
  /** The part of that domain's gateway that found it. */
  readonly stage: string | undefined
  /** A sentence for a log. */
  readonly text: string | undefined
}

/** The outcome without an answer of anybody. */
export const localOutcome = (status: Status, text: string | undefined): Outcome => ({
  status,
  retryAfterMs: undefined,
  reporter: undefined,
  stage: undefined,
  text,
})

export function outcomeOf({ status, retryAfterMs, fields: table }: AnswerView): Outcome {
  return {
    status,
    retryAfterMs: told(retryAfterMs),
    reporter: table.latin1(fields.reporter.tag),
    stage: table.isAscii(fields.stage.tag) ? table.latin1(fields.stage.tag) : undefined,
    text: table.bytes(fields.text.tag)?.toString(),
  }
}

/** As `Done` tells it. */
export const outcomeFrom = (
  status: Status,
  retryAfterMs: number,
  answer: AnswerView | undefined,
): Outcome =>
  answer === undefined
    ? { ...localOutcome(status, undefined), retryAfterMs: told(retryAfterMs) }
    : { ...outcomeOf(answer), status }

const told = (ms: number): number | undefined => (ms < 0 ? undefined : ms)
