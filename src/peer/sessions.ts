/**
 * Every link of this gateway, and what its far end may do on it.
 *
 * In:    channels, dialled or accepted; frames by way of their links.
 * Out:   `operation` for each request whose speaker is proven and whose credential is good; nothing before.
 * Fails: one code for each check, in the fixed order: proof of the domain, number, credential, expiry.
 * Spec:  [LINK-5.4-1] to [LINK-5.4-8], [LINK-6.1-1] to [LINK-6.4-2]; draft §5.3.3
 */
import type { Address, Service } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import { readCredential } from '../command/credential.ts'
import { encodeForget, readForget } from '../command/forget.ts'
import { encodeKeys, readKeys } from '../command/keys.ts'
import type { FetchKeys } from '../credential/key-fetcher.ts'
import type { CredentialToken } from '../credential/token.ts'
import { parseCredentialToken } from '../credential/token.ts'
import type { Verdict } from '../credential/verdict.ts'
import type { Verifier, Vouched } from '../credential/verify.ts'
import { GatewayError, isSuccess, type Status } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import type { Counter, Meter } from '../lib/meter.ts'
import { jitter, type Random } from '../lib/random.ts'
import { TokenBucket } from '../lib/token-bucket.ts'
import type { Limits } from '../limits.ts'
import type { Channel } from '../link/channel.ts'
import type { Hello, Role } from '../link/hello.ts'
import { Link, type LinkOwner, type RequestView } from '../link/link.ts'
import type { AnswerView } from '../link/outgoing.ts'
import { commandOf, commands, fields, responseHeadBytes, travelling } from '../wire/registry.ts'
import type { Held } from './held-credentials.ts'
import type { Pair, ProofKind } from './pair.ts'
import { Pool } from './pool.ts'
import { controlRequest, createProofs, type ProofNeeds, type Proofs } from './proofs.ts'
import { refusableOf, refuse } from './refusal.ts'
import { type Dialled, Session } from './session.ts'
import type { Mint } from './shown-credentials.ts'

/** A connected channel and how it was found. */
export type Connected = {
  readonly channel: Channel
  readonly host: string
  readonly port: number
  readonly needsKnownKey: boolean
}

export type SessionsNeeds = Omit<
  ProofNeeds,
  | 'proven'
  | 'attached'
  | 'refused'
  | 'claimAccepted'
  | 'claimRefused'
  | 'count'
  | 'spend'
  | 'mayFetchFor'
> & {
  readonly verifier: Verifier
  /** Finds and connects a gateway of `remote`, until `signal` aborts; rejects with a GatewayError. */
  readonly connect: (remote: Domain, service: Service, signal: AbortSignal) => Promise<Connected>
  readonly hello: (role: Role, local: Domain) => Hello
  /** Our key set, for KEYS. */
  readonly keySet: (domain: string) => Buffer | undefined
  readonly watchKeys: (domain: Domain) => () => undefined
  readonly mint: Mint
  /** The domain that speaks on accepted links before a pair is proven. */
  readonly mainDomain: Domain
  /** A request of a proven peer with a good credential, or of an attached client, or of a domain itself. */
  readonly operation: (session: Session, request: RequestView, held: Held | undefined) => undefined
  readonly orphan: (session: Session, answer: AnswerView) => undefined
  readonly attach: (session: Session, user: Address) => Status
  readonly detach: (session: Session, user: Address) => undefined
  /** A pair was proven on a link that now serves it; or the last link of the pair is gone. */
  readonly joined: (session: Session, pair: Pair) => undefined
  /** A link serves this service of the pair now. */
  readonly listed: (local: Domain, remote: Domain, service: Service) => undefined
  readonly left: (session: Session, pair: Pair) => undefined
  readonly isUsed: (session: Session) => boolean
  /** Proofs that every link with `remote` must have before it serves. */
  readonly required: (remote: Domain) => readonly ProofKind[]
  readonly clock: Clock
  readonly random: Random
  readonly limits: Limits
  readonly meter: Meter
  readonly log: Log
}

