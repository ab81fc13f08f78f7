/**
 * One attachment of a user of ours, by a link of the client.
 *
 * In:    messages and notifications for the user.
 * Out:   requests on the link; a message ends as the client confirms it.
 * Fails: `inbox-closed`, `busy` and `too-large` (it was not sent), `unknown-outcome` (it was, and nothing came back). A notification
 *        that waits tells the last value at its turn; a client for which too many wait is closed: when it comes back it
 *        is told what holds then.
 * Spec:  [LINK-6.7-12], [LINK-6.7-14], [LINK-6.13-8], [LINK-6.13-9]
 */
import type { Address } from '../address/address.ts'
import { encodeNotify } from '../command/notify.ts'
import { isSuccess, type Status } from '../errors.ts'
import type { Counter } from '../lib/meter.ts'
import { type AnswerView, contentOf } from '../link/outgoing.ts'
import { type Asker, outcomeOf } from '../operation/call.ts'
import type { Message } from '../operation/message.ts'
import type { UserSession } from '../operation/ports.ts'
import type { Notice } from '../operation/presence.ts'
import { Attached } from './callers.ts'
import { MessageRequest } from './message-request.ts'
import { makeNotice, noBody } from './own-requests.ts'
import type { Session } from './session.ts'

export class AttachedSession implements UserSession {
  readonly caller: Attached
  readonly session: Session
  readonly #shown: Counter
  /** Notifications that wait for their turn on the link, by presentity and subscription: what they are to tell instead. */
  readonly #waiting = new Map<string, Notice | undefined>()

  constructor(session: Session, user: Address, shown: Counter) {
    this.session = session
    this.caller = new Attached(user)
    this.#shown = shown
  }

  deliver(message: Message, asker: Asker<Message>): undefined {
    this.session.link.ask(new Handing(message, asker, message.from.text))
  }

  notify(subscription: string, presentity: Address, notice: Notice): undefined {
    this.#shown.n++
    const name = `${presentity.text} ${subscription}`
    // [LINK-6.13-9] What waits keeps its place and tells the last value.
    if (this.#waiting.has(name)) this.#waiting.set(name, keep(notice))
    else this.#tell(name, subscription, presentity, notice)
  }

  #tell(name: string, subscription: string, presentity: Address, notice: Notice): undefined {
    const { link } = this.session
    let isOver = false
    const request = makeNotice({
      command: 'notify',
      hops: 2,
      reference: undefined,
      from: presentity.text,
      user: presentity.text,
      fields: fieldsOf(subscription, notice),
      body: bodyOf(notice),
      freshen: (outgoing) => {
        const latest = this.#waiting.get(name)
        if (latest === undefined) {
          this.#waiting.delete(name)
          return 'same'
        }
        // It may have to wait on, if it is longer now.
        this.#waiting.set(name, undefined)
        Object.assign(outgoing, contentOf(fieldsOf(subscription, latest), bodyOf(latest)))
        return 'other'
      },
      answered: () => undefined,
      failed: (code) => {
        isOver = true
        this.#waiting.delete(name)
        if (code === 'busy') link.break('slow-reader', 'no room for a notification')
      },
    })
    link.ask(request)
    if (!isOver && request.sentAt === -1) this.#waiting.set(name, undefined)
  }
}

const fieldsOf = (subscription: string, { state, event, presence }: Notice): Buffer =>
  encodeNotify({ subscription, version: presence?.version, state, event })

const bodyOf = ({ presence }: Notice): Buffer => presence?.document ?? noBody

/** A document is only lent. */
const keep = (notice: Notice): Notice => {
  const { presence } = notice
  if (presence === undefined) return notice
  return { ...notice, presence: { ...presence, document: Buffer.from(presence.document) } }
}

/** A message on its way to one session. */
class Handing extends MessageRequest {
  answered({ status }: AnswerView): undefined {
    this.asker.ended(this.message, outcomeOf(isSuccess(status) ? 'delivered' : status))
  }

  failed(code: Status, sent: boolean): undefined {
    const isTold = code === 'busy' || code === 'too-large'
    const end = sent ? 'unknown-outcome' : isTold ? code : 'inbox-closed'
    this.asker.ended(this.message, outcomeOf(end))
  }
}
