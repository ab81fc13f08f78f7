/**
 * The roads of presence: what our users publish, who watches them, and whom they watch.
 *
 *   publish      client ─▶ presentities ─▶ subscriptions ─▶ NOTIFY to each watcher
 *   subscribe    client ─▶ watching ─▶ SUBSCRIBE to the presentity's domain; peer ─▶ checks ─▶ subscriptions
 *   notify       peer ─▶ watching ─▶ NOTIFY to the sessions of each watcher
 *
 * In:    requests whose speaker is proven; events of the presence stage and of links.
 * Out:   answers; requests to other domains and to sessions.
 * Spec:  [LINK-6.8-1] to [LINK-6.13-6]; draft §3, §5.5.1, §6.6
 */
import type { Address } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import { encodeFetched, readFetch } from '../command/fetch.ts'
import { encodeNotify, readNotify } from '../command/notify.ts'
import { encodeLease, readPublish } from '../command/publish.ts'
import { encodeRenew, encodeRenewed, readRenew, readRenewed, renewBatch } from '../command/renew.ts'
import { type ReadAddress, readTo } from '../command/request.ts'
import { encodeSubscribe, readSubscribe } from '../command/subscribe.ts'
import { encodeUnsubscribe, readUnsubscribe } from '../command/unsubscribe.ts'
import type { Version } from '../command/version.ts'
import type { Scope } from '../credential/claims.ts'
import { isSuccess, isTemporary, publicStatus, type Status } from '../errors.ts'
import type { Senders } from '../lane.ts'
import type { Clock } from '../lib/clock.ts'
import { latin1 } from '../lib/latin1.ts'
import type { Meter } from '../lib/meter.ts'
import type { Random } from '../lib/random.ts'
import type { Limits } from '../limits.ts'
import type { RequestView } from '../link/link.ts'
import type { AnswerView, Outgoing } from '../link/outgoing.ts'
import type { Held } from '../peer/held-credentials.ts'
import type { Pair } from '../peer/pair.ts'
import type { Pool } from '../peer/pool.ts'
import type { Session } from '../peer/session.ts'
import type { Purpose } from '../peer/shown-credentials.ts'
import type { Interest } from '../presence/interests.ts'
import type { Subscription, SubscriptionEvent } from '../presence/subscription.ts'
import { Subscriptions } from '../presence/subscriptions.ts'
import { Presentities } from '../presence/tuples.ts'
import type { Watch } from '../presence/watch.ts'
import { Watching } from '../presence/watching.ts'
import { fields } from '../wire/registry.ts'
import type { Checks, Passage } from './checks.ts'
import type { SessionOrigin } from './origin.ts'
import { makeNotice, makeRequest } from './requests.ts'

export type PresenceRoadNeeds = {
  readonly checks: Checks
  readonly pool: () => Pool
  readonly isHosted: (domain: string) => boolean
  readonly offersPresence: (domain: string) => boolean
  /** Whether the domain of `user` has such a user. */
  readonly exists: (user: Address) => boolean
  readonly readAddress: ReadAddress
  readonly originOf: (session: Session) => SessionOrigin
  readonly sessionsOf: (user: Address) => Iterable<Session>
  readonly senders: Senders
  readonly clock: Clock
  readonly random: Random
  readonly limits: Limits
  readonly meter: Meter
}

/** Wait before a NOTIFY that did not get through is sent again: at once, or after somebody put something right. */
const againMs = 1000
const longAgainMs = 60_000

const nothing = Buffer.alloc(0)

export class PresenceRoad {
  readonly presentities: Presentities
  readonly subscriptions: Subscriptions
  readonly watching: Watching
  readonly #needs: PresenceRoadNeeds
  readonly #notified

