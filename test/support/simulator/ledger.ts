/**
 * The credit of one direction of one link, kept by somebody who only sees the frames of both sides.
 *
 * In:    what the sending side wrote, and the CREDIT that the receiving side wrote.
 * Out:   what is left for the sender, and the first rule that it broke.
 * Spec:  [LINK-7.1-1] to [LINK-7.1-5]
 */
import { needsNoCredit, startBytes, startRequests } from '../../../src/link/send-window.ts'
import { classMask, classShift, flag, frame } from '../../../src/wire/registry.ts'
import type { Frame } from './tap.ts'

export class Ledger {
  readonly requests = [startRequests, startRequests, startRequests]
  readonly bytes = [startBytes, startBytes, startBytes]
  /** What the sender did beyond its credit, as far as the receiver could have told it. */
  fault: string | undefined
  /** The receiver has opened its window. */
  isOpened = false
  readonly #classOf = new Map<number, number>()

  /** The sender wrote this. */
  sent({ type, flags, id, payload }: Frame): undefined {
    if (type === frame.request) {
      const trafficClass = (flags & classMask) >> classShift
      if ((flags & flag.more) !== 0) this.#classOf.set(id, trafficClass)
      if (needsNoCredit(payload[0] as number)) return
      this.#use(trafficClass, 1, payload.length)
    } else if (type === frame.chunk && (flags & flag.answer) === 0) {
      this.#use(this.#classOf.get(id) ?? 0, 0, payload.length)
      if ((flags & flag.more) === 0) this.#classOf.delete(id)
    }
  }

  /** The receiver wrote this. */
  granted({ type, payload }: Frame): undefined {
    if (type !== frame.credit) return
    this.isOpened = true
    const trafficClass = payload[0] as number
    this.requests[trafficClass] = (this.requests[trafficClass] as number) + payload.readUInt32BE(1)
    this.bytes[trafficClass] = (this.bytes[trafficClass] as number) + payload.readUInt32BE(5)
  }

  #use(trafficClass: number, requests: number, bytes: number): undefined {
    const left = (this.requests[trafficClass] as number) - requests
    const leftBytes = (this.bytes[trafficClass] as number) - bytes
    this.requests[trafficClass] = left
    this.bytes[trafficClass] = leftBytes
    if (left < 0 || leftBytes < 0)
      this.fault ??= `class ${trafficClass}: ${left}, ${leftBytes} bytes`
  }
}
