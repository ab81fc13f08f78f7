/**
 * Receive window: flow control of what comes in. What the far side may still send of each class, and when more is given.
 *
 * In:   requests and bytes as they come, requests as they are done; whether the far side is over its share of our time.
 * Out:  `credit`, the window update; false for what comes beyond the window.
 * Spec: [LINK-7.1-4] credit is given back when half of the window is used, [LINK-7.1-7] or kept back for some seconds
 *
 * Requests that are not answered, because somebody is slow, hold credit that others need: while they do, the window is
 * wider.
 */
import type { Clock } from '../lib/clock.ts'
import type { Limits } from '../limits.ts'
import { trafficClass as classes, type TrafficClass } from '../wire/registry.ts'
import type { Payer } from './payer.ts'
import { startBytes, startRequests } from './send-window.ts'

/** Gives the far side so much more. */
type SendCredit = (trafficClass: TrafficClass, requests: number, bytes: number) => undefined

/** [LINK-7.1-7] Credit is kept back so long at most. */
const mostKeptMs = 5000

export class ReceiveWindow {
  /** Requests that were taken and are not answered. */
  underWay = 0
  readonly #limits: Limits
  readonly #credit: SendCredit
  readonly #halfRequests: number
  readonly #halfBytes: number
  readonly #payer: Payer
  readonly #clock: Clock
  readonly #retry = (): undefined => this.#giveKept()
  /** Since when credit is kept back; -1: it is not. */
  #keptAt = -1
  readonly #requests = [startRequests, startRequests, startRequests]
  readonly #bytes = [startBytes, startBytes, startBytes]
  /** Used since credit was last given. */
  readonly #doneRequests = [0, 0, 0]
  readonly #doneBytes = [0, 0, 0]
  /** Requests by which the window is wider than it is at rest. */
  readonly #lent = [0, 0, 0]
  #isOpen = false

  constructor(limits: Limits, credit: SendCredit, payer: Payer, clock: Clock) {
    this.#limits = limits
    this.#credit = credit
    this.#halfRequests = limits.windowRequests / 2
    this.#halfBytes = limits.windowBytes / 2
    this.#payer = payer
    this.#clock = clock
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

  /** Once a second: lends what those who are slow hold. */
  tick(): undefined {
    for (const trafficClass of Object.values(classes)) if (this.#isOpen) this.#lend(trafficClass)
  }

  /** Gives back what was used, unless that is little, or the far side is over its share. */
  update(trafficClass: TrafficClass): undefined {
    if (!this.#isOpen || this.#keptAt >= 0 || !this.#isDue(trafficClass)) return
    if (!this.#payer.isOver) return this.#giveAll(trafficClass)
    // [LINK-7.1-7]
    this.#keptAt = this.#clock.now()
    this.#payer.afterTurn(this.#retry)
  }

  /** What was kept back, unless it has to be kept longer. */
  #giveKept(): undefined {
    const mustWait = this.#payer.isOver && this.#clock.now() - this.#keptAt < mostKeptMs
    if (mustWait) return this.#payer.afterTurn(this.#retry)
    this.#keptAt = -1
    for (const trafficClass of Object.values(classes)) {
      if (this.#isDue(trafficClass)) this.#giveAll(trafficClass)
    }
  }

  #isDue(trafficClass: TrafficClass): boolean {
    return (
      (this.#doneRequests[trafficClass] as number) >= this.#halfRequests ||
      (this.#doneBytes[trafficClass] as number) >= this.#halfBytes
    )
  }

  #giveAll(trafficClass: TrafficClass): undefined {
    const requests = this.#doneRequests[trafficClass] as number
    this.#give(trafficClass, requests, this.#doneBytes[trafficClass] as number)
  }

  /**
   * Widens the window while half of it waits for answers, but not for who is over its share; takes back what was lent
   * once that is free again.
   */
  #lend(trafficClass: TrafficClass): undefined {
    const { windowRequests, lentRequests } = this.#limits
    const lent = this.#lent[trafficClass] as number
    const done = this.#doneRequests[trafficClass] as number
    const free = (this.#requests[trafficClass] as number) + done
    if (free < this.#halfRequests) {
      const more = Math.min(Math.ceil(this.#halfRequests), lentRequests - lent)
      if (more <= 0 || this.#keptAt >= 0 || this.#payer.isOver) return
      this.#lent[trafficClass] = lent + more
      this.#doneRequests[trafficClass] = done + more
      this.#give(trafficClass, done + more, this.#doneBytes[trafficClass] as number)
    } else if (lent > 0) {
      const less = Math.max(0, Math.min(lent, done, free - windowRequests))
      this.#lent[trafficClass] = lent - less
      this.#doneRequests[trafficClass] = done - less
    }
  }

  #give(trafficClass: TrafficClass, requests: number, bytes: number): undefined {
    this.#requests[trafficClass] = (this.#requests[trafficClass] as number) + requests
    this.#bytes[trafficClass] = (this.#bytes[trafficClass] as number) + bytes
    this.#doneRequests[trafficClass] = 0
    this.#doneBytes[trafficClass] = 0
    this.#credit(trafficClass, requests, bytes)
  }
}
