/** Keep-alive: silence is asked after with PING, and two of them without an answer end the link. [LINK-8.3-2] */
import type { Limits } from '../limits.ts'

type Uses = { readonly heardAt: number; readonly usedAt: number }

/** PINGs that may stay without an answer. */
const mostPings = 2

export class KeepAlive {
  readonly #limits: Limits
  readonly #agedAt: number
  #pings = 0

  /** `agedAt`: clock time from which on the link is old. */
  constructor(limits: Limits, agedAt: number) {
    this.#limits = limits
    this.#agedAt = agedAt
  }

  /** [LINK-8.3-4] */
  isOld(now: number): boolean {
    return now > this.#agedAt
  }

  /** Any byte counts as an answer. */
  heard(): undefined {
    this.#pings = 0
  }

  /** When a link on which nothing happens has to be looked at: to ask whether it lives, or as it is idle or old. */
  dueAt(now: number, { heardAt, usedAt }: Uses): number {
    const { pingMs, idleMs } = this.#limits
    const silentAt = heardAt + pingMs * (this.#pings + 1)
    const idleAt = usedAt + idleMs + 1
    // Longer idle, but used: whether it still is, is asked with the next PING.
    return Math.min(silentAt, this.#agedAt + 1, idleAt > now ? idleAt : silentAt)
  }

  /** After `silentMs` without a byte: the payload of a PING to send, `silent` for the end, nothing while it is well. */
  next(silentMs: number): Buffer | 'silent' | undefined {
    if (silentMs < this.#limits.pingMs * (this.#pings + 1)) return undefined
    if (this.#pings === mostPings) return 'silent'
    this.#pings++
    const mark = Buffer.alloc(8)
    mark.writeUInt32BE(this.#pings, 4)
    return mark
  }
}
