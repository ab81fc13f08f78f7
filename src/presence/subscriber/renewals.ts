/**
 * When our subscriptions at other domains are asked for, renewed and given up, domain by domain, and what the state of
 * the way there means for them (RFC 6665 §4.1: the subscriber).
 *
 * In:    watches with their next request and its time; ways won and lost.
 * Out:   `work` when requests are due at a domain; `take` gives them out, as one batch. While there is no way it gives
 *        out one SUBSCRIBE now and then, a probe, which makes somebody look for one.
 *        `stale` for each watch whose last value nobody can vouch for any more, `over` at the end of a lease.
 * Fails: never. Nothing here looks at all watches of a domain, but for the loss and the return of the way there; then part
 *        by part, so that a million of them hold up nobody else.
 */
import type { Domain } from '../../address/domain.ts'
import type { Env } from '../../env.ts'
import { jitter } from '../../lib/random.ts'
import { nowhere, TimerWheel } from '../../lib/timer-wheel.ts'
import {
  againSeconds,
  never,
  type PresentityDomain,
  type RequestKind,
  type WatchRow,
} from './watch.ts'

export type RenewalsPorts = {
  work(domain: Domain): undefined
  stale(watch: WatchRow): undefined
  /** The far side has forgotten `watch` by now. */
  over(watch: WatchRow): undefined
}

/** Parts of a lease (hardening 4.5). From the first on a renewal goes along with others, by the second it is due itself. */
const renewFrom = 0.6
const renewUntil = 0.8

/** Watches that are gone through in one turn; where they take longer than they should, there are fewer of them. */
const turnWatches = 4096
const turnMs = 4

export class Renewals {
  readonly #env: Env
  readonly #ports: RenewalsPorts
  readonly #domains = new Map<Domain, PresentityDomain>()
  readonly #waiting: TimerWheel<'slot', WatchRow>
  readonly #looks: TimerWheel<'slot', PresentityDomain>
  #size = 0

