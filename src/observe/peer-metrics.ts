/**
 * Numbers of single peers, for a bounded number of them: those that the operator watches, then the busiest.
 *
 * In:    the end of each message with another domain, each request of one that was refused as too much; accounts.
 * Out:   `peer_messages_total`, `peer_failures_total`, `peer_limit_hits_total`, `peer_up`, `peer_link_up`, `peer_share` and
 *        `peer_over`; what is counted of all other peers together is `_other`.
 * Fails: never.
 *
 * A peer without a name counts in the row of `_other`, and keeps having counted there when it gets a name: so no
 * counter ever falls. A name is given to a domain that was proven, or that the operator names, only: users may write to any
 * domain at all, and strangers claim any.
 */
import type { Status } from '../errors.ts'
import type { Counter, Labels, Meter } from '../lib/meter.ts'
import type { Limits } from '../limits.ts'
import type { JournalEvent } from '../operation/journal.ts'
import { resourcesOfPeers } from '../shares/account.ts'
import { overOf } from '../shares/report.ts'
import type { Shares } from '../shares/shares.ts'

export type PeerMetricsNeeds = {
  readonly limits: Limits
  readonly meter: Meter
  readonly shares: Shares
  /** Whether a proven link with the domain is open. */
  readonly isUp: (domain: string) => boolean
  /** Whether it was proven before, or is named by the operator. */
  readonly isKnown: (domain: string) => boolean
  /** Whether the last attempt to reach it failed, or it did not take us for our domain. */
  readonly isFailing: (domain: string) => boolean
}

export const outcomes = ['ok', 'temporary', 'permanent', 'unknown'] as const
/** What failed: a message, or what the journal tells of. */
export type FailureKind = 'message-in' | 'message-out' | JournalEvent['kind']
export type PeerOutcome = (typeof outcomes)[number]
export type Direction = 'in' | 'out'

/** The counters of one label value. */
type Row = { readonly messages: readonly Counter[]; readonly limitHits: Counter }

type Peer = {
  row: Row
  isNamed: boolean
  /** Messages since the last turn. */
  recent: number
  /** Messages of the turns before, each turn weighing half of the next. */
  score: number
}

/** Where the counter of a direction and outcome stands in a row. */
export const placeOf = (direction: Direction, outcome: PeerOutcome): number =>
  (direction === 'in' ? 0 : outcomes.length) + outcomes.indexOf(outcome)

const other = '_other'

/** Below it a peer is forgotten: it was busy once, an hour ago. */
const leastScore = 0.01

export class PeerMetrics {
  readonly #needs: PeerMetricsNeeds
  readonly #peers = new Map<string, Peer>()
  readonly #other: Peer
  #watched: ReadonlySet<string> = new Set()
  #named = 0

