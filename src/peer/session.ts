/**
 * One link with what is known of its far end: domains proven, credentials held and shown, requests that wait.
 *
 * It is the owner of its link, and writes its answers. Nothing is decided here: `admission.ts` decides about proofs,
 * `commands.ts` about requests, `pool.ts` which link leads where.
 */
import type { Address, Service } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import type { PublicKey } from '../credential/ed25519.ts'
import type { Env } from '../env.ts'
import type { Status } from '../errors.ts'
import type { Facts } from '../lib/log.ts'
import { jitter } from '../lib/random.ts'
import { nowhere } from '../lib/timer-wheel.ts'
import { TokenBucket } from '../lib/token-bucket.ts'
import type { Channel } from '../link/channel.ts'
import type { LinkCounters } from '../link/counters.ts'
import type { Hello } from '../link/hello.ts'
import { Link, type LinkOwner, type RequestView } from '../link/link.ts'
import { networkOf } from '../link/network-prefix.ts'
import type { AnswerView } from '../link/outgoing.ts'
import type { Refusable } from '../link/refusal.ts'
import type { Outcome } from '../operation/call.ts'
import type { Account } from '../shares/account.ts'
import { commandOf } from '../wire/registry.ts'
import type { IsNamed } from './dialler.ts'
import { HeldCredentials, type NumberPlaces } from './held-credentials.ts'
import type { Pair, Proof } from './pair.ts'
import { type Answerable, writeReply } from './reply.ts'
import { type Mint, ShownCredentials } from './shown-credentials.ts'
import type { AttachedSession } from './user-session.ts'
import { WaitingRoom } from './waiting-room.ts'

/** Why this side dialled: for whom, to whom. */
export type Dialled = {
  readonly local: Domain
  readonly remote: Domain
  readonly service: Service
  readonly host: string
  readonly port: number
  /** The far side has to show a key of `remote` that was known before: its certificate is not enough. */
  readonly needsKnownKey: boolean
  /** Only to ask for keys: proves nothing and carries nothing else. */
  readonly forKeys: boolean
  /** Whether DNS still leads here (`dialler.ts`). */
  readonly isNamed?: IsNamed | undefined
}

/** Where the far side stands: nothing claimed yet, a claim under way, refused, or at least one pair proven. */
export type Standing = 'silent' | 'pending' | 'refused' | 'proven'

/** Who decides about what happens on a link. */
export type SessionRooms = {
  readonly greeted: (session: Session, hello: Hello) => Status | undefined
  readonly request: (session: Session, request: RequestView) => undefined
  /** An answer that nobody waits for: the refusal of a NOTIFY. */
  readonly orphan: (session: Session, answer: AnswerView) => undefined
  readonly draining: (session: Session) => undefined
  readonly closed: (session: Session, reason: Status, detail: string) => undefined
  readonly isUsed: (session: Session) => boolean
}

/** What makes a session. */
export type SessionOptions = {
  readonly channel: Channel
  readonly role: 'gateway' | 'client'
  readonly dialled: Dialled | undefined
  readonly hello: Hello
  readonly mint: Mint
  readonly isHosted: (domain: string) => boolean
  /** Tells the far side which numbers of ours it may forget. */
  readonly evict: (session: Session, numbers: readonly number[]) => undefined
  readonly counters: LinkCounters
  /** It rested, and is due within a second. */
  readonly stirred: (session: Session) => undefined
}

export class Session implements LinkOwner {
  readonly link: Link
  readonly role: 'gateway' | 'client'
  readonly dialled: Dialled | undefined
  readonly held: HeldCredentials
  readonly shown: ShownCredentials
  readonly waiting: WaitingRoom
  /** Signatures of the far side that do not fit: nobody who means well sends many. */
  readonly badSignatures: TokenBucket
  readonly bornAt: number
  /** Of the wheel that says when it is due. */
  slot = nowhere
  standing: Standing = 'silent'
  /** Claims whose keys are being fetched. */
  claimsUnderWay = 0
  /** With what a refused claim was refused. */
  refusal: Status = 'domain-not-proven'
  /** On a link with a client: the attachment of its user, and the key that it was made with. */
  attachment: AttachedSession | undefined = undefined
  userKey: PublicKey | undefined = undefined
  /** The directory is asked about a user who wants to attach. */
  isAttaching = false
  /** Domains that this side has claimed here and to whom, so that it claims each once. */
  readonly claimed = new Set<string>()
  /** Those of them that the far side refused: nothing of ours can pass there. */
  readonly #refusedClaims = new Set<string>()
  /** With every proof so far, and those of them that may be used: all proofs that are asked for are there. */
  readonly #proofs = new Map<string, Proof>()
  readonly #pairs = new Map<string, Pair>()
  /** The table in which the link has a place, since it is known whose it is. */
  #place: 'links' | 'clients' | undefined = undefined
  readonly #env: Env
  readonly #rooms: SessionRooms
  readonly #mainDomain: Domain
  readonly #networkName: string
  readonly #isHosted: (domain: string) => boolean

