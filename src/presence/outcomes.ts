/** How something ended at another domain, as those are told who asked for it. */
import { publicStatus } from '../errors.ts'
import type { Outcome } from '../operation/call.ts'

/** What another domain said stays as it came; the codes of a way that failed stay inside. */
export function publicly(outcome: Outcome): Outcome {
  const { status, rest } = outcome
  const told = publicStatus(status)
  return rest !== undefined || told === status ? outcome : { ...outcome, status: told }
}
