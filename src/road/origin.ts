/** How a request is answered at the door it came by: success bare, failure with who, where and when to try again. */
import type { Domain } from '../address/domain.ts'
import type { Answer, Envelope, Origin } from '../envelope.ts'
import { isSuccess, type Status } from '../errors.ts'
import type { Session } from '../peer/session.ts'
import { encodeFailure } from '../wire/failure.ts'
import { encodeFields } from '../wire/fields.ts'
import { fields, type TrafficClass } from '../wire/registry.ts'

export class SessionOrigin implements Origin {
  readonly kind: 'peer' | 'client'
  readonly #session: Session
  readonly #reporter: Domain

  constructor(session: Session, reporter: Domain) {
    this.kind = session.role === 'client' ? 'client' : 'peer'
    this.#session = session
    this.#reporter = reporter
  }

  reply(
    { originId, trafficClass, command }: Envelope,
    status: Status,
    retryAfterMs: number,
  ): undefined {
    this.answer(originId, trafficClass, command, status, retryAfterMs)
  }

  relay({ originId, trafficClass, command }: Envelope, answer: Answer): undefined {
    const { status, retryAfterMs, buffer, fieldsAt, bodyAt, end } = answer
    if (isSuccess(status) && fieldsAt === end) {
      return this.#session.link.answer(originId, trafficClass, command, status)
    }
    // The wait is of one hop: it is written anew before the fields that travel unchanged.
    const wait =
      retryAfterMs < 0 ? Buffer.alloc(0) : encodeFields([[fields.retryAfter.tag, retryAfterMs]])
    const bytes = Buffer.concat([wait, buffer.subarray(fieldsAt, end)])
    this.#session.link.answerWith(
      originId,
      trafficClass,
      command,
      status,
      bytes,
      0,
      wait.length + bodyAt - fieldsAt,
      bytes.length,
    )
  }

  /** A status of this gateway, with its particulars if it is a failure. */
  answer(
    id: number,
    trafficClass: TrafficClass,
    command: number,
    status: Status,
    retryAfterMs: number,
  ): undefined {
    const { link } = this.#session
    if (isSuccess(status)) return link.answer(id, trafficClass, command, status)
    const bytes = encodeFailure(this.#reporter, { status, retryAfterMs, about: [] })
    link.answerWith(id, trafficClass, command, status, bytes, 0, bytes.length, bytes.length)
  }
}
