/**
 * Every link of this gateway, and what its far end may do on it.
 *
 * The order of the checks is here; the rooms know the rest: who is there (`roster.ts`), who they are (`proofs.ts`,
 * `admission.ts`), what they show (`credentials.ts`, `keys.ts`), links that we open (`dialler.ts`), which link leads
 * where (`pool.ts`), and which to let go of (`shortage.ts`).
 *
 * In:    channels, dialled or accepted; frames by way of their links.
 * Out:   `operation` for each request whose speaker is proven and whose credential is good; nothing before.
 * Fails: one code for each check, in the fixed order: proof of the domain, number, credential, expiry.
 * Spec:  [LINK-5.4-1] to [LINK-5.4-8], [LINK-6.1-1] to [LINK-6.4-2]; draft §5.3.3
 */
import type { Domain } from '../address/domain.ts'
import type { FetchKeys } from '../credential/key-fetcher.ts'
import type { Status } from '../errors.ts'
import type { Counter } from '../lib/meter.ts'
import type { Channel } from '../link/channel.ts'
import type { Hello, Role } from '../link/hello.ts'
import type { RequestView } from '../link/link.ts'
import type { AnswerView } from '../link/outgoing.ts'
import { networkOf } from '../link/place.ts'
import { refusableOf, refuse } from '../link/refusal.ts'
import { commandOf, commands, travelling } from '../wire/registry.ts'
import { Admission, type AdmissionNeeds, wayTo } from './admission.ts'
import { type CredentialNeeds, Credentials } from './credentials.ts'
import { type Connect, Dialler } from './dialler.ts'
import type { Held } from './held-credentials.ts'
import { Keys, type KeysNeeds } from './keys.ts'
import { Pool, type PoolNeeds } from './pool.ts'
import { createProofs, type ProofNeeds, type Proofs } from './proofs.ts'
import { Roster, type RosterNeeds, type SessionOwner } from './roster.ts'
import type { Session } from './session.ts'
import { relieve } from './shortage.ts'
import { VerificationBudget } from './verification-budget.ts'

export type { Connected } from './dialler.ts'

/** What the rooms ask of the gateway; what they ask of each other is joined here. */
export type SessionsNeeds = RosterNeeds &
  Omit<PoolNeeds, 'dial' | 'limitHit'> &
  AdmissionNeeds &
  CredentialNeeds &
  KeysNeeds &
  Omit<
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
    readonly connect: Connect
    /** A request of a proven peer with a good credential, or of an attached client, or of a domain itself. */
    readonly operation: (
      session: Session,
      request: RequestView,
      held: Held | undefined,
    ) => undefined
    readonly orphan: (session: Session, answer: AnswerView) => undefined
    readonly isUsed: (session: Session) => boolean
  }

export class Sessions implements SessionOwner {
  readonly pool: Pool
  readonly #needs: SessionsNeeds
  readonly #roster: Roster
  readonly #admission: Admission
  readonly #proofs: Proofs
  readonly #dialler: Dialler
  readonly #keys: Keys
  readonly #credentials: Credentials
  readonly #verifications: VerificationBudget
  readonly #references: Counter

