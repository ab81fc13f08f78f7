/** What became of a request: the status, and what the one who failed it said about it. */
import { type Domain, readDomain } from '../address/domain.ts'
import type { Status } from '../errors.ts'
import type { AnswerView } from '../link/outgoing.ts'
import { stages } from '../wire/failure.ts'
import { fields } from '../wire/registry.ts'

export type Outcome = {
  readonly status: Status
  /** Wait this long before another try; `undefined`: nothing was said. */
  readonly retryAfterMs: number | undefined
  /** The domain that found the failure. */
  readonly reporter: Domain | undefined
  /** The part of that domain's gateway that found it: a group of statuses. */
  readonly stage: string | undefined
  /** A sentence for a log, as the far side wrote it: it may hold anything. */
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
    reporter: domainOf(table.latin1(fields.reporter.tag)),
    stage: stages.find((stage) => stage === table.latin1(fields.stage.tag)),
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

/** [LINK-6.5-3] What is no domain is nobody. */
function domainOf(text: string | undefined): Domain | undefined {
  const domain = text === undefined ? undefined : readDomain(text)
  return domain === text ? domain : undefined
}

const told = (ms: number): number | undefined => (ms < 0 ? undefined : ms)
