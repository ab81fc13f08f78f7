/**
 * Fetches key sets and decides which to take.
 *
 * In:    the Entry of a domain; KEYS bodies by way of `fetch`.
 * Out:   the Entry, changed; `onChange` after a change that others must know of, `landed` after each fetch.
 * Fails: a failed fetch leaves the last set as it is and makes the next try wait: 60 s, doubling to 15 min. It takes the
 *        whole time of a fetch, however soon it failed: [LINK-6.1-3]. Where DNS failed it is 5 s.
 */
import { GatewayError, type Status } from '../errors.ts'
import { backOff } from '../lib/back-off.ts'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import type { Meter } from '../lib/meter.ts'
import { jitter, type Random } from '../lib/random.ts'
import type { Limits } from '../limits.ts'
import { type Entry, type Instant, isStale, nextFetchAt } from './key-entry.ts'
import { type KeySet, maxRevoked, parseKeySet, sharesKey, succession } from './key-set.ts'
import { isPublishedTestKey } from './known-keys.ts'

/** The body of the answer of `domain` to KEYS. To reject with `busy` says that nothing was asked. */
export type FetchKeys = (domain: string, signal: AbortSignal) => Promise<Buffer>

export type KeyFetcherNeeds = {
  readonly fetch: FetchKeys
  readonly discontinuity: 'accept' | 'hold'
  readonly onChange: (entry: Entry) => undefined
  readonly landed: (entry: Entry) => undefined
  readonly clock: Clock
  readonly random: Random
  readonly limits: Limits
  readonly meter: Meter
  readonly log: Log
}

export class KeyFetcher {
  readonly #needs: KeyFetcherNeeds
  #isClosed = false

  constructor(needs: KeyFetcherNeeds) {
    this.#needs = needs
  }

  /** Joins the fetch that is under way, or starts one. Never rejects. */
  async start(entry: Entry): Promise<undefined> {
    if (this.#isClosed) return
    entry.flight ??= this.#fly(entry)
    await entry.flight
  }

  /** While the entry is watched, a timer waits for its next fetch. */
  arm(entry: Entry): undefined {
    entry.timer?.()
    entry.timer = undefined
    const isDue = Number.isFinite(entry.refreshAt) && entry.flight === undefined
    if (this.#isClosed || entry.watchers === 0 || !isDue) return
    const { clock } = this.#needs
    const at = this.#instant()
    const due = Math.max(entry.refreshAt, nextFetchAt(entry, at))
    entry.timer = clock.after(due - at.now, () => {
      void this.start(entry)
    })
  }

  take(entry: Entry, set: KeySet): undefined {
    const isNew = entry.set?.hash !== set.hash || entry.held !== undefined
    entry.set = set
    entry.held = undefined
    this.#fresh(entry)
    remember(entry.revoked, set.revoked)
    if (isNew) this.#needs.onChange(entry)
  }

  close(entries: readonly Entry[]): undefined {
    this.#isClosed = true
    for (const entry of entries) {
      entry.timer?.()
      entry.abort?.abort(new GatewayError('link-stopped', 'the key store is closed'))
    }
  }

  async #fly(entry: Entry): Promise<undefined> {
    const before = entry.attemptAt
    entry.attemptAt = this.#needs.clock.now()
    try {
      const body = await this.#ask(entry)
      if (!this.#isClosed) this.#judge(entry, body)
    } catch (cause) {
      if (this.#isClosed) return
      const code = cause instanceof GatewayError ? cause.code : 'remote-unreachable'
      if (code === 'busy') this.#notAsked(entry, before)
      else this.#fail(entry, code, 'no key set to be had', before)
    } finally {
      entry.flight = undefined
      this.#needs.landed(entry)
      this.arm(entry)
    }
  }

  async #ask(entry: Entry): Promise<Buffer> {
    const { fetch, clock, limits } = this.#needs
    const abort = new AbortController()
    entry.abort = abort
    const tooLate = Promise.withResolvers<never>()
    let reason: unknown = new GatewayError('remote-timeout', `no keys of ${entry.domain} in time`)
    // How soon it failed would tell whoever claimed the domain what listens at the address that its DNS names.
    const failed = (error: unknown): Promise<never> => {
      if (error instanceof GatewayError && error.code === 'busy') throw error
      reason = error
      return tooLate.promise
    }
    abort.signal.addEventListener('abort', () => tooLate.reject(abort.signal.reason))
    const cancel = clock.after(limits.keyFetchMs, () => {
      abort.abort(reason)
    })
    try {
      const asked = fetch(entry.domain, abort.signal).catch(failed)
      return await Promise.race([asked, tooLate.promise])
    } finally {
      cancel()
      entry.abort = undefined
    }
  }

  #judge(entry: Entry, body: Buffer): undefined {
    const { limits, discontinuity } = this.#needs
    const { domain } = entry
    const now = this.#instant().seconds
    const parsed = parseKeySet(body, { domain, now, limits, isForbidden: isPublishedTestKey })
    if (!parsed.ok) return this.#fail(entry, parsed.code, parsed.detail)
    const next = parsed.value
    const order = entry.set === undefined ? 'newer' : succession(entry.set, next)
    if (order === 'older' || order === 'conflict') return this.#rollback(entry, next)
    this.#count('ok')
    if (entry.set === undefined || order === 'same' || sharesKey(entry.set, next)) {
      return this.take(entry, next)
    }
    this.#alarm(entry, entry.set, next)
    return discontinuity === 'hold' ? this.#hold(entry, next) : this.take(entry, next)
  }

  #hold(entry: Entry, next: KeySet): undefined {
    const isNew = entry.held?.hash !== next.hash
    entry.held = next
    this.#fresh(entry)
    if (isNew) this.#needs.onChange(entry)
  }

