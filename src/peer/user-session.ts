/**
 * One attachment of a user of ours, by a link of the client.
 *
 * In:    messages and notifications for the user.
 * Out:   requests on the link; a message ends as the client confirms it.
 * Fails: `inbox-closed`, `busy` and `too-large` (it was not sent), `unknown-outcome` (it was, and nothing came back). A client that
 *        reads notifications too slowly is closed: when it comes back it is told what holds then.
 * Spec:  [LINK-6.7-12], [LINK-6.7-14], [LINK-6.13-8]
 */
import type { Address } from '../address/address.ts'
import { encodeNotify } from '../command/notify.ts'
import { isSuccess, type Status } from '../errors.ts'
import type { Counter } from '../lib/meter.ts'
import type { AnswerView } from '../link/outgoing.ts'
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

  constructor(session: Session, user: Address, shown: Counter) {
    this.session = session
    this.caller = new Attached(user)
    this.#shown = shown
  }

  deliver(message: Message, asker: Asker<Message>): undefined {
    this.session.link.ask(new Handing(message, asker, message.from.text))
  }

  notify(subscription: string, presentity: Address, notice: Notice): undefined {
    const { link } = this.session
    const { state, event, presence } = notice
    this.#shown.n++
    link.ask(
      makeNotice({
        command: 'notify',
        hops: 2,
        reference: undefined,
        from: presentity.text,
        user: presentity.text,
        fields: encodeNotify({ subscription, version: presence?.version, state, event }),
        body: presence?.document ?? noBody,
        freshen: undefined,
        answered: () => undefined,
        failed: (code) => {
          if (code === 'busy') link.break('slow-reader', 'no room for a notification')
        },
      }),
    )
  }
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
