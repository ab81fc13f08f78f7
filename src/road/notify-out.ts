/**
 * NOTIFY to those who watch our users: at other domains by a link, at home by their sessions.
 *
 * In:    changes, of the presence stage; refusals, which may come long after.
 * Out:   NOTIFY on the credential of the presentity.
 * Fails: what did not get through is told again, as it is then; a subscription that nobody knows there is forgotten.
 * Spec:  [LINK-6.13-5], [LINK-6.13-6], [LINK-6.3-5]
 */
import type { Domain } from '../address/domain.ts'
import type { Version } from '../command/version.ts'
import { isTemporary } from '../errors.ts'
import { latin1 } from '../lib/latin1.ts'
import type { Counter, Meter } from '../lib/meter.ts'
import type { AnswerView } from '../link/outgoing.ts'
import type { Pool } from '../peer/pool.ts'
import type { Session } from '../peer/session.ts'
import type { Subscription } from '../presence/subscription.ts'
import type { Subscriptions } from '../presence/subscriptions.ts'
import { fields } from '../wire/registry.ts'
import { encodeShown, type NotifyHome } from './notify-home.ts'
import { makeNotice } from './requests.ts'

export type NotifyOutNeeds = {
  readonly isHosted: (domain: string) => boolean
  readonly pool: () => Pool
  readonly meter: Meter
}

/** Wait before a NOTIFY that did not get through is sent again: at once, or after somebody put something right. */
const againMs = 1000
const longAgainMs = 60_000

export class NotifyOut {
  readonly #needs: NotifyOutNeeds
  readonly #subscriptions: Subscriptions
  readonly #home: NotifyHome
  readonly #sent: Counter

  constructor(needs: NotifyOutNeeds, subscriptions: Subscriptions, home: NotifyHome) {
    this.#needs = needs
    this.#subscriptions = subscriptions
    this.#home = home
    this.#sent = needs.meter.counter('presence_updates_total', { action: 'sent' })
  }

  /** The presence of one of ours, to a watcher. */
  notify(subscription: Subscription, document: Buffer, version: Version): undefined {
    const { id, watcher, presentity } = subscription
    const { isHosted, pool } = this.#needs
    if (isHosted(watcher.domain)) return this.#home.show(subscription, document, version)
    const session = pool().find(presentity.domain, watcher.domain, 'pres')
    if (session !== undefined) return this.#tell(session, subscription, document, version)
    // [LINK-6.13-5] A register, not a log: only the last value is sent once there is a link.
    this.#subscriptions.pause(watcher.domain, presentity.domain)
    this.#subscriptions.retry(watcher.domain, id, 0)
    pool().want(presentity.domain, watcher.domain, 'pres')
  }

  /** A refusal that came long after its NOTIFY: it names the subscription. */
  orphan({ pairs }: Session, answer: AnswerView): undefined {
    const start = answer.fields.start(fields.subscription.tag)
    if (start === 0 || answer.fields.length(fields.subscription.tag) !== 16) return
    const id = latin1(answer.buffer, start, start + 16)
    for (const { remote } of pairs) this.#notTaken(remote, id, answer)
  }

  #tell(
    { link, shown }: Session,
    { id, watcher, presentity }: Subscription,
    document: Buffer,
    version: Version,
  ): undefined {
    this.#sent.n++
    const reference = shown.refer(presentity, watcher.domain, 'notify')
    link.ask(
      makeNotice({
        command: 'notify',
        hops: 1,
        reference,
        from: '',
        user: presentity.text,
        fields: encodeShown(id, version),
        body: document,
        answered: (answer) => {
          // [LINK-6.3-5] Shown again with what is told again.
          if (answer.status === 'credential-ref-unknown') shown.showAgain(reference.number)
          return this.#notTaken(watcher.domain, id, answer)
        },
        failed: () => this.#subscriptions.retry(watcher.domain, id, againMs),
      }),
    )
  }

  /** What a NOTIFY told is told again, unless nobody wants to know it. */
  #notTaken(domain: Domain, id: string, { status, retryAfterMs }: AnswerView): undefined {
    if (status === 'lease-unknown') return this.#subscriptions.forget(domain, id)
    const waitMs = isTemporary(status) ? againMs : longAgainMs
    this.#subscriptions.retry(domain, id, Math.max(retryAfterMs, waitMs))
  }
}
