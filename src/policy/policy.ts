/**
 * The checks that every call passes, in the one order in which they are made; pure decisions and their counters.
 *
 * In:    who speaks, as whom, to whom, for what.
 * Out:   nothing, or the first code; `waitMs` after `rate-limited`. No check has an effect beyond its own counter and
 *        bucket.
 * Spec:  [LINK-6.5-1] the order: domain rules, relaying, link proof, credential, hops, rate; then the owner's rules
 */
import type { Address } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import type { Env } from '../env.ts'
import type { Status } from '../errors.ts'
import type { Counter } from '../lib/meter.ts'
import type { AccessRequest, Caller } from '../operation/call.ts'
import type { Owner } from '../operation/directory.ts'
import type { Lane, Lanes, Sender } from '../operation/lane.ts'
import type { Message } from '../operation/message.ts'
import type { Scope } from '../wire/registry.ts'
import { Acquaintances } from './acquaintances.ts'
import { type DomainRuleSet, DomainRules, type Ruling } from './domain-rules.ts'
import { type Excess, Rates } from './rates.ts'

export type PolicyPorts = {
  readonly isHosted: (domain: string) => boolean
  /** Whether the operator pinned keys of the domain. */
  readonly isPinned: (domain: string) => boolean
  readonly lanes: Lanes
  readonly peers: {
    /** Whether the operator watches the domain. */
    isWatched(domain: string): boolean
    /** A peer domain asked for too much. */
    limitHit(domain: string): undefined
  }
}

type CheckName = 'domain' | 'relay' | 'proof' | 'credential' | 'hops' | 'rate'
type Tally = { readonly made: Counter; readonly refused: Counter }

export class Policy {
  /** How long the last caller that was `rate-limited` has to wait. */
  waitMs = -1
  readonly #rules: DomainRules
  readonly #env: Env
  readonly #ports: PolicyPorts
  readonly #rates: Rates
  readonly #acquaintances: Acquaintances
  readonly #tallies: Readonly<Record<CheckName, Tally>>

