/**
 * What the gateway asks of a client: to take a message, to hear of presence.
 *
 * In:    requests of the link; the handlers of the program.
 * Out:   each message to its handler once, confirmed when the handler is done; notifications to `notified`.
 * Fails: `inbox-closed` without a handler, the code of a `GatewayError` that the handler throws, else `internal`;
 *        `bad-request`, `bad-address`, `feature-required`, `unknown-command` before a handler is asked.
 * Spec:  [LINK-6.7-1] to [LINK-6.7-3], [LINK-6.13-1], [LINK-4.1-5]
 */
import type { Address } from '../address/address.ts'
import { Interner } from '../address/interner.ts'
import { defaultContentType, hasContentType } from '../command/message.ts'
import { encodeRefusedNotify, type Notify, readNotify } from '../command/notify.ts'
import { bodyOf } from '../command/request.ts'
import { GatewayError, isSuccess, type Status, statuses } from '../errors.ts'
import type { Log } from '../lib/log.ts'
import type { RequestView } from '../link/link.ts'
import { commands, fields, type TrafficClass } from '../wire/registry.ts'
import { Recent } from './recent.ts'

export type ReceivedMessage = {
  readonly from: Address
  readonly to: Address
  /** 32 hexadecimal digits. */
  readonly id: string
  readonly contentType: string
  readonly body: Buffer
}

/** The message is confirmed when this returns or its promise is kept, and refused when it throws. */
export type OnMessage = (message: ReceivedMessage) => unknown

/** Answers a message at once. `message` is lent for the call; nothing is remembered of it. */
export type OnRawMessage = (message: RequestView) => Status

/** What is needed of the link that a request came by. */
export type Door = {
  readonly answer: (
    id: number,
    trafficClass: TrafficClass,
    command: number,
    status: Status,
  ) => undefined
  readonly answerWith: (
    id: number,
    trafficClass: TrafficClass,
    command: number,
    status: Status,
    buffer: Buffer,
    fieldsAt: number,
    bodyAt: number,
    end: number,
  ) => undefined
  readonly done: (trafficClass: TrafficClass, command: number) => undefined
}

export type IncomingNeeds = {
  /** A notification about `presentity`; a failure is answered. */
  readonly notified: (presentity: Address, notify: Notify) => Status
  readonly log: Log
}

type Asker = { readonly door: Door; readonly id: number }

/** Messages that are remembered: what was confirmed on a link that was lost comes again soon or never. */
const rememberedMessages = 4096

/** Addresses that are remembered in parsed form. */
const rememberedAddresses = 1024

export class Incoming {
  readonly #needs: IncomingNeeds
  readonly #recent = new Recent<Asker>(rememberedMessages)
  readonly #addresses = new Interner(rememberedAddresses)
  onMessage: OnMessage | undefined
  onRawMessage: OnRawMessage | undefined

  constructor(needs: IncomingNeeds) {
    this.#needs = needs
  }

  request(door: Door, request: RequestView): undefined {
    const { id, trafficClass, command } = request
    if (command === commands.message.number) return this.#message(door, request)
    if (command === commands.notify.number) return this.#notify(door, request)
    door.answer(id, trafficClass, command, 'unknown-command')
  }

  #message(door: Door, request: RequestView): undefined {
    const { id } = request
    if (this.onRawMessage !== undefined) return answer(door, id, this.#raw(request))
    const handler = this.onMessage
    if (handler === undefined) return answer(door, id, 'inbox-closed')
    // [LINK-4.1-5] The last receiver has to understand every odd field.
    if (request.fields.unknownEndToEnd !== 0) return answer(door, id, 'feature-required')
    const message = this.#read(request)
    if (typeof message === 'string') return answer(door, id, message)
    const key = `${message.id}${message.from.text}`
    const fate = this.#recent.take(key, { door, id })
    if (fate === 'wait') return
    if (fate === 'shown') return answer(door, id, 'delivered')
    this.#show(handler, message, (status) => {
      answer(door, id, status)
      for (const asker of this.#recent.finish(key, status === 'delivered')) {
        answer(asker.door, asker.id, status)
      }
    })
  }

  #read(request: RequestView): ReceivedMessage | Status {
    const { fields: table, buffer } = request
    if (table.length(fields.id.tag) !== 16) return 'bad-request'
    if (table.has(fields.contentType.tag) && !hasContentType(table)) return 'bad-request'
    const from = this.#address(request, fields.from.tag)
    const to = this.#address(request, fields.to.tag)
    if (from === undefined || to === undefined) return 'bad-address'
    return {
      from,
      to,
      id: buffer.toString('hex', table.start(fields.id.tag), table.end(fields.id.tag)),
      contentType: table.latin1(fields.contentType.tag) ?? defaultContentType,
      body: bodyOf(request),
    }
  }

  #address({ fields: table, buffer }: RequestView, tag: number): Address | undefined {
    return this.#addresses.read(buffer, table.start(tag), table.end(tag))
  }

  #raw(request: RequestView): Status {
    try {
      return this.onRawMessage?.(request) ?? 'inbox-closed'
    } catch (error) {
      return this.#fault(error)
    }
  }

  #show(
    handler: OnMessage,
    message: ReceivedMessage,
    done: (status: Status) => undefined,
  ): undefined {
    try {
      const result = handler(message)
      if (!(result instanceof Promise)) return done('delivered')
      result.then(
        () => done('delivered'),
        (error: unknown) => done(this.#fault(error)),
      )
    } catch (error) {
      done(this.#fault(error))
    }
  }

  /** What the sender is told when the program did not take the message. */
  #fault(error: unknown): Status {
    if (error instanceof GatewayError && statuses[error.code].scope === 'request') return error.code
    this.#needs.log.error('client.handler-failed', { detail: String(error) })
    return 'internal'
  }

  #notify(door: Door, request: RequestView): undefined {
    const { id, trafficClass, command } = request
    const notify = readNotify(request)
    const from = this.#address(request, fields.from.tag)
    if (typeof notify === 'string' || from === undefined) {
      return door.answer(id, trafficClass, command, 'bad-request')
    }
    const status = this.#needs.notified(from, notify)
    if (isSuccess(status)) return door.done(trafficClass, command)
    const refused = encodeRefusedNotify(notify.subscription)
    door.answerWith(id, trafficClass, command, status, refused, 0, refused.length, refused.length)
  }
}

const answer = (door: Door, id: number, status: Status): undefined =>
  door.answer(id, commands.message.trafficClass, commands.message.number, status)