  /** Our own shortage says nothing about the domain: who needs the keys may try at once, a refresh waits. */
  #notAsked(entry: Entry, attemptAt: number): undefined {
    const { now, limits } = this.#instant()
    entry.attemptAt = attemptAt
    entry.refreshAt = Math.max(entry.refreshAt, now + limits.keyRefetchMs)
    this.#count('busy')
  }

  /** The next refresh is spread out, so that a thousand sets that came together are not asked for together. */
  #fresh(entry: Entry): undefined {
    const { random, limits } = this.#needs
    const { now } = this.#instant()
    entry.fetchedAt = now
    entry.refreshAt = now + jitter(random, limits.keySoftMs, 0.8, 1)
    entry.retryAt = Number.NEGATIVE_INFINITY
    entry.failures = 0
  }

  #fail(entry: Entry, code: Status, detail: string, before = entry.attemptAt): undefined {
    const { random, limits, log, onChange } = this.#needs
    const at = this.#instant()
    // The domain was not asked: who needs its keys need not wait much longer than our DNS is away.
    const isAsked = code !== 'dns-failed'
    if (!isAsked) entry.attemptAt = before
    const wait = isAsked
      ? backOff(entry.failures, limits.keyFailureMs, limits.keyFailureCapMs)
      : limits.dnsMinFailureMs
    if (isAsked) entry.failures++
    entry.retryAt = at.now + jitter(random, wait, 0.8, 1)
    this.#count(code)
    const { domain, failures, set, watchers } = entry
    // A name that nobody but a stranger has said yet.
    const who = set === undefined && watchers === 0 ? { claimed: domain } : { remote: domain }
    const facts = { ...who, cause: code, detail, failures, retryInMs: Math.ceil(wait) }
    log.info('key.fetch-failed', facts)
    // What rests on the old keys has to be judged again.
    if (entry.set !== undefined && isStale(entry, at)) onChange(entry)
  }

  #rollback(entry: Entry, next: KeySet): undefined {
    const { log, meter } = this.#needs
    meter.counter('key_rollbacks_total').n++
    const { domain: remote, set } = entry
    log.warn('key.rollback', { remote, last: set?.hash, lastVersion: set?.ver, next: next.hash })
    this.#fail(entry, 'credential-key', 'key set with a version that was passed or used before')
  }

  #alarm(entry: Entry, last: KeySet, next: KeySet): undefined {
    if (entry.held?.hash === next.hash) return
    const { log, meter, discontinuity } = this.#needs
    meter.counter('key_discontinuities_total').n++
    log.warn('key.discontinuity', {
      remote: entry.domain,
      last: last.hash,
      next: next.hash,
      policy: discontinuity,
    })
  }

  #count(outcome: 'ok' | Status): undefined {
    this.#needs.meter.counter('key_fetches_total', { outcome }).n++
  }

  #instant(): Instant {
    const { clock, limits } = this.#needs
    return { now: clock.now(), seconds: Math.floor(clock.wall() / 1000), limits }
  }
}

/** What was revoked last is forgotten last, so all of the newest set is kept. */
function remember(revoked: Set<string>, kids: ReadonlySet<string>): undefined {
  for (const kid of kids) {
    revoked.delete(kid)
    revoked.add(kid)
  }
  for (const kid of revoked) {
    if (revoked.size <= maxRevoked) break
    revoked.delete(kid)
  }
}
