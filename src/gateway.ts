/**
 * The map: builds the rooms and joins them. No logic of its own: what a call passes is drawn in
 * `docs/architecture.md` and walked in `route/receive.ts`.
 */
import type { Domain } from './address/domain.ts'
import { Inbound } from './delivery/inbound.ts'
import { Outbound } from './delivery/outbound.ts'
import type { Env } from './env.ts'
import { Home } from './home/home.ts'
import { Owners } from './home/owners.ts'
import { type Cancel, every } from './lib/clock.ts'
import { rememberLastRead } from './lib/last-read.ts'
import type { Channel } from './link/channel.ts'
import type { Role } from './link/hello.ts'
import { MemoryJournal } from './observe/journal.ts'
import { Outcomes } from './observe/outcomes.ts'
import { PeerMetrics } from './observe/peer-metrics.ts'
import type { Journal } from './operation/journal.ts'
import { Lanes } from './operation/lane.ts'
import { type OurDomain, OurDomains } from './operation/our-domains.ts'
import type { Adapter } from './operation/ports.ts'
import type { HostedDomain as PeerDomain } from './peer/hosted.ts'
import { Peer, type PeerOptions } from './peer/peer.ts'
import type { DomainRuleSet, Ruling } from './policy/domain-rules.ts'
import { Policy } from './policy/policy.ts'
import { PresenceStage } from './presence/presence.ts'
import { RouteCore } from './route/core.ts'
import { Outside } from './route/outside.ts'
import { Receive } from './route/receive.ts'
import { ByteBudget } from './shares/byte-budget.ts'
import { Shares } from './shares/shares.ts'
import { sizesOf } from './shares/sizes.ts'
import { RecordStore } from './store/record-store.ts'

export type HostedDomain = PeerDomain & OurDomain

export type GatewayOptions = Omit<PeerOptions, 'domains'> &
  Omit<Env, 'held' | 'shares'> & {
    readonly domains: readonly [HostedDomain, ...HostedDomain[]]
    readonly rules: DomainRuleSet
    /** Ways to other domains that are preferred to the links of `peer/`, which is also the door of our clients. */
    readonly adapters?: readonly Adapter[]
  }

export type Gateway = {
  /** A channel that somebody opened to us: a peer's gateway, or a client of our own. */
  readonly accept: (channel: Channel, role: Role) => undefined
  /** Links, who is at their far end, and which leads where. */
  readonly sessions: Peer
  /** Metrics of single peers: the busiest and those that the operator watches have a label of their own. */
  readonly peers: PeerMetrics
  /** Who has how much of what runs out. */
  readonly shares: Shares
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

export function createGateway(options: GatewayOptions): Gateway {
  const { domains, random, limits, meter, log } = options
  const { clock, last } = rememberLastRead(options.clock)
  const shares = new Shares({
    ...{ clock, meter, sizes: sizesOf(limits) },
    standing: (domain) => policy.tierOf(domain as Domain),
  })
  const held = new ByteBudget(limits.heldBytes, shares)
  const env: Env = { clock, random, limits, meter, log, shares, held }
  const { has: isHosted, offers, directoryOf, accountOf } = new OurDomains(domains, shares)

  const lanes: Lanes = new Lanes(shares, accountOf, (lane) => store.giveUp(lane))
  const store = new RecordStore(env, () => lanes)
  const isKnown = (domain: string): boolean =>
    peer.isProven(domain) || policy.standing(domain as Domain) === 'named'
  const journal = new MemoryJournal({ ...env, isKnown, failed: (event) => peers.noted(event) })
  const peer = new Peer(env, journal, options)
  const adapters: readonly Adapter[] = [...(options.adapters ?? []), peer]
  const outside = new Outside(adapters)
  const peers: PeerMetrics = new PeerMetrics({
    ...{ ...env, isKnown },
    isUp: (domain) => peer.isUp(domain),
    isFailing: (domain) => peer.pool.isFailing(domain as Domain),
  })
  const isPinned = (domain: string): boolean => options.pinned.has(domain)
  const policy: Policy = new Policy(env, options.rules, { isHosted, isPinned, lanes, peers })
  const owners = new Owners(env, directoryOf)
  const home = new Home(env, owners)
  const ends = new Outcomes(meter, peers, policy, last)
  const inbound = new Inbound({ store, home, ends })
  const outbound = new Outbound(env, outside, ends)
  const presence = new PresenceStage(env, { isHosted, outside, home, accountOf })
  const { receive } = new Receive(env, {
    isHosted,
    offers,
    lanes,
    policy,
    owners,
    delivery: { inbound, outbound },
    presence,
  })
  const core = new RouteCore({ receive, policy, owners, home, presence })
  for (const adapter of adapters) adapter.start(core)

  const sweep: Cancel = every(clock, 60_000, () => {
    const now = clock.now()
    store.sweep(now)
    // [LINK-6.7-11] Whose settled records are still kept is still known.
    lanes.sweep(now, limits.duplicateSettledMs)
    policy.sweep(now)
    peers.turn()
  })

  const stop = (): undefined => {
    sweep()
    shares.stop()
    presence.stop()
  }
  return {
    accept: (channel, role) => peer.accept(channel, role),
    sessions: peer,
    peers,
    shares,
    journal,
    ruling: (domain) => policy.ruling(domain),
    isProven: (domain) => peer.isProven(domain),
    obey: (rules) => {
      policy.obey(rules)
      const isBarred = (domain: Domain): boolean => policy.isBarred(domain)
      presence.bar(isBarred)
      return peer.bar(isBarred)
    },
    drain: async () => {
      await Promise.all(adapters.map((adapter) => adapter.drain('shutdown')))
      return stop()
    },
    close: () => {
      for (const adapter of adapters) adapter.close()
      return stop()
    },
  }
}
