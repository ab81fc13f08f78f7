/**
 * The fields of a failure: who found it, where, when to try again; and what else its command tells with one.
 *
 * Spec: [LINK-6.5-3]
 */
import { type Status, statusNumber } from '../errors.ts'
import { encodeFields, type FieldValue } from './fields.ts'
import { fields } from './registry.ts'

type FieldList = readonly (readonly [tag: number, value: FieldValue])[]

export type Failure = {
  readonly status: Status
  /** Below 0: nothing is said. */
  readonly retryAfterMs: number
  /** The subscription of a refused NOTIFY, the lease that would be granted. */
  readonly about: FieldList
}

/** Where a failure was found: the group of its number. */
export const stages = ['answer', 'link', 'request', 'proof', 'policy', 'way', 'state', 'capacity']

/** `reporter`: the domain of the gateway that found it. */
function encodeFailure(reporter: string, failure: Failure): Buffer {
  const { status, retryAfterMs, about } = failure
  const wait: FieldList =
    retryAfterMs < 0 ? [] : [[fields.retryAfter.tag, Math.min(retryAfterMs, 0xffffffff)]]
  return encodeFields([
    ...wait,
    [fields.reporter.tag, reporter],
    [fields.stage.tag, stages[statusNumber(status) >> 8] ?? 'capacity'],
    ...about,
  ])
}

/** As `encodeFailure`; whoever is refused again and again for the same reason costs no encoding. What comes out is shared. */
export class FailureEncoder {
  #status: Status | undefined
  #reporter = ''
  #bytes: Buffer = Buffer.alloc(0)

  encode(reporter: string, failure: Failure): Buffer {
    const { status, retryAfterMs, about } = failure
    if (retryAfterMs >= 0 || about.length > 0) return encodeFailure(reporter, failure)
    if (status !== this.#status || reporter !== this.#reporter) {
      this.#status = status
      this.#reporter = reporter
      this.#bytes = encodeFailure(reporter, failure)
    }
    return this.#bytes
  }
}
