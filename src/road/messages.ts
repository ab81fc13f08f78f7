/**
 * The road of a MESSAGE: from the door through the checks to our user or to another domain.
 *
 *   peer   ─▶ read ─▶ checks ─▶ route ─▶ inbound  ─▶ home ─▶ session
 *   client ─▶ read ─▶ checks ─▶ route ─▶ outbound ─▶ link ─▶ peer
 *
 * In:    requests whose speaker is proven.
 * Out:   each is answered once, by whoever it reached.
 * Spec:  [LINK-6.7-1] to [LINK-6.7-11]; draft §3 (sending instant messages), §5.3.3
 */

import { readLane, readMessage } from '../command/message.ts'
import type { ReadAddress } from '../command/request.ts'
import type { Inbound } from '../delivery/inbound.ts'
import type { Outbound } from '../delivery/outbound.ts'
import { Envelope } from '../envelope.ts'
import type { Status } from '../errors.ts'
import type { Senders } from '../lane.ts'
import type { Counter, Meter } from '../lib/meter.ts'
import type { Limits } from '../limits.ts'
import type { RequestView } from '../link/link.ts'
import type { Held } from '../peer/held-credentials.ts'
import type { Session } from '../peer/session.ts'
import { fields } from '../wire/registry.ts'
import type { Checks, Passage } from './checks.ts'
import type { SessionOrigin } from './origin.ts'

export type MessageRoadNeeds = {
  readonly checks: Checks
  readonly inbound: Inbound
  readonly outbound: Outbound
  readonly isHosted: (domain: string) => boolean
  readonly offersIm: (domain: string) => boolean
  readonly readAddress: ReadAddress
  readonly originOf: (session: Session) => SessionOrigin
  readonly senders: Senders
  readonly limits: Limits
  readonly meter: Meter
}

export class MessageRoad {
  readonly #needs: MessageRoadNeeds
  readonly #accepted: Counter
  readonly #refused: Counter
  readonly #messageBytes: number
  /** One for all: a message is judged before the next one is read. */
  readonly #passage = { scope: 'im.send' } as Passage

  constructor(needs: MessageRoadNeeds) {
    this.#needs = needs
    this.#messageBytes = needs.limits.messageBytes
    this.#accepted = needs.meter.counter('checks_total', { check: 'syntax' })
    this.#refused = needs.meter.counter('checks_refused_total', { check: 'syntax' })
  }

  accept(session: Session, request: RequestView, held: Held | undefined): undefined {
    const { id, trafficClass, command, hops, bodyAt, end } = request
    const { checks, readAddress, originOf, senders } = this.#needs
    const origin = originOf(session)
    this.#accepted.n++
    const message = readMessage(request, readAddress)
    const lane = readLane(request)
    if (typeof message === 'string') return this.#malformed(origin, request, message)
    const fault = this.#grammar(session, request, lane === undefined)
    if (fault !== undefined) return this.#malformed(origin, request, fault)
    const address = held?.subject ?? session.user
    if (address === undefined) {
      return origin.answer(id, trafficClass, command, 'credential-missing', -1)
    }
    if (end - bodyAt > this.#messageBytes) {
      return origin.answer(id, trafficClass, command, 'too-large', -1)
    }
    const now = request.at
    const sender = senders.sender(address, now)
    const way = senders.lane(sender, message.to, now)
    const passage = this.#passage
    passage.session = session
    passage.held = held
    passage.sender = sender
    passage.recipient = message.to
    passage.lane = way
    passage.hops = hops + 1
    passage.now = now
    passage.waitMs = -1
    const code = checks.run(passage)
    if (code !== undefined) return origin.answer(id, trafficClass, command, code, passage.waitMs)
    if (!senders.keep(way, now)) return origin.answer(id, trafficClass, command, 'busy', 1000)
    const { buffer, fields: table } = request
    const cameAs = lane as NonNullable<typeof lane>
    // [LINK-4.1-6] [LINK-6.7-13] From `endToEndAt` on nothing is touched. [LINK-4.2-3] One more hop.
    const envelope = new Envelope(
      origin,
      id,
      command,
      trafficClass,
      hops + 1,
      way,
      now,
      cameAs,
      buffer,
      table.endToEndAt,
      bodyAt,
      end,
    )
    this.#route(envelope, message.idAt, request)
  }

  #malformed(
    origin: SessionOrigin,
    { id, trafficClass, command }: RequestView,
    code: Status,
  ): undefined {
    this.#refused.n++
    return origin.answer(id, trafficClass, command, code, -1)
  }

  #grammar(
    session: Session,
    { fields: table }: RequestView,
    isLaneBad: boolean,
  ): Status | undefined {
    if (isLaneBad) return 'bad-request'
    // [LINK-6.7-2] The sender is who the credential says; nobody writes it down besides.
    if (table.has(fields.from.tag)) return 'bad-request'
    // [LINK-6.7-4] Between gateways every message has its place.
    if (session.role === 'gateway' && !table.has(fields.lane.tag)) return 'bad-request'
    return undefined
  }

  #route(envelope: Envelope, idAt: number, { fields: table }: RequestView): undefined {
    const { inbound, outbound, isHosted, offersIm } = this.#needs
    const { recipient, origin, sender } = envelope
    if (!isHosted(recipient.domain)) {
      if (!offersIm(sender.domain)) return origin.reply(envelope, 'service-not-offered', -1)
      return outbound.accept(envelope)
    }
    if (!offersIm(recipient.domain)) return origin.reply(envelope, 'service-not-offered', -1)
    // [LINK-4.1-5] Only the last receiver has to understand every odd field.
    if (table.unknownEndToEnd !== 0) return origin.reply(envelope, 'feature-required', -1)
    inbound.accept(envelope, idAt)
  }
}