  constructor(env: Env, rules: DomainRuleSet, ports: PolicyPorts) {
    this.#env = env
    this.#ports = ports
    this.#rules = new DomainRules(rules)
    this.#rates = new Rates(env.limits)
    this.#acquaintances = new Acquaintances(env.limits.peers)
    env.meter.gauge('lanes', {}, () => ports.lanes.lanes)
    const tally = (check: CheckName): Tally => ({
      made: env.meter.counter('checks_total', { check }),
      refused: env.meter.counter('checks_refused_total', { check }),
    })
    this.#tallies = {
      domain: tally('domain'),
      relay: tally('relay'),
      proof: tally('proof'),
      credential: tally('credential'),
      hops: tally('hops'),
      rate: tally('rate'),
    }
  }

  /** A message of `lane`, which counts for its lane, too. */
  admit(caller: Caller, message: Message, lane: Lane, at: number): Status | undefined {
    const { from, to, hops } = message
    return (
      this.#judge(caller, from, to, 'im.send', hops) ?? this.#rate(caller, lane.sender, lane, at)
    )
  }

  /** Any other request of a user. */
  admitRequest(
    caller: Caller,
    { from, to, scope, hops, isWatch = false }: AccessRequest,
    at: number,
  ): Status | undefined {
    const code = this.#judge(caller, from, to, scope, hops)
    return code ?? this.#rate(caller, this.#ports.lanes.sender(from), undefined, at, isWatch)
  }

  /** What a user of ours asks for itself, of its own gateway. */
  admitOwn(user: Address, at: number): Status | undefined {
    const excess = this.#rates.takeSender(this.#ports.lanes.sender(user), at)
    return excess === undefined ? undefined : this.#tooMuch(excess, undefined)
  }

  /** [LINK-6.5-5] What a domain asks on its own word: it counts for the domain that it names. */
  admitDomain(domain: Domain, what: 'request' | 'notify', at: number): Status | undefined {
    return this.waitOf(domain, what, at) < 0 ? undefined : 'rate-limited'
  }

  /** [LINK-6.5-1] A request of a domain: -1, or how long it has to wait. Nobody but strangers has a rate. */
  waitOf(domain: string, what: 'request' | 'notify', at: number): number {
    this.waitMs = -1
    if (this.tierOf(domain as Domain) !== 'stranger') return -1
    const rates = this.#rates
    const excess = what === 'notify' ? rates.takeNotify(domain, at) : rates.takePeer(domain, at)
    if (excess !== undefined) this.#tooMuch(excess, domain)
    return this.waitMs
  }

  /** What the rules say of a domain, before DNS and before any key. */
  standing(domain: Domain): 'barred' | 'open' | 'named' {
    if (!this.#rules.mayTalk(domain)) return 'barred'
    const isNamed = this.#rules.names(domain) || this.#ports.peers.isWatched(domain)
    return isNamed ? 'named' : 'open'
  }

  /** What a domain is to the operator, and to our users. */
  tierOf(domain: Domain): 'named' | 'known' | 'stranger' {
    if (this.#ports.isPinned(domain) || this.standing(domain) === 'named') return 'named'
    const isKnown = this.#acquaintances.isKnown(domain, this.#env.clock.now())
    return isKnown ? 'known' : 'stranger'
  }

  /** A message of `user`, one of ours, was delivered or stored at `domain`. */
  met(domain: Domain, user: Address, now: number): undefined {
    // Its account is that of a known domain from now on.
    if (this.#acquaintances.met(domain, user.text, now)) this.#env.shares.domain(domain, '')
  }

  /** The same, and which rule says it. */
  ruling(domain: Domain): Ruling {
    return this.#rules.ruling(domain)
  }

  isBarred(domain: Domain): boolean {
    return !this.#ports.isHosted(domain) && !this.#rules.mayTalk(domain)
  }

  /** Other rules from now on. */
  obey(rules: DomainRuleSet): undefined {
    this.#rules.replace(rules)
  }

  /** [LINK-6.10-4] [LINK-6.5-4] What the owner of an inbox or of a presence says to a request. */
  refusalOf({ isUser }: Owner): Status | undefined {
    return isUser ? undefined : 'refused'
  }

  /** Once a minute. */
  sweep(now: number): undefined {
    this.#rates.sweep(now)
  }

  #judge(
    caller: Caller,
    from: Address,
    to: Address,
    scope: Scope,
    hops: number,
  ): Status | undefined {
    const { isHosted } = this.#ports
    const { domain, relay, hops: hopTally } = this.#tallies
    const isOurs = isHosted(to.domain)
    domain.made.n++
    // The domain at the far side of the border: of the sender, if the recipient is ours.
    const other = isOurs ? from.domain : to.domain
    if (!isHosted(other) && !this.#rules.mayTalk(other)) return refuse(domain, 'domain-refused')
    relay.made.n++
    // Never an open relay: told before the credential is looked at, since no credential could allow it.
    if (!isOurs && !isHosted(from.domain)) return refuse(relay, 'relaying')
    const code = this.#ask(caller, scope, from, to.domain)
    if (code !== undefined) return code
    hopTally.made.n++
    return hops <= this.#env.limits.hops ? undefined : refuse(hopTally, 'hop-limit')
  }

  /** [LINK-6.5-2] The pair of domains is proven, and the credential is meant for this. */
  #ask(caller: Caller, scope: Scope, from: Address, audience: Domain): Status | undefined {
    const { proof, credential } = this.#tallies
    proof.made.n++
    const code = caller.may(scope, from, audience)
    if (code === 'domain-not-proven') return refuse(proof, code)
    credential.made.n++
    return code === undefined ? undefined : refuse(credential, code)
  }

  #rate(
    caller: Caller,
    sender: Sender,
    lane: Lane | undefined,
    at: number,
    isWatch = false,
  ): Status | undefined {
    const { rate } = this.#tallies
    rate.made.n++
    const rates = this.#rates
    const own = isWatch ? rates.takeWatch(sender, at) : rates.takeSender(sender, at)
    const excess = own ?? (lane === undefined ? undefined : rates.takeLane(lane, at))
    if (excess === undefined) return undefined
    return refuse(rate, this.#tooMuch(excess, caller.door === 'domain' ? caller.domain : undefined))
  }

  #tooMuch({ limit, waitMs }: Excess, peer: string | undefined): Status {
    this.#env.meter.hit(limit)
    if (peer !== undefined) this.#ports.peers.limitHit(peer)
    this.waitMs = waitMs
    return 'rate-limited'
  }
}

function refuse(tally: Tally, code: Status): Status {
  tally.refused.n++
  return code
}
