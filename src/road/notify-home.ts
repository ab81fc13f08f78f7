/**
 * NOTIFY to our own users: what they watch, here or elsewhere, at every session of theirs.
 *
 * In:    changes and ends, of the presence stage.
 * Out:   NOTIFY to sessions; nobody waits for an answer.
 * Fails: a session that reads too slowly is closed: when it comes back it is told what holds then.
 * Spec:  [LINK-6.13-8]
 */
import type { Address } from '../address/address.ts'
import { encodeNotify } from '../command/notify.ts'
import type { Counter, Meter } from '../lib/meter.ts'
import type { Session } from '../peer/session.ts'
import type { Interest } from '../presence/interests.ts'
import type { SubscriptionEvent } from '../presence/subscription.ts'
import type { Version } from '../wire/version.ts'
import { makeNotice, noBody } from './requests.ts'

export type NotifyHomeNeeds = {
  readonly sessionsOf: (user: Address) => Iterable<Session>
  readonly meter: Meter
}

export class NotifyHome {
  readonly #sessionsOf: (user: Address) => Iterable<Session>
  readonly #shown: Counter

  constructor({ sessionsOf, meter }: NotifyHomeNeeds) {
    this.#sessionsOf = sessionsOf
    this.#shown = meter.counter('presence_updates_total', { action: 'shown' })
  }

  show({ id, watcher, presentity }: Interest, document: Buffer, version: Version): undefined {
    this.#tellAll(watcher, presentity, encodeShown(id, version), document)
  }

  /** To one session, which asked for what is known already. */
  showTo(
    session: Session,
    id: string,
    presentity: Address,
    document: Buffer,
    version: Version,
  ): undefined {
    this.#tell(session, presentity, encodeShown(id, version), document)
  }

  /** Nothing is to be seen, for now or any more. */
  tellState(
    { id, watcher, presentity }: Interest,
    state: 'unknown' | 'terminated',
    event: SubscriptionEvent | undefined,
  ): undefined {
    const bytes = encodeNotify({ subscription: id, version: undefined, state, event })
    this.#tellAll(watcher, presentity, bytes, noBody)
  }

  /** [LINK-6.13-8] Each session knows its own subscriptions. */
  #tellAll(watcher: Address, presentity: Address, bytes: Buffer, body: Buffer): undefined {
    for (const session of this.#sessionsOf(watcher)) this.#tell(session, presentity, bytes, body)
  }

  #tell({ link }: Session, presentity: Address, bytes: Buffer, body: Buffer): undefined {
    this.#shown.n++
    const from = presentity.text
    link.ask(
      makeNotice({
        command: 'notify',
        hops: 2,
        reference: undefined,
        from,
        user: from,
        fields: bytes,
        body,
        freshen: undefined,
        answered: () => undefined,
        failed: (code) => {
          // Nothing is left out for a session: it comes back, and is told what holds then.
          if (code === 'busy') link.break('slow-reader', 'no room for a notification')
        },
      }),
    )
  }
}

/** The fields of a NOTIFY whose body is what is to be seen. */
export const encodeShown = (id: string, version: Version): Buffer =>
  encodeNotify({ subscription: id, version, state: 'active', event: undefined })