/** Links that are let go of in one second for want of room. */
const mostReleased = 32

type WaitingForProof = {
  readonly resolve: (session: Session) => undefined
  readonly reject: (error: GatewayError) => undefined
}

export class Sessions {
  readonly pool: Pool
  readonly #needs: SessionsNeeds
  readonly #proofs: Proofs
  readonly #all = new Set<Session>()
  readonly #proofWaiters = new Map<Session, WaitingForProof>()
  readonly #keyWatches = new Map<Session, (() => undefined)[]>()
  readonly #strangers: TokenBucket
  readonly #verifications = new Map<Session, TokenBucket>()
  readonly #counters
  readonly #references: Counter
  /** Ends the dials that are under way. */
  readonly #dials = new AbortController()
  #strangerDials = 0
  #isStopping = false

  constructor(needs: SessionsNeeds) {
    const { clock, random, limits, meter } = needs
    this.#needs = needs
    this.#strangers = new TokenBucket(
      limits.strangerDialsPerSecond,
      limits.strangerDialsPerSecond,
      clock.now(),
    )
    this.#references = meter.counter('credential_references_total', {})
    this.#counters = {
      framesIn: meter.counter('frames_total', { direction: 'in' }),
      framesOut: meter.counter('frames_total', { direction: 'out' }),
      bytesIn: meter.counter('link_bytes_total', { direction: 'in' }),
      bytesOut: meter.counter('link_bytes_total', { direction: 'out' }),
      creditWaits: meter.counter('link_waits_total', {}),
    }
    this.#proofs = createProofs({
      ...needs,
      proven: (session, pair) => this.#proven(session, pair),
      attached: (session, user, userKey) => this.#attached(session, user, userKey),
      refused: (session, code, detail) => this.#refused(session, code, detail),
      claimAccepted: ([local, remote]) => this.pool.works(local, remote),
      claimRefused: (session, claim, code, detail) =>
        this.#claimRefused(session, claim, code, detail),
      count: (proof, result) => {
        meter.counter('proof_checks_total', { proof, result }).n++
      },
      spend: (session) => this.#verifications.get(session)?.take(clock.now()) ?? false,
      mayFetchFor: () =>
        this.#strangers.take(clock.now()) && this.#strangerDials < limits.strangerDials,
    })
    this.pool = new Pool({
      dial: (local, remote, service) => this.#dial(local, remote, service),
      clock,
      random,
      limits,
      limitHit: (limit) => this.#limitHit(limit),
      listed: needs.listed,
    })
  }

  get all(): Iterable<Session> {
    return this.#all
  }

  get size(): number {
    return this.#all.size
  }

  /** A channel that somebody opened to us. */
  accept(channel: Channel, role: Role): undefined {
    if (this.#isStopping) return channel.destroy()
    const session = this.#create(channel, role, undefined, this.#needs.mainDomain)
    session.link.start()
  }

  /** Once a second. */
  tick(now: number): undefined {
    for (const session of this.#all) {
      session.link.tick(now)
      session.waiting.sweep(now)
      session.shown.sweep(now)
    }
    this.#relieve()
  }

  /**
   * Short of sockets: lets go of those that were idle longest, a few at a time (draft §5.5.3). A link with
   * something under way, or with live subscriptions, is not idle.
   */
  #relieve(): undefined {
    const surplus = this.#all.size - Math.floor(this.#needs.limits.links * 0.9)
    if (surplus <= 0) return
    const idle = [...this.#all]
      .filter((session) => session.link.isUsable && session.link.underWay === 0)
      .filter((session) => !this.#needs.isUsed(session))
      .sort((a, b) => b.link.idleMs - a.link.idleMs)
    for (const { link } of idle.slice(0, Math.min(surplus, mostReleased))) {
      link.release('resource-shortage')
    }
    this.#limitHit('links')
  }

  /** Keys of `domain` changed: proofs that rest on a key that is gone end, credentials are shown again. */
  keysChanged(domain: string, isFit: (kid: string) => boolean): undefined {
    for (const session of this.#all) {
      session.held.dropIssuer(domain)
      for (const { remote, kid } of session.pairs) {
        // [LINK-5.4-8] A link does not outlive the key that proved it.
        if (remote === domain && kid !== '' && !isFit(kid)) {
          session.link.break('key-changed', `key ${kid} of ${domain} is not valid any more`)
        }
      }
    }
  }

  /** Stops accepting, lets go of every link and resolves when all are closed or `deadline` aborts. */
  async drain(reason: Status): Promise<undefined> {
    this.#stopDials()
    const { restartMs } = this.#needs.limits
    for (const session of this.#all) session.link.release(reason, restartMs)
    while (this.#all.size > 0) {
      await new Promise<undefined>((resolve) => {
        this.#needs.clock.after(20, () => {
          resolve(undefined)
        })
      })
    }
  }

  /** Closes everything at once. */
  close(): undefined {
    this.#stopDials()
    for (const session of [...this.#all]) session.link.break('shutdown', 'stopped')
  }

  #stopDials(): undefined {
    this.#isStopping = true
    this.#dials.abort()
    this.pool.stop()
  }

  /**
   * [LINK-6.2-1] Asks `domain` for its keys: on a link whose far end is certificate-proven, else on one dialled
   * for it.
   */
  readonly fetchKeys: FetchKeys = async (domain, signal) => {
    const remote = this.#needs.readDomain(domain)
    if (remote === undefined) throw new GatewayError('bad-address', `not a domain: ${domain}`)
    for (const session of this.#all) {
      const { link } = session
      if (session.dialled !== undefined && link.isUsable && coversAny(link.channel, remote)) {
        return this.#askKeys(session, remote, signal)
      }
    }
    this.#strangerDials++
    try {
      const session = await this.#open(this.#needs.mainDomain, remote, 'im', true)
      try {
        return await this.#askKeys(session, remote, signal)
      } finally {
        session.link.release('idle-release')
      }
    } finally {
      this.#strangerDials--
    }
  }

  /** Claims `local` on a link to `remote` that serves other domains of ours already. */
  claim(session: Session, local: Domain, remote: Domain): undefined {
    this.#proofs.claim(session, local, remote)
  }

  async #dial(local: Domain, remote: Domain, service: Service): Promise<Session> {
    for (const session of this.#all) {
      const { dialled, link } = session
      // A link of another domain of ours to the same gateway: one more claim is enough.
      if (dialled?.remote !== remote || dialled.forKeys || dialled.service !== service) continue
      if (!link.isUsable || session.standing !== 'proven') continue
      if (session.isRefused(local, remote)) continue
      if (link.channel.facts.certificate?.covers(remote, service) !== true) continue
      this.#proofs.claim(session, local, remote)
      this.#proven(session, { local, remote, kinds: new Set(['certificate']), kid: '' })
      if (session.isProven(local, remote)) return session
    }
    return this.#open(local, remote, service, false)
  }

  async #open(local: Domain, remote: Domain, service: Service, forKeys: boolean): Promise<Session> {
    const { channel, host, port, needsKnownKey } = await this.#connect(remote, service)
    const shared = forKeys ? undefined : this.#sharing(local, remote, host, port)
    if (shared !== undefined) {
      channel.destroy()
      return shared
    }
    const dialled: Dialled = { local, remote, service, host, port, needsKnownKey, forKeys }
    const session = this.#create(channel, 'gateway', dialled, local)
    session.link.start()
    if (forKeys) return session
    this.#proofs.claim(session, local, remote)
    // [LINK-5.4-2]
    const covered = channel.facts.certificate?.covers(remote, service) === true
    if (covered && !needsKnownKey) {
      this.#proven(session, { local, remote, kinds: new Set(['certificate']), kid: '' })
    }
    if (session.isProven(local, remote)) return session
    // Only a key can prove this one: it is used once the far side has shown it.
    return new Promise((resolve, reject) => {
      this.#proofWaiters.set(session, {
        resolve: (proven) => resolve(proven) as undefined,
        reject: (error) => reject(error) as undefined,
      })
    })
  }

  async #connect(remote: Domain, service: Service): Promise<Connected> {
    const { signal } = this.#dials
    try {
      const connected = await this.#needs.connect(remote, service, signal)
      if (!this.#isStopping) return connected
      connected.channel.destroy()
    } catch (cause) {
      if (!this.#isStopping) throw cause
    }
    throw new GatewayError('link-stopped', 'stopping')
  }

  /** Another link to the same host and port: the two services share it. */
  #sharing(local: Domain, remote: Domain, host: string, port: number): Session | undefined {
    for (const session of this.#all) {
      const { dialled } = session
      if (dialled?.host !== host || dialled.port !== port || dialled.remote !== remote) continue
      if (session.link.isUsable && session.isProven(local, remote)) return session
    }
    return undefined
  }

  #create(channel: Channel, role: Role, dialled: Dialled | undefined, local: Domain): Session {
    const { limits, clock, random, mint, readDomain } = this.#needs
    const owner = new Owner(this)
    const link = new Link({
      channel,
      side: dialled === undefined ? 'receiving' : 'initiating',
      hello: this.#needs.hello('gateway', local),
      owner,
      limits,
      clock,
      answerMs: role === 'client' ? limits.confirmMs : limits.requestMs,
      ageMs: jitter(random, limits.linkAgeMs, 1, 2),
      counters: this.#counters,
      limitHit: (limit) => this.#limitHit(limit),
      readDomain,
    })
    const session = new Session(link, role, dialled, limits, mint, forget, clock.now())
    owner.session = session
    this.#all.add(session)
    const { verificationsPerSecond } = limits
    this.#verifications.set(
      session,
      new TokenBucket(verificationsPerSecond, verificationsPerSecond, clock.now()),
    )
    return session
  }

  /** Called by the owner of each link. */
  greeted(session: Session, hello: Hello): Status | undefined {
    const { dialled, link } = session
    // [LINK-5.2-7]
    if (hello.role !== (session.role === 'client' ? 'client' : 'gateway')) return 'protocol-state'
    if (dialled === undefined || dialled.forKeys) return undefined
    this.#proofs.claim(session, dialled.local, dialled.remote)
    if (session.standing !== 'proven') return undefined
    link.proven()
    // On a link that this side dialled, services and `state` come after the proof by certificate.
    for (const pair of session.pairs) {
      this.pool.list(session, pair.local, pair.remote, hello.services)
      this.#needs.joined(session, pair)
    }
    return undefined
  }

  request(session: Session, request: RequestView): undefined {
    const { command, reference } = request
    const isEarly = command === commands.prove.number || command === commands.keys.number
    if (session.standing !== 'proven' && !isEarly) {
      // [LINK-5.4-4] Behind a claim that is not judged yet, requests wait unparsed.
      if (session.standing === 'refused') return this.#deny(session, request, session.refusal)
      return session.waiting.enter(request, 0, this.#needs.clock.now())
    }
    // [LINK-4.1-5] What travels on is judged by its last receiver.
    const isStrange = request.fields.unknownEndToEnd !== 0 && !travelling.has(command)
    if (isStrange && commandOf(command) !== undefined)
      return this.#deny(session, request, 'feature-required')
    if (command === commands.prove.number) return this.#proofs.judge(session, request)
    if (command === commands.keys.number) return this.#tellKeys(session, request)
    if (session.role === 'client') return this.#needs.operation(session, request, undefined)
    if (command === commands.credential.number) return this.#showCredential(session, request)
    if (command === commands.forget.number) return this.#forget(session, request)
    if (reference === 0) return this.#needs.operation(session, request, undefined)
    const held = session.held.get(reference)
    if (held === undefined) return this.#deny(session, request, 'credential-ref-unknown')
    if (held.state === 'good') {
      // [LINK-6.3-6] Expiry is judged at each use.
      if (held.expiresAt > this.#needs.clock.wall()) {
        this.#references.n++
        return this.#needs.operation(session, request, held)
      }
      return this.#deny(session, request, 'credential-expired')
    }
    if (held.state === 'refused') return this.#deny(session, request, held.code)
    session.waiting.enter(request, reference, this.#needs.clock.now())
  }

  #deny({ link }: Session, request: RequestView, code: Status): undefined {
    refuse(link, refusableOf(request), code)
  }

  orphan(session: Session, answer: AnswerView): undefined {
    this.#needs.orphan(session, answer)
  }

  draining(session: Session): undefined {
    this.pool.unlist(session)
  }

  closed(session: Session, reason: Status, detail: string): undefined {
    const { log, meter } = this.#needs
    this.#all.delete(session)
    this.#verifications.delete(session)
    this.pool.unlist(session)
    for (const unwatch of this.#keyWatches.get(session) ?? []) unwatch()
    this.#keyWatches.delete(session)
    this.#proofWaiters
      .get(session)
      ?.reject(
        new GatewayError(
          reason === 'link-lost' ? 'remote-unreachable' : 'remote-untrusted',
          detail,
        ),
      )
    this.#proofWaiters.delete(session)
    meter.counter('links_closed_total', { role: session.role, cause: reason }).n++
    log.info('link.closed', { remote: session.link.channel.facts.remote, cause: reason, detail })
    if (session.user !== undefined) this.#needs.detach(session, session.user)
    for (const pair of session.pairs) this.#needs.left(session, pair)
  }

  isUsed(session: Session): boolean {
    return this.#needs.isUsed(session)
  }

  #proven(session: Session, pair: Pair): undefined {
    // It may have ended while the key was fetched: nothing may rest on it then.
    if (!this.#all.has(session)) return
    const { local, remote } = pair
    const { link, dialled } = session
    const kind = [...pair.kinds].join('+')
    const proven = session.prove(pair)
    this.#needs.meter.counter('proofs_total', { kind }).n++
    this.#needs.log.info('link.proven', { local, remote, kind, peer: link.channel.facts.remote })
    // What the operator asks for beyond the first proof has to be there, too. [LINK-5.4-6]
    if (!this.#isEnough(session, proven)) return
    const isNew = session.admit(proven)
    link.proven()
    // The far side is told who we are on its link, too: its traffic back needs it. [LINK-5.4-3]
    if (dialled === undefined) this.#proofs.claim(session, local, remote)
    if (isNew) this.#watchKeys(session, remote)
    const offered = link.hello?.services ?? (dialled === undefined ? [] : [dialled.service])
    this.pool.list(session, local, remote, offered)
    this.pool.wake(local, remote)
    if (isNew) this.#needs.joined(session, proven)
    this.#proofWaiters.get(session)?.resolve(session)
    this.#proofWaiters.delete(session)
    session.waiting.reopen()
  }

  #isEnough(session: Session, { remote, kinds }: Pair): boolean {
    const hasKey = kinds.has('key') || kinds.has('pinned')
    if (session.dialled?.needsKnownKey === true && !hasKey) return false
    return this.#needs
      .required(remote)
      .every((kind) => kinds.has(kind) || (kind === 'key' && hasKey))
  }

  /** Keys of a domain that a link rests on are kept fresh while it lives. */
  #watchKeys(session: Session, remote: Domain): undefined {
    const watches = this.#keyWatches.get(session) ?? []
    this.#keyWatches.set(session, [...watches, this.#needs.watchKeys(remote)])
  }

  #attached(session: Session, user: Address, userKey: string): Status {
    if (session.user !== undefined) return 'protocol-state'
    const code = this.#needs.attach(session, user)
    if (!isSuccess(code)) return code
    session.user = user
    session.userKey = userKey
    session.standing = 'proven'
    session.link.proven()
    this.#needs.log.info('client.attached', {
      domain: user.domain,
      peer: session.link.channel.facts.remote,
    })
    session.waiting.reopen()
    return 'ok'
  }

  #refused(session: Session, code: Status, detail: string): undefined {
    this.#needs.log.warn('link.proof-refused', {
      peer: session.link.channel.facts.remote,
      cause: code,
      detail,
    })
    if (session.standing === 'refused') session.waiting.refuse(0, code)
    else if (session.standing === 'proven') session.waiting.reopen()
  }

  /** [LINK-5.4-9] Our own claim was refused: nothing of ours can pass here, or nothing of one of our domains. */
  #claimRefused(
    session: Session,
    [local, remote]: readonly [Domain, Domain],
    code: Status,
    detail: string,
  ): undefined {
    this.#refused(session, code, detail)
    const { dialled, link } = session
    if (dialled === undefined || !link.isUsable) return
    this.pool.withdraw(session, local, remote, code)
    if (dialled.local === local && dialled.remote === remote) {
      return link.release('domain-not-proven')
    }
    session.withdraw(local, remote)
  }

  /** [LINK-6.3-1] A credential gets its number; requests that name it wait while its key is fetched. */
  #showCredential(session: Session, request: RequestView): undefined {
    const { link, held: table } = session
    const { id, trafficClass, command, reference } = request
    const answer = (code: Status): undefined => link.answer(id, trafficClass, command, code)
    const read = readCredential(request)
    const held = table.place(reference)
    if (typeof held === 'string') return answer(held)
    const before = held.state
    if (typeof read === 'string')
      return this.#settleCredential(session, held, { ok: false, code: read, detail: '' }, answer)
    const token = parseCredentialToken(read.token, this.#needs.limits)
    if (!token.ok) return this.#settleCredential(session, held, token, answer)
    const { iss, aud } = token.value.claims
    // [LINK-6.3-8] Its pair may be the one whose proof is still being checked.
    if (session.claimsUnderWay > 0 && !session.isProven(aud, iss)) {
      return session.waiting.enter(request, reference, this.#needs.clock.now())
    }
    const verdict = this.#verify(session, token.value)
    if (!(verdict instanceof Promise)) return this.#settleCredential(session, held, verdict, answer)
    // A refresh does not stop what the credential before it allows.
    if (before !== 'good') held.state = 'waiting'
    void verdict.then((late) => {
      this.#settleCredential(session, held, late, answer)
      if (late.ok) session.waiting.reopen()
      else session.waiting.refuse(reference, late.code)
    })
  }

  #verify(session: Session, token: CredentialToken) {
    const { verifier, clock } = this.#needs
    return verifier.credential(
      token,
      {
        // [LINK-6.3-8]
        mayVouch: (iss) => session.speaksFor(iss),
        isAudience: (aud) => session.isServed(aud),
        isProven: (iss, aud) => session.isProven(aud, iss),
        presenterKey: undefined,
      },
      () => this.#verifications.get(session)?.take(clock.now()) ?? false,
    )
  }

  #settleCredential(
    session: Session,
    held: Held,
    verdict: Verdict<Vouched>,
    answer: (code: Status) => undefined,
  ): undefined {
    const { meter, log, limits } = this.#needs
    const result = verdict.ok ? 'ok' : verdict.code
    meter.counter('credential_checks_total', { result }).n++
    if (verdict.ok && !isRefresh(held, verdict.value)) {
      // [LINK-6.3-4] A number keeps its issuer, subject and audience.
      return answer('bad-request')
    }
    if (!verdict.ok) {
      if (held.state !== 'good') {
        held.state = 'refused'
        held.code = verdict.code
      }
      log.warn('credential.refused', {
        peer: session.link.channel.facts.remote,
        cause: verdict.code,
        detail: verdict.detail,
      })
      return answer(verdict.code)
    }
    const { sender, claims } = verdict.value
    held.state = 'good'
    held.subject = sender
    held.audience = claims.aud as Domain
    held.pair = session.pair(claims.aud, claims.iss)
    held.scope = claims.scope
    held.expiresAt = (claims.exp + limits.clockSkewSeconds) * 1000
    answer('ok')
  }

  #forget(session: Session, request: RequestView): undefined {
    const { id, trafficClass, command } = request
    const read = readForget(request)
    if (typeof read !== 'string') for (const number of read.numbers) session.held.forget(number)
    session.link.answer(id, trafficClass, command, typeof read === 'string' ? read : 'ok')
  }

  /** [LINK-6.2-2] Told to anybody, but only for a domain whose certificate was shown on this link. */
  #tellKeys(session: Session, request: RequestView): undefined {
    const { link } = session
    const { id, trafficClass, command } = request
    if (!link.mayClaim()) return link.answer(id, trafficClass, command, 'rate-limited')
    const read = readKeys(request)
    if (typeof read === 'string') return link.answer(id, trafficClass, command, read)
    const domain = this.#needs.readDomain(read.domain)
    const body =
      domain !== undefined && domain === read.domain && link.channel.facts.showedFor(domain)
        ? this.#needs.keySet(domain)
        : undefined
    if (body === undefined) return link.answer(id, trafficClass, command, 'domain-not-hosted')
    // [LINK-4.4-4] Without a grant the answer has to fit one frame.
    const granted = request.fields.u32(fields.answerCredit.tag)
    const room = this.#needs.limits.frameBytes - responseHeadBytes
    if (body.length > Math.max(granted, room)) {
      return link.answer(id, trafficClass, command, 'too-large')
    }
    link.answerWith(id, trafficClass, command, 'ok', body, 0, 0, body.length)
  }

  #askKeys({ link }: Session, domain: Domain, signal: AbortSignal): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const fail = (code: Status): undefined =>
        reject(new GatewayError(code, `KEYS of ${domain} were not answered`)) as undefined
      signal.addEventListener('abort', () => fail('remote-timeout'), { once: true })
      link.ask(
        controlRequest(
          commands.keys.number,
          encodeKeys(domain),
          this.#needs.limits.keySetBytes,
          ({ status, buffer, bodyAt, end }) =>
            isSuccess(status)
              ? (resolve(Buffer.from(buffer.subarray(bodyAt, end))) as undefined)
              : fail(status),
          (code) => fail(code),
        ),
      )
    })
  }

  #limitHit(limit: string): undefined {
    this.#needs.meter.counter('limit_hits_total', { limit }).n++
  }
}

