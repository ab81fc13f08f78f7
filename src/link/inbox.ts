/**
 * What arrives on one link and costs memory: bodies in pieces, credit to give back, budgets against floods.
 *
 * Spec: [LINK-7.1-4] credit is given back when half of it is used; [LINK-4.4-3] bodies under way; [LINK-8.1-1] floods
 */
import type { Status } from '../errors.ts'
import { TokenBucket } from '../lib/token-bucket.ts'
import type { Limits } from '../limits.ts'
import { startBytes, startRequests } from './credit.ts'

/** A request or an answer whose body is not complete. */
export type Partial = {
  readonly trafficClass: number
  /** Payload head and fields of the first frame, then the pieces of the body. */
  readonly parts: Buffer[]
  /** Length of `parts` together when all is there. */
  readonly total: number
  filled: number
}

export class Inbox {
  readonly #limits: Limits
  readonly #halfRequests: number
  readonly #halfBytes: number
  readonly #requests = new Map<number, Partial>()
  readonly #answers = new Map<number, Partial>()
  readonly #bodies = [0, 0, 0]
  /** What the far side may still send, and what it used since credit was last given. */
  readonly #credit = [startRequests, startRequests, startRequests]
  readonly #byteCredit = [startBytes, startBytes, startBytes]
  readonly #doneRequests = [0, 0, 0]
  readonly #doneBytes = [0, 0, 0]
  readonly #cancels: TokenBucket
  readonly #mistakes: TokenBucket
  readonly #pings: TokenBucket
  readonly #claims: TokenBucket
  #emptyChunks = 0
  #tinyBudget: number

  constructor(limits: Limits, now: number) {
    this.#limits = limits
    this.#halfRequests = limits.windowRequests / 2
    this.#halfBytes = limits.windowBytes / 2
    this.#cancels = new TokenBucket(limits.cancelsPerSecond, limits.cancelsBurst, now)
    this.#mistakes = new TokenBucket(limits.mistakesPerSecond, limits.mistakesBurst, now)
    this.#pings = new TokenBucket(limits.pingsPerSecond, limits.pingsBurst, now)
    this.#claims = new TokenBucket(limits.claimsPerSecond, limits.claimsBurst, now)
    this.#tinyBudget = limits.tinyChunkBytes
  }

  /** Requests that were taken and are not answered. */
  underWay = 0

  mayCancel = (now: number): boolean => this.#cancels.take(now)
  mayErr = (now: number): boolean => this.#mistakes.take(now)
  mayPing = (now: number): boolean => this.#pings.take(now)
  mayClaim = (now: number): boolean => this.#claims.take(now)

  /** A REQUEST of `bytes` arrives; false: beyond its credit. `free` commands need none. */
  takeRequest(trafficClass: number, bytes: number, free: boolean): boolean {
    this.underWay++
    if (free) return true
    const left = (this.#credit[trafficClass] as number) - 1
    this.#credit[trafficClass] = left
    return left >= 0 && this.takeBytes(trafficClass, bytes)
  }

  takeBytes(trafficClass: number, bytes: number): boolean {
    const left = (this.#byteCredit[trafficClass] as number) - bytes
    this.#byteCredit[trafficClass] = left
    this.#doneBytes[trafficClass] = (this.#doneBytes[trafficClass] as number) + bytes
    return left >= 0
  }

  /** A request is answered, or needs no answer. */
  done(trafficClass: number, free: boolean): undefined {
    this.underWay--
    if (!free) this.#doneRequests[trafficClass] = (this.#doneRequests[trafficClass] as number) + 1
  }

  /**
   * Credit to give back now for this class, as [requests, bytes]; `undefined` while little was used.
   * The first grant raises the start credit to the whole window.
   */
  grant(trafficClass: number): readonly [number, number] | undefined {
    const requests = this.#doneRequests[trafficClass] as number
    const bytes = this.#doneBytes[trafficClass] as number
    if (requests < this.#halfRequests && bytes < this.#halfBytes) return undefined
    return this.#give(trafficClass, requests, bytes)
  }

  /** [LINK-7.1-4] What the window holds beyond the start credit, and what was used of that until now. */
  open(trafficClass: number): readonly [number, number] {
    const { windowRequests, windowBytes } = this.#limits
    return this.#give(
      trafficClass,
      Math.max(0, windowRequests - startRequests) + (this.#doneRequests[trafficClass] as number),
      Math.max(0, windowBytes - startBytes) + (this.#doneBytes[trafficClass] as number),
    )
  }

  #give(trafficClass: number, requests: number, bytes: number): readonly [number, number] {
    this.#credit[trafficClass] = (this.#credit[trafficClass] as number) + requests
    this.#byteCredit[trafficClass] = (this.#byteCredit[trafficClass] as number) + bytes
    this.#doneRequests[trafficClass] = 0
    this.#doneBytes[trafficClass] = 0
    return [requests, bytes]
  }

  /** The first frame of a long request or answer. */
  begin(
    id: number,
    isAnswer: boolean,
    trafficClass: number,
    first: Buffer,
    total: number,
  ): Status | undefined {
    const table = isAnswer ? this.#answers : this.#requests
    if (table.has(id)) return 'protocol-state'
    if (!isAnswer) {
      const bodies = (this.#bodies[trafficClass] as number) + 1
      // [LINK-4.4-3] So many bodies at once, so much memory.
      if (bodies > this.#limits.bodiesUnderWay) return 'flow-exceeded'
      this.#bodies[trafficClass] = bodies
    }
    table.set(id, { trafficClass, parts: [Buffer.from(first)], total, filled: first.length })
    return undefined
  }

  /** A piece; the whole is returned when it is complete. */
  add(id: number, isAnswer: boolean, piece: Buffer, last: boolean): Buffer | Status | 'more' {
    const partial = (isAnswer ? this.#answers : this.#requests).get(id)
    if (partial === undefined) return 'protocol-state'
    if (this.isFlood(piece.length, last)) return 'flood'
    partial.filled += piece.length
    // [LINK-4.4-2] The length that was declared, no more and no less.
    if (partial.filled > partial.total || (last && partial.filled < partial.total))
      return 'bad-frame'
    partial.parts.push(Buffer.from(piece))
    if (!last) return partial.filled === partial.total ? 'bad-frame' : 'more'
    this.drop(id, isAnswer)
    return Buffer.concat(partial.parts)
  }

  /** Whether a body is under way for `id`, and of which class. */
  partial(id: number, isAnswer: boolean): Partial | undefined {
    return (isAnswer ? this.#answers : this.#requests).get(id)
  }

  drop(id: number, isAnswer: boolean): undefined {
    const table = isAnswer ? this.#answers : this.#requests
    const partial = table.get(id)
    if (partial === undefined) return
    table.delete(id)
    if (!isAnswer)
      this.#bodies[partial.trafficClass] = (this.#bodies[partial.trafficClass] as number) - 1
  }

  /** [LINK-8.1-1] Whether this piece is one too many that carries next to nothing. */
  isFlood(bytes: number, last: boolean): boolean {
    if (bytes === 0) return ++this.#emptyChunks > this.#limits.emptyChunks
    this.#emptyChunks = 0
    if (bytes >= 256 || last) return false
    this.#tinyBudget -= 256
    return this.#tinyBudget < 0
  }
}
