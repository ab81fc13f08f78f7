/**
 * The embedded home service: the attached sessions of our own users.
 *
 * In:    messages and notifications for our users.
 * Out:   the same to every session of the user; the first confirmation settles a message for all.
 * Fails: `refused` (no such user), `inbox-closed` (no session), `unknown-outcome` (a session had it and said nothing).
 * Spec:  design of delivery in `docs/protocol.md` 6.7; draft §5.2.1.3 (clients are reached by the links they opened)
 */
import type { Address } from '../../address/address.ts'
import type { Answer, Envelope } from '../../envelope.ts'
import { isSuccess, type Status } from '../../errors.ts'
import type { Limits } from '../../limits.ts'
import type { TrafficClass } from '../../wire/registry.ts'

/** What this adapter needs of a link to a client. */
export type ClientLink = {
  readonly isUsable: boolean
  readonly ask: (request: ClientRequest) => undefined
}

/** A request to a client; see `link/outgoing.ts`. */
export type ClientRequest = {
  readonly command: number
  readonly trafficClass: TrafficClass
  readonly hops: number
  readonly reference: undefined
  readonly laneEpoch: number
  readonly laneSequence: number
  readonly settled: number
  readonly from: string
  readonly answerCredit: number
  readonly expectsAnswer: boolean
  readonly user: string
  buffer: Buffer
  fieldsAt: number
  bodyAt: number
  end: number
  sentAt: number
  readonly freshen: undefined
  readonly answered: (answer: Answer) => undefined
  readonly failed: (code: Status, sent: boolean) => undefined
}

export type HomeNeeds = {
  /** Whether the domain of `user` has such a user. */
  readonly exists: (user: Address) => boolean
  readonly limits: Limits
  readonly limitHit: (limit: string) => undefined
}

/** Told once how a message ended. */
export type Delivery = { readonly ended: (envelope: Envelope, status: Status) => undefined }

export class Home {
  readonly #needs: HomeNeeds
  readonly #sessions = new Map<string, ClientLink[]>()

  constructor(needs: HomeNeeds) {
    this.#needs = needs
  }

  get sessions(): number {
    let count = 0
    for (const links of this.#sessions.values()) count += links.length
    return count
  }

  attach(user: Address, link: ClientLink): Status {
    if (!this.#needs.exists(user)) return 'refused'
    const links = this.#sessions.get(user.text) ?? []
    if (links.length >= this.#needs.limits.sessionsPerUser) {
      this.#needs.limitHit('sessionsPerUser')
      return 'limit-reached'
    }
    this.#sessions.set(user.text, [...links, link])
    return 'ok'
  }

  detach(user: Address, link: ClientLink): undefined {
    const links = (this.#sessions.get(user.text) ?? []).filter((other) => other !== link)
    if (links.length === 0) this.#sessions.delete(user.text)
    else this.#sessions.set(user.text, links)
  }

  /** [LINK-6.7-14] Hands a message to every session of its recipient; `delivery.ended` is called once. */
  deliver(envelope: Envelope, delivery: Delivery): undefined {
    const { recipient } = envelope
    const links = this.#sessions.get(recipient.text)
    if (links === undefined) {
      // [LINK-6.5-4]
      return delivery.ended(envelope, this.#needs.exists(recipient) ? 'inbox-closed' : 'refused')
    }
    const shared = links.length === 1 ? delivery : new Attempt(links.length, delivery)
    for (const link of links) link.ask(new Handing(envelope, shared))
  }

  /** Sends the same request to every session of `user` that `wants` it; only failures are answered. */
  notify(user: Address, command: number, from: string, fields: Buffer, body: Buffer): undefined {
    const links = this.#sessions.get(user.text)
    if (links === undefined) return
    const buffer = Buffer.concat([fields, body])
    for (const link of links) link.ask(new Telling(command, from, buffer, fields.length))
  }
}

/** One message at several sessions of its recipient: settled by the first confirmation, or the last failure. */
class Attempt implements Delivery {
  #left: number
  #worst: Status = 'inbox-closed'
  #delivery: Delivery | undefined

  constructor(sessions: number, delivery: Delivery) {
    this.#left = sessions
    this.#delivery = delivery
  }

  ended(envelope: Envelope, status: Status): undefined {
    if (isSuccess(status)) return this.#settle(envelope, status)
    // [LINK-6.7-12] "Perhaps" weighs more than "no": the sender must not believe that nothing was shown.
    if (this.#worst !== 'unknown-outcome') this.#worst = status
    if (--this.#left === 0) this.#settle(envelope, this.#worst)
  }

  #settle(envelope: Envelope, status: Status): undefined {
    const delivery = this.#delivery
    this.#delivery = undefined
    return delivery?.ended(envelope, status)
  }
}

/** A message on its way to one session. */
class Handing implements ClientRequest {
  readonly command: number
  readonly trafficClass: TrafficClass
  readonly hops: number
  readonly reference = undefined
  readonly laneEpoch = 0
  readonly laneSequence = 0
  readonly settled = 0
  readonly from: string
  readonly answerCredit = 0
  readonly expectsAnswer = true
  readonly user: string
  buffer: Buffer
  fieldsAt: number
  bodyAt: number
  end: number
  sentAt = -1
  readonly freshen = undefined
  readonly #envelope: Envelope
  readonly #delivery: Delivery

  constructor(envelope: Envelope, delivery: Delivery) {
    this.command = envelope.command
    this.trafficClass = envelope.trafficClass
    this.hops = envelope.hops
    this.from = envelope.sender.text
    this.user = envelope.sender.text
    this.buffer = envelope.buffer
    this.fieldsAt = envelope.fieldsAt
    this.bodyAt = envelope.bodyAt
    this.end = envelope.end
    this.#envelope = envelope
    this.#delivery = delivery
  }

  answered({ status }: Answer): undefined {
    return this.#delivery.ended(this.#envelope, isSuccess(status) ? 'delivered' : status)
  }

  failed(code: Status, sent: boolean): undefined {
    return this.#delivery.ended(
      this.#envelope,
      sent ? 'unknown-outcome' : code === 'busy' ? 'busy' : 'inbox-closed',
    )
  }
}

/** A notification on its way to one session. */
class Telling implements ClientRequest {
  readonly command: number
  readonly trafficClass: TrafficClass = 2
  readonly hops = 0
  readonly reference = undefined
  readonly laneEpoch = 0
  readonly laneSequence = 0
  readonly settled = 0
  readonly from: string
  readonly answerCredit = 0
  readonly expectsAnswer = false
  readonly user: string
  buffer: Buffer
  fieldsAt = 0
  bodyAt: number
  end: number
  sentAt = -1
  readonly freshen = undefined

  constructor(command: number, from: string, buffer: Buffer, bodyAt: number) {
    this.command = command
    this.from = from
    this.user = from
    this.buffer = buffer
    this.bodyAt = bodyAt
    this.end = buffer.length
  }

  answered(): undefined {}

  failed(): undefined {}
}
