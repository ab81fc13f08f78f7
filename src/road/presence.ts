/**
 * The roads of presence, joined: what our users publish, who watches them, and whom they watch.
 *
 *   publish      client ─▶ publications ─▶ presentities ─▶ subscriptions ─▶ notify-out to each watcher
 *   subscribe    client, peer ─▶ watchers ─▶ subscriptions; or watching ─▶ errands to the presentity's domain
 *   notify       peer ─▶ notify-in ─▶ watching ─▶ notify-home to the sessions of each watcher
 *   fetch        client, peer ─▶ fetches ─▶ presentities; or asked of the presentity's domain
 *
 * In:    requests whose speaker is proven; events of the presence stage and of links.
 * Out:   answers; requests to other domains and to sessions.
 * Spec:  [LINK-6.8-1] to [LINK-6.14-3]; draft §3, §5.5.1, §6.6
 */
import type { Domain } from '../address/domain.ts'
import type { Random } from '../lib/random.ts'
import type { RequestView } from '../link/link.ts'
import type { AnswerView } from '../link/outgoing.ts'
import type { Held } from '../peer/held-credentials.ts'
import type { Pair } from '../peer/pair.ts'
import type { Session } from '../peer/session.ts'
import { Subscriptions } from '../presence/subscriptions.ts'
import { Presentities } from '../presence/tuples.ts'
import { Watching } from '../presence/watching.ts'
import { Asking } from './asking.ts'
import { Errands } from './errands.ts'
import { Fetches, type FetchNeeds } from './fetches.ts'
import { Inquiry, type InquiryNeeds } from './inquiry.ts'
import { NotifyHome, type NotifyHomeNeeds } from './notify-home.ts'
import { NotifyIn, type NotifyInNeeds } from './notify-in.ts'
import { NotifyOut, type NotifyOutNeeds } from './notify-out.ts'
import { Publications } from './publications.ts'
import { type WatcherNeeds, Watchers } from './watchers.ts'

export type PresenceRoadNeeds = InquiryNeeds &
  FetchNeeds &
  WatcherNeeds &
  NotifyInNeeds &
  NotifyOutNeeds &
  NotifyHomeNeeds & { readonly random: Random }

export class PresenceRoad {
  readonly presentities: Presentities
  readonly subscriptions: Subscriptions
  readonly watching: Watching
  readonly #needs: PresenceRoadNeeds
  readonly #publications: Publications
  readonly #fetches: Fetches
  readonly #watchers: Watchers
  readonly #errands: Errands
  readonly #notifyIn: NotifyIn
  readonly #notifyOut: NotifyOut
  readonly #notifyHome: NotifyHome
  /** Which store of subscriptions each domain has. */
  readonly #stores = new Map<Domain, string>()

  constructor(needs: PresenceRoadNeeds) {
    this.#needs = needs
    this.presentities = new Presentities({
      ...needs,
      changed: (presentity) => this.subscriptions.changed(presentity),
    })
    this.subscriptions = this.#createSubscriptions()
    this.watching = this.#createWatching()
    const { presentities, subscriptions, watching } = this
    const asking = new Asking(needs.pool)
    const errands = new Errands(needs.pool, watching, asking)
    const home = new NotifyHome(needs)
    this.#errands = errands
    this.#notifyHome = home
    this.#notifyIn = new NotifyIn(needs, watching)
    this.#notifyOut = new NotifyOut(needs, subscriptions, home)
    this.#publications = new Publications(needs.readAddress, presentities)
    this.#fetches = new Fetches(needs, presentities, asking)
    this.#watchers = new Watchers(needs, { subscriptions, watching, errands, home })
  }

  publish(session: Session, request: RequestView): undefined {
    this.#publications.publish(this.#inquiry(session, request, undefined), request)
  }

  fetch(session: Session, request: RequestView, held: Held | undefined): undefined {
    this.#fetches.fetch(this.#inquiry(session, request, held), request)
  }

  subscribe(session: Session, request: RequestView, held: Held | undefined): undefined {
    this.#watchers.subscribe(this.#inquiry(session, request, held), request)
  }

  unsubscribe(session: Session, request: RequestView, held: Held | undefined): undefined {
    this.#watchers.unsubscribe(this.#inquiry(session, request, held), request)
  }

  renew(session: Session, request: RequestView): undefined {
    this.#watchers.renew(this.#inquiry(session, request, undefined), request)
  }

  notify(session: Session, request: RequestView, held: Held | undefined): undefined {
    this.#notifyIn.notify(session, request, held)
  }

  /** An answer that nobody waits for: the refusal of a NOTIFY. */
  orphan(session: Session, answer: AnswerView): undefined {
    this.#notifyOut.orphan(session, answer)
  }

  /** A link of the pair is there, and its far side has said HELLO: `store` names its subscriptions, if it says so. */
  joined({ store, pair }: { readonly store: string; readonly pair: Pair }): undefined {
    const { remote } = pair
    const before = this.#stores.get(remote)
    if (store !== '') this.#stores.set(remote, store)
    // [LINK-6.14-1] Another store: what we asked for is not there any more.
    this.watching.linkUp(remote, before !== undefined && store !== '' && before !== store)
  }

  /** `local` has a link for presence to `remote`. */
  reachable(local: Domain, remote: Domain): undefined {
    this.subscriptions.resume(remote, local)
  }

  /** The last one is gone. */
  unreachable(local: Domain, remote: Domain): undefined {
    this.subscriptions.pause(remote, local)
  }

  /** [LINK-6.14-3] The last link of the pair is gone; `restMs`: the far side said when it is back. */
  left({ remote }: Pair, restMs: number): undefined {
    // Nothing is held there that could be gone when it comes back.
    if (this.watching.count(remote) === 0) this.#stores.delete(remote)
    this.watching.linkLost(remote, restMs + this.#needs.limits.unknownMs)
  }

  /** Whether subscriptions make a silent link to `remote` normal. */
  isUsed(remote: Domain): boolean {
    return this.subscriptions.count(remote) > 0 || this.watching.count(remote) > 0
  }

  /** The operator bars domains: nothing is told to them or heard from them any more. */
  bar(isBarred: (domain: Domain) => boolean): undefined {
    this.subscriptions.bar(isBarred)
    this.watching.bar(isBarred)
  }

  stop(): undefined {
    this.presentities.stop()
    this.subscriptions.stop()
    this.watching.stop()
  }

  #inquiry(session: Session, request: RequestView, held: Held | undefined): Inquiry {
    return new Inquiry(this.#needs, session, request, held)
  }

  #createSubscriptions(): Subscriptions {
    const { clock, limits, meter } = this.#needs
    return new Subscriptions({
      clock,
      limits,
      meter,
      snapshotMs: limits.snapshotMs,
      presence: (presentity) => this.presentities.presence(presentity),
      notify: (subscription, document, version) =>
        this.#notifyOut.notify(subscription, document, version),
    })
  }

  #createWatching(): Watching {
    const { clock, random, limits, meter } = this.#needs
    return new Watching({
      clock,
      random,
      limits,
      meter,
      work: (domain) => this.#errands.work(domain),
      deliver: (interest, document, version) => this.#notifyHome.show(interest, document, version),
      unknown: (interest) => this.#notifyHome.tellState(interest, 'unknown', undefined),
      terminated: (interest, event) => this.#notifyHome.tellState(interest, 'terminated', event),
    })
  }
}
