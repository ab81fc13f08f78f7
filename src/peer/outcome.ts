/** The answer of a far side as an outcome. */
import { isSuccess } from '../errors.ts'
import type { AnswerView } from '../link/outgoing.ts'
import { type Answer, type Outcome, outcomeOf } from '../operation/call.ts'

/** As it came: what it says beyond status and wait is passed on by whoever asked. Lent, as the answer is. */
export function outcomeOfAnswer(view: AnswerView, answer?: Answer): Outcome {
  const { status, retryAfterMs, fields, buffer, fieldsAt, bodyAt, end } = view
  // Nearly all: no object for it.
  if (isSuccess(status) && fieldsAt === end && answer === undefined) return outcomeOf(status)
  // [LINK-4.1-9] What it says holds; what the next hop may not be able to write is left out.
  const rest = fields.leavesRoom ? { buffer, fieldsAt, bodyAt, end } : undefined
  return { status, retryAfterMs, reporter: undefined, answer, rest }
}