  constructor(needs: PeerMetricsNeeds) {
    const { meter, limits } = needs
    this.#needs = needs
    this.#other = { row: this.#rowOf(other), isNamed: false, recent: 0, score: 0 }
    meter.gauge('metric_peers', { kind: 'named' }, () => this.#named)
    meter.gauge('metric_peers', { kind: 'folded' }, () => this.#peers.size - this.#named)
    meter.gauge('metric_peers_limit', {}, () => limits.metricPeers)
  }

  /** Domains that have a name whatever they do, as far as there is room. */
  watch(domains: Iterable<string>): undefined {
    this.#watched = new Set([...domains].slice(0, this.#needs.limits.metricPeers))
    for (const domain of this.#watched) {
      const peer = this.#peers.get(domain) ?? this.#add(domain)
      if (peer.isNamed) continue
      if (this.#isFull()) this.#unname(this.#idlest())
      this.#name(domain, peer)
    }
  }

  isWatched(domain: string): boolean {
    return this.#watched.has(domain)
  }

  /** A message ended; `place` as `placeOf` gives it. On the hot road: one look-up. */
  ended(domain: string, place: number): undefined {
    const peer = this.#peers.get(domain) ?? this.#enter(domain)
    peer.recent++
    ;(peer.row.messages[place] as Counter).n++
  }

  /** Something with the domain failed, or somebody who says to be it did: what, and why. */
  failed(domain: string, what: FailureKind, cause: Status): undefined {
    const known =
      this.#peers.get(domain) ?? (this.#mayName(domain) ? this.#enter(domain) : undefined)
    const peer = known?.isNamed === true ? domain : other
    this.#needs.meter.counter('peer_failures_total', { peer, what, cause }).n++
  }

  isKnown(domain: string): boolean {
    return this.#needs.isKnown(domain)
  }

  noted({ remote, kind, cause }: JournalEvent): undefined {
    this.failed(remote, kind, cause)
  }

  /** Messages with a domain that has a name, since it has it. */
  countsOf(
    domain: string,
  ): { readonly in: number; readonly out: number; readonly failed: number } | undefined {
    const peer = this.#peers.get(domain)
    if (peer?.isNamed !== true) return undefined
    const count = (fits: (place: number) => boolean): number =>
      peer.row.messages.reduce((sum, { n }, place) => (fits(place) ? sum + n : sum), 0)
    return {
      in: count((place) => place < outcomes.length),
      out: count((place) => place >= outcomes.length),
      failed: count((place) => outcomes[place % outcomes.length] !== 'ok'),
    }
  }

  /** A request of the domain was too much. */
  limitHit(domain: string): undefined {
    const peer = this.#peers.get(domain) ?? this.#enter(domain)
    peer.row.limitHits.n++
  }

  /** Once a minute: names go to those who are busiest now, and who is silent is forgotten. */
  turn(): undefined {
    for (const [domain, peer] of this.#peers) {
      peer.score = peer.score / 2 + peer.recent
      peer.recent = 0
      if (!peer.isNamed && peer.score < leastScore) this.#peers.delete(domain)
    }
    const waiting = [...this.#peers]
      .filter(([domain, { isNamed }]) => !isNamed && this.#mayName(domain))
      .sort(([, a], [, b]) => b.score - a.score)
    for (const [domain, peer] of waiting) {
      if (this.#isFull()) {
        const idlest = this.#idlest()
        // Twice as busy, so that two of a kind do not take turns.
        if (idlest === undefined || peer.score <= 2 * idlest[1].score) return
        this.#unname(idlest)
      }
      this.#name(domain, peer)
    }
  }

  #enter(domain: string): Peer {
    if (this.#peers.size >= this.#needs.limits.peers) return this.#other
    const peer = this.#add(domain)
    if (!this.#isFull() && this.#mayName(domain)) this.#name(domain, peer)
    return peer
  }

  #add(domain: string): Peer {
    const peer: Peer = { row: this.#other.row, isNamed: false, recent: 0, score: 0 }
    this.#peers.set(domain, peer)
    return peer
  }

  #mayName(domain: string): boolean {
    return this.#needs.isUp(domain) || this.#needs.isKnown(domain)
  }

  #isFull(): boolean {
    return this.#named >= this.#needs.limits.metricPeers
  }

  /** The named peer that has the least claim to its name. */
  #idlest(): readonly [string, Peer] | undefined {
    let idlest: readonly [string, Peer] | undefined
    for (const entry of this.#peers) {
      const [domain, peer] = entry
      if (!peer.isNamed || this.#watched.has(domain)) continue
      if (idlest === undefined || peer.score < idlest[1].score) idlest = entry
    }
    return idlest
  }

  #name(domain: string, peer: Peer): undefined {
    peer.row = this.#rowOf(domain)
    peer.isNamed = true
    this.#named++
    const { meter, isUp, isFailing, shares } = this.#needs
    meter.gauge('peer_up', { peer: domain }, () => (isFailing(domain) ? 0 : 1))
    meter.gauge('peer_link_up', { peer: domain }, () => (isUp(domain) ? 1 : 0))
    for (const resource of resourcesOfPeers) {
      meter.gauge('peer_share', { peer: domain, resource }, () => {
        const account = shares.tree.find(domain)
        return account === undefined ? 0 : shares.used(account, resource)
      })
    }
    meter.gauge('peer_over', { peer: domain }, () => {
      const account = shares.tree.find(domain)
      return account === undefined ? 0 : overOf(shares, account).length
    })
  }

  #unname(entry: readonly [string, Peer] | undefined): undefined {
    if (entry === undefined) return
    const [domain, peer] = entry
    const { counters, gauges } = this.#needs.meter
    forget(counters.get('peer_messages_total'), domain)
    forget(counters.get('peer_failures_total'), domain)
    forget(counters.get('peer_limit_hits_total'), domain)
    for (const name of ['peer_up', 'peer_link_up', 'peer_share', 'peer_over']) {
      forget(gauges.get(name), domain)
    }
    peer.row = this.#other.row
    peer.isNamed = false
    this.#named--
  }

  #rowOf(peer: string): Row {
    const { meter } = this.#needs
    const directions: readonly Direction[] = ['in', 'out']
    const messages = directions.flatMap((direction) =>
      outcomes.map((outcome) => meter.counter('peer_messages_total', { peer, direction, outcome })),
    )
    return { messages, limitHits: meter.counter('peer_limit_hits_total', { peer }) }
  }
}

type AllSeries = Map<string, { readonly labels: Labels }> | undefined

function forget(series: AllSeries, domain: string): undefined {
  for (const [key, { labels }] of series ?? []) {
    if (labels['peer'] === domain) series?.delete(key)
  }
}
