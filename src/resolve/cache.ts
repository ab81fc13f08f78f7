/**
 * Resolve: what DNS said lately.
 *
 * In:    a name and a type, and whether an answer that has run out may serve.
 * Out:   the outcome, where it came from, how old it is and how long it will be used.
 * Fails: never. "Could not find out" is an outcome, and is remembered too.
 * Spec:  RFC 2308 (negative answers), RFC 9520 (failures, one question at a time),
 *        RFC 8767 (answers that have run out).
 */
import { backOff } from '../lib/back-off.ts'
import { type BoundedMap, boundedMap } from '../lib/bounded-map.ts'
import { type Clock, sleep } from '../lib/clock.ts'
import type { Meter } from '../lib/meter.ts'
import type { Limits } from '../limits.ts'
import type { Account } from '../shares/account.ts'
import { Flights } from './flights.ts'
import type { Lookup } from './lookup.ts'
import type { RecordType } from './message.ts'
import type { Outcome } from './outcome.ts'

export type Found = {
  readonly outcome: Outcome
  /** `shared`: somebody had asked the same already, and this is what both were told. */
  readonly source: 'network' | 'cache' | 'shared' | 'stale'
  readonly ageMs: number
  /** How long it will still be used; below 0: how long ago it ran out. */
  readonly leftMs: number
}

export type Wish = {
  readonly name: string
  readonly type: RecordType
  /** Only to reach a domain that was proven before: the proof still stands between us and a wrong host. */
  readonly mayBeStale: boolean
  readonly signal: AbortSignal
  /** On whose account it is asked. */
  readonly payer?: Account | undefined
}

type Kept = {
  readonly outcome: Outcome
  readonly at: number
  readonly until: number
  /** How many failures came before this one, one soon after the other. */
  readonly failures: number
}
type Entry = {
  readonly latest: Kept
  /** The last answer with records: what may serve while DNS fails. "No" ends it, failures do not. */
  readonly good: Kept | undefined
}

export type Needs = {
  readonly lookup: Lookup
  readonly clock: Clock
  readonly limits: Limits
  readonly meter: Meter
}

export class DnsCache {
  readonly #lookup: Lookup
  readonly #clock: Clock
  readonly #limits: Limits
  readonly #meter: Meter
  readonly #entries: BoundedMap<Entry>
  readonly #flights = new Flights((key, outcome) => this.#keep(key, outcome))