  constructor(needs: PresenceRoadNeeds) {
    const { clock, random, limits, meter } = needs
    this.#needs = needs
    this.#notified = {
      sent: meter.counter('presence_updates_total', { action: 'sent' }),
      received: meter.counter('presence_updates_total', { action: 'received' }),
      shown: meter.counter('presence_updates_total', { action: 'shown' }),
    }
    this.presentities = new Presentities({
      clock,
      random,
      limits,
      meter,
      changed: (presentity) => this.subscriptions.changed(presentity),
    })
    this.subscriptions = new Subscriptions({
      clock,
      limits,
      meter,
      snapshotMs: limits.snapshotMs,
      presence: (presentity) => this.presentities.presence(presentity),
      notify: (subscription, document, version) => this.#notify(subscription, document, version),
    })
    this.watching = new Watching({
      clock,
      random,
      limits,
      meter,
      work: (domain) => this.#work(domain),
      deliver: (interest, document, version) => this.#show(interest, document, version),
      unknown: (interest) => this.#tellState(interest, 'unknown'),
      terminated: (interest, event) => this.#tellState(interest, 'terminated', event),
    })
  }

  /** [LINK-6.8-1] Our user says how it is. */
  publish(session: Session, request: RequestView): undefined {
    const { user } = session
    const origin = this.#needs.originOf(session)
    const { id, trafficClass, command } = request
    const answer = (status: Status): undefined =>
      origin.answer(id, trafficClass, command, status, -1)
    const publish = readPublish(request)
    if (typeof publish === 'string') return answer(publish)
    // [LINK-6.8-2] Publishing for somebody else is not offered yet: it would need a rule of the presentity.
    if (user === undefined) return answer('credential-scope')
    if (request.fields.has(fields.to.tag)) {
      const to = readTo(request, this.#needs.readAddress)
      if (to?.text !== user.text)
        return answer(to === undefined ? 'bad-address' : 'credential-scope')
    }
    const code = this.#check(session, request, undefined, user, user, 'pres.publish')
    if (code !== undefined) return answer(code)
    const result = this.presentities.publish({
      publisher: user,
      presentity: user,
      ifMatch: publish.ifMatch,
      etag: publish.entityTag,
      leaseSeconds: publish.leaseSeconds,
      document: publish.document,
    })
    if ('detail' in result) return answer(result.status)
    const { status, leaseSeconds } = result
    if (isSuccess(status)) {
      return this.#answerFields(session, request, status, encodeLease(leaseSeconds))
    }
    // lease-too-short: the shortest that is granted.
    const about = [[fields.lease.tag, leaseSeconds]] as const
    session.link.fail(id, trafficClass, command, { status, retryAfterMs: -1, about })
  }

  /** [LINK-6.9-1] Once, of ours or of another domain. */
  fetch(session: Session, request: RequestView, held: Held | undefined): undefined {
    const { id, trafficClass, command } = request
    const origin = this.#needs.originOf(session)
    const answer = (status: Status, waitMs = -1): undefined =>
      origin.answer(id, trafficClass, command, status, waitMs)
    const fetch = readFetch(request, this.#needs.readAddress)
    const watcher = held?.subject ?? session.user
    if (typeof fetch === 'string') return answer(fetch)
    if (watcher === undefined) return answer('credential-missing')
    const code = this.#check(session, request, held, watcher, fetch.to, 'pres.watch')
    if (code !== undefined) return answer(code, this.#passage?.waitMs)
    if (!this.#needs.isHosted(fetch.to.domain))
      return this.#fetchThere(session, request, watcher, fetch.to)
    // [LINK-4.1-5] Here is the last receiver.
    if (request.fields.unknownEndToEnd !== 0) return answer('feature-required')
    if (!this.#needs.offersPresence(fetch.to.domain)) return answer('service-not-offered')
    if (!this.#needs.exists(fetch.to)) return answer('refused')
    const { document, version } = this.presentities.presence(fetch.to)
    const head = encodeFetched(version)
    const bytes = Buffer.concat([head, document])
    session.link.answerWith(id, trafficClass, command, 'ok', bytes, 0, head.length, bytes.length)
  }

  /** [LINK-6.10-1] A watcher of another domain, or one of our own users. */
  subscribe(session: Session, request: RequestView, held: Held | undefined): undefined {
    const { id, trafficClass, command } = request
    const origin = this.#needs.originOf(session)
    const answer = (status: Status, waitMs = -1): undefined =>
      origin.answer(id, trafficClass, command, status, waitMs)
    const subscribe = readSubscribe(request, this.#needs.readAddress)
    const watcher = held?.subject ?? session.user
    if (typeof subscribe === 'string') return answer(subscribe)
    if (watcher === undefined) return answer('credential-missing')
    const code = this.#check(session, request, held, watcher, subscribe.to, 'pres.watch')
    if (code !== undefined) return answer(code, this.#passage?.waitMs)
    if (!this.#needs.isHosted(subscribe.to.domain)) {
      return this.#watchThere(session, request, watcher, subscribe)
    }
    if (!this.#needs.offersPresence(subscribe.to.domain)) return answer('service-not-offered')
    // [LINK-6.10-4] No such user and no wish to be watched look the same.
    if (!this.#needs.exists(subscribe.to)) return answer('refused')
    const result = this.subscriptions.subscribe({
      id: subscribe.subscription,
      watcher,
      presentity: subscribe.to,
      leaseSeconds: subscribe.leaseSeconds,
      state: 'active',
    })
    if ('detail' in result) return answer(result.status)
    this.#answerFields(session, request, result.status, encodeLease(result.leaseSeconds))
  }

  /** [LINK-6.12-1] */
  unsubscribe(session: Session, request: RequestView, held: Held | undefined): undefined {
    const { id, trafficClass, command } = request
    const origin = this.#needs.originOf(session)
    const read = readUnsubscribe(request, this.#needs.readAddress)
    const watcher = held?.subject ?? session.user
    if (typeof read === 'string') return origin.answer(id, trafficClass, command, read, -1)
    if (watcher === undefined)
      return origin.answer(id, trafficClass, command, 'credential-missing', -1)
    const code = this.#check(session, request, held, watcher, read.to, 'pres.watch')
    if (code !== undefined) return origin.answer(id, trafficClass, command, code, -1)
    if (this.#needs.isHosted(read.to.domain)) {
      const status = this.subscriptions.unsubscribe(watcher, read.subscription)
      return origin.answer(id, trafficClass, command, status, -1)
    }
    this.watching.unwatch(watcher, read.subscription)
    origin.answer(id, trafficClass, command, 'ok', -1)
  }

  /** [LINK-6.11-1] Of a client for its own, of a domain for its users: on the proof of the domain alone. */
  renew(session: Session, request: RequestView): undefined {
    const { id, trafficClass, command } = request
    const { checks, clock, senders, originOf } = this.#needs
    const answer = (status: Status, waitMs = -1): undefined =>
      originOf(session).answer(id, trafficClass, command, status, waitMs)
    const renew = readRenew(request)
    if (typeof renew === 'string') return answer(renew)
    const { user } = session
    if (user !== undefined) {
      // [LINK-6.5-5]
      const waitMs = checks.waitOfSender(senders.sender(user), clock.now())
      if (waitMs >= 0) return answer('rate-limited', waitMs)
      const ours = this.subscriptions.renew(user.domain, undefined, renew.ids, renew.leaseSeconds)
      const theirs = this.watching.renew(user, renew.ids, renew.leaseSeconds)
      const granted = ours.map((seconds, i) => Math.max(seconds, theirs[i] ?? 0))
      return this.#answerFields(session, request, 'ok', encodeRenewed(granted))
    }
    const { domain, audience } = renew
    if (domain === undefined || audience === undefined) return answer('bad-request')
    const pair = session.pair(audience, domain)
    if (pair === undefined) return answer('domain-not-proven')
    const waitMs = checks.waitOfPeer(domain, false, clock.now())
    if (waitMs >= 0) return answer('rate-limited', waitMs)
    const { remote, local } = pair
    const granted = this.subscriptions.renew(remote, local, renew.ids, renew.leaseSeconds)
    this.#answerFields(session, request, 'ok', encodeRenewed(granted))
  }

  /** [LINK-6.13-1] Another domain tells of one of its own; anything else is refused, and nothing is shown. */
  notify(session: Session, request: RequestView, held: Held | undefined): undefined {
    const { trafficClass, command } = request
    const { checks, clock } = this.#needs
    const refuse = (status: Status, waitMs = -1): undefined =>
      this.#refuseNotify(session, request, status, waitMs)
    const notify = readNotify(request)
    this.#notified.received.n++
    if (typeof notify === 'string') return refuse(notify)
    const presentity = held?.subject
    // [LINK-6.13-2]
    if (held === undefined || presentity === undefined) return refuse('credential-missing')
    if (!held.scope.has('pres.notify')) return refuse('credential-scope')
    const waitMs = checks.waitOfPeer(presentity.domain, true, clock.now())
    if (waitMs >= 0) return refuse('rate-limited', waitMs)
    const { subscription } = notify
    const watcher = this.watching.watcherOf(presentity.domain, subscription)
    if (watcher !== undefined && held.audience !== watcher) return refuse('credential-audience')
    const notification = { id: subscription, from: presentity.domain, presentity }
    let status: Status = 'ok'
    if (notify.state === 'terminated') {
      status = this.watching.ended(notification, notify.event ?? 'noresource')
    } else if (notify.state === 'active' && notify.version !== undefined) {
      status = this.watching.notified(notification, notify.document, notify.version)
    }
    if (!isSuccess(status)) return refuse(status)
    session.link.done(trafficClass, command)
  }

  /** A refusal that came long after its NOTIFY: it names the subscription. */
  orphan(session: Session, answer: AnswerView): undefined {
    const start = answer.fields.start(fields.subscription.tag)
    if (start === 0 || answer.fields.length(fields.subscription.tag) !== 16) return
    const id = latin1(answer.buffer, start, start + 16)
    for (const { remote } of session.pairs) this.#notTaken(remote, id, answer)
  }

  /** A NOTIFY of ours was refused: what it told is told again, unless nobody wants to know it. */
  #notTaken(domain: Domain, id: string, { status, retryAfterMs }: AnswerView): undefined {
    if (status === 'lease-unknown') return this.subscriptions.forget(domain, id)
    const waitMs = isTemporary(status) ? againMs : longAgainMs
    this.subscriptions.retry(domain, id, Math.max(retryAfterMs, waitMs))
  }

  /** A link of the pair is there. */
  joined({ hello, pair }: { readonly hello: string; readonly pair: Pair }): undefined {
    const { remote } = pair
    const before = this.#states.get(remote)
    if (hello !== '') this.#states.set(remote, hello)
    this.watching.linkUp(remote)
    // [LINK-6.14-1] Another store: what we asked for is not there any more.
    if (before !== undefined && hello !== '' && before !== hello) this.watching.resubscribe(remote)
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
    this.watching.linkLost(remote, restMs + this.#needs.limits.unknownMs)
  }

  /** Whether subscriptions make a silent link to `remote` normal. */
  isUsed(remote: Domain): boolean {
    return this.subscriptions.count(remote) > 0 || this.watching.count(remote) > 0
  }

  stop(): undefined {
    this.presentities.stop()
    this.subscriptions.stop()
    this.watching.stop()
  }

  readonly #states = new Map<Domain, string>()
  #passage: Passage | undefined

  #check(
    session: Session,
    { hops, fields: table }: RequestView,
    held: Held | undefined,
    sender: Address,
    recipient: Address,
    scope: Scope,
  ): Status | undefined {
    if (table.has(fields.from.tag)) return 'bad-request'
    const passage: Passage = {
      session,
      held,
      sender: this.#needs.senders.sender(sender),
      recipient,
      scope,
      hops: hops + 1,
      lane: undefined,
      now: this.#needs.clock.now(),
      waitMs: -1,
    }
    this.#passage = passage
    return this.#needs.checks.run(passage)
  }

  #answerFields(session: Session, request: RequestView, status: Status, bytes: Buffer): undefined {
    const { id, trafficClass, command } = request
    session.link.answerWith(id, trafficClass, command, status, bytes, 0, bytes.length, bytes.length)
  }

  /** [LINK-6.13-6] */
  #refuseNotify(
    { link }: Session,
    { id, trafficClass, command, fields: table }: RequestView,
    status: Status,
    retryAfterMs: number,
  ): undefined {
    const { tag } = fields.subscription
    const about = table.bytes(tag)
    link.fail(id, trafficClass, command, {
      status,
      retryAfterMs,
      about: about === undefined ? [] : [[tag, about]],
    })
  }

  /** FETCH of somebody elsewhere: asked there, its answer passed on. */
  #fetchThere(
    session: Session,
    request: RequestView,
    watcher: Address,
    presentity: Address,
  ): undefined {
    const { id, trafficClass, command, hops, buffer, bodyAt, fields: table } = request
    const origin = this.#needs.originOf(session)
    const sent = Buffer.from(buffer.subarray(table.endToEndAt, bodyAt))
    this.#ask(watcher, presentity, 'user', (reference) =>
      makeRequest({
        command: 'fetch',
        hops: hops + 1,
        reference,
        from: '',
        user: watcher.text,
        answerCredit: this.#needs.limits.presenceBytes,
        fields: sent,
        body: nothing,
        answered: ({ status, buffer: bytes, fieldsAt, bodyAt: at, end }) => {
          const copy = Buffer.from(bytes.subarray(fieldsAt, end))
          session.link.answerWith(
            id,
            trafficClass,
            command,
            status,
            copy,
            0,
            at - fieldsAt,
            copy.length,
          )
        },
        failed: (code) => origin.answer(id, trafficClass, command, publicStatus(code), -1),
      }),
    )
  }

  /** SUBSCRIBE of our user to somebody elsewhere: the first wish is asked there before it is answered here. */
  #watchThere(
    session: Session,
    request: RequestView,
    watcher: Address,
    {
      to,
      subscription,
      leaseSeconds,
    }: { to: Address; subscription: string; leaseSeconds: number | undefined },
  ): undefined {
    const { id, trafficClass, command } = request
    const origin = this.#needs.originOf(session)
    const result = this.watching.watch({
      id: subscription,
      watcher,
      presentity: to,
      leaseSeconds,
    })
    if ('detail' in result) {
      return origin.answer(id, trafficClass, command, result.status, -1)
    }
    const bytes = encodeLease(result.leaseSeconds)
    const answer = (status: Status): undefined =>
      session.link.answerWith(
        id,
        trafficClass,
        command,
        status,
        bytes,
        0,
        bytes.length,
        bytes.length,
      )
    if (!result.mustSubscribe) {
      answer(result.status)
      if (result.presence !== undefined) {
        const { document, version } = result.presence
        const notice = { subscription, version, state: 'active', event: undefined } as const
        this.#tellSession(session, to, encodeNotify(notice), document)
      }
      return
    }
    this.#subscribeThere(result.watch, (status) => {
      if (isSuccess(status)) return answer(status)
      // For now it does not work: the gateway goes on trying, and the watcher will hear of it.
      if (isTemporary(status)) return answer('pending')
      origin.answer(id, trafficClass, command, status, -1)
    })
  }

  #subscribeThere(watch: Watch, done: (status: Status) => undefined): undefined {
    const { id, watcher, presentity, wantedSeconds } = watch
    const finish = (status: Status, seconds: number): undefined => {
      this.watching.subscribed(watch, status, seconds)
      return done(status)
    }
    this.#ask(watcher, presentity, 'user', (reference) =>
      makeRequest({
        command: 'subscribe',
        hops: 1,
        reference,
        from: '',
        user: watcher.text,
        answerCredit: 0,
        fields: encodeSubscribe(presentity.text, id, wantedSeconds),
        body: nothing,
        answered: ({ status, fields: table }) =>
          finish(status, Math.max(0, table.u32(fields.lease.tag))),
        failed: (code) => finish(publicStatus(code), 0),
      }),
    )
  }

  /** The errands at `domain`: subscribe, renew, unsubscribe, as far as a link is there. */
  #work(domain: Domain): undefined {
    for (const watch of this.watching.dueToSubscribe(domain, renewBatch)) {
      this.#subscribeThere(watch, () => undefined)
    }
    this.#renewThere(domain)
    for (const watch of this.watching.dueToUnsubscribe(domain, renewBatch))
      this.#unsubscribeThere(watch)
  }

  #renewThere(domain: Domain): undefined {
    const byLocal = Map.groupBy(
      this.watching.dueForRenewal(domain, renewBatch),
      (watch) => watch.watcher.domain,
    )
    for (const [local, watches] of byLocal) {
      const leaseSeconds = watches.reduce(
        (most, { wantedSeconds }) => Math.max(most, wantedSeconds),
        0,
      )
      const request = makeRequest({
        command: 'renew',
        hops: 1,
        reference: undefined,
        from: '',
        user: '',
        answerCredit: 0,
        fields: encodeRenew({
          domain: local,
          audience: domain,
          ids: watches.map(({ id }) => id),
          leaseSeconds,
        }),
        body: nothing,
        answered: ({ status, fields: table }) => {
          if (isSuccess(status)) this.watching.renewed(watches, readRenewed(table))
        },
        failed: () => undefined,
      })
      this.#needs
        .pool()
        .send(local, domain, 'pres', request, (session, ready) => session.link.ask(ready))
    }
  }

  #unsubscribeThere(watch: Watch): undefined {
    const { id, watcher, presentity } = watch
    this.#ask(watcher, presentity, 'user', (reference) =>
      makeRequest({
        command: 'unsubscribe',
        hops: 1,
        reference,
        from: '',
        user: watcher.text,
        answerCredit: 0,
        fields: encodeUnsubscribe(presentity.text, id),
        body: nothing,
        answered: ({ status }) => {
          if (isSuccess(status) || !isTemporary(status)) this.watching.unsubscribed(watch)
        },
        failed: () => undefined,
      }),
    )
  }

  /** Sends what `make` makes to the domain of `to`, by a link on which the credential of `who` is referred to. */
  #ask(
    who: Address,
    to: Address,
    purpose: Purpose,
    make: (reference: Outgoing['reference']) => Outgoing,
  ): undefined {
    const place = make(undefined)
    this.#needs
      .pool()
      .send(who.domain, to.domain, 'pres', place, (session) =>
        this.#askOn(session, who, to, purpose, make),
      )
  }

  /** [LINK-6.3-5] What is refused because the far side lost a credential is asked again with it, once. */
  #askOn(
    session: Session,
    who: Address,
    to: Address,
    purpose: Purpose,
    make: (reference: Outgoing['reference']) => Outgoing,
  ): undefined {
    const reference = session.shown.refer(who, to.domain, purpose)
    const request = make(reference)
    session.link.ask({
      ...request,
      answered: (answer) => {
        if (answer.status !== 'credential-ref-unknown') return request.answered(answer)
        session.shown.showAgain(reference.number)
        session.link.ask(make(session.shown.refer(who, to.domain, purpose)))
      },
    })
  }

  /** The presence of one of ours, to a watcher: of ours, or elsewhere. */
  #notify(
    { id, watcher, presentity }: Subscription,
    document: Buffer,
    version: Version,
  ): undefined {
    const notice = { subscription: id, version, state: 'active', event: undefined } as const
    const bytes = encodeNotify(notice)
    if (this.#needs.isHosted(watcher.domain))
      return this.#tell(watcher, presentity, bytes, document)
    const session = this.#needs.pool().find(presentity.domain, watcher.domain, 'pres')
    if (session === undefined) {
      // [LINK-6.13-5] A register, not a log: only the last value is sent once there is a link.
      this.subscriptions.pause(watcher.domain, presentity.domain)
      this.subscriptions.retry(watcher.domain, id, 0)
      return this.#needs.pool().want(presentity.domain, watcher.domain, 'pres')
    }
    this.#notified.sent.n++
    const reference = session.shown.refer(presentity, watcher.domain, 'notify')
    session.link.ask(
      makeNotice({
        command: 'notify',
        hops: 1,
        reference,
        from: '',
        user: presentity.text,
        fields: bytes,
        body: document,
        answered: (answer) => {
          // [LINK-6.3-5] Shown again with what is told again.
          if (answer.status === 'credential-ref-unknown') session.shown.showAgain(reference.number)
          return this.#notTaken(watcher.domain, id, answer)
        },
        failed: () => this.subscriptions.retry(watcher.domain, id, againMs),
      }),
    )
  }

  /** [LINK-6.13-8] To all sessions of one of ours: each knows its own subscriptions. */
  #tell(watcher: Address, presentity: Address, bytes: Buffer, body: Buffer): undefined {
    for (const session of this.#needs.sessionsOf(watcher))
      this.#tellSession(session, presentity, bytes, body)
  }

  #tellSession(session: Session, presentity: Address, bytes: Buffer, body: Buffer): undefined {
    this.#notified.shown.n++
    const from = presentity.text
    session.link.ask(
      makeNotice({
        command: 'notify',
        hops: 2,
        reference: undefined,
        from,
        user: from,
        fields: bytes,
        body,
        answered: () => undefined,
        failed: (code) => {
          // Nothing is left out for a session: it comes back, and is told what holds then.
          if (code === 'busy') session.link.break('slow-reader', 'no room for a notification')
        },
      }),
    )
  }

  #show({ id, watcher, presentity }: Interest, document: Buffer, version: Version): undefined {
    const bytes = encodeNotify({ subscription: id, version, state: 'active', event: undefined })
    this.#tell(watcher, presentity, bytes, document)
  }

  #tellState(
    { id, watcher, presentity }: Interest,
    state: 'unknown' | 'terminated',
    event: SubscriptionEvent | undefined = undefined,
  ): undefined {
    const bytes = encodeNotify({ subscription: id, version: undefined, state, event })
    this.#tell(watcher, presentity, bytes, nothing)
  }
}
