/**
 * The errands of our watches, domain by domain, and what the state of a link means for them.
 *
 * In:    watches with an errand and its time; links won and lost.
 * Out:   `work` when a domain has errands; `take` gives them out, as one batch. While the link is lost it gives out one
 *        SUBSCRIBE now and then, which makes somebody look for a link.
 *        `stale` for each watch whose last value nobody can vouch for any more, `over` at the end of a lease.
 * Fails: never. Nothing here looks at all watches of a domain, but for the loss and the return of its link.
 */
import type { Domain } from '../address/domain.ts'
import type { Clock } from '../lib/clock.ts'
import { jitter, type Random } from '../lib/random.ts'
import { nowhere, TimerWheel } from '../lib/timer-wheel.ts'
import type { Limits } from '../limits.ts'
import { againSeconds, type Errand, never, type Peer, type WatchRow } from './watch.ts'

export type AgendaNeeds = {
  readonly clock: Clock
  readonly random: Random
  readonly limits: Limits
  readonly work: (domain: Domain) => undefined
  readonly stale: (watch: WatchRow) => undefined
  /** The far side has forgotten `watch` by now. */
  readonly over: (watch: WatchRow) => undefined
}

/** Parts of a lease (hardening 4.5). From the first on a renewal goes along with others, by the second it is due itself. */
const renewFrom = 0.6
const renewUntil = 0.8

export class Agenda {
  readonly #needs: AgendaNeeds
  readonly #peers = new Map<Domain, Peer>()
  readonly #waiting: TimerWheel<'slot', WatchRow>
  readonly #looks: TimerWheel<'slot', Peer>
  #size = 0

