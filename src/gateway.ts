/**
 * The map: builds every stage and joins them. No logic of its own.
 *
 *   inbound   peer ─▶ link ─▶ wire ─▶ peer/ (who is it?) ─▶ command ─▶ road/checks ─▶ delivery, presence ─▶ home ─▶ our user
 *   outbound  our user ─▶ link ─▶ road/checks ─▶ delivery, presence ─▶ peer/pool ─▶ connect ─▶ link ─▶ peer
 */

import { type Directory, exists, standingOfKey } from './adapter/home/directory.ts'
import { Home } from './adapter/home/home.ts'
import type { Address, Service } from './address/address.ts'
import { addressFromBytes, parseAddress } from './address/address.ts'
import { type Domain, parseDomain } from './address/domain.ts'
import { Interner } from './address/interner.ts'
import type { PublicKey } from './credential/ed25519.ts'
import type { SetKey } from './credential/key-set.ts'
import { createKeyStore } from './credential/key-store.ts'
import type { Signer } from './credential/sign.ts'
import { createSignatureCache } from './credential/signature-cache.ts'
import { createVerifier } from './credential/verify.ts'
import { Inbound } from './delivery/inbound.ts'
import { Outbound } from './delivery/outbound.ts'
import { GatewayError } from './errors.ts'
import { Senders } from './lane.ts'
import { encodeBase64url } from './lib/base64url.ts'
import { type Cancel, type Clock, every } from './lib/clock.ts'
import { rememberLastRead } from './lib/last-read.ts'
import type { Log } from './lib/log.ts'
import type { Meter } from './lib/meter.ts'
import type { Random } from './lib/random.ts'
import type { Limits } from './limits.ts'
import type { Channel } from './link/channel.ts'
import type { Role } from './link/hello.ts'
import type { RequestView } from './link/link.ts'
import { MemoryJournal } from './observe/journal.ts'
import type { Journal } from './operation/journal.ts'
import type { Held } from './peer/held-credentials.ts'
import type { ProofKind } from './peer/pair.ts'
import type { Session } from './peer/session.ts'
import { type Connected, Sessions } from './peer/sessions.ts'
import { scopesOf } from './peer/shown-credentials.ts'
import { type DomainRuleSet, DomainRules, type Ruling } from './policy/domain-rules.ts'
import { Rates } from './policy/rates.ts'
import { Checks } from './road/checks.ts'
import { Issuing } from './road/issuing.ts'
import { MessageRoad } from './road/messages.ts'
import { SessionOrigin } from './road/origin.ts'
import { observeEnds } from './road/outcomes.ts'
import { PeerTally } from './road/peer-tally.ts'
import { PresenceRoad } from './road/presence.ts'
import { type CommandName, commandOf, commands } from './wire/registry.ts'

export type HostedDomain = {
  readonly domain: Domain
  readonly signer: Signer
  /** The signed key set that KEYS answers. */
  readonly keySet: Buffer
  /** The keys of the domain itself, by which its own credentials are checked when its users attach. */
  readonly keys: readonly SetKey[]
  readonly directory: Directory
  readonly services: readonly Service[]
}

export type GatewayOptions = {
  readonly domains: readonly [HostedDomain, ...HostedDomain[]]
  readonly software: string
  readonly rules: DomainRuleSet
  /** Keys that the operator named, by domain; those domains are never asked. */
  readonly pinned: ReadonlyMap<string, readonly SetKey[]>
  readonly discontinuity: 'accept' | 'hold'
  /** Finds and connects a gateway of `remote`, until `signal` aborts; rejects with a GatewayError. */
  readonly connect: (remote: Domain, service: Service, signal: AbortSignal) => Promise<Connected>
  /** Proofs that every link with `domain` must have. */
  readonly required: (domain: string) => readonly ProofKind[]
  /** A channel that was accepted has proven something: its place among the unproven is free. */
  readonly provenChannel: (channel: Channel) => undefined
  readonly clock: Clock
  readonly random: Random
  readonly limits: Limits
  readonly meter: Meter
  readonly log: Log
}

