/**
 * NOTIFY to those who watch our users: at other domains by a link, at home by their sessions.
 *
 * In:    changes, of the presence stage; refusals, which may come long after.
 * Out:   NOTIFY on the credential of the presentity.
 * Fails: what did not get through is told again, as it is then; a subscription that nobody knows there is forgotten.
 * Spec:  [LINK-6.13-5], [LINK-6.13-6], [LINK-6.3-5]
 */
import type { Domain } from '../address/domain.ts'
import { isTemporary } from '../errors.ts'
import { latin1 } from '../lib/latin1.ts'
import type { Counter, Meter } from '../lib/meter.ts'
import { type AnswerView, contentOf, type Outgoing } from '../link/outgoing.ts'
import type { Pool } from '../peer/pool.ts'
import type { Session } from '../peer/session.ts'
import type { Presence } from '../presence/document.ts'
import type { Subscription } from '../presence/subscription.ts'
import type { Subscriptions } from '../presence/subscriptions.ts'
import { fields } from '../wire/registry.ts'
import type { Version } from '../wire/version.ts'
import { encodeShown, type NotifyHome } from './notify-home.ts'
import { makeNotice } from './requests.ts'

export type NotifyOutNeeds = {
  readonly isHosted: (domain: string) => boolean
  readonly pool: () => Pool
  readonly meter: Meter
}

/** Wait before a NOTIFY that did not get through is sent again; the other if somebody has to put something right. */
const againMs = 1000
const longAgainMs = 60_000

export class NotifyOut {
  readonly #needs: NotifyOutNeeds
  readonly #subscriptions: Subscriptions
  readonly #home: NotifyHome
  readonly #sent: Counter
  /** Those whose NOTIFY waits for its turn on a link, and what it is to tell then in the place of what it says. */
  readonly #waiting = new Map<Subscription, Presence | undefined>()

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
    // [LINK-6.13-5] What waits keeps its place and tells the last value.
    if (this.#waiting.has(subscription)) {
      this.#waiting.set(subscription, { document, version })
      return
    }
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
    subscription: Subscription,
    document: Buffer,
    version: Version,
  ): undefined {
    const { id, watcher, presentity } = subscription
    this.#sent.n++
    const reference = shown.refer(presentity, watcher.domain, 'notify')
    const notice = makeNotice({
      command: 'notify',
      hops: 1,
      reference,
      from: '',
      user: presentity.text,
      fields: encodeShown(id, version),
      body: document,
      freshen: (outgoing) => this.#freshen(subscription, outgoing),
      answered: (answer) => {
        // [LINK-6.3-5] Shown again with what is told again.
        if (answer.status === 'credential-ref-unknown') shown.showAgain(reference.number)
        return this.#notTaken(watcher.domain, id, answer)
      },
      failed: () => {
        this.#waiting.delete(subscription)
        this.#subscriptions.retry(watcher.domain, id, againMs)
      },
    })
    this.#waiting.set(subscription, undefined)
    link.ask(notice)
    if (notice.sentAt !== -1) this.#waiting.delete(subscription)
  }

  /** [LINK-6.12-1] The turn of a NOTIFY that waited: nothing follows the end of a subscription. */
  #freshen(subscription: Subscription, outgoing: Outgoing): 'same' | 'other' | 'unwanted' {
    const latest = this.#waiting.get(subscription)
    const isWanted = subscription.state === 'active'
    if (isWanted && latest !== undefined) {
      this.#waiting.set(subscription, undefined)
      const fields = encodeShown(subscription.id, latest.version)
      Object.assign(outgoing, contentOf(fields, latest.document))
      return 'other'
    }
    this.#waiting.delete(subscription)
    return isWanted ? 'same' : 'unwanted'
  }

  /** What a NOTIFY told is told again, unless nobody wants to know it. */
  #notTaken(domain: Domain, id: string, { status, retryAfterMs }: AnswerView): undefined {
    if (status === 'lease-unknown') return this.#subscriptions.forget(domain, id)
    const waitMs = isTemporary(status) ? againMs : longAgainMs
    this.#subscriptions.refused(domain, id, Math.max(retryAfterMs, waitMs))
  }
}
