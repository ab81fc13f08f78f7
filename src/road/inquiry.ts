/**
 * A request about presence at our door: who asks, whether they may, and how it is answered, now or later.
 *
 * In:    a request whose speaker is proven, with the credential that it refers to.
 * Out:   one answer. What it takes from the request it keeps, since the link reads the next one into the same view.
 * Fails: the code of the first check.
 * Spec:  [LINK-6.5-1]
 */
import type { Address } from '../address/address.ts'
import type { ReadAddress } from '../command/request.ts'
import type { Status } from '../errors.ts'
import type { Senders } from '../lane.ts'
import type { Clock } from '../lib/clock.ts'
import type { RequestView } from '../link/link.ts'
import type { Held } from '../peer/held-credentials.ts'
import type { Session } from '../peer/session.ts'
import { fields, type Scope, type TrafficClass } from '../wire/registry.ts'
import type { Checks, Passage } from './checks.ts'
import type { SessionOrigin } from './origin.ts'

export type InquiryNeeds = {
  readonly checks: Checks
  readonly originOf: (session: Session) => SessionOrigin
  readonly senders: Senders
  readonly clock: Clock
}

export class Inquiry {
  readonly session: Session
  readonly #needs: InquiryNeeds
  readonly #held: Held | undefined
  readonly #id: number
  readonly #trafficClass: TrafficClass
  readonly #command: number
  #waitMs = -1

  constructor(
    needs: InquiryNeeds,
    session: Session,
    { id, trafficClass, command }: RequestView,
    held: Held | undefined,
  ) {
    this.session = session
    this.#needs = needs
    this.#held = held
    this.#id = id
    this.#trafficClass = trafficClass
    this.#command = command
  }

  /** Whom the credential names, or the attached user. */
  get asker(): Address | undefined {
    return this.#held?.subject ?? this.session.user
  }

  /** How long a check wants the asker to wait; -1: not at all. */
  get waitMs(): number {
    return this.#waitMs
  }

  check(
    { hops, fields: table }: RequestView,
    sender: Address,
    recipient: Address,
    scope: Scope,
  ): Status | undefined {
    if (table.has(fields.from.tag)) return 'bad-request'
    const { checks, senders, clock } = this.#needs
    const passage: Passage = {
      session: this.session,
      held: this.#held,
      sender: senders.sender(sender, clock.now()),
      recipient,
      scope,
      hops: hops + 1,
      lane: undefined,
      now: clock.now(),
      waitMs: -1,
    }
    const code = checks.run(passage)
    this.#waitMs = passage.waitMs
    return code
  }

  answer(status: Status, waitMs = -1): undefined {
    const origin = this.#needs.originOf(this.session)
    origin.answer(this.#id, this.#trafficClass, this.#command, status, waitMs)
  }

  /** `bytes`: fields, and from `bodyAt` on a body. */
  answerWith(status: Status, bytes: Buffer, bodyAt = bytes.length): undefined {
    const { link } = this.session
    const { length } = bytes
    link.answerWith(this.#id, this.#trafficClass, this.#command, status, bytes, 0, bodyAt, length)
  }

  /** A refusal with its particulars. */
  fail(status: Status, about: readonly (readonly [tag: number, value: number])[]): undefined {
    const failure = { status, retryAfterMs: -1, about }
    this.session.link.fail(this.#id, this.#trafficClass, this.#command, failure)
  }
}

/** Whom presence can be asked of here. */
export type Ours = {
  readonly readAddress: ReadAddress
  readonly isHosted: (domain: string) => boolean
  readonly offersPresence: (domain: string) => boolean
  /** Whether the domain of `user` has such a user. */
  readonly exists: (user: Address) => boolean
}

/** Why the presence of `user`, who would be one of ours, is told to nobody. */
export function refusalHere({ offersPresence, exists }: Ours, user: Address): Status | undefined {
  if (!offersPresence(user.domain)) return 'service-not-offered'
  // [LINK-6.10-4] No such user and no wish to be watched look the same.
  return exists(user) ? undefined : 'refused'
}
