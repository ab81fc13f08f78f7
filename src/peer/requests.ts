/**
 * Requests of users and domains, read by their grammar and made into calls.
 *
 * In:    requests whose speaker is known.
 * Out:   calls to the core.
 * Fails: `bad-request`, `bad-address`, `credential-missing`, `too-large`, before anybody else hears of it.
 * Spec:  [LINK-6.5-2], [LINK-6.6-1] to [LINK-6.13-2]
 */
import type { Address } from '../address/address.ts'
import { readDomain } from '../address/domain.ts'
import { Interner } from '../address/interner.ts'
import { readFetch } from '../command/fetch.ts'
import { readIssue } from '../command/issue.ts'
import { idAt, readLane, readMessage } from '../command/message.ts'
import { readNotify } from '../command/notify.ts'
import { readPublish } from '../command/publish.ts'
import { readRenew } from '../command/renew.ts'
import { idBytes, type ReadAddress, readTo } from '../command/request.ts'
import { readSubscribe } from '../command/subscribe.ts'
import type { Env } from '../env.ts'
import type { Status } from '../errors.ts'
import type { Counter } from '../lib/meter.ts'
import type { RequestView } from '../link/link.ts'
import { answered, outcomeOf } from '../operation/call.ts'
import { Message } from '../operation/message.ts'
import type { Issue } from '../operation/operation.ts'
import type { Core } from '../operation/ports.ts'
import type { Fetch, Notify, Publish, Renew, Subscribe } from '../operation/presence.ts'
import { fields, type Scope, scopes } from '../wire/registry.ts'
import { DomainItself, type LinkCaller } from './callers.ts'
import { deny } from './commands.ts'
import type { Held } from './held-credentials.ts'
import type { Hosted } from './hosted.ts'
import { Incoming, IssueCall } from './incoming.ts'
import type { Session } from './session.ts'

/** Addresses that are remembered in parsed form. */
const addressesKept = 16_384

export class Requests {
  readonly #env: Env
  readonly #core: () => Core
  readonly #hosted: Hosted
  readonly #readAddress: ReadAddress
  readonly #read: Counter
  readonly #malformed: Counter

  constructor(env: Env, core: () => Core, hosted: Hosted) {
    const { meter } = env
    this.#env = env
    this.#core = core
    this.#hosted = hosted
    this.#readAddress = new Interner(addressesKept).read
    this.#read = meter.counter('checks_total', { check: 'syntax' })
    this.#malformed = meter.counter('checks_refused_total', { check: 'syntax' })
  }

