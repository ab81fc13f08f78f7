/**
 * One subscription that we hold at another domain, and its next request there. All times are whole seconds.
 *
 *   subscribe ──granted──▶ renew ──granted──▶ renew …
 *       ▲                    │
 *       └── lease-unknown, way lost, lease over
 *   any ──nobody wants it──▶ unsubscribe ──answered, or lease over──▶ gone
 */
import type { Address } from '../../address/address.ts'
import type { Domain } from '../../address/domain.ts'
import { type Status, statuses } from '../../errors.ts'
import { backOff } from '../../lib/back-off.ts'
import { heldSeconds } from '../../lib/lease.ts'
import { jitter, type Random } from '../../lib/random.ts'
import { nowhere } from '../../lib/timer-wheel.ts'
import type { Limits } from '../../limits.ts'
import type { Notice, Presence } from '../../operation/presence.ts'
import type { Account } from '../../shares/account.ts'
import type { Version } from '../../wire/version.ts'
import { active, unknown } from '../notices.ts'
import { isAboutWay } from '../ways.ts'
import type { Interest } from './interests.ts'

export type RequestKind = 'subscribe' | 'renew' | 'unsubscribe'

/** What others see of it. */
export type Watch = {
  readonly id: string
  readonly watcher: Address
  readonly presentity: Address
  /** `asking`: the far side has not granted it, or may have lost it. */
  readonly state: 'asking' | 'active' | 'pending'
  /** What to ask for: the longest lease that a session of ours has. */
  readonly wantedSeconds: number
  /** What was granted last; 0: nothing yet. */
  readonly leaseSeconds: number
}

export type WatchRow = {
  readonly id: string
  readonly watcher: Address
  /** Whose places it takes: one for each interest, and one without any. */
  readonly account: Account
  readonly presentity: Address
  state: 'asking' | 'active' | 'pending'
  wantedSeconds: number
  leaseSeconds: number
  /** Not a set, and never longer than needed: there is nearly always one, and there may be a million of these. */
  interests: readonly Interest[]
  /** The next request, and when it has to go out. */
  next: RequestKind
  nextAt: number
  /** The request was given out and no answer has come yet; it is given out again at `nextAt`. */
  isAsked: boolean
  attempts: number
  /** When the far side forgets it; `never`: it has nothing to forget. */
  endsAt: number
  epoch: number
  /** `nothing`: nothing was seen of `epoch`. */
  seq: number
  /** The one before: what still comes from a process that is gone is old. */
  formerEpoch: number
  /** The last document, one character a byte: a string needs half the memory of a buffer. */
  document: string | undefined
  isUnknown: boolean
  /** When the far side ended it last and asked for another try. */
  revivedAt: number
  /** The next document is shown from this tick of the pace on, and then it stands in this slot. */
  paceTick: number
  paceSlot: number
  slot: number
}

/** A domain where somebody is watched. */
export type PresentityDomain = {
  readonly domain: Domain
  readonly watches: Map<string, WatchRow>
  /** What can be given out. */
  readonly due: Readonly<Record<RequestKind, Set<WatchRow>>>
  /** When the first of it has to be given out. */
  dueAt: number
  isLost: boolean
  /** While lost: from here on one request may go out, to find out whether there is a way again. */
  probeAt: number
  mayProbe: boolean
  unknownAt: number
  /** All watches as they were, while they are gone through. */
  walk: readonly WatchRow[] | undefined
  slot: number
}

/** Later than any time; small, so that it takes no memory of its own. */
export const never = 0x3fff_ffff
export const nothing = -1

export const newWatch = (
  { watcher, presentity }: Interest,
  account: Account,
  id: string,
): WatchRow => ({
  id,
  watcher,
  account,
  presentity,
  state: 'asking',
  wantedSeconds: 0,
  leaseSeconds: 0,
  interests: [],
  next: 'subscribe',
  nextAt: never,
  isAsked: false,
  attempts: 0,
  endsAt: never,
  epoch: 0,
  seq: nothing,
  formerEpoch: nothing,
  document: undefined,
  isUnknown: false,
  revivedAt: Number.NEGATIVE_INFINITY,
  paceTick: 0,
  paceSlot: nowhere,
  slot: nowhere,
})

/** `watch` is granted `seconds` from `now` on. */
export function grant(watch: WatchRow, seconds: number, now: number, limits: Limits): undefined {
  watch.leaseSeconds = heldSeconds(seconds, limits)
  watch.endsAt = now + watch.leaseSeconds
  watch.attempts = 0
}

/** Seconds until the same request is tried again: doubling from the time of a request to the shortest lease. */
export function againSeconds(attempts: number, random: Random, limits: Limits): number {
  const ms = backOff(attempts, limits.requestMs, limits.leaseMinSeconds * 1000)
  return Math.ceil(jitter(random, ms, 1, 1.5) / 1000)
}

/**
 * [LINK-6.13-4] Whether a document of `version` is to be shown. Another epoch is another start of the far side, and a
 * whole document needs nothing of the last one. The version that is known is shown again only where it was hidden.
 */
export function isNews(
  { epoch, seq, formerEpoch, isUnknown }: WatchRow,
  version: Version,
): boolean {
  if (seq === nothing) return true
  if (version.epoch !== epoch) return version.epoch !== formerEpoch
  return version.seq > seq || (version.seq === seq && isUnknown)
}

export function see(watch: WatchRow, document: string, { epoch, seq }: Version): undefined {
  if (watch.seq !== nothing && watch.epoch !== epoch) watch.formerEpoch = watch.epoch
  watch.epoch = epoch
  watch.seq = seq
  watch.document = document
  watch.isUnknown = false
  if (watch.state === 'pending') watch.state = 'active'
}

/** What was seen last, if it still holds. */
export function seen({ document, isUnknown, epoch, seq }: WatchRow): Presence | undefined {
  if (document === undefined || isUnknown) return undefined
  return { document: Buffer.from(document, 'latin1'), version: { epoch, seq } }
}

/** What whoever watches already is shown now. */
export function shownOf(row: WatchRow): Notice | undefined {
  const presence = seen(row)
  if (presence !== undefined) return active(presence)
  return row.isUnknown ? unknown : undefined
}

/** A refusal of something that somebody has to put right first: a key, a limit, a DNS record. */
export const canBePutRight = (status: Status): boolean =>
  statuses[status].retry === 'change' || isAboutWay(status)
