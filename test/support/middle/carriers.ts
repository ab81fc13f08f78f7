/** Links to other domains that do what a test wants, and the pool that finds them. */
import type { Service } from '../../../src/address/address.ts'
import type { Domain } from '../../../src/address/domain.ts'
import type { Status } from '../../../src/errors.ts'
import { limitsWith } from '../../../src/limits.ts'
import type { AnswerView, Outgoing, Reference } from '../../../src/link/outgoing.ts'
import type { Carrier, Carriers } from '../../../src/peer/carrier.ts'
import { encodeFields, FieldTable, type FieldValue } from '../../../src/wire/fields.ts'

export type AnswerWish = {
  readonly retryAfterMs?: number
  readonly fields?: readonly (readonly [tag: number, value: FieldValue])[]
  readonly body?: string
}

/** An answer as a link hands it up, in the middle of a chunk. */
export function answerOf(status: Status, wish: AnswerWish = {}): AnswerView {
  const head = encodeFields(wish.fields ?? [])
  const around = Buffer.from('another frame')
  const body = Buffer.from(wish.body ?? '')
  const buffer = Buffer.concat([around, head, body, around])
  const fields = new FieldTable(limitsWith())
  const bodyAt = around.length + head.length
  fields.read(buffer, around.length, bodyAt)
  return {
    ...{ status, retryAfterMs: wish.retryAfterMs ?? -1, fields, buffer },
    ...{ fieldsAt: fields.endToEndAt, bodyAt, end: bodyAt + body.length },
  }
}

/** A link that keeps what it is given; the test answers. */
export class TestCarrier implements Carrier {
  readonly given: Outgoing[] = []
  /** Numbers of credentials that are to be shown again. */
  readonly again: number[] = []
  isUsable = true
  /** Whether there is room, so that what is asked is written at once. */
  isWriting = false
  readonly #references = new Map<string, Reference>()
  #numbers = 0

  readonly link: Carrier['link'] = this.#makeLink()

  readonly shown: Carrier['shown'] = {
    refer: (subject, audience, purpose) => {
      const name = `${subject.text} ${audience} ${purpose}`
      const reference = this.#references.get(name) ?? this.#makeReference()
      this.#references.set(name, reference)
      return reference
    },
    isRenewed: (reference, status) => {
      if (reference === undefined || status !== 'credential-ref-unknown') return false
      this.again.push(reference.number)
      for (const [name, known] of this.#references) {
        if (known === reference) this.#references.delete(name)
      }
      return true
    },
  }

  /** Who was referred to, by number. */
  get referred(): readonly string[] {
    return [...this.#references].map(([name, { number }]) => `${number} ${name}`)
  }

  #makeLink(): Carrier['link'] {
    const isUsable = (): boolean => this.isUsable
    return {
      get isUsable() {
        return isUsable()
      },
      ask: (outgoing) => {
        if (!this.isUsable) return outgoing.failed('link-lost', false)
        this.given.push(outgoing)
        if (this.isWriting) outgoing.sentAt = 0
      },
    }
  }

  #makeReference(): Reference {
    const number = ++this.#numbers
    const reference: Reference = {
      ...{ number, refreshAt: 0, wait: () => undefined, leave: () => undefined },
      present: () => ({
        ...{ reference, fields: Buffer.from(`token ${number}`), answered: () => undefined },
      }),
    }
    return reference
  }
}

/** A pool with one link at most; what has to wait waits until the test brings one. */
export class TestPool implements Carriers {
  carrier: TestCarrier | undefined
  retryMs = 0
  /** What was looked for, and what a link was wanted for. */
  readonly asked: string[] = []
  readonly wanted: string[] = []
  readonly waiting: {
    readonly request: Outgoing
    readonly send: (by: TestCarrier) => undefined
  }[] = []

  find(local: Domain, remote: Domain, service: Service): TestCarrier | undefined {
    this.asked.push(`${local} ${remote} ${service}`)
    return this.carrier?.isUsable === true ? this.carrier : undefined
  }

  send<R extends Outgoing>(
    local: Domain,
    remote: Domain,
    service: Service,
    request: R,
    send: (carrier: Carrier, request: R) => undefined,
  ): undefined {
    const carrier = this.find(local, remote, service)
    if (carrier !== undefined) return send(carrier, request)
    this.waiting.push({ request, send: (by) => send(by, request) })
  }

  want(local: Domain, remote: Domain, service: Service): undefined {
    this.wanted.push(`${local} ${remote} ${service}`)
  }

  retryAfterMs(): number {
    return this.retryMs
  }

  /** A link is there: what waits goes by it. */
  bring(carrier: TestCarrier): undefined {
    this.carrier = carrier
    for (const { send } of this.waiting.splice(0)) send(carrier)
  }

  /** No link can be had: what waits fails. */
  fail(code: Status): undefined {
    for (const { request } of this.waiting.splice(0)) request.failed(code, false)
  }
}
