/**
 * How an outcome is written as the answer to a request.
 *
 * Spec: [LINK-4.3-2] success, [LINK-6.5-3] failure, [LINK-4.1-6] what the next hop answered travels on unchanged
 */
import { encodeFetched } from '../command/fetch.ts'
import { encodeIssued } from '../command/issue.ts'
import { encodeLease } from '../command/publish.ts'
import { encodeRenewed } from '../command/renew.ts'
import { isSuccess } from '../errors.ts'
import type { Link } from '../link/link.ts'
import { aboutOf, type Refusable } from '../link/refusal.ts'
import type { Answer, Outcome, Rest } from '../operation/call.ts'
import { encodeFields } from '../wire/fields.ts'
import { commands, fields } from '../wire/registry.ts'

/** What is needed of a request to answer it. */
export type Answerable = Omit<Refusable, 'reference' | 'named'>

/** `reporter`: who tells a failure that is found here. */
export function writeReply(
  link: Link,
  asked: Answerable,
  outcome: Outcome,
  reporter: string,
): undefined {
  const { id, trafficClass, command } = asked
  const { status, rest, answer } = outcome
  if (rest !== undefined) return relay(link, asked, outcome, rest)
  if (!isSuccess(status)) {
    const about = [...aboutOf(asked), ...aboutLease(answer)]
    const failure = { status, retryAfterMs: outcome.retryAfterMs, about }
    return link.fail(id, trafficClass, command, failure, outcome.reporter ?? reporter)
  }
  // [LINK-6.13-6] A NOTIFY that was taken has no answer.
  if (command === commands.notify.number) return link.done(trafficClass, command)
  if (answer === undefined) return link.answer(id, trafficClass, command, status)
  const [head, body] = encoded(answer)
  const bytes = body === undefined ? head : Buffer.concat([head, body])
  link.answerWith(id, trafficClass, command, status, bytes, 0, head.length, bytes.length)
}

/** The wait is of one hop: it is written anew before the fields that travel unchanged. */
function relay(
  link: Link,
  { id, trafficClass, command }: Answerable,
  { status, retryAfterMs }: Outcome,
  { buffer, fieldsAt, bodyAt, end }: Rest,
): undefined {
  const wait =
    retryAfterMs < 0 ? Buffer.alloc(0) : encodeFields([[fields.retryAfter.tag, retryAfterMs]])
  const bytes = Buffer.concat([wait, buffer.subarray(fieldsAt, end)])
  const at = wait.length + bodyAt - fieldsAt
  link.answerWith(id, trafficClass, command, status, bytes, 0, at, bytes.length)
}

/** With `lease-too-short`: the shortest that is granted. */
const aboutLease = (answer: Answer | undefined): readonly (readonly [number, number])[] =>
  answer?.leaseSeconds === undefined ? [] : [[fields.lease.tag, answer.leaseSeconds]]

/** Fields, and a body. */
function encoded(answer: Answer): readonly [Buffer, Buffer | undefined] {
  const { leaseSeconds, leases, presence, token } = answer
  if (presence !== undefined) return [encodeFetched(presence.version), presence.document]
  if (leases !== undefined) return [encodeRenewed(leases), undefined]
  if (token !== undefined) return [encodeIssued(token), undefined]
  return [leaseSeconds === undefined ? Buffer.alloc(0) : encodeLease(leaseSeconds), undefined]
}
