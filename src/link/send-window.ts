/**
 * Send window: flow control of what goes out. It holds the credit that is left, of requests and of bytes, for each class.
 *
 * Spec: [LINK-7.1-1] what takes credit, [LINK-7.1-3] CREDIT of the far side
 */
import { commands, type TrafficClass } from '../wire/registry.ts'

/** [LINK-7.1-2] Credit that both sides have before the first CREDIT. */
export const startRequests = 16
export const startBytes = 65_536

/** [LINK-7.1-5] PROVE never waits: nothing else moves before it. */
export const needsNoCredit = (command: number): boolean => command === commands.prove.number

const most = 0x7fffffff

/** A far side may open its window in steps. */
const firstReasons = 64

export class SendWindow {
  readonly #requests = [startRequests, startRequests, startRequests]
  readonly #bytes = [startBytes, startBytes, startBytes]
  /** CREDITs that have a reason: two for each frame that took credit, and those that open the window. */
  #reasons = firstReasons

  has(trafficClass: TrafficClass, requests: number, bytes: number): boolean {
    return (
      (this.#requests[trafficClass] as number) >= requests &&
      (this.#bytes[trafficClass] as number) >= bytes
    )
  }

  take(trafficClass: TrafficClass, requests: number, bytes: number): undefined {
    this.#requests[trafficClass] = (this.#requests[trafficClass] as number) - requests
    this.#bytes[trafficClass] = (this.#bytes[trafficClass] as number) - bytes
    this.#reasons += 2
  }

  /** [LINK-8.1-1] Whether one more CREDIT gives back something that was used. */
  isOwed(): boolean {
    if (this.#reasons === 0) return false
    this.#reasons--
    return true
  }

  /** [LINK-7.1-3] The far side takes more; false: more than anybody may give. */
  grant(trafficClass: TrafficClass, requests: number, bytes: number): boolean {
    const left = (this.#requests[trafficClass] as number) + requests
    const leftBytes = (this.#bytes[trafficClass] as number) + bytes
    if (left > most || leftBytes > most) return false
    this.#requests[trafficClass] = left
    this.#bytes[trafficClass] = leftBytes
    return true
  }
}
