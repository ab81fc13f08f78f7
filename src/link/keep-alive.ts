/**
 * Keep-alive: silence is asked after with PING, and two of them without an answer end the link. [LINK-8.3-2]
 * Where there is reason to doubt that the far side lives, it is asked at once, and has little time. [LINK-9.2-3]
 */
import type { Limits } from '../limits.ts'

type Uses = { readonly heardAt: number; readonly usedAt: number }

/** PINGs that may stay without an answer. */
const mostPings = 2

export class KeepAlive {
  readonly #limits: Limits
  readonly #agedAt: number
  readonly #ping: (mark: Buffer) => undefined
  #pings = 0
  #doubtedAt = Number.POSITIVE_INFINITY
  #askedAt = Number.NEGATIVE_INFINITY

  /** `agedAt`: clock time from which on the link is old. */
  constructor(limits: Limits, agedAt: number, ping: (mark: Buffer) => undefined) {
    this.#limits = limits
    this.#agedAt = agedAt
    this.#ping = ping
  }

  /** [LINK-8.3-4] */
  isOld(now: number): boolean {
    return now > this.#agedAt
  }

  /** Any byte counts as an answer. */
  heard(): undefined {
    this.#pings = 0
    this.#doubtedAt = Number.POSITIVE_INFINITY
  }

  /** Asks now whether the far side lives, unless it was asked a moment ago: it need not bear more. [LINK-8.3-1] */
  doubt(now: number): undefined {
    if (this.#doubtedAt !== Number.POSITIVE_INFINITY) return
    if (now - this.#askedAt < this.#limits.doubtMs) return
    this.#askedAt = now
    this.#doubtedAt = now
    this.#ping(Buffer.alloc(8))
  }

  /** When a link on which nothing happens has to be looked at: to ask whether it lives, or as it is idle or old. */
  dueAt(now: number, { heardAt, usedAt }: Uses): number {
    const { pingMs, idleMs, doubtMs } = this.#limits
    const silentAt = Math.min(heardAt + pingMs * (this.#pings + 1), this.#doubtedAt + doubtMs)
    const idleAt = usedAt + idleMs + 1
    // Longer idle, but used: whether it still is, is asked with the next PING.
    return Math.min(silentAt, this.#agedAt + 1, idleAt > now ? idleAt : silentAt)
  }

  /** Asks when it is time to; true: there was time enough to answer. */
  isSilent(now: number, heardAt: number): boolean {
    const { pingMs, doubtMs } = this.#limits
    if (now - this.#doubtedAt >= doubtMs) return true
    if (now - heardAt < pingMs * (this.#pings + 1)) return false
    if (this.#pings === mostPings) return true
    this.#pings++
    const mark = Buffer.alloc(8)
    mark.writeUInt32BE(this.#pings, 4)
    this.#ping(mark)
    return false
  }
}