  constructor(env: Env, options: SessionOptions, rooms: SessionRooms) {
    const { clock, limits, random, meter } = env
    const { channel, role, dialled, hello, counters, mint, evict } = options
    const now = clock.now()
    this.#env = env
    this.#networkName = networkOf(channel.facts.remote)
    this.#rooms = rooms
    this.#mainDomain = hello.domain
    this.#isHosted = options.isHosted
    this.role = role
    this.dialled = dialled
    this.bornAt = now
    this.held = new HeldCredentials(limits.references, this.#numberPlaces())
    const { mistakesPerSecond, mistakesBurst } = limits
    this.badSignatures = new TokenBucket(mistakesPerSecond, mistakesBurst, now)
    const stirred = (): undefined => options.stirred(this)
    const link = new Link({
      channel,
      side: dialled === undefined ? 'receiving' : 'initiating',
      hello,
      owner: this,
      limits,
      clock,
      answerMs: role === 'client' ? limits.confirmMs : limits.requestMs,
      reporter: (request) => this.#reporter(request),
      ageMs: jitter(random, limits.linkAgeMs, 1, 2),
      counters,
      limitHit: (limit) => meter.hit(limit),
      stirred,
      share: { shares: env.shares, account: this.network },
    })
    this.link = link
    this.shown = new ShownCredentials({
      mint,
      most: () => Math.min(limits.references, link.hello?.references ?? limits.references),
      mostSubjects: () => Math.min(limits.subjects, link.hello?.subjects ?? 0),
      evict: (numbers) => evict(this, numbers),
    })
    this.waiting = new WaitingRoom(link, limits, stirred)
  }

  greeted(_link: Link, hello: Hello): Status | undefined {
    return this.#rooms.greeted(this, hello)
  }

  request(_link: Link, request: RequestView): undefined {
    return this.#rooms.request(this, request)
  }

  orphan(_link: Link, answer: AnswerView): undefined {
    return this.#rooms.orphan(this, answer)
  }

  draining(): undefined {
    return this.#rooms.draining(this)
  }

  closed(_link: Link, reason: Status, detail: string): undefined {
    return this.#rooms.closed(this, reason, detail)
  }

  isUsed(): boolean {
    return this.#rooms.isUsed(this)
  }

  /** The attached user, on a link with a client. */
  get user(): Address | undefined {
    return this.attachment?.caller.user
  }

  /** The answer to a request of which the far end is not known to be any caller, or not yet. */
  refuse(request: Refusable, outcome: Outcome): undefined {
    writeReply(this.link, request, outcome, this.#reporter(request))
  }

  /** The answer to a call. */
  reply(
    call: Answerable & { readonly caller: { readonly local: Domain } },
    outcome: Outcome,
  ): undefined {
    writeReply(this.link, call, outcome, call.caller.local)
  }

  /** A fault of this program: nothing is sent, since the far side has its answer. */
  answeredTwice(command: number): undefined {
    this.#env.log.error('request.answered-twice', { ...this.who, command: commandOf(command) })
  }

  /**
   * Who is at the far end, for the log: the first domain that was proven, or that we dialled; else the one that it says to
   * be; and its address.
   */
  get who(): Facts {
    const { link, dialled, role, user } = this
    const peer = link.channel.facts.remote
    if (role === 'client') return { domain: user?.domain, peer }
    const [pair = dialled] = this.#pairs.values()
    if (pair !== undefined) return { local: pair.local, remote: pair.remote, peer }
    return { claimed: link.hello?.domain, peer }
  }

  /** The same of a client that wants to be a user of `domain`. */
  whoClaims(domain: Domain | undefined): Facts {
    const isOurs = domain !== undefined && this.#isHosted(domain)
    return { ...this.who, ...(isOurs ? { domain } : { domain: undefined, claimed: domain }) }
  }

  /**
   * [LINK-6.5-3] The domain of ours in the pair that a request belongs to: of the user who is attached; else the one that
   * its credential, good or not, or the request itself is meant for; else the first that is proven here.
   */
  #reporter({ reference, named }: Refusable): Domain {
    const { user } = this
    if (user !== undefined) return user.domain
    const asked = this.held.named(reference) ?? (named === undefined ? named : this.ours(named))
    if (asked !== undefined) return asked
    for (const { local } of this.#pairs.values()) return local
    return this.#mainDomain
  }

  /** `name`, if it is a domain of ours; copied, since what stands in a token would keep all of its text. */
  ours(name: string): Domain | undefined {
    return this.#isHosted(name) ? (Buffer.from(name).toString() as Domain) : undefined
  }

  /** Does what is due by now, and tells when to look again. */
  tick(now: number): number {
    const next = this.link.tick(now)
    this.waiting.sweep(now)
    return this.waiting.isEmpty ? next : Math.min(next, now + 1000)
  }

  get pairs(): Iterable<Pair> {
    return this.#pairs.values()
  }

  pair(local: string, remote: string): Pair | undefined {
    return this.#pairs.get(`${local} ${remote}`)
  }

  isProven(local: string, remote: string): boolean {
    return this.#pairs.has(`${local} ${remote}`)
  }

  /** Whether the pair is proven for the service. */
  serves(local: string, remote: string, service: Service): boolean {
    return this.pair(local, remote)?.services.includes(service) === true
  }

  /** Whether `remote` is proven for any domain of ours. */
  speaksFor(remote: string): boolean {
    for (const pair of this.#pairs.values()) if (pair.remote === remote) return true
    return false
  }

  /** Whether `local` is served on this link. */
  isServed(local: string): boolean {
    for (const pair of this.#pairs.values()) if (pair.local === local) return true
    return false
  }

  /** Whether one more proof may be taken here. */
  hasRoom(local: string, remote: string): boolean {
    const { pairsPerLink } = this.#env.limits
    return this.#proofs.size < pairsPerLink || this.#proofs.has(`${local} ${remote}`)
  }

  /** Adds a proof, and returns it with all that the pair has. */
  prove({ local, remote, kinds, key }: Proof): Proof {
    const name = `${local} ${remote}`
    const known = this.#proofs.get(name)
    const all = new Set([...(known?.kinds ?? []), ...kinds])
    const proof = { local, remote, kinds: all, key: key || (known?.key ?? '') }
    this.#proofs.set(name, proof)
    return proof
  }

  /** The far side does not take us for `local`. */
  withdraw(local: string, remote: string): undefined {
    this.#refusedClaims.add(`${local} ${remote}`)
    this.#pairs.delete(`${local} ${remote}`)
  }

  isRefused(local: string, remote: string): boolean {
    return this.#refusedClaims.has(`${local} ${remote}`)
  }

  /** The pair may be used for `services` from now on; `isMore`: for one that it could not be used for before. */
  admit(
    proof: Proof,
    services: readonly Service[],
  ): { readonly pair: Pair; readonly isMore: boolean } {
    const name = `${proof.local} ${proof.remote}`
    const known = this.#pairs.get(name)
    const isMore = services.some((service) => known?.services.includes(service) !== true)
    const pair = Object.assign(known ?? { ...proof }, proof, { services })
    this.#pairs.set(name, pair)
    this.standing = 'proven'
    return { pair, isMore }
  }

  /** The user is attached. */
  attach(attachment: AttachedSession, key: PublicKey): undefined {
    this.attachment = attachment
    this.userKey = key
    this.standing = 'proven'
  }

  /** Numbers are places of whoever the link is read for when it shows the first of them. */
  #numberPlaces(): NumberPlaces {
    const { shares } = this.#env
    let payer: Account | undefined
    return {
      take: (count) => {
        payer ??= this.link.payer.account
        return shares.take(payer, 'credentials', count)
      },
      give: (count) => {
        if (payer !== undefined) shares.give(payer, 'credentials', count)
      },
    }
  }

  /** The link is closed. */
  leave(): undefined {
    this.held.close()
    this.waiting.close()
    this.givePlace()
  }

  /**
   * Takes a place for the domain or the user at the far end, once that is known: from then on the link is read for it; for
   * the first domain, unless a request is of another one. False: there is none. What we dialled has its place in any case.
   */
  takePlace(of: Domain | Address): boolean {
    if (this.#place !== undefined) return true
    const { tree } = this.#env.shares
    return typeof of === 'string'
      ? this.#payBy(this.#domainAccount(of), 'links')
      : this.#payBy(tree.user(of.text), 'clients')
  }

  /** The link is closed, or whoever the place was for is not here. */
  givePlace(): undefined {
    if (this.#place !== undefined) this.#env.shares.give(this.link.payer.account, this.#place)
    this.#place = undefined
  }

  #payBy(account: Account, table: 'links' | 'clients'): boolean {
    const { shares, meter } = this.#env
    if (this.dialled !== undefined) shares.hold(account, table)
    else if (!shares.take(account, table)) {
      meter.hit(table)
      return false
    }
    this.link.payer.account = account
    this.#place = table
    return true
  }

  /** Where the far side comes from, whatever it proves. */
  get network(): Account {
    return this.#env.shares.tree.network(this.#networkName)
  }

  /** Who pays for what `domain` asks here. */
  accountOf(domain: string): Account {
    const { account } = this.link.payer
    if (account.name === domain) return account
    return this.#env.shares.tree.find(domain) ?? this.#domainAccount(domain)
  }

  /** The account of `domain`, where it stands by what it is to us now. */
  #domainAccount(domain: string): Account {
    return this.#env.shares.domain(domain, this.#networkName)
  }
}
