/**
 * The checks that every request of a user passes, in the one order in which they are made.
 *
 * In:    who speaks, for whom, to whom, by which link and credential.
 * Out:   nothing, or the first code. No check has an effect beyond its own counter and bucket.
 * Spec:  [LINK-6.5-1] the order; design of policy: syntax, domain rules, link proof, credential, user rules, route.
 */
import type { Address } from '../address/address.ts'
import type { Status } from '../errors.ts'
import type { Lane, Sender } from '../lane.ts'
import type { Counter, Meter } from '../lib/meter.ts'
import type { Limits } from '../limits.ts'
import type { Held } from '../peer/held-credentials.ts'
import type { Session } from '../peer/session.ts'
import type { DomainRules } from '../policy/domain-rules.ts'
import type { Excess, Rates } from '../policy/rates.ts'
import type { Scope } from '../wire/registry.ts'

/** Reused for the next request. */
export type Passage = {
  session: Session
  held: Held | undefined
  sender: Sender
  recipient: Address
  scope: Scope
  hops: number
  /** A message counts for its lane, too. */
  lane: Lane | undefined
  now: number
  /** Set by a check that wants the sender to wait. */
  waitMs: number
}

export type CheckNeeds = {
  readonly rules: DomainRules
  readonly rates: Rates
  readonly isHosted: (domain: string) => boolean
  /** A peer domain asked for too much. */
  readonly peerLimitHit: (domain: string) => undefined
  readonly limits: Limits
  readonly meter: Meter
}

type Check = (passage: Passage, needs: CheckNeeds) => Status | undefined

/** [LINK-6.5-1] The road of a request that is read, up to the decision where it goes. */
const order: readonly (readonly [name: string, check: Check])[] = [
  ['domain', checkDomain],
  ['relay', checkRelay],
  ['proof', checkProof],
  ['credential', checkCredential],
  ['hops', checkHops],
  ['rate', checkRate],
]

export class Checks {
  readonly #needs: CheckNeeds
  readonly #checks: readonly Check[]
  readonly #counters: readonly Counter[]
  readonly #refusals: readonly Counter[]

  constructor(needs: CheckNeeds) {
    this.#needs = needs
    this.#checks = order.map(([, check]) => check)
    this.#counters = order.map(([name]) => needs.meter.counter('checks_total', { check: name }))
    this.#refusals = order.map(([name]) =>
      needs.meter.counter('checks_refused_total', { check: name }),
    )
  }

  run(passage: Passage): Status | undefined {
    for (let i = 0; i < this.#checks.length; i++) {
      ;(this.#counters[i] as Counter).n++
      const code = (this.#checks[i] as Check)(passage, this.#needs)
      if (code === undefined) continue
      ;(this.#refusals[i] as Counter).n++
      return code
    }
    return undefined
  }

  /** [LINK-6.5-1] [LINK-6.5-5] A request of a domain: -1, or how long it has to wait. `NOTIFY` counts by itself. */
  waitOfPeer(domain: string, isNotify: boolean, now: number): number {
    const { rates } = this.#needs
    const excess = isNotify ? rates.takeNotify(domain, now) : rates.takePeer(domain, now)
    return waitAfter(excess, domain, this.#needs)
  }

  /** The same for a request of a client about itself. */
  waitOfSender(sender: Sender, now: number): number {
    return waitAfter(this.#needs.rates.takeSender(sender, now), undefined, this.#needs)
  }
}

/** Counts that somebody asked for too much, and says how long to wait; -1: it was not too much. */
function waitAfter(
  excess: Excess | undefined,
  peer: string | undefined,
  { meter, peerLimitHit }: CheckNeeds,
): number {
  if (excess === undefined) return -1
  meter.counter('limit_hits_total', { limit: excess.limit }).n++
  if (peer !== undefined) peerLimitHit(peer)
  return excess.waitMs
}

/** The domain at the far side of the border: of the sender, if the recipient is ours. */
function checkDomain(
  { sender, recipient }: Passage,
  { rules, isHosted }: CheckNeeds,
): Status | undefined {
  const other = isHosted(recipient.domain) ? sender.address.domain : recipient.domain
  return isHosted(other) || rules.mayTalk(other) ? undefined : 'domain-refused'
}

/** [LINK-6.5-2] The pair of domains is proven on this link; a client speaks for itself alone. */
function checkProof({ session, held, sender, recipient }: Passage): Status | undefined {
  if (session.role === 'client')
    return session.user?.text === sender.address.text ? undefined : 'sender-mismatch'
  if (held !== undefined) return held.pair === undefined ? 'domain-not-proven' : undefined
  return session.isProven(recipient.domain, sender.address.domain) ? undefined : 'domain-not-proven'
}

/** The credential is meant for the recipient's domain and allows this. */
function checkCredential({ session, held, recipient, scope }: Passage): Status | undefined {
  if (session.role === 'client') return undefined
  if (held === undefined) return 'credential-missing'
  if (held.audience !== recipient.domain) return 'credential-audience'
  return held.scope.has(scope) ? undefined : 'credential-scope'
}

/** Never an open relay: told before the credential is looked at, since no credential could allow it. */
function checkRelay({ sender, recipient }: Passage, { isHosted }: CheckNeeds): Status | undefined {
  return isHosted(sender.address.domain) || isHosted(recipient.domain) ? undefined : 'relaying'
}

function checkHops({ hops }: Passage, { limits }: CheckNeeds): Status | undefined {
  return hops <= limits.hops ? undefined : 'hop-limit'
}

function checkRate(passage: Passage, needs: CheckNeeds): Status | undefined {
  const { session, sender, lane, now } = passage
  const { rates } = needs
  const excess =
    rates.takeSender(sender, now) ?? (lane === undefined ? undefined : rates.takeLane(lane, now))
  if (excess === undefined) return undefined
  const peer = session.role === 'gateway' ? sender.address.domain : undefined
  passage.waitMs = waitAfter(excess, peer, needs)
  return 'rate-limited'
}