  constructor(needs: AgendaNeeds) {
    const { clock } = needs
    this.#needs = needs
    this.#waiting = new TimerWheel({
      clock,
      tickMs: 1000,
      field: 'slot',
      due: (watch) => (watch.endsAt <= this.now() ? needs.over(watch) : this.#ripen(watch)),
    })
    this.#looks = new TimerWheel({
      clock,
      tickMs: 1000,
      field: 'slot',
      due: (peer) => this.#look(peer),
    })
  }

  /** Whole seconds, the time of everything here. */
  now(): number {
    return Math.floor(this.#needs.clock.now() / 1000)
  }

  find(domain: Domain, id: string): WatchRow | undefined {
    return this.#peers.get(domain)?.watches.get(id)
  }

  /** What is held at the domains that `isMeant`. */
  at(isMeant: (domain: Domain) => boolean): readonly WatchRow[] {
    return [...this.#peers.values()]
      .filter(({ domain }) => isMeant(domain))
      .flatMap(({ watches }) => [...watches.values()])
  }

  get size(): number {
    return this.#size
  }

  count(domain: Domain): number {
    return this.#peers.get(domain)?.watches.size ?? 0
  }

  add(watch: WatchRow): undefined {
    const { domain } = watch.presentity
    const peer = this.#peers.get(domain) ?? newPeer(domain)
    this.#peers.set(domain, peer)
    peer.watches.set(watch.id, watch)
    this.#size++
  }

  remove(watch: WatchRow): undefined {
    const peer = this.#peers.get(watch.presentity.domain)
    this.#waiting.delete(watch)
    peer?.todo[watch.errand].delete(watch)
    if (peer?.watches.delete(watch.id)) this.#size--
    if (peer?.watches.size !== 0) return
    this.#looks.delete(peer)
    this.#peers.delete(peer.domain)
  }

  /** `watch` has this errand next, from `at` on. */
  plan(watch: WatchRow, errand: Errand, at: number): undefined {
    this.#schedule(watch, errand, at, at)
  }

  /** `watch` was granted its lease just now. */
  planRenewal(watch: WatchRow): undefined {
    const now = this.now()
    const { leaseSeconds } = watch
    const at = Math.floor(jitter(this.#needs.random, leaseSeconds, renewFrom, renewUntil))
    this.#schedule(watch, 'renew', now + Math.floor(renewFrom * leaseSeconds), now + at)
  }

  /** `watch` is on its way with `errand`; without an answer it is given out again. */
  give(watch: WatchRow, errand: Errand): undefined {
    const { random, limits } = this.#needs
    this.#peers.get(watch.presentity.domain)?.todo[watch.errand].delete(watch)
    watch.errand = errand
    watch.isAsked = true
    watch.errandAt = this.now() + againSeconds(watch.attempts++, random, limits)
    this.#waiting.set(watch, Math.min(watch.errandAt, watch.endsAt) * 1000)
  }

  /** Gives out what is due; of renewals also what will be due before long. */
  take(domain: Domain, errand: Errand, atMost: number): readonly WatchRow[] {
    const peer = this.#peers.get(domain)
    if (peer === undefined) return []
    if (peer.isLost) return errand === 'subscribe' ? this.#probe(peer) : []
    const taken: WatchRow[] = []
    for (const watch of peer.todo[errand]) {
      if (taken.length >= atMost) break
      taken.push(watch)
      this.give(watch, errand)
    }
    if (isIdle(peer)) peer.dueAt = never
    else if (peer.todo[errand].size > 0) peer.dueAt = this.now()
    this.#arm(peer)
    return taken
  }

  /** The link is gone: what its domain said is shown for `keepMs` more, and `unknown` after that. */
  linkLost(domain: Domain, keepMs: number): undefined {
    const peer = this.#peers.get(domain)
    if (peer === undefined || peer.isLost) return
    peer.isLost = true
    peer.probeAt = this.now()
    peer.unknownAt = Math.ceil((this.#needs.clock.now() + keepMs) / 1000)
    this.#arm(peer)
  }

  /**
   * [LINK-6.14-2] There is a link: after a loss everything is subscribed again, or if the far side `isNew`; else what
   * waits for another try is tried now.
   */
  linkUp(domain: Domain, isNew: boolean): undefined {
    const peer = this.#peers.get(domain)
    if (peer === undefined) return
    if (peer.isLost || isNew) return this.#resubscribe(peer)
    for (const watch of peer.watches.values()) {
      if (watch.errand !== 'renew' && !watch.isAsked) this.plan(watch, watch.errand, this.now())
    }
    if (!isIdle(peer)) this.#needs.work(domain)
  }

  stop(): undefined {
    this.#waiting.stop()
    this.#looks.stop()
  }

  /** The far side may know nothing of what we hold there. What was asked while there was no link has its answer to come. */
  #resubscribe(peer: Peer): undefined {
    const wasLost = peer.isLost
    peer.isLost = false
    peer.unknownAt = never
    for (const watch of peer.watches.values()) {
      watch.attempts = 0
      if (wasLost && watch.errand === 'subscribe' && watch.isAsked) continue
      if (watch.errand !== 'unsubscribe') watch.state = 'asking'
      this.plan(watch, watch.errand === 'unsubscribe' ? 'unsubscribe' : 'subscribe', this.now())
    }
    this.#needs.work(peer.domain)
  }

  /** `errand` may be done from `from` on, and has to be from `at` on. */
  #schedule(watch: WatchRow, errand: Errand, from: number, at: number): undefined {
    this.#peers.get(watch.presentity.domain)?.todo[watch.errand].delete(watch)
    watch.errand = errand
    watch.errandAt = at
    watch.isAsked = false
    if (from <= this.now()) this.#ripen(watch)
    else this.#waiting.set(watch, Math.min(from, watch.endsAt) * 1000)
  }

  /** `watch` can be taken; its lease may end before somebody does. */
  #ripen(watch: WatchRow): undefined {
    const peer = this.#peers.get(watch.presentity.domain)
    if (peer === undefined) return
    peer.todo[watch.errand].add(watch)
    if (watch.endsAt < never) this.#waiting.set(watch, watch.endsAt * 1000)
    else this.#waiting.delete(watch)
    peer.dueAt = Math.min(peer.dueAt, watch.errandAt)
    this.#arm(peer)
  }

  #probe(peer: Peer): readonly WatchRow[] {
    if (!peer.mayProbe) return []
    peer.mayProbe = false
    for (const watch of peer.watches.values()) {
      if (watch.errand === 'unsubscribe') continue
      watch.state = 'asking'
      this.give(watch, 'subscribe')
      return [watch]
    }
    return []
  }

  #arm(peer: Peer): undefined {
    const at = Math.min(peer.isLost ? peer.probeAt : peer.dueAt, peer.unknownAt)
    if (at < never) this.#looks.set(peer, at * 1000)
    else this.#looks.delete(peer)
  }

  #look(peer: Peer): undefined {
    const now = this.now()
    const { random, limits, stale, work } = this.#needs
    if (peer.unknownAt <= now) {
      peer.unknownAt = never
      for (const watch of peer.watches.values()) stale(watch)
    }
    const isDue = (peer.isLost ? peer.probeAt : peer.dueAt) <= now
    if (isDue) {
      // What nobody takes is called out again.
      const againAt = now + againSeconds(0, random, limits)
      peer.mayProbe = peer.isLost
      if (peer.isLost) peer.probeAt = againAt
      else peer.dueAt = againAt
    }
    this.#arm(peer)
    if (isDue) work(peer.domain)
  }
}

const newPeer = (domain: Domain): Peer => ({
  domain,
  watches: new Map(),
  todo: { subscribe: new Set(), renew: new Set(), unsubscribe: new Set() },
  dueAt: never,
  isLost: false,
  probeAt: never,
  mayProbe: false,
  unknownAt: never,
  slot: nowhere,
})

const isIdle = ({ todo }: Peer): boolean =>
  todo.subscribe.size + todo.renew.size + todo.unsubscribe.size === 0
