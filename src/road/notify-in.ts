/**
 * NOTIFY of other domains: what those tell whom our users watch.
 *
 *   peer ─▶ read ─▶ credential of the presentity ─▶ watching ─▶ NOTIFY to the sessions of each watcher
 *
 * In:    requests of proven domains.
 * Out:   nothing if it was taken; it goes on from the presence stage.
 * Fails: a code that names the subscription; then nothing is shown.
 * Spec:  [LINK-6.13-1], [LINK-6.13-2], [LINK-6.13-6]
 */
import { type Notify, readNotify } from '../command/notify.ts'
import { isSuccess, type Status } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { Counter, Meter } from '../lib/meter.ts'
import type { RequestView } from '../link/link.ts'
import { refusableOf, refuse } from '../link/refusal.ts'
import type { Held } from '../peer/held-credentials.ts'
import type { Session } from '../peer/session.ts'
import type { Notification, Watching } from '../presence/watching.ts'
import type { Checks } from './checks.ts'

export type NotifyInNeeds = {
  readonly checks: Checks
  readonly clock: Clock
  readonly meter: Meter
}

export class NotifyIn {
  readonly #needs: NotifyInNeeds
  readonly #watching: Watching
  readonly #received: Counter

  constructor(needs: NotifyInNeeds, watching: Watching) {
    this.#needs = needs
    this.#watching = watching
    this.#received = needs.meter.counter('presence_updates_total', { action: 'received' })
  }

  /** [LINK-6.13-1] Another domain tells of one of its own; anything else is refused, and nothing is shown. */
  notify(session: Session, request: RequestView, held: Held | undefined): undefined {
    const { checks, clock } = this.#needs
    // [LINK-6.13-6]
    const no = (code: Status, waitMs = -1): undefined =>
      refuse(session.link, refusableOf(request), code, waitMs)
    const notify = readNotify(request)
    this.#received.n++
    if (typeof notify === 'string') return no(notify)
    const presentity = held?.subject
    // [LINK-6.13-2]
    if (held === undefined || presentity === undefined) return no('credential-missing')
    if (!held.scope.has('pres.notify')) return no('credential-scope')
    const waitMs = checks.waitOfPeer(presentity.domain, true, clock.now())
    if (waitMs >= 0) return no('rate-limited', waitMs)
    const { subscription } = notify
    const watcher = this.#watching.watcherOf(presentity.domain, subscription)
    if (watcher !== undefined && held.audience !== watcher) return no('credential-audience')
    const status = this.#take({ id: subscription, from: presentity.domain, presentity }, notify)
    if (!isSuccess(status)) return no(status)
    session.link.done(request.trafficClass, request.command)
  }

  #take(notification: Notification, { state, event, version, document }: Notify): Status {
    if (state === 'terminated') return this.#watching.ended(notification, event ?? 'noresource')
    if (state !== 'active' || version === undefined) return 'ok'
    return this.#watching.notified(notification, document, version)
  }
}