  /** [LINK-6.7-1] */
  message(session: Session, request: RequestView, held: Held | undefined): undefined {
    const { fields: table, buffer, bodyAt, end, hops } = request
    this.#read.n++
    const to = readMessage(request, this.#readAddress)
    if (typeof to === 'string') return this.#refuse(session, request, to)
    const place = readLane(request)
    if (
      place === undefined ||
      // [LINK-6.7-2] The sender is who the credential says; nobody writes it down besides.
      table.has(fields.from.tag) ||
      // [LINK-6.7-4] Between gateways every message has its place.
      (session.role === 'gateway' && place.sequence === 0)
    ) {
      return this.#refuse(session, request, 'bad-request')
    }
    const caller = callerOf(session, held)
    if (caller === undefined) return deny(session, request, 'credential-missing')
    if (end - bodyAt > this.#env.limits.messageBytes) return deny(session, request, 'too-large')
    // [LINK-4.1-6] [LINK-6.7-13] From `endToEndAt` on nothing is touched. [LINK-4.2-3] One more hop.
    const operation = new Message(
      caller.user,
      to,
      place,
      hops + 1,
      table.unknownEndToEnd,
      buffer,
      idAt(request),
      table.endToEndAt,
      bodyAt,
      end,
    )
    this.#core().receive(new Incoming(session, request, caller, operation))
  }

  #refuse(session: Session, request: RequestView, code: Status): undefined {
    this.#malformed.n++
    return deny(session, request, code)
  }

  /** [LINK-6.8-1] [LINK-6.8-2] */
  publish(session: Session, request: RequestView): undefined {
    const read = readPublish(request)
    if (typeof read === 'string') return deny(session, request, read)
    const { attachment } = session
    // [LINK-6.8-2] Users publish at their own gateway.
    if (attachment === undefined) return deny(session, request, 'credential-scope')
    const { caller } = attachment
    const hasTo = request.fields.has(fields.to.tag)
    const presentity = hasTo ? readTo(request, this.#readAddress) : caller.user
    if (presentity === undefined) return deny(session, request, 'bad-address')
    if (request.fields.has(fields.from.tag)) return deny(session, request, 'bad-request')
    const operation: Publish = {
      kind: 'publish',
      publisher: caller.user,
      presentity,
      ifMatch: read.ifMatch,
      entityTag: read.entityTag,
      leaseSeconds: read.leaseSeconds,
      document: read.document,
      hops: request.hops + 1,
    }
    this.#core().receive(new Incoming(session, request, caller, operation))
  }

  /** [LINK-6.9-1] */
  fetch(session: Session, request: RequestView, held: Held | undefined): undefined {
    const read = readFetch(request, this.#readAddress)
    if (typeof read === 'string') return deny(session, request, read)
    const caller = this.#asker(session, request, held)
    if (caller === undefined) return
    const { fields: table, buffer, bodyAt, hops } = request
    const operation: Fetch = {
      kind: 'fetch',
      watcher: caller.user,
      presentity: read.to,
      hops: hops + 1,
      unknownField: table.unknownEndToEnd,
      fields: Buffer.from(buffer.subarray(table.endToEndAt, bodyAt)),
    }
    this.#core().receive(new Incoming(session, request, caller, operation))
  }

  /** [LINK-6.10-1] */
  subscribe(session: Session, request: RequestView, held: Held | undefined): undefined {
    this.#watch('subscribe', session, request, held)
  }

  /** [LINK-6.12-1] */
  unsubscribe(session: Session, request: RequestView, held: Held | undefined): undefined {
    this.#watch('unsubscribe', session, request, held)
  }

  /** `to` says where the subscription is held; id and watcher say which it is. */
  #watch(
    kind: 'subscribe' | 'unsubscribe',
    session: Session,
    request: RequestView,
    held: Held | undefined,
  ): undefined {
    const read = readSubscribe(request, this.#readAddress)
    if (typeof read === 'string') return deny(session, request, read)
    const caller = this.#asker(session, request, held)
    if (caller === undefined) return
    const operation: Subscribe = {
      kind,
      id: read.subscription,
      watcher: caller.user,
      presentity: read.to,
      leaseSeconds: read.leaseSeconds,
      hops: request.hops + 1,
    }
    this.#core().receive(new Incoming(session, request, caller, operation))
  }

  /** [LINK-6.11-1] Of a client for its own, of a domain for its users: on the proof of the domain alone. */
  renew(session: Session, request: RequestView): undefined {
    const renew = readRenew(request)
    if (typeof renew === 'string') return deny(session, request, renew)
    const { ids, leaseSeconds, domain, audience } = renew
    const { attachment } = session
    if (attachment !== undefined) {
      const { caller } = attachment
      const { user } = caller
      const operation: Renew = {
        ...{ kind: 'renew', local: user.domain, remote: undefined, watcher: user },
        ...{ ids, leaseSeconds },
      }
      return this.#core().receive(new Incoming(session, request, caller, operation))
    }
    if (domain === undefined || audience === undefined) return deny(session, request, 'bad-request')
    const pair = session.pair(audience, domain)
    if (pair?.services.includes('pres') !== true) {
      return deny(session, request, 'domain-not-proven')
    }
    const caller = new DomainItself(pair.local, pair.remote)
    const operation: Renew = {
      ...{ kind: 'renew', local: pair.remote, remote: pair.local, watcher: undefined },
      ...{ ids, leaseSeconds },
    }
    this.#core().receive(new Incoming(session, request, caller, operation))
  }

  /** [LINK-6.13-1] [LINK-6.13-2] On the credential of the presentity. */
  notify(session: Session, request: RequestView, held: Held | undefined): undefined {
    const read = readNotify(request)
    if (typeof read === 'string') return deny(session, request, read)
    if (held === undefined) return deny(session, request, 'credential-missing')
    const { subscription, state, event, version, document } = read
    const operation: Notify = {
      kind: 'notify',
      subscription,
      presentity: held.user,
      audience: held.local,
      notice: {
        state,
        event,
        presence: version === undefined ? undefined : { document, version },
      },
    }
    const call = new Incoming(session, request, held, operation, idBytes(subscription))
    this.#core().receive(call)
  }

  /** [LINK-6.6-1] [LINK-6.6-2] */
  issue(session: Session, request: RequestView): undefined {
    const { attachment, userKey } = session
    const read = readIssue(request)
    if (typeof read === 'string' || attachment === undefined || userKey === undefined) {
      return deny(session, request, 'bad-request')
    }
    const audience = readDomain(read.audience)
    if (audience === undefined || audience !== read.audience) {
      return deny(session, request, 'bad-request')
    }
    const scope = scopes.filter((name): name is Scope => read.scope.includes(name))
    const { caller } = attachment
    const { user } = caller
    const operation: Issue = { kind: 'issue', user, key: userKey.x }
    const make = () => {
      if (scope.length === 0) return outcomeOf('credential-scope')
      const seconds = this.#env.limits.credentialSeconds
      const claims = { sub: user, aud: audience, scope, seconds, jkt: userKey.thumbprint }
      const token = this.#hosted.credential(claims)
      return token === undefined ? outcomeOf('credential-format') : answered('ok', { token })
    }
    this.#core().receive(new IssueCall(session, request, caller, operation, make))
  }

  /** A user, ours or one that a credential names; else it is answered. */
  #asker(session: Session, request: RequestView, held: Held | undefined) {
    if (request.fields.has(fields.from.tag)) return deny(session, request, 'bad-request')
    return callerOf(session, held) ?? deny(session, request, 'credential-missing')
  }
}

/** Whom the credential names, or the attached user. */
const callerOf = (
  { attachment }: Session,
  held: Held | undefined,
): (LinkCaller & { readonly user: Address }) | undefined => held ?? attachment?.caller