  constructor(env: Env, ports: RenewalsPorts) {
    const { clock } = env
    this.#env = env
    this.#ports = ports
    this.#waiting = new TimerWheel({
      clock,
      tickMs: 1000,
      field: 'slot',
      due: (watch) => (watch.endsAt <= this.now() ? ports.over(watch) : this.#ripen(watch)),
    })
    this.#looks = new TimerWheel({
      clock,
      tickMs: 1000,
      field: 'slot',
      due: (domain) => this.#look(domain),
    })
  }

  /** Whole seconds, the time of everything here. */
  now(): number {
    return Math.floor(this.#env.clock.now() / 1000)
  }

  find(domain: Domain, id: string): WatchRow | undefined {
    return this.#domains.get(domain)?.watches.get(id)
  }

  /** What is held at the domains that `isMeant`. */
  at(isMeant: (domain: Domain) => boolean): readonly WatchRow[] {
    return [...this.#domains.values()]
      .filter(({ domain }) => isMeant(domain))
      .flatMap(({ watches }) => [...watches.values()])
  }

  get size(): number {
    return this.#size
  }

  count(domain: Domain): number {
    return this.#domains.get(domain)?.watches.size ?? 0
  }

  add(watch: WatchRow): undefined {
    const { domain } = watch.presentity
    const there = this.#domains.get(domain) ?? newDomain(domain)
    this.#domains.set(domain, there)
    there.watches.set(watch.id, watch)
    this.#size++
  }

  remove(watch: WatchRow): undefined {
    const there = this.#domains.get(watch.presentity.domain)
    this.#waiting.delete(watch)
    there?.due[watch.next].delete(watch)
    if (there?.watches.delete(watch.id)) this.#size--
    if (there?.watches.size !== 0) return
    this.#looks.delete(there)
    this.#domains.delete(there.domain)
  }

  /** `watch` has this request next, from `at` on. */
  plan(watch: WatchRow, kind: RequestKind, at: number): undefined {
    this.#schedule(watch, kind, at, at)
  }

  /** `watch` was granted its lease just now. */
  planRenewal(watch: WatchRow): undefined {
    const now = this.now()
    const { leaseSeconds } = watch
    const at = Math.floor(jitter(this.#env.random, leaseSeconds, renewFrom, renewUntil))
    this.#schedule(watch, 'renew', now + Math.floor(renewFrom * leaseSeconds), now + at)
  }

  /** The request of `watch` is on its way; without an answer it is given out again. */
  give(watch: WatchRow, kind: RequestKind): undefined {
    const { random, limits } = this.#env
    this.#domains.get(watch.presentity.domain)?.due[watch.next].delete(watch)
    watch.next = kind
    watch.isAsked = true
    watch.nextAt = this.now() + againSeconds(watch.attempts++, random, limits)
    this.#waiting.set(watch, Math.min(watch.nextAt, watch.endsAt) * 1000)
  }

  /** Gives out what is due; of renewals also what will be due before long. */
  take(domain: Domain, kind: RequestKind, atMost: number): readonly WatchRow[] {
    const there = this.#domains.get(domain)
    if (there === undefined) return []
    if (there.isLost) return kind === 'subscribe' ? this.#probe(there) : []
    const taken: WatchRow[] = []
    for (const watch of there.due[kind]) {
      if (taken.length >= atMost) break
      taken.push(watch)
      this.give(watch, kind)
    }
    if (isIdle(there)) there.dueAt = never
    else if (there.due[kind].size > 0) there.dueAt = this.now()
    this.#arm(there)
    return taken
  }

  /** [LINK-6.14-3] No way leads there: what the domain said is shown for `keepMs` more, and `unknown` after that. */
  lost(domain: Domain, keepMs: number): undefined {
    const there = this.#domains.get(domain)
    if (there === undefined || there.isLost) return
    there.isLost = true
    there.walk = undefined
    there.probeAt = this.now()
    there.unknownAt = Math.ceil((this.#env.clock.now() + keepMs) / 1000)
    this.#arm(there)
  }

  /**
   * [LINK-6.14-2] There is a way: after a loss everything is subscribed again, or if the far side `isNew`; else what
   * waits for another try is tried now.
   */
  found(domain: Domain, isNew: boolean): undefined {
    const there = this.#domains.get(domain)
    if (there === undefined) return
    if (there.isLost || isNew) return this.#resubscribe(there)
    // What is on its way already goes out now.
    if (there.walk !== undefined) return
    this.#walk(there, (watch) => {
      if (watch.next !== 'renew' && !watch.isAsked) this.plan(watch, watch.next, this.now())
    })
  }

  stop(): undefined {
    this.#waiting.stop()
    this.#looks.stop()
  }

  /** The far side may know nothing of what we hold there. What was asked while there was no way has its answer to come. */
  #resubscribe(there: PresentityDomain): undefined {
    const wasLost = there.isLost
    there.isLost = false
    there.unknownAt = never
    this.#walk(there, (watch) => {
      watch.attempts = 0
      if (wasLost && watch.next === 'subscribe' && watch.isAsked) return
      if (watch.next !== 'unsubscribe') watch.state = 'asking'
      this.plan(watch, watch.next === 'unsubscribe' ? 'unsubscribe' : 'subscribe', this.now())
    })
  }

  /** Goes through all that is held there now, a part in each turn; what is due then is called out. A later walk ends it. */
  #walk(there: PresentityDomain, each: (watch: WatchRow) => undefined): undefined {
    const all = [...there.watches.values()]
    there.walk = all
    const part = (from: number): undefined => {
      if (there.walk !== all) return
      const { clock } = this.#env
      const until = clock.now() + turnMs
      let at = from
      for (; at < Math.min(all.length, from + turnWatches); at++) {
        if (at % 64 === 63 && clock.now() > until) break
        const watch = all[at] as WatchRow
        if (there.watches.get(watch.id) === watch) each(watch)
      }
      if (at < all.length) clock.soon(() => part(at))
      else there.walk = undefined
      if (!there.isLost && !isIdle(there)) this.#ports.work(there.domain)
    }
    part(0)
  }

  /** The request may go out from `from` on, and has to from `at` on. */
  #schedule(watch: WatchRow, kind: RequestKind, from: number, at: number): undefined {
    this.#domains.get(watch.presentity.domain)?.due[watch.next].delete(watch)
    watch.next = kind
    watch.nextAt = at
    watch.isAsked = false
    if (from <= this.now()) this.#ripen(watch)
    else this.#waiting.set(watch, Math.min(from, watch.endsAt) * 1000)
  }

  /** `watch` can be taken; its lease may end before somebody does. */
  #ripen(watch: WatchRow): undefined {
    const there = this.#domains.get(watch.presentity.domain)
    if (there === undefined) return
    there.due[watch.next].add(watch)
    if (watch.endsAt < never) this.#waiting.set(watch, watch.endsAt * 1000)
    else this.#waiting.delete(watch)
    there.dueAt = Math.min(there.dueAt, watch.nextAt)
    this.#arm(there)
  }

  #probe(there: PresentityDomain): readonly WatchRow[] {
    if (!there.mayProbe) return []
    there.mayProbe = false
    for (const watch of there.watches.values()) {
      if (watch.next === 'unsubscribe') continue
      watch.state = 'asking'
      this.give(watch, 'subscribe')
      return [watch]
    }
    return []
  }

  #arm(there: PresentityDomain): undefined {
    const at = Math.min(there.isLost ? there.probeAt : there.dueAt, there.unknownAt)
    if (at < never) this.#looks.set(there, at * 1000)
    else this.#looks.delete(there)
  }

  #look(there: PresentityDomain): undefined {
    const now = this.now()
    const { random, limits } = this.#env
    if (there.unknownAt <= now) {
      there.unknownAt = never
      this.#walk(there, (watch) => this.#ports.stale(watch))
    }
    const isDue = (there.isLost ? there.probeAt : there.dueAt) <= now
    if (isDue) {
      // What nobody takes is called out again.
      const againAt = now + againSeconds(0, random, limits)
      there.mayProbe = there.isLost
      if (there.isLost) there.probeAt = againAt
      else there.dueAt = againAt
    }
    this.#arm(there)
    if (isDue) this.#ports.work(there.domain)
  }
}

const newDomain = (domain: Domain): PresentityDomain => ({
  domain,
  watches: new Map(),
  due: { subscribe: new Set(), renew: new Set(), unsubscribe: new Set() },
  dueAt: never,
  isLost: false,
  probeAt: never,
  mayProbe: false,
  unknownAt: never,
  walk: undefined,
  slot: nowhere,
})

const isIdle = ({ due }: PresentityDomain): boolean =>
  due.subscribe.size + due.renew.size + due.unsubscribe.size === 0
