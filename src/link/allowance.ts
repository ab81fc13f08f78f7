/**
 * Allowance: what the far side may still send of each class, and when more of it is given.
 *
 * Spec: [LINK-7.1-4] credit is given back when half of the window is used, [LINK-7.1-7] or with the next second
 */
import type { Limits } from '../limits.ts'
import { startBytes, startRequests } from './credit.ts'

/** Requests and bytes. */
export type Grant = readonly [requests: number, bytes: number]

export class Allowance {
  /** Requests that were taken and are not answered. */
  underWay = 0
  readonly #limits: Limits
  readonly #halfRequests: number
  readonly #halfBytes: number
  /** Requests whose credit may still be given in this second. */
  #rest: number
  readonly #requests = [startRequests, startRequests, startRequests]
  readonly #bytes = [startBytes, startBytes, startBytes]
  /** Used since credit was last given. */
  readonly #doneRequests = [0, 0, 0]
  readonly #doneBytes = [0, 0, 0]

  constructor(limits: Limits) {
    this.#limits = limits
    this.#halfRequests = limits.windowRequests / 2
    this.#halfBytes = limits.windowBytes / 2
    this.#rest = limits.creditPerSecond
  }

  /** A REQUEST of `bytes` arrives; false: beyond its credit. `free` commands need none. */
  takeRequest(trafficClass: number, bytes: number, free: boolean): boolean {
    this.underWay++
    if (free) return true
    const left = (this.#requests[trafficClass] as number) - 1
    this.#requests[trafficClass] = left
    return left >= 0 && this.takeBytes(trafficClass, bytes)
  }

  takeBytes(trafficClass: number, bytes: number): boolean {
    const left = (this.#bytes[trafficClass] as number) - bytes
    this.#bytes[trafficClass] = left
    this.#doneBytes[trafficClass] = (this.#doneBytes[trafficClass] as number) + bytes
    return left >= 0
  }

  /** A request is answered, or needs no answer. */
  done(trafficClass: number, free: boolean): undefined {
    this.underWay--
    if (!free) this.#doneRequests[trafficClass] = (this.#doneRequests[trafficClass] as number) + 1
  }

  /** Once a second; whether its share was used up. What was given beyond it counts for the next one. */
  tick(): boolean {
    const { creditPerSecond } = this.#limits
    const isUsedUp = this.#rest <= 0
    this.#rest = Math.min(creditPerSecond, this.#rest + creditPerSecond)
    return isUsedUp
  }

  /** What to give back now; `undefined` while little was used, or much in this second. */
  grant(trafficClass: number): Grant | undefined {
    const requests = this.#doneRequests[trafficClass] as number
    const bytes = this.#doneBytes[trafficClass] as number
    if (requests < this.#halfRequests && bytes < this.#halfBytes) return undefined
    // [LINK-7.1-7]
    if (this.#rest <= 0) return undefined
    this.#rest -= requests
    return this.#give(trafficClass, requests, bytes)
  }

  /** [LINK-7.1-4] What the window holds beyond the start credit, and what was used of that until now. */
  open(trafficClass: number): Grant {
    const { windowRequests, windowBytes } = this.#limits
    return this.#give(
      trafficClass,
      Math.max(0, windowRequests - startRequests) + (this.#doneRequests[trafficClass] as number),
      Math.max(0, windowBytes - startBytes) + (this.#doneBytes[trafficClass] as number),
    )
  }

  #give(trafficClass: number, requests: number, bytes: number): Grant {
    this.#requests[trafficClass] = (this.#requests[trafficClass] as number) + requests
    this.#bytes[trafficClass] = (this.#bytes[trafficClass] as number) + bytes
    this.#doneRequests[trafficClass] = 0
    this.#doneBytes[trafficClass] = 0
    return [requests, bytes]
  }
}
