/**
 * The road of watchers: SUBSCRIBE, RENEW and UNSUBSCRIBE, to presence here or elsewhere.
 *
 *   peer   ─▶ read ─▶ checks ─▶ subscriptions
 *   client ─▶ read ─▶ checks ─▶ subscriptions, if the presentity is ours; else watching ─▶ errands ─▶ peer
 *
 * In:    requests of our users and of proven domains.
 * Out:   the lease that is granted.
 * Fails: the code of the first check; `service-not-offered` and `refused`; what the domain elsewhere refuses with.
 * Spec:  [LINK-6.10-1] to [LINK-6.12-1]; draft §5.5.1
 */
import type { Address } from '../address/address.ts'
import { encodeLease } from '../command/publish.ts'
import { encodeRenewed, type Renew, readRenew } from '../command/renew.ts'
import { readSubscribe, type Subscribe } from '../command/subscribe.ts'
import { readUnsubscribe } from '../command/unsubscribe.ts'
import { isSuccess, isTemporary } from '../errors.ts'
import type { RequestView } from '../link/link.ts'
import type { Subscriptions } from '../presence/subscriptions.ts'
import type { Watching } from '../presence/watching.ts'
import type { Errands } from './errands.ts'
import { type Inquiry, type InquiryNeeds, type Ours, refusalHere } from './inquiry.ts'
import type { NotifyHome } from './notify-home.ts'

export type WatcherNeeds = Ours & Pick<InquiryNeeds, 'checks' | 'senders' | 'clock'>

/** Whom the requests reach. */
export type WatcherStages = {
  readonly subscriptions: Subscriptions
  readonly watching: Watching
  readonly errands: Errands
  readonly home: NotifyHome
}

export class Watchers {
  readonly #needs: WatcherNeeds
  readonly #stages: WatcherStages

  constructor(needs: WatcherNeeds, stages: WatcherStages) {
    this.#needs = needs
    this.#stages = stages
  }

  /** [LINK-6.10-1] A watcher of another domain, or one of our own users. */
  subscribe(inquiry: Inquiry, request: RequestView): undefined {
    const subscribe = readSubscribe(request, this.#needs.readAddress)
    const { asker } = inquiry
    if (typeof subscribe === 'string') return inquiry.answer(subscribe)
    if (asker === undefined) return inquiry.answer('credential-missing')
    const { to, subscription, leaseSeconds } = subscribe
    const code = inquiry.check(request, asker, to, 'pres.watch')
    if (code !== undefined) return inquiry.answer(code, inquiry.waitMs)
    if (!this.#needs.isHosted(to.domain)) return this.#subscribeThere(inquiry, asker, subscribe)
    const refusal = refusalHere(this.#needs, to)
    if (refusal !== undefined) return inquiry.answer(refusal)
    const result = this.#stages.subscriptions.subscribe({
      id: subscription,
      watcher: asker,
      presentity: to,
      leaseSeconds,
      state: 'active',
    })
    if ('detail' in result) return inquiry.answer(result.status)
    inquiry.answerWith(result.status, encodeLease(result.leaseSeconds))
  }

  /** [LINK-6.12-1] [LINK-6.12-3] `to` says where the subscription is held; id and watcher say which it is. */
  unsubscribe(inquiry: Inquiry, request: RequestView): undefined {
    const read = readUnsubscribe(request, this.#needs.readAddress)
    const { asker } = inquiry
    if (typeof read === 'string') return inquiry.answer(read)
    if (asker === undefined) return inquiry.answer('credential-missing')
    const code = inquiry.check(request, asker, read.to, 'pres.watch')
    if (code !== undefined) return inquiry.answer(code, inquiry.waitMs)
    const { subscriptions, watching } = this.#stages
    if (this.#needs.isHosted(read.to.domain)) {
      return inquiry.answer(subscriptions.unsubscribe(asker, read.subscription))
    }
    watching.unwatch(asker, read.subscription)
    inquiry.answer('ok')
  }

  /** [LINK-6.11-1] Of a client for its own, of a domain for its users: on the proof of the domain alone. */
  renew(inquiry: Inquiry, request: RequestView): undefined {
    const renew = readRenew(request)
    const { user } = inquiry.session
    if (typeof renew === 'string') return inquiry.answer(renew)
    if (user === undefined) return this.#renewOfDomain(inquiry, renew)
    return this.#renewOfUser(inquiry, user, renew)
  }

  #renewOfUser(inquiry: Inquiry, user: Address, { ids, leaseSeconds }: Renew): undefined {
    const { checks, senders, clock } = this.#needs
    // [LINK-6.5-5]
    const waitMs = checks.waitOfSender(senders.sender(user, clock.now()), clock.now())
    if (waitMs >= 0) return inquiry.answer('rate-limited', waitMs)
    const ours = this.#stages.subscriptions.renew(user.domain, undefined, ids, leaseSeconds)
    const theirs = this.#stages.watching.renew(user, ids, leaseSeconds)
    const granted = ours.map((seconds, i) => Math.max(seconds, theirs[i] ?? 0))
    inquiry.answerWith('ok', encodeRenewed(granted))
  }

  #renewOfDomain(inquiry: Inquiry, { domain, audience, ids, leaseSeconds }: Renew): undefined {
    const { checks, clock } = this.#needs
    if (domain === undefined || audience === undefined) return inquiry.answer('bad-request')
    const pair = inquiry.session.pair(audience, domain)
    if (pair === undefined) return inquiry.answer('domain-not-proven')
    const waitMs = checks.waitOfPeer(domain, false, clock.now())
    if (waitMs >= 0) return inquiry.answer('rate-limited', waitMs)
    const { remote, local } = pair
    const granted = this.#stages.subscriptions.renew(remote, local, ids, leaseSeconds)
    inquiry.answerWith('ok', encodeRenewed(granted))
  }

  /** The first wish is asked there before it is answered here. */
  #subscribeThere(
    inquiry: Inquiry,
    watcher: Address,
    { to, subscription, leaseSeconds }: Subscribe,
  ): undefined {
    const { watching, errands, home } = this.#stages
    const result = watching.watch({ id: subscription, watcher, presentity: to, leaseSeconds })
    if ('detail' in result) return inquiry.answer(result.status)
    const lease = encodeLease(result.leaseSeconds)
    if (result.mustSubscribe) {
      return errands.subscribe(result.watch, (status) => {
        if (isSuccess(status)) return inquiry.answerWith(status, lease)
        // For now it does not work: the gateway goes on trying, and the watcher will hear of it.
        if (isTemporary(status)) return inquiry.answerWith('pending', lease)
        inquiry.answer(status)
      })
    }
    inquiry.answerWith(result.status, lease)
    if (result.presence === undefined) return
    const { document, version } = result.presence
    home.showTo(inquiry.session, subscription, to, document, version)
  }
}
