/**
 * The keys of other domains: fetched once, kept for a while, never older than the last one seen.
 *
 * In:    a domain and a key id; KEYS bodies by way of `fetch`; keys that are pinned.
 * Out:   `find` answers at once; `ensure` fetches under the rules (single flight, back-off, one retry per 30 s for an
 *        unknown key id); `onChange` tells when the keys of a domain are no longer what they were.
 * Fails: nothing rejects. A set that cannot be had or taken is logged, and `find` says `unavailable`.
 * Spec:  draft §5.3.3 (asking the domain back), RFC 7638 (key ids of ours).
 */
import { type BoundedMap, boundedMap } from '../lib/bounded-map.ts'
import type { Cancel, Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import type { Meter } from '../lib/meter.ts'
import type { Random } from '../lib/random.ts'
import type { Limits } from '../limits.ts'
import {
  type Entry,
  type Found,
  findKey,
  findSeenKey,
  type Instant,
  isInUse,
  isListed,
  isStale,
  mayFetch,
  newEntry,
  type Purpose,
  reset,
  retry,
} from './key-entry.ts'
import { type FetchKeys, KeyFetcher } from './key-fetcher.ts'
import type { SetKey } from './key-set.ts'
import { findPinned } from './pinned-keys.ts'

export type KeyStoreNeeds = {
  readonly fetch: FetchKeys
  /** Domains whose keys are given; they are never fetched. */
  readonly pinned: ReadonlyMap<string, readonly SetKey[]>
  /** `hold`: a set that shares no key with the last one is not used until `confirm`. */
  readonly discontinuity: 'accept' | 'hold'
  readonly clock: Clock
  readonly random: Random
  readonly limits: Limits
  readonly meter: Meter
  readonly log: Log
}

export type KeyView = {
  readonly ver: number
  readonly hash: string
  readonly kids: readonly string[]
  readonly ageMs: number
  readonly isStale: boolean
  readonly held: { readonly ver: number; readonly hash: string } | undefined
  readonly failures: number
}

export type KeyStore = {
  readonly find: (domain: string, kid: string, purpose: Purpose) => Found
  /** As `find`, but in the pinned or last taken set alone, however old. */
  readonly findSeen: (domain: string, kid: string, purpose: Purpose) => Found
  /** Resolves when `find` has its best answer; `kid` undefined: any usable set will do. */
  readonly ensure: (domain: string, kid: string | undefined) => Promise<undefined>
  /** The domain says that its keys changed: fetches as soon as the rules allow. */
  readonly refresh: (domain: string) => Promise<undefined>
  /** Whether keys of the domain are pinned or were ever taken. */
  readonly known: (domain: string) => boolean
  /** Whether a fetch is under way: who wants the keys too waits for the same. */
  readonly isFetching: (domain: string) => boolean
  readonly seenKeyIds: (domain: string) => readonly string[]
  /** Keeps the set of `domain` fresh, used or not, until cancelled: for as long as a link rests on it. */
  readonly watch: (domain: string) => Cancel
  readonly onChange: (listener: (domain: string) => undefined) => Cancel
  /** An operator takes the set that is held. */
  readonly confirm: (domain: string) => boolean
  /** An operator lets the domain start anew, its last version included. */
  readonly forget: (domain: string) => boolean
  /** An operator ends the waits after failed fetches, of one domain or of all; how many there were. */
  readonly tryAgain: (domain: string | undefined) => number
  readonly view: (domain: string) => KeyView | undefined
  readonly close: () => undefined
}

export const createKeyStore = (needs: KeyStoreNeeds): KeyStore => new Store(needs)

class Store implements KeyStore {
  readonly #needs: KeyStoreNeeds
  readonly #fetcher: KeyFetcher
  /** Each domain stands in one of three. These are watched, or their fetch is under way: they are not forgotten. */
  readonly #inUse = new Map<string, Entry>()
  /** Domains that answered once, and domains that did not: a flood of inventions pushes out inventions only. */
  readonly #taken: BoundedMap<Entry>
  readonly #strangers: BoundedMap<Entry>
  readonly #listeners = new Set<(domain: string) => undefined>()

  constructor(needs: KeyStoreNeeds) {
    const { limits, meter } = needs
    const bounds = { most: limits.keySets, forgotten: () => meter.hit('keySets') }
    this.#needs = needs
    this.#taken = boundedMap(bounds)
    this.#strangers = boundedMap(bounds)
    this.#fetcher = new KeyFetcher({
      ...needs,
      onChange: ({ domain }) => this.#tell(domain),
      landed: (entry) => this.#place(entry),
    })
    meter.gauge('key_sets', {}, () => this.#size)
  }

  readonly find = (domain: string, kid: string, purpose: Purpose): Found => {
    const at = this.#instant()
    const pinned = this.#needs.pinned.get(domain)
    if (pinned !== undefined) return findPinned(pinned, kid, purpose, at)
    const entry = this.#entry(domain)
    if (entry === undefined) return { state: 'absent' }
    const found = findKey(entry, { kid, purpose }, at)
    if (at.now >= entry.refreshAt && mayFetch(entry, at)) void this.#fetch(entry)
    return found
  }

  readonly findSeen = (domain: string, kid: string, purpose: Purpose): Found => {
    const at = this.#instant()
    const pinned = this.#needs.pinned.get(domain)
    if (pinned !== undefined) return findPinned(pinned, kid, purpose, at)
    const entry = this.#entry(domain)
    return entry === undefined ? unknown : findSeenKey(entry, { kid, purpose }, at)
  }

  readonly ensure = async (domain: string, kid: string | undefined): Promise<undefined> => {
    if (this.#needs.pinned.has(domain)) return
    const entry = this.#entryOrNew(domain)
    const at = this.#instant()
    const isHere = !isStale(entry, at) && (kid === undefined || isListed(entry, kid))
    if (!isHere && mayFetch(entry, at)) await this.#fetch(entry)
  }

  readonly refresh = async (domain: string): Promise<undefined> => {
    const entry = this.#entry(domain)
    if (entry === undefined) return
    const at = this.#instant()
    // Where it is too early now, the watch or the next look makes up for it.
    entry.refreshAt = Math.min(entry.refreshAt, at.now)
    if (mayFetch(entry, at)) await this.#fetch(entry)
    else this.#fetcher.arm(entry)
  }

  readonly known = (domain: string): boolean => this.seenKeyIds(domain).length > 0

  readonly isFetching = (domain: string): boolean => this.#entry(domain)?.flight !== undefined

  readonly seenKeyIds = (domain: string): readonly string[] => {
    const pinned = this.#needs.pinned.get(domain)
    if (pinned !== undefined) return pinned.map(({ kid }) => kid)
    return [...(this.#entry(domain)?.set?.keys.keys() ?? [])]
  }

  readonly watch = (domain: string): Cancel => {
    if (this.#needs.pinned.has(domain)) return () => undefined
    const entry = this.#entryOrNew(domain)
    let isWatching = true
    entry.watchers++
    this.#place(entry)
    this.#fetcher.arm(entry)
    return () => {
      if (!isWatching) return
      isWatching = false
      entry.watchers--
      this.#place(entry)
      this.#fetcher.arm(entry)
    }
  }

  readonly onChange = (listener: (domain: string) => undefined): Cancel => {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  readonly confirm = (domain: string): boolean => {
    const entry = this.#entry(domain)
    if (entry?.held === undefined) return false
    this.#fetcher.take(entry, entry.held)
    return true
  }

  readonly forget = (domain: string): boolean => {
    const entry = this.#entry(domain)
    if (entry === undefined) return false
    reset(entry)
    this.#place(entry)
    this.#tell(domain)
    return true
  }

  readonly tryAgain = (domain: string | undefined): number => {
    const { now } = this.#instant()
    let count = 0
    for (const entry of domain === undefined ? this.#all() : [this.#entry(domain)]) {
      if (entry === undefined || entry.retryAt <= now) continue
      count++
      retry(entry)
      this.#fetcher.arm(entry)
    }
    return count
  }

  readonly view = (domain: string): KeyView | undefined => {
    const entry = this.#entry(domain)
    if (entry?.set === undefined) return undefined
    const at = this.#instant()
    const { set, held, failures } = entry
    return {
      ver: set.ver,
      hash: set.hash,
      kids: [...set.keys.keys()],
      ageMs: at.now - entry.fetchedAt,
      isStale: isStale(entry, at),
      held: held && { ver: held.ver, hash: held.hash },
      failures,
    }
  }

  readonly close = (): undefined => {
    this.#fetcher.close([...this.#inUse.values()])
    this.#listeners.clear()
  }

  #instant(): Instant {
    const { clock, limits } = this.#needs
    return { now: clock.now(), seconds: Math.floor(clock.wall() / 1000), limits }
  }

  *#all(): Generator<Entry | undefined> {
    yield* [...this.#inUse.values()]
    for (const map of [this.#taken, this.#strangers]) {
      for (const domain of [...map.keys()]) yield map.peek(domain)
    }
  }

  #entry(domain: string): Entry | undefined {
    return this.#inUse.get(domain) ?? this.#taken.get(domain) ?? this.#strangers.get(domain)
  }

  #entryOrNew(domain: string): Entry {
    const known = this.#entry(domain)
    if (known !== undefined) return known
    const entry = newEntry(domain)
    this.#place(entry)
    return entry
  }

  /** Who asks for the same domain meanwhile, or from inside the fetch, finds the entry. */
  #fetch(entry: Entry): Promise<undefined> {
    const landed = this.#fetcher.start(entry)
    this.#place(entry)
    return landed
  }

  /** Puts `entry` where it belongs now. */
  #place(entry: Entry): undefined {
    const { domain, set } = entry
    this.#inUse.delete(domain)
    this.#taken.delete(domain)
    this.#strangers.delete(domain)
    if (isInUse(entry)) this.#inUse.set(domain, entry)
    else (set === undefined ? this.#strangers : this.#taken).set(domain, entry)
  }

  get #size(): number {
    let size = this.#taken.size
    for (const { set } of this.#inUse.values()) if (set !== undefined) size++
    return size
  }

  #tell(domain: string): undefined {
    for (const listener of this.#listeners) listener(domain)
  }
}

const unknown: Found = { state: 'unknown-kid' }
