/**
 * Receive window: flow control of what comes in. What the far side may still send of each class, and when more is given.
 *
 * In:   requests and bytes as they come, requests as they are done.
 * Out:  `credit`, the window update; false for what comes beyond the window.
 * Spec: [LINK-7.1-4] credit is given back when half of the window is used, [LINK-7.1-7] or with the next second
 */
import type { Limits } from '../limits.ts'
import { trafficClass as classes, type TrafficClass } from '../wire/registry.ts'
import { startBytes, startRequests } from './send-window.ts'

/** Gives the far side so much more. */
type SendCredit = (trafficClass: TrafficClass, requests: number, bytes: number) => undefined

export class ReceiveWindow {
  /** Requests that were taken and are not answered. */
  underWay = 0
  readonly #limits: Limits
  readonly #credit: SendCredit
  readonly #halfRequests: number
  readonly #halfBytes: number
  /** Requests whose credit may still be given in this second. */
  #rest: number
  readonly #requests = [startRequests, startRequests, startRequests]
  readonly #bytes = [startBytes, startBytes, startBytes]
  /** Used since credit was last given. */
  readonly #doneRequests = [0, 0, 0]
  readonly #doneBytes = [0, 0, 0]
  #isOpen = false

  constructor(limits: Limits, credit: SendCredit) {
    this.#limits = limits
    this.#credit = credit
    this.#halfRequests = limits.windowRequests / 2
    this.#halfBytes = limits.windowBytes / 2
    this.#rest = limits.creditPerSecond
  }

  /** Nothing is kept back, and the share of a second is whole: there is nothing to do with time. */
  get isQuiet(): boolean {
    return this.#rest === this.#limits.creditPerSecond
  }

  /** A REQUEST of `bytes` arrives; false: beyond its credit. `free` commands need none. */
  takeRequest(trafficClass: TrafficClass, bytes: number, free: boolean): boolean {
    this.underWay++
    if (free) return true
    const left = (this.#requests[trafficClass] as number) - 1
    this.#requests[trafficClass] = left
    return left >= 0 && this.takeBytes(trafficClass, bytes)
  }

  takeBytes(trafficClass: TrafficClass, bytes: number): boolean {
    const left = (this.#bytes[trafficClass] as number) - bytes
    this.#bytes[trafficClass] = left
    this.#doneBytes[trafficClass] = (this.#doneBytes[trafficClass] as number) + bytes
    return left >= 0
  }

  /** A request is answered, or needs no answer. */
  done(trafficClass: TrafficClass, free: boolean): undefined {
    this.underWay--
    if (!free) this.#doneRequests[trafficClass] = (this.#doneRequests[trafficClass] as number) + 1
  }

  /** [LINK-7.1-4] Gives what the window holds beyond the start credit, and what was used of that until now. */
  open(): undefined {
    this.#isOpen = true
    const { windowRequests, windowBytes } = this.#limits
    for (const trafficClass of Object.values(classes)) {
      this.#give(
        trafficClass,
        Math.max(0, windowRequests - startRequests) + (this.#doneRequests[trafficClass] as number),
        Math.max(0, windowBytes - startBytes) + (this.#doneBytes[trafficClass] as number),
      )
    }
  }

  /** Gives no more. */
  close(): undefined {
    this.#isOpen = false
  }

  /**
   * Once a second: gives what was kept back; whether the share of that second was used up. What was given beyond it
   * counts for the next one.
   */
  tick(): boolean {
    const { creditPerSecond } = this.#limits
    const isUsedUp = this.#rest <= 0
    this.#rest = Math.min(creditPerSecond, this.#rest + creditPerSecond)
    for (const trafficClass of Object.values(classes)) this.update(trafficClass)
    return isUsedUp
  }

  /** Gives back what was used, unless that is little, or much was given in this second. */
  update(trafficClass: TrafficClass): undefined {
    if (!this.#isOpen) return
    const requests = this.#doneRequests[trafficClass] as number
    const bytes = this.#doneBytes[trafficClass] as number
    if (requests < this.#halfRequests && bytes < this.#halfBytes) return
    // [LINK-7.1-7]
    if (this.#rest <= 0) return
    this.#rest -= requests
    this.#give(trafficClass, requests, bytes)
  }

  #give(trafficClass: TrafficClass, requests: number, bytes: number): undefined {
    this.#requests[trafficClass] = (this.#requests[trafficClass] as number) + requests
    this.#bytes[trafficClass] = (this.#bytes[trafficClass] as number) + bytes
    this.#doneRequests[trafficClass] = 0
    this.#doneBytes[trafficClass] = 0
    this.#credit(trafficClass, requests, bytes)
  }
}