/** Ties a link to its session; made first, since the link is part of the session. */
class Owner implements LinkOwner {
  session: Session | undefined = undefined
  readonly #sessions: Sessions

  constructor(sessions: Sessions) {
    this.#sessions = sessions
  }

  greeted(_link: Link, hello: Hello): Status | undefined {
    return this.#sessions.greeted(this.session as Session, hello)
  }

  request(_link: Link, request: RequestView): undefined {
    return this.#sessions.request(this.session as Session, request)
  }

  orphan(_link: Link, answer: AnswerView): undefined {
    return this.#sessions.orphan(this.session as Session, answer)
  }

  opened(): undefined {}

  draining(): undefined {
    return this.#sessions.draining(this.session as Session)
  }

  closed(_link: Link, reason: Status, detail: string): undefined {
    return this.#sessions.closed(this.session as Session, reason, detail)
  }

  isUsed(): boolean {
    return this.#sessions.isUsed(this.session as Session)
  }
}

/** Tells the far side which numbers it may forget. */
function forget(session: Session, numbers: readonly number[]): undefined {
  if (numbers.length === 0 || !session.link.isUsable) return
  session.link.ask(
    controlRequest(
      commands.forget.number,
      encodeForget(numbers),
      0,
      () => undefined,
      () => undefined,
    ),
  )
}

const coversAny = ({ facts }: Channel, domain: Domain): boolean =>
  facts.certificate?.covers(domain, 'im') === true ||
  facts.certificate?.covers(domain, 'pres') === true

const isRefresh = (held: Held, { sender, claims }: Vouched): boolean =>
  held.subject === undefined || (held.subject.text === sender.text && held.audience === claims.aud)
