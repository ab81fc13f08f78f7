/**
 * What is known of the keys of one domain, and what follows from it. Holds no timer and fetches nothing.
 *
 * In:    an Entry, the time, a key id and what the key is wanted for.
 * Out:   Found: the key, a final no, "fetch first", or "not to be had now".
 * Fails: never.
 */
import type { Cancel } from '../lib/clock.ts'
import type { Limits } from '../limits.ts'
import type { KeySet, SetKey } from './key-set.ts'

export type Purpose = 'link' | 'user'

export type Found =
  | { readonly state: 'found'; readonly key: SetKey }
  /** Final: the domain has no such key; the key is not for this, or not for now; the key was revoked. */
  | { readonly state: 'unknown-kid' | 'unfit' | 'revoked' }
  /** Not here, and a fetch may bring it. */
  | { readonly state: 'absent' }
  /** Not here, and it is too early for another fetch. */
  | { readonly state: 'unavailable'; readonly retryAfterMs: number }

/** Times are of the rising clock, in milliseconds. */
export type Entry = {
  readonly domain: string
  /** The last set that was taken. Kept when it is too old to be used: its version must not be undercut. */
  set: KeySet | undefined
  /** A set that shares no key with `set`, while it waits for an operator. */
  held: KeySet | undefined
  /** [LINK-10.5-6] A revoked key id stays revoked, whatever later sets leave out. */
  readonly revoked: Set<string>
  /** The last good fetch; when the next is due; the last try; the earliest next try after a failure. */
  fetchedAt: number
  refreshAt: number
  attemptAt: number
  retryAt: number
  failures: number
  flight: Promise<undefined> | undefined
  abort: AbortController | undefined
  watchers: number
  timer: Cancel | undefined
}

const nothing = {
  set: undefined,
  held: undefined,
  fetchedAt: Number.NEGATIVE_INFINITY,
  refreshAt: Number.POSITIVE_INFINITY,
  attemptAt: Number.NEGATIVE_INFINITY,
  retryAt: Number.NEGATIVE_INFINITY,
  failures: 0,
}

export const newEntry = (domain: string): Entry => ({
  ...nothing,
  domain,
  revoked: new Set(),
  flight: undefined,
  abort: undefined,
  watchers: 0,
  timer: undefined,
})

/** Somebody rests on it, or waits for it. */
export const isInUse = ({ flight, watchers }: Entry): boolean =>
  flight !== undefined || watchers > 0

/** All that was learnt is forgotten; who watches, and what is under way, stays. */
export function reset(entry: Entry): undefined {
  Object.assign(entry, nothing)
  entry.revoked.clear()
}

/** The next fetch may be now, whatever failed before. */
export function retry(entry: Entry): undefined {
  const { attemptAt, retryAt, failures } = nothing
  Object.assign(entry, { attemptAt, retryAt, failures })
}

export type Instant = {
  /** Of the rising clock, in milliseconds. */
  readonly now: number
  /** Seconds since 1970. */
  readonly seconds: number
  readonly limits: Limits
}

export type Question = { readonly kid: string; readonly purpose: Purpose }

/** The key of a set that is young enough to be trusted. */
export function findKey(entry: Entry, question: Question, at: Instant): Found {
  const { set } = entry
  if (entry.revoked.has(question.kid)) return { state: 'revoked' }
  if (entry.held !== undefined) {
    return { state: 'unavailable', retryAfterMs: at.limits.keyFailureCapMs }
  }
  if (set === undefined || isStale(entry, at)) return missing(entry, at)
  const key = set.keys.get(question.kid)
  if (key !== undefined) return fitness(key, question.purpose, at)
  const isFresh = at.now - entry.fetchedAt < at.limits.keyRefetchMs
  return isFresh ? { state: 'unknown-kid' } : missing(entry, at)
}

/** The key of the last set that was taken, however old: for hosts that have to prove what was known before. */
export function findSeenKey(entry: Entry, { kid, purpose }: Question, at: Instant): Found {
  if (entry.revoked.has(kid)) return { state: 'revoked' }
  const key = entry.set?.keys.get(kid)
  return key === undefined ? { state: 'unknown-kid' } : fitness(key, purpose, at)
}

/** Whether a fetch could not tell more about `kid` than is known. */
export const isListed = ({ set, held, revoked }: Entry, kid: string): boolean =>
  revoked.has(kid) || held !== undefined || set?.keys.has(kid) === true

export function fitness(key: SetKey, purpose: Purpose, { seconds, limits }: Instant): Found {
  const skew = limits.clockSkewSeconds
  const isInWindow = key.nbf <= seconds + skew && seconds <= key.naf + skew
  const isForThis = key.use === 'both' || key.use === purpose
  return isInWindow && isForThis ? { state: 'found', key } : { state: 'unfit' }
}

function missing(entry: Entry, at: Instant): Found {
  if (mayFetch(entry, at)) return { state: 'absent' }
  return { state: 'unavailable', retryAfterMs: Math.max(0, nextFetchAt(entry, at) - at.now) }
}

/** Whether asking now gets an answer: one is on its way, or it is time for another fetch. */
export const mayFetch = (entry: Entry, at: Instant): boolean =>
  entry.flight !== undefined || at.now >= nextFetchAt(entry, at)

/** Earliest next fetch, whoever asks. */
export const nextFetchAt = (entry: Entry, { limits }: Instant): number =>
  Math.max(entry.retryAt, entry.attemptAt + limits.keyRefetchMs)

/** [LINK-10.5-5] Whatever the set says of itself, it is not used longer than the hard limit after the last good fetch. */
export const isStale = (entry: Entry, { now, seconds, limits }: Instant): boolean =>
  entry.set === undefined ||
  now - entry.fetchedAt >= limits.keyHardMs ||
  seconds > entry.set.exp + limits.clockSkewSeconds
