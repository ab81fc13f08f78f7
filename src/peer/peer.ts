/**
 * The native door and adapter: every link of this gateway, to other domains and to clients.
 *
 * The rooms know the rest: which sessions there are (`session-table.ts`), who is at their far end (`proofs.ts`,
 * `admission.ts`), what is shown there (`credentials.ts`, `keys.ts`), what is asked there (`command-table.ts`),
 * links that we open (`dialler.ts`), which link leads where (`pool.ts`), which to let go of (`load-shedding.ts`), and
 * what goes out by them (`messages-out.ts`, `questions.ts`, `notices-out.ts`).
 *
 * In:    channels, dialled or accepted; what the stages have to send.
 * Out:   calls to the core, each on the word of a proven far end; the ends of what was sent.
 * Fails: never; links and requests do, with a code.
 */

import type { Domain } from '../address/domain.ts'
import type { SetKey } from '../credential/key-set.ts'
import { createKeyStore, type KeyStore } from '../credential/key-store.ts'
import type { SharedCredential } from '../credential/sign.ts'
import { createSignatureCache } from '../credential/signature-cache.ts'
import { createVerifier } from '../credential/verify.ts'
import type { Env } from '../env.ts'
import { GatewayError, type Status } from '../errors.ts'
import { encodeBase64url } from '../lib/base64url.ts'
import { type Cancel, every, sleep } from '../lib/clock.ts'
import type { Channel } from '../link/channel.ts'
import type { Hello, Role } from '../link/hello.ts'
import type { Asker } from '../operation/call.ts'
import type { Journal } from '../operation/journal.ts'
import type { Message } from '../operation/message.ts'
import type { Adapter, Core, Question } from '../operation/ports.ts'
import type { Audience } from '../operation/presence.ts'
import type { Account } from '../shares/account.ts'
import { dialMs } from '../shares/prices.ts'
import { Admission, wayTo } from './admission.ts'
import { native } from './callers.ts'
import { commandTable } from './command-table.ts'
import { Commands } from './commands.ts'
import { Credentials } from './credentials.ts'
import { type Connect, Dialler } from './dialler.ts'
import { Hosted, type HostedDomain } from './hosted.ts'
import { type FoundBy, Keys } from './keys.ts'
import { shedBytes, shedIdle } from './load-shedding.ts'
import { MessagesOut } from './messages-out.ts'
import { Moves } from './moves.ts'
import { NoticesOut } from './notices-out.ts'
import type { Pair, ProofKind } from './pair.ts'
import { Pool } from './pool.ts'
import { Probe } from './probe.ts'
import { createProofs, type Proofs } from './proofs.ts'
import { Questions } from './questions.ts'
import { LinkReports } from './reachability.ts'
import { Requests } from './requests.ts'
import type { Session } from './session.ts'
import { SessionTable } from './session-table.ts'
import { type Mint, scopesOf } from './shown-credentials.ts'

export type PeerOptions = {
  readonly domains: readonly [HostedDomain, ...HostedDomain[]]
  readonly software: string
  /** Keys that the operator named, by domain; those domains are never asked. */
  readonly pinned: ReadonlyMap<string, readonly SetKey[]>
  readonly discontinuity: 'accept' | 'hold'
  /** Finds and connects a gateway of `remote`, until `signal` aborts; rejects with a GatewayError. */
  readonly connect: Connect
  readonly foundBy: FoundBy
  /** Proofs that every link with `domain` must have. */
  readonly required: (domain: string) => readonly ProofKind[]
  /** A channel that was accepted has proven something: its place among the unproven is free. */
  readonly provenChannel: (channel: Channel) => undefined
}

export class Peer implements Adapter {
  readonly name = native
  readonly pool: Pool
  /** For who asks what others say of us. */
  readonly probe: Probe
  readonly #env: Env
  readonly #journal: Pick<Journal, 'note'>
  readonly #options: PeerOptions
  readonly #hosted: Hosted
  readonly #keyStore: KeyStore
  readonly #table: SessionTable
  readonly #admission: Admission
  readonly #proofs: Proofs
  readonly #dialler: Dialler
  readonly #moves: Moves
  readonly #keys: Keys
  readonly #commands: Commands
  readonly #messages: MessagesOut
  readonly #questions: Questions
  readonly #notices: NoticesOut
  readonly #reports: LinkReports
  readonly #boot: string
  readonly #state: string
  #core: Core | undefined
  #cancels: readonly Cancel[] = []