  constructor({ lookup, clock, limits, meter }: Needs) {
    this.#lookup = lookup
    this.#clock = clock
    this.#limits = limits
    this.#meter = meter
    this.#entries = boundedMap({
      most: limits.dnsCacheEntries,
      // An answer may hold hundreds of records: the whole is bounded, not only the number of answers.
      weight: {
        most: limits.dnsCacheEntries * limits.dnsRecords,
        of: ({ latest, good }) => 1 + (good ?? latest).outcome.records.length,
      },
      forgotten: () => meter.hit('dnsCacheEntries'),
    })
    meter.gauge('dns_cache_entries', {}, () => this.#entries.size)
  }

  async find(wish: Wish): Promise<Found> {
    const entry = this.#entries.get(keyOf(wish))
    const stale = wish.mayBeStale ? this.#stale(entry) : undefined
    const found =
      entry !== undefined && this.#isFresh(entry)
        ? this.#found(entry.latest, 'cache')
        : await this.#ask(wish, stale)
    const { outcome } = found
    const isLost = outcome.kind === 'failure' && outcome.failure !== 'cancelled'
    const given = isLost && stale !== undefined ? stale : found
    this.#count(wish.type, given)
    return given
  }

  /** Nobody needs to be asked. */
  isFresh({ name, type }: Pick<Wish, 'name' | 'type'>): boolean {
    const entry = this.#entries.peek(`${type} ${name}`)
    return entry !== undefined && this.#isFresh(entry)
  }

  /** The last answer with records, if there is one. */
  lastGood({ name, type }: Pick<Wish, 'name' | 'type'>): Outcome | undefined {
    return this.#entries.peek(`${type} ${name}`)?.good?.outcome
  }

  /** What is known of the names that `isMeant` picks has run out, and is asked for anew; how many answers that were. */
  flush(isMeant: (name: string) => boolean): number {
    const now = this.#clock.now()
    const isMeantKey = (key: string) => isMeant(key.slice(key.indexOf(' ') + 1))
    const keys = [...this.#entries.keys()].filter(isMeantKey)
    for (const key of keys) {
      const good = this.#entries.peek(key)?.good
      if (good === undefined) this.#entries.delete(key)
      else {
        const ended = { ...good, until: Math.min(good.until, now) }
        this.#entries.set(key, { latest: ended, good: ended })
      }
    }
    this.#flights.forget(isMeantKey)
    return keys.length
  }

  /** Asks, or waits with those who asked. With something stale at hand the wait is one try, and the question goes on. */
  async #ask(wish: Wish, stale: Found | undefined): Promise<Found> {
    const { name, type, signal, payer } = wish
    const key = keyOf(wish)
    const source = this.#flights.has(key) ? 'shared' : 'network'
    const flight = this.#flights.join(
      key,
      (ended) => this.#lookup(name, type, ended, payer),
      signal,
    )
    const outcome = await (stale === undefined ? flight : this.#patiently(flight))
    if (outcome === undefined) return stale as Found
    const kept = this.#entries.peek(key)?.latest
    const now = this.#clock.now()
    const asNew = { outcome, at: now, until: now, failures: 0 }
    return this.#found(kept?.outcome === outcome ? kept : asNew, source)
  }

  async #patiently(flight: Promise<Outcome>): Promise<Outcome | undefined> {
    const ended = new AbortController()
    try {
      return await Promise.race([flight, sleep(this.#clock, this.#limits.dnsTryMs, ended.signal)])
    } finally {
      ended.abort()
    }
  }

  #keep(key: string, outcome: Outcome): undefined {
    // That one asks too much says nothing about the name.
    if (outcome.failure === 'busy') return
    const at = this.#clock.now()
    const previous = this.#entries.peek(key)
    const failures = outcome.kind === 'failure' ? this.#failuresBefore(previous) : 0
    const kept = { outcome, at, until: at + this.#lifeMs(outcome, failures), failures }
    const good = outcome.kind === 'records' ? kept : undefined
    this.#entries.set(key, {
      latest: kept,
      good: outcome.kind === 'failure' ? previous?.good : good,
    })
  }

  #lifeMs({ kind, ttlMs }: Outcome, failures: number): number {
    const limits = this.#limits
    switch (kind) {
      case 'records':
        return clamp(ttlMs, limits.dnsMinTtlMs, limits.dnsMaxTtlMs)
      case 'nxdomain':
      case 'nodata':
        return clamp(ttlMs, limits.dnsMinNegativeMs, limits.dnsMaxNegativeMs)
      case 'failure':
        return backOff(failures, limits.dnsMinFailureMs, limits.dnsMaxFailureMs)
    }
  }

  /** 0 if the answer before this one was no failure, or long ago. */
  #failuresBefore(previous: Entry | undefined): number {
    if (previous?.latest.outcome.kind !== 'failure') return 0
    const { until, failures } = previous.latest
    return until + this.#limits.dnsMaxFailureMs > this.#clock.now() ? failures + 1 : 0
  }

  #isFresh({ latest }: Entry): boolean {
    return latest.until > this.#clock.now()
  }

  #stale(entry: Entry | undefined): Found | undefined {
    const good = entry?.good
    if (good === undefined || good.until + this.#limits.dnsStaleMs <= this.#clock.now()) return
    return this.#found(good, 'stale')
  }

  #found({ outcome, at, until }: Kept, source: Found['source']): Found {
    const now = this.#clock.now()
    return { outcome, source, ageMs: now - at, leftMs: until - now }
  }

  #count(type: RecordType, { source, outcome }: Found): undefined {
    const asked = outcome.kind === 'records' ? 'miss_ok' : outcome.kind
    const words = { cache: 'hit', shared: 'coalesced', stale: 'stale', network: asked }
    this.#meter.counter('dns_lookups_total', { type, outcome: words[source] }).n += 1
  }
}

const keyOf = ({ name, type }: Wish): string => `${type} ${name}`

const clamp = (ms: number, low: number, high: number): number => Math.min(Math.max(ms, low), high)