export type Gateway = {
  /** A channel that somebody opened to us: a peer's gateway, or a client of our own. */
  readonly accept: (channel: Channel, role: Role) => undefined
  readonly sessions: Sessions
  readonly presence: PresenceRoad
  /** Whose numbers are told one by one. */
  readonly peers: PeerTally
  /** What happened lately with each other domain. */
  readonly journal: Journal
  /** What the rules say of a domain, and which of them. */
  readonly ruling: (domain: Domain) => Ruling
  /** Whether `domain` was proven or pinned before: its stale addresses may be used, and its keys are known. */
  readonly isProven: (domain: string) => boolean
  /** Other rules from now on: domains that they bar lose their links and their subscriptions. */
  readonly obey: (rules: DomainRuleSet) => undefined
  /** Answers what is under way, lets go of every link, then resolves. */
  readonly drain: () => Promise<undefined>
  /** Closes everything at once. */
  readonly close: () => undefined
}

/** Addresses that are remembered in parsed form. */
const addressesKept = 16_384

export function createGateway(options: GatewayOptions): Gateway {
  const { domains, random, limits, meter, log, pinned } = options
  const { clock, last } = rememberLastRead(options.clock)
  const hosted = new Map<string, HostedDomain>(domains.map((entry) => [entry.domain, entry]))
  const isHosted = (domain: string): boolean => hosted.has(domain)
  const limitHit = (limit: string): undefined => {
    meter.counter('limit_hits_total', { limit }).n++
  }
  const userExists = (user: Address): boolean => {
    const directory = hosted.get(user.domain)?.directory
    return directory !== undefined && exists(directory, user)
  }
  const standingOf = (user: Address, key: PublicKey) => {
    const directory = hosted.get(user.domain)?.directory
    return directory === undefined ? undefined : standingOfKey(directory, user, key.x)
  }
  const signerOf = (local: Domain): Signer => (hosted.get(local) as HostedDomain).signer
  const offers = (domain: string, service: Service): boolean =>
    hosted.get(domain)?.services.includes(service) ?? false
  const interner = new Interner(
    (buffer, start, end) => orNothing(() => addressFromBytes(buffer, start, end)),
    addressesKept,
  )
  const readAddressText = (text: string) => orNothing(() => parseAddress(text))
  const readDomain = (text: string) => orNothing(() => parseDomain(text))
  const boot = encodeBase64url(random.bytes(16))
  const state = encodeBase64url(random.bytes(16))

  const keys = createKeyStore({
    fetch: (domain, signal) => sessions.fetchKeys(domain, signal),
    pinned: new Map([...pinned, ...domains.map(({ domain, keys: own }) => [domain, own] as const)]),
    discontinuity: options.discontinuity,
    clock,
    random,
    limits,
    meter,
    log,
  })
  const verifier = createVerifier({
    keys,
    signatures: createSignatureCache(limits.references),
    clock,
    limits,
  })
  const rules = new DomainRules(options.rules)
  const rates = new Rates(limits)
  const senders = new Senders(limits.lanes, (lane) => inbound.giveUp(lane))
  const isUp = (domain: string): boolean =>
    domains.some(({ domain: local }) =>
      (['im', 'pres'] as const).some(
        (service) => sessions.pool.find(local, domain as Domain, service) !== undefined,
      ),
    )
  const peers = new PeerTally({ limits, meter, isUp })
  const peerLimitHit = (domain: string): undefined => peers.limitHit(domain)
  const isNamed = (domain: Domain): boolean => rules.names(domain) || peers.isWatched(domain)
  const journal = new MemoryJournal({
    isKnown: (domain) => keys.known(domain) || isNamed(domain),
    ...{ clock, limits, meter },
  })
  const checks = new Checks({ rules, rates, isHosted, peerLimitHit, limits, meter })

  const origins = new WeakMap<Session, SessionOrigin>()
  const originOf = (session: Session): SessionOrigin => {
    const known = origins.get(session)
    if (known !== undefined) return known
    const origin = new SessionOrigin(session, session.user?.domain ?? domains[0].domain)
    origins.set(session, origin)
    return origin
  }
  /** By user. */
  const attached = new Map<string, Set<Session>>()

  const sessions: Sessions = new Sessions({
    verifier,
    connect: options.connect,
    hello: (role, local) => ({
      role,
      domain: local,
      software: options.software,
      boot,
      state,
      nonce: encodeBase64url(random.bytes(32)),
      services: hosted.get(local)?.services ?? ['im', 'pres'],
      messageBytes: limits.messageBytes,
      references: limits.references,
    }),
    keySet: (domain) => hosted.get(domain)?.keySet,
    watchKeys: (domain) => keys.watch(domain),
    mint: (subject, audience, purpose) => {
      const seconds = purpose === 'notify' ? limits.credentialMaxSeconds : limits.credentialSeconds
      const scope = scopesOf[purpose]
      const token = signerOf(subject.domain).signCredential({
        sub: subject,
        aud: audience,
        scope,
        seconds,
        jkt: undefined,
      })
      return { token, refreshAt: clock.now() + seconds * 800 }
    },
    mainDomain: domains[0].domain,
    isHosted,
    readDomain,
    readAddress: readAddressText,
    mayTalk: (_local, remote) => rules.mayTalk(remote),
    isKnown: (domain) => keys.known(domain),
    isPinned: (domain) => pinned.has(domain),
    isNamed,
    standingOfKey: standingOf,
    assert: (local, remote, binding) =>
      signerOf(local).signLink({ aud: remote, cb: encodeBase64url(binding) }),
    operation: (session, request, held) => operate(session, request, held),
    orphan: (session, answer) => presence.orphan(session, answer),
    attach: (session, user) => {
      const code = home.attach(user, session.link)
      if (code === 'ok')
        attached.set(user.text, (attached.get(user.text) ?? new Set()).add(session))
      options.provenChannel(session.link.channel)
      return code
    },
    detach: (session, user) => {
      const own = attached.get(user.text)
      if (own?.delete(session) === true && own.size === 0) attached.delete(user.text)
      return home.detach(user, session.link)
    },
    joined: (session, pair) => {
      options.provenChannel(session.link.channel)
      const { hello } = session.link
      // A certificate may prove the pair before HELLO is here; then this comes again.
      return hello === undefined ? undefined : presence.joined({ store: hello.state, pair })
    },
    listed: (local, remote, service) =>
      service === 'pres' ? presence.reachable(local, remote) : undefined,
    left: ({ link }, pair) => {
      const { local, remote } = pair
      if (sessions.pool.find(local, remote, 'pres') === undefined) {
        presence.unreachable(local, remote)
      }
      const isLeft = ({ domain }: HostedDomain) =>
        sessions.pool.find(domain, remote, 'pres') === undefined
      if (domains.every(isLeft)) presence.left(pair, link.restMs)
    },
    isUsed: ({ role, pairs }) =>
      role === 'client' || [...pairs].some(({ remote }) => presence.isUsed(remote)),
    required: options.required,
    clock,
    random,
    limits,
    meter,
    log,
    journal,
  })

  const home = new Home({ exists: userExists, limits, limitHit })
  const ended = observeEnds({ meter, peers, now: last })
  const inbound: Inbound = new Inbound({
    deliver: (envelope, delivery) => home.deliver(envelope, delivery),
    senders: () => senders.all,
    random,
    limits,
    limitHit,
    ended: ended.inbound,
  })
  const outbound = new Outbound({
    send: (local, remote, envelope, carry) =>
      sessions.pool.send(local, remote, 'im', envelope, (session) =>
        carry(wayOf(session), envelope),
      ),
    retryAfterMs: (local, remote) => sessions.pool.retryAfterMs(local, remote, 'im'),
    clock,
    limits,
    limitHit,
    ended: ended.outbound,
  })
  const ways = new WeakMap<Session, Way>()
  const wayOf = (session: Session): Way => {
    const known = ways.get(session)
    if (known !== undefined) return known
    const way: Way = {
      link: session.link,
      refer: ({ sender, recipient }) => session.shown.refer(sender, recipient.domain, 'user'),
      showAgain: (number) => session.shown.showAgain(number),
    }
    ways.set(session, way)
    return way
  }

  const messages = new MessageRoad({
    checks,
    inbound,
    outbound,
    isHosted,
    offersIm: (domain) => offers(domain, 'im'),
    readAddress: interner.read,
    originOf,
    senders,
    limits,
    meter,
  })
  const presence = new PresenceRoad({
    checks,
    pool: () => sessions.pool,
    isHosted,
    offersPresence: (domain) => offers(domain, 'pres'),
    exists: userExists,
    readAddress: interner.read,
    originOf,
    senders,
    sessionsOf: (user) => attached.get(user.text) ?? [],
    clock,
    random,
    limits,
    meter,
  })

  const issuing = new Issuing({
    checks,
    senders,
    originOf,
    readDomain,
    standingOfKey: standingOf,
    signerOf,
    clock,
    limits,
  })

  /** Which road a command takes. */
  const roads: Readonly<
    Partial<
      Record<
        CommandName,
        (session: Session, request: RequestView, held: Held | undefined) => undefined
      >
    >
  > = {
    message: (session, request, held) => messages.accept(session, request, held),
    publish: (session, request) => presence.publish(session, request),
    fetch: (session, request, held) => presence.fetch(session, request, held),
    subscribe: (session, request, held) => presence.subscribe(session, request, held),
    renew: (session, request) => presence.renew(session, request),
    unsubscribe: (session, request, held) => presence.unsubscribe(session, request, held),
    notify: (session, request, held) => presence.notify(session, request, held),
    issue: (session, request) => issuing.issue(session, request),
  }
  const byNumber = Array.from({ length: 256 }, (_, number) => {
    const name = commandOf(number)
    return name === undefined ? undefined : roads[name]
  })

  function operate(session: Session, request: RequestView, held: Held | undefined): undefined {
    const { id, trafficClass, command } = request
    const waitMs = waitBefore(session, request, held)
    if (waitMs >= 0)
      return originOf(session).answer(id, trafficClass, command, 'rate-limited', waitMs)
    const road = byNumber[command]
    if (road !== undefined) return road(session, request, held)
    // [LINK-4.2-4]
    originOf(session).answer(id, trafficClass, command, 'unknown-command', -1)
  }

  /** [LINK-6.5-1] What a peer asks counts before it is read: what is malformed, too, costs us time. -1: no wait. */
  function waitBefore(session: Session, { command, at }: RequestView, held: Held | undefined) {
    if (session.role === 'client' || countsByItself(command)) return -1
    const domain = held?.subject?.domain ?? [...session.pairs][0]?.remote
    return domain === undefined ? -1 : checks.waitOfPeer(domain, false, at)
  }

  const unwatchKeys = keys.onChange((domain) =>
    sessions.keysChanged(domain, (kid) => keys.find(domain, kid, 'link').state === 'found'),
  )
  const timers: readonly Cancel[] = [
    every(clock, 1000, () => {
      const now = clock.now()
      sessions.tick(now)
    }),
    every(clock, 60_000, () => {
      const now = clock.now()
      inbound.sweep(now)
      // [LINK-6.7-11] Whose settled records are still kept is still known.
      senders.sweep(now, limits.duplicateSettledMs)
      rates.sweep(now)
      peers.turn()
    }),
  ]
  meter.gauge('client_sessions', {}, () => home.sessions)
  meter.gauge('lanes', {}, () => senders.lanes)
  meter.gauge('duplicate_records', {}, () => inbound.records)

  const stop = (): undefined => {
    for (const cancel of timers) cancel()
    unwatchKeys()
    presence.stop()
    keys.close()
  }
  return {
    accept: (channel, role) => sessions.accept(channel, role),
    sessions,
    presence,
    peers,
    journal,
    ruling: (domain) => rules.ruling(domain),
    isProven: (domain) => keys.known(domain),
    obey: (next) => {
      rules.replace(next)
      const isBarred = (domain: Domain): boolean => !isHosted(domain) && !rules.mayTalk(domain)
      presence.bar(isBarred)
      return sessions.bar(isBarred)
    },
    drain: async () => {
      await sessions.drain('shutdown')
      return stop()
    },
    close: () => {
      sessions.close()
      return stop()
    },
  }
}

type Way = Parameters<Parameters<ConstructorParameters<typeof Outbound>[0]['send']>[3]>[0]

/** [LINK-6.5-5] Their own roads count them, for the domain that they name. */
const countsByItself = (command: number): boolean =>
  command === commands.notify.number || command === commands.renew.number

/** The value, or nothing where an address is bad. */
function orNothing<T>(make: () => T): T | undefined {
  try {
    return make()
  } catch (error) {
    if (error instanceof GatewayError) return undefined
    throw error
  }
}
