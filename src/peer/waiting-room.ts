/**
 * Requests that wait, unparsed, for a proof or a key, and run in order once it is there.
 *
 * In:    requests of one link, each with what it waits for: the whole link (0) or one credential (its number).
 * Out:   the same requests, handed to the link again; or the code to answer with.
 * Fails: `busy` beyond 16 requests or 64 KiB of one class for one pair of domains, which is the credit that both sides
 *        start with, or 8 times as much in all, or if others need the room; `credential-unverifiable` after 15 s, however
 *        often it was opened.
 * Spec:  [LINK-5.4-4]
 */
import type { Status } from '../errors.ts'
import type { Limits } from '../limits.ts'
import type { Link, RequestView } from '../link/link.ts'
import { type Refusable, refusableOf } from '../link/refusal.ts'

/** What waits for one pair leaves room for others. */
const mostPairs = 8

type Parked = Refusable & {
  readonly payload: Buffer
  readonly waitsFor: number
  readonly pair: string
  readonly since: number
  /** It was answered with this, and does not come again. */
  readonly left: ((code: Status) => undefined) | undefined
  /** Gives its bytes back. */
  readonly release: () => undefined
}

export class WaitingRoom {
  readonly #link: Link
  readonly #limits: Limits
  readonly #stirred: () => undefined
  #parked: Parked[] = []
  /** Since when what is handed up again has waited. */
  #since: number | undefined

  /** `stirred`: it has to be swept within a second. */
  constructor(link: Link, limits: Limits, stirred: () => undefined) {
    this.#link = link
    this.#limits = limits
    this.#stirred = stirred
  }

  /**
   * Puts the request aside, or answers `busy`. `pair`: the domains whose proof or key it waits for, as far as is known;
   * `left`: told if it is answered from here.
   */
  enter(
    request: RequestView,
    waitsFor: number,
    now: number,
    pair = '',
    left?: Parked['left'],
  ): undefined {
    const { trafficClass, buffer, payloadAt, end } = request
    const bytes = end - payloadAt
    const inClass = this.#parked.filter((one) => one.trafficClass === trafficClass)
    const ofPair = inClass.filter((one) => one.pair === pair)
    const hasRoom = this.#hasRoom(ofPair, bytes, 1) && this.#hasRoom(inClass, bytes, mostPairs)
    const giveUp = (): undefined => this.#leave((one) => one.release === release, 'busy')
    const release = hasRoom ? this.#link.payer.reserve(bytes, giveUp) : undefined
    if (release === undefined) {
      this.#link.refuse(refusableOf(request), 'busy', -1)
      return left?.('busy')
    }
    const payload = Buffer.from(buffer.subarray(payloadAt, end))
    const since = this.#since ?? now
    this.#stirred()
    this.#parked.push({ ...refusableOf(request), payload, waitsFor, pair, since, left, release })
  }

  /** Something changed: everything is handed up again in order; what still has to wait comes back. */
  reopen(): undefined {
    const parked = this.#parked
    this.#parked = []
    for (const { id, trafficClass, payload, since, release } of parked) {
      release()
      this.#since = since
      this.#link.redeliver(trafficClass, id, payload)
    }
    this.#since = undefined
  }

  /** Answers everyone who waits for `waitsFor` with `code`. */
  refuse(waitsFor: number, code: Status): undefined {
    this.#leave((one) => one.waitsFor === waitsFor, code)
  }

  /** The link is closed. */
  close(): undefined {
    for (const { release } of this.#parked.splice(0)) release()
  }

  get isEmpty(): boolean {
    return this.#parked.length === 0
  }

  /** Once a second: who waited too long is told that the key cannot be had now. */
  sweep(now: number): undefined {
    if (this.#parked.length === 0) return
    this.#leave((one) => now - one.since > this.#limits.waitingMs, 'credential-unverifiable')
  }

  #hasRoom(waiting: readonly Parked[], bytes: number, pairs: number): boolean {
    const { waitingFrames, waitingBytes } = this.#limits
    const sum = waiting.reduce((all, { payload }) => all + payload.length, bytes)
    return waiting.length < pairs * waitingFrames && sum <= pairs * waitingBytes
  }

  #leave(goes: (guest: Parked) => boolean, code: Status): undefined {
    const leaving = this.#parked.filter(goes)
    if (leaving.length === 0) return
    this.#parked = this.#parked.filter((one) => !goes(one))
    for (const one of leaving) {
      one.release()
      this.#link.refuse(one, code, -1)
      one.left?.(code)
    }
  }
}