  constructor(env: Env, journal: Pick<Journal, 'note'>, options: PeerOptions) {
    const { random, limits, meter, clock } = env
    const hosted = new Hosted(options.domains)
    this.#env = env
    this.#journal = journal
    this.#options = options
    this.#hosted = hosted
    this.#boot = encodeBase64url(random.bytes(16))
    this.#state = encodeBase64url(random.bytes(16))
    const core = (): Core => this.#core as Core
    this.#keyStore = this.#createKeyStore()
    const verifier = createVerifier({
      keys: this.#keyStore,
      signatures: createSignatureCache(limits.references),
      clock,
      limits,
    })
    this.#table = new SessionTable(
      env,
      {
        hello: (local, isDialled) => this.#hello(local, isDialled),
        mint: this.#mint,
        isHosted: (domain) => hosted.has(domain),
      },
      {
        greeted: (session, hello) => this.#admission.greeted(session, hello),
        request: (session, request) => this.#commands.take(session, request),
        orphan: (session, answer) => this.#notices.orphan(session, answer),
        draining: (session) => this.#draining(session),
        closed: (session, reason, detail) => this.#closed(session, reason, detail),
        isUsed: (session) => this.#isUsed(session),
      },
    )
    this.pool = new Pool(env, journal, (local, remote, service, user) => {
      const { shares } = env
      const payer = user === '' ? shares.remote(remote) : shares.tree.user(user)
      shares.charge(payer, dialMs)
      return this.#dialler.dial(local, remote, service, payer)
    })
    this.#reports = new LinkReports(core, this.pool)
    this.#admission = new Admission(
      env,
      journal,
      {
        core,
        watchKeys: (domain) => this.#keyStore.watch(domain),
        required: options.required,
        provenChannel: ({ link }) => options.provenChannel(link.channel),
        claim: (session, local, remote) => this.#proofs.claim(session, local, remote),
        served: (session) => this.#dialler.proven(session),
        joined: (session, pair) => this.#joined(session, pair),
        left: (session, pair) => this.#reports.left(session, pair),
      },
      this.#table,
      this.pool,
    )
    this.#proofs = createProofs(env, {
      core,
      verifier,
      hosted,
      isKnown: (domain) => this.isProven(domain),
      isPinned: (domain) => options.pinned.has(domain),
      inTurn: (session, domain, fetch) =>
        // Who wants the same waits for the same.
        this.#keyStore.isFetching(domain) ? fetch() : this.#keys.inTurn(session, domain, fetch),
      steps: {
        proven: (session, pair) => this.#admission.proven(session, pair),
        attached: (session, user, key) => this.#admission.attached(session, user, key),
        refused: (session, code, detail, claimed) =>
          this.#admission.refused(session, code, detail, claimed),
        notAttached: (session, code, detail, domain) =>
          this.#admission.notAttached(session, code, detail, domain),
        claimAccepted: (session, local, remote) =>
          this.#admission.claimAccepted(session, local, remote),
        claimRefused: (session, claim, code, detail) =>
          this.#admission.claimRefused(session, claim, code, detail),
      },
    })
    this.#dialler = new Dialler(this.#connect, this.#table, this.#proofs, this.#admission)
    this.#moves = new Moves(env, this.#dialler)
    const isNamed = (domain: Domain) => core().standing(domain) === 'named'
    const { foundBy } = options
    this.#keys = new Keys(env, { hosted, isNamed, foundBy }, this.#table, this.#dialler)
    const { pool } = this
    const probed = { proofs: this.#proofs, dialler: this.#dialler, keys: this.#keys }
    this.probe = new Probe(env, { hosted, pool, ...probed, boot: this.#boot })
    const credentials = new Credentials(env, journal, verifier)
    const requests = new Requests(env, core, hosted)
    const rooms = { proofs: () => this.#proofs, keys: () => this.#keys, credentials, requests }
    this.#commands = new Commands(env, core, commandTable(rooms))
    this.#messages = new MessagesOut(env, this.pool)
    this.#questions = new Questions(env, this.pool)
    this.#notices = new NoticesOut(this.pool, meter, (domain, subscription, outcome) =>
      core().refused(native, domain as Domain, subscription, outcome),
    )
  }

  get all(): Iterable<Session> {
    return this.#table.all
  }

  get size(): number {
    return this.#table.all.size
  }

  /** Whether `domain` was proven or pinned before: its stale addresses may be used, and its keys are known. */
  isProven(domain: string): boolean {
    return this.#keyStore.known(domain)
  }

  /** Whether a proven link with `domain` is open. */
  isUp(domain: string): boolean {
    return this.pool.isUp(domain as Domain)
  }

  start(core: Core): undefined {
    this.#core = core
    const { clock, meter, shares } = this.#env
    const isUsed = (session: Session): boolean => this.#isUsed(session)
    const shed = (account: Account, isOwn: boolean): boolean => {
      meter.hit('links')
      return shedIdle(this.#env, this.#table.all, isUsed, isOwn ? account : undefined)
    }
    shares.onFull('links', { shed, isReplaceable: true })
    const shedHeld = (account: Account, isOwn: boolean): boolean => {
      meter.hit('heldBytes')
      return shedBytes(this.#env, this.#table.all, account, isOwn)
    }
    shares.onFull('bytes', { shed: shedHeld, isReplaceable: false })
    const keys = this.#keyStore
    const unwatch = keys.onChange((domain) => this.#keysChanged(domain))
    const sweep = every(clock, 1000, () => this.pool.sweep(clock.now()))
    this.#cancels = [sweep, this.#moves.follow(this.#table.all), unwatch]
  }

  /** A channel that somebody opened to us. */
  accept(channel: Channel, role: Role): undefined {
    if (this.#dialler.isStopped) return channel.destroy()
    const session = this.#table.add(channel, role, undefined, this.#hosted.main)
    session.link.start()
  }

  deliver(message: Message, asker: Asker<Message>): undefined {
    this.#messages.deliver(message, asker)
  }

  ask<O extends Question>(operation: O, asker: Asker<O>): undefined {
    this.#questions.ask(operation, asker)
  }

  notify(audience: Audience, only: string | undefined): undefined {
    this.#notices.notify(audience, only)
  }

  /** Lets go of the links on which a barred domain speaks; what is under way is answered. */
  bar(isBarred: (domain: Domain) => boolean): undefined {
    for (const { pairs, link } of this.#table.all) {
      if ([...pairs].some(({ remote }) => isBarred(remote))) link.release('domain-refused')
    }
  }

  /** Ends the waits of dials and key fetches that failed, for one domain or for all; how many there were. */
  tryAgain(domain: Domain | undefined): number {
    this.#moves.again()
    return this.pool.tryAgain(domain) + this.#keyStore.tryAgain(domain)
  }

  /** Stops accepting, lets go of every link and resolves when all are closed. */
  async drain(reason: Status): Promise<undefined> {
    this.#stopDials()
    const { clock, limits } = this.#env
    for (const session of this.#table.all) session.link.release(reason, limits.restartMs)
    while (this.size > 0) await sleep(clock, 20)
    this.#stop()
  }

  close(): undefined {
    this.#stopDials()
    for (const session of [...this.#table.all]) session.link.break('shutdown', 'stopped')
    this.#stop()
  }

  #createKeyStore(): KeyStore {
    const { domains, pinned, discontinuity } = this.#options
    return createKeyStore({
      ...this.#env,
      fetch: (domain, signal) => this.#keys.fetch(domain, signal),
      pinned: new Map([...pinned, ...domains.map(({ domain, keys }) => [domain, keys] as const)]),
      discontinuity,
    })
  }

  #hello(local: Domain, isDialled: boolean): Hello {
    const { random, limits } = this.#env
    return {
      role: 'gateway',
      domain: local,
      software: this.#options.software,
      boot: this.#boot,
      state: this.#state,
      nonce: encodeBase64url(random.bytes(32)),
      services: this.#hosted.services(isDialled ? local : undefined),
      messageBytes: limits.messageBytes,
      references: limits.references,
      subjects: limits.subjects,
    }
  }

  /** A domain that the rules bar is not dialled, nor used if they bar it meanwhile. */
  readonly #connect: Connect = async (remote, service, signal, payer) => {
    const { connect } = this.#options
    const isBarred = (): boolean => this.#core?.standing(remote) === 'barred'
    const connected = isBarred() ? undefined : await connect(remote, service, signal, payer)
    if (connected !== undefined && !isBarred()) return connected
    connected?.channel.destroy()
    throw new GatewayError('domain-refused', 'domain rules')
  }

  readonly #mint: Mint = (subjects, audience, purpose) => {
    const { limits, clock } = this.#env
    const seconds = purpose === 'notify' ? limits.credentialMaxSeconds : limits.credentialSeconds
    const facts = { aud: audience, scope: scopesOf[purpose], seconds }
    const [sub] = subjects
    const alone = (): SharedCredential => ({
      // [LINK-8.1-3] The far side refuses the user whose token is none; one that is too long would end the link.
      token: this.#hosted.credential({ ...facts, sub, jkt: undefined }) ?? '',
      subs: [sub],
    })
    const { token, subs } = this.#hosted.credentials(subjects, facts) ?? alone()
    const now = clock.now()
    const [mayRefreshAt, refreshAt] = [now + seconds * 600, now + seconds * 800]
    return { token, subjects: subs, mayRefreshAt, refreshAt }
  }

  /** Keys of `domain` changed: proofs that rest on a key that is gone end, credentials are shown again. */
  #keysChanged(domain: string): undefined {
    const fit = new Set<string>()
    for (const kid of this.#keyStore.seenKeyIds(domain)) {
      const found = this.#keyStore.find(domain, kid, 'link')
      if (found.state === 'found') fit.add(found.key.key.thumbprint)
    }
    for (const session of this.#table.all) {
      session.held.dropIssuer(domain)
      for (const { remote, key } of session.pairs) {
        // [LINK-5.4-8] A link does not outlive the key that proved it: the key is compared, not what it is called.
        if (remote === domain && key !== '' && !fit.has(key)) {
          session.link.break('key-changed', `key ${key} of ${domain} is not valid any more`)
        }
      }
    }
  }

  #joined(session: Session, pair: Pair): undefined {
    const { link, dialled } = session
    const { hello } = link
    this.#options.provenChannel(link.channel)
    // A certificate may prove the pair before HELLO is here; then this comes again.
    if (hello === undefined || !pair.services.includes('pres')) return
    // [LINK-9.1-7] Another host may have the subscriptions.
    const isOffered = dialled?.service === 'pres' || hello.services.includes('pres')
    if (isOffered) this.#reports.joined(hello.state, pair)
  }

  /** No request can use it any more; what stays of it is for the sake of answers. */
  #draining(session: Session): undefined {
    this.pool.unlist(session)
    for (const pair of session.pairs) this.#reports.left(session, pair)
  }

  #closed(session: Session, reason: Status, detail: string): undefined {
    const { log, meter } = this.#env
    this.#table.remove(session)
    this.pool.unlist(session)
    this.#dialler.closed(session, reason, detail)
    meter.counter('links_closed_total', { role: session.role, cause: reason }).n++
    log.info('link.closed', { ...session.who, cause: reason, detail })
    for (const { local, remote } of session.pairs) {
      const way = wayTo(session, remote)
      this.#journal.note({ kind: 'link', ...way, local, cause: reason, detail })
    }
    this.#admission.ended(session)
  }

  #isUsed({ role, pairs }: Session): boolean {
    if (role === 'client') return true
    for (const { remote } of pairs) if (this.#core?.isUsed(remote) === true) return true
    return false
  }

  #stopDials(): undefined {
    this.#dialler.stop()
    this.#keys.stop()
    this.pool.stop()
  }

  #stop(): undefined {
    for (const cancel of this.#cancels) cancel()
    this.#table.stop()
    this.#keyStore.close()
  }
}
