/**
 * Reassembly of bodies in pieces: requests, or answers, whose first frame is here and whose CHUNKs are on their way.
 *
 * In:    first frames and pieces, by id.
 * Out:   the whole, in one buffer, when the last piece is here; or that nobody wants it.
 * Fails: `flow-exceeded`, `protocol-state`, `bad-frame`, as values: the caller closes the link.
 * Spec:  [LINK-4.4-2] declared lengths, [LINK-4.4-3] how many, [LINK-4.4-6] and [LINK-4.4-7] unwanted ones,
 *        [LINK-4.4-8] those that take too long
 */
import type { Status } from '../errors.ts'
import { giveBack, ownPages } from '../lib/own-pages.ts'
import type { Limits } from '../limits.ts'
import type { TrafficClass } from '../wire/registry.ts'

type Body = {
  readonly trafficClass: TrafficClass
  /** Clock time at which it began, or was not wanted any more. */
  readonly since: number
  /** Payload head and fields of the first frame, then the pieces; `undefined`: they are passed over. */
  readonly payload: Buffer | undefined
  /** Bytes of `payload` that are there, and those of the first frame. */
  filled: number
  readonly firstBytes: number
  /** Gives its bytes back. */
  readonly release: () => undefined
}

const nothing = (): undefined => undefined

/** Bodies from this length on wait in pages of their own. */
const longBytes = 16_384

/** A body that is complete. */
export type Whole = { readonly trafficClass: TrafficClass; readonly payload: Buffer }

/** A body of which the rest is not wanted any more. */
export type Cut = {
  readonly id: number
  readonly trafficClass: TrafficClass
  readonly first: Buffer
}

export class Reassembly {
  readonly #mostKept: number
  readonly #mostPassedOver: number
  readonly #byId = new Map<number, Body>()
  /** Per class. */
  readonly #kept = [0, 0, 0]
  readonly #passedOver = [0, 0, 0]

  /** Of each class at once. `mostKept`: so many bodies, so much memory. */
  constructor(mostKept: number, mostPassedOver: number) {
    this.#mostKept = mostKept
    this.#mostPassedOver = mostPassedOver
  }

  /** Bodies under way. */
  get size(): number {
    return this.#byId.size
  }

  /** The first frame of a body that makes `total` bytes with it, which `release` gives back. */
  begin(
    id: number,
    trafficClass: TrafficClass,
    first: Buffer,
    total: number,
    since: number,
    release: () => undefined = nothing,
  ): Status | undefined {
    if (this.#byId.has(id)) return 'protocol-state'
    if ((this.#kept[trafficClass] as number) >= this.#mostKept) return 'flow-exceeded'
    this.#count(this.#kept, trafficClass, 1)
    const payload = total < longBytes ? Buffer.allocUnsafeSlow(total) : ownPages(total)
    payload.set(first)
    const { length } = first
    const body = { trafficClass, since, payload, filled: length, firstBytes: length, release }
    this.#byId.set(id, body)
    return undefined
  }

  /** A body that nobody wants: what comes of it is passed over. */
  passOver(id: number, trafficClass: TrafficClass, since: number): Status | undefined {
    if (this.#byId.has(id)) return 'protocol-state'
    const passedOver = this.#passedOver[trafficClass] as number
    if (passedOver >= this.#mostPassedOver) return 'flow-exceeded'
    this.#setPassedOver(id, trafficClass, since)
    return undefined
  }

  /** `undefined`: no body is under way for `id`. */
  classOf(id: number): TrafficClass | undefined {
    return this.#byId.get(id)?.trafficClass
  }

  isPassedOver(id: number): boolean {
    const body = this.#byId.get(id)
    return body !== undefined && body.payload === undefined
  }

  /** The link is closed. */
  close(): undefined {
    for (const [id, body] of this.#byId) this.#forget(id, body)
  }

  /** A piece; the whole when it is complete. */
  add(id: number, piece: Buffer, isLast: boolean): Whole | Status | 'more' | 'passed-over' {
    const body = this.#byId.get(id)
    if (body === undefined) return 'protocol-state'
    const { payload, filled, trafficClass } = body
    if (payload === undefined) {
      if (isLast) this.#forget(id, body)
      return 'passed-over'
    }
    body.filled += piece.length
    // [LINK-4.4-2] The length that was declared, no more and no less.
    const isFull = body.filled === payload.length
    if (body.filled > payload.length || isFull !== isLast) return 'bad-frame'
    payload.set(piece, filled)
    if (!isLast) return 'more'
    const whole = { trafficClass, payload: copyOf(payload) }
    this.#forget(id, body)
    return whole
  }

  /** It is not wanted any more: the rest is passed over. What is here of it, if it was wanted. */
  drop(id: number, now: number): Cut | undefined {
    const cut = this.cancel(id)
    if (cut !== undefined) this.#setPassedOver(id, cut.trafficClass, now)
    return cut
  }

  /** The rest will not come. What is here of it, if it was wanted. */
  cancel(id: number): Cut | undefined {
    const body = this.#byId.get(id)
    if (body === undefined) return undefined
    const cut = cutOf(id, body)
    this.#forget(id, body)
    return cut
  }

  /**
   * Those that take too long, of which the rest is passed over from now on; and what was passed over for as long is
   * not expected any more.
   */
  takeSlow(now: number, { bodyMs, bodySlowMs, bodyPerSecond }: Limits): readonly Cut[] {
    const slow: Cut[] = []
    for (const [id, body] of this.#byId) {
      const age = now - body.since
      const isWanted = body.payload !== undefined
      const isSlow = age > bodySlowMs && body.filled * 1000 < age * bodyPerSecond
      if (age <= bodyMs && (!isWanted || !isSlow)) continue
      const cut = this.drop(id, now)
      if (cut !== undefined) slow.push(cut)
    }
    return slow
  }

  #setPassedOver(id: number, trafficClass: TrafficClass, since: number): undefined {
    this.#count(this.#passedOver, trafficClass, 1)
    const unwanted = { payload: undefined, filled: 0, firstBytes: 0, release: nothing }
    this.#byId.set(id, { trafficClass, since, ...unwanted })
  }

  #count(counts: number[], trafficClass: TrafficClass, change: number): undefined {
    counts[trafficClass] = (counts[trafficClass] as number) + change
  }

  #forget(id: number, { trafficClass, payload, release }: Body): undefined {
    this.#byId.delete(id)
    release()
    this.#count(payload === undefined ? this.#passedOver : this.#kept, trafficClass, -1)
    if (payload !== undefined) giveBack(payload)
  }
}

function cutOf(id: number, { trafficClass, payload, firstBytes }: Body): Cut | undefined {
  if (payload === undefined) return undefined
  return { id, trafficClass, first: copyOf(payload.subarray(0, firstBytes)) }
}

/** Where everything else lies, too: code that meets two kinds of memory is slower. */
function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  copy.set(bytes)
  return copy
}