  constructor(needs: SessionsNeeds) {
    this.#needs = needs
    this.#references = needs.meter.counter('credential_references_total', {})
    this.#roster = new Roster(needs, this, (limit) => this.#limitHit(limit))
    this.pool = new Pool({
      ...needs,
      dial: (local, remote, service) => this.#dialler.dial(local, remote, service),
      limitHit: (limit) => this.#limitHit(limit),
    })
    this.#admission = new Admission(needs, this.#roster, this.pool, {
      claim: (session, local, remote) => this.#proofs.claim(session, local, remote),
      served: (session) => this.#dialler.proven(session),
    })
    this.#proofs = this.#createProofs()
    this.#dialler = new Dialler(needs.connect, this.#roster, this.#proofs, this.#admission)
    this.#keys = new Keys(needs, this.#roster, this.#dialler, (limit) => this.#limitHit(limit))
    this.#credentials = new Credentials(needs, (session, issuer) => this.#spend(session, issuer))
    this.#verifications = new VerificationBudget(needs.limits, needs.clock.now())
  }

  get all(): Iterable<Session> {
    return this.#roster.all
  }

  get size(): number {
    return this.#roster.all.size
  }

  /** A channel that somebody opened to us. */
  accept(channel: Channel, role: Role): undefined {
    if (this.#dialler.isStopped) return channel.destroy()
    const session = this.#roster.add(channel, role, undefined, this.#needs.mainDomain)
    session.link.start()
  }

  readonly fetchKeys: FetchKeys = (domain, signal) => this.#keys.fetch(domain, signal)

  /** Once a second. */
  tick(now: number): undefined {
    for (const session of this.#roster.all) {
      session.link.tick(now)
      session.waiting.sweep(now)
      session.shown.sweep(now)
    }
    const { limits, isUsed } = this.#needs
    relieve(this.#roster.all, { limits, isUsed, limitHit: (limit) => this.#limitHit(limit) })
  }

  /** Keys of `domain` changed: proofs that rest on a key that is gone end, credentials are shown again. */
  keysChanged(domain: string, isFit: (kid: string) => boolean): undefined {
    for (const session of this.#roster.all) {
      session.held.dropIssuer(domain)
      for (const { remote, kid } of session.pairs) {
        // [LINK-5.4-8] A link does not outlive the key that proved it.
        if (remote === domain && kid !== '' && !isFit(kid)) {
          session.link.break('key-changed', `key ${kid} of ${domain} is not valid any more`)
        }
      }
    }
  }

  /** Lets go of the links on which a barred domain speaks; what is under way is answered. */
  bar(isBarred: (domain: Domain) => boolean): undefined {
    for (const { pairs, link } of this.#roster.all) {
      if ([...pairs].some(({ remote }) => isBarred(remote))) link.release('domain-refused')
    }
  }

  /** Stops accepting, lets go of every link and resolves when all are closed or `deadline` aborts. */
  async drain(reason: Status): Promise<undefined> {
    this.#stopDials()
    const { clock, limits } = this.#needs
    for (const session of this.#roster.all) session.link.release(reason, limits.restartMs)
    while (this.size > 0) {
      await new Promise<undefined>((resolve) => {
        clock.after(20, () => {
          resolve(undefined)
        })
      })
    }
  }

  /** Closes everything at once. */
  close(): undefined {
    this.#stopDials()
    for (const session of [...this.#roster.all]) session.link.break('shutdown', 'stopped')
  }

  /** The roster calls this and what follows, up to `isUsed`, as things happen on a link. */
  greeted(session: Session, hello: Hello): Status | undefined {
    return this.#admission.greeted(session, hello)
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
    if (command === commands.keys.number) return this.#keys.tell(session, request)
    if (session.role === 'client') return this.#needs.operation(session, request, undefined)
    if (command === commands.credential.number) return this.#credentials.show(session, request)
    if (command === commands.forget.number) return this.#credentials.forget(session, request)
    if (reference === 0) return this.#needs.operation(session, request, undefined)
    this.#referred(session, request)
  }

  orphan(session: Session, answer: AnswerView): undefined {
    this.#needs.orphan(session, answer)
  }

  draining(session: Session): undefined {
    this.pool.unlist(session)
  }

  closed(session: Session, reason: Status, detail: string): undefined {
    const { log, meter, journal } = this.#needs
    this.#roster.remove(session)
    this.pool.unlist(session)
    this.#dialler.closed(session, reason, detail)
    meter.counter('links_closed_total', { role: session.role, cause: reason }).n++
    log.info('link.closed', { remote: session.link.channel.facts.remote, cause: reason, detail })
    for (const { local, remote } of session.pairs) {
      journal.note({ kind: 'link', ...wayTo(session, remote), local, cause: reason, detail })
    }
    this.#admission.ended(session)
  }

  isUsed(session: Session): boolean {
    return this.#needs.isUsed(session)
  }

  /** A request that refers to a credential. */
  #referred(session: Session, request: RequestView): undefined {
    const { reference } = request
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
    refuse(link, refusableOf(request), code, -1)
  }

  #createProofs(): Proofs {
    const admission = this.#admission
    return createProofs({
      ...this.#needs,
      proven: (session, pair) => admission.proven(session, pair),
      attached: (session, user, userKey) => admission.attached(session, user, userKey),
      refused: (session, code, detail, claimed) =>
        admission.refused(session, code, detail, claimed),
      claimAccepted: ([local, remote]) => this.pool.works(local, remote),
      claimRefused: (session, claim, code, detail) =>
        admission.claimRefused(session, claim, code, detail),
      count: (proof, result) => {
        this.#needs.meter.counter('proof_checks_total', { proof, result }).n++
      },
      spend: (session) => this.#spend(session, undefined),
      mayFetchFor: (session, domain) => this.#keys.mayFetchForStranger(session, domain),
    })
  }

  /** [LINK-6.3-9] [LINK-6.1-4] One signature, of a claim or a credential of `issuer`; a link that has ended has none. */
  #spend(session: Session, issuer: string | undefined): boolean {
    if (!this.#roster.all.has(session)) return false
    const { role, link } = session
    // Clients are paced by what they may claim; what they show besides is of our own domains.
    if (role === 'client') return true
    const now = this.#needs.clock.now()
    const limit =
      issuer === undefined
        ? this.#verifications.takeClaim(networkOf(link.channel.facts.remote), now)
        : this.#verifications.takeCredential(issuer, now)
    if (limit !== undefined) this.#limitHit(limit)
    return limit === undefined
  }

  #stopDials(): undefined {
    this.#dialler.stop()
    this.pool.stop()
  }

  #limitHit(limit: string): undefined {
    this.#needs.meter.counter('limit_hits_total', { limit }).n++
  }
}
