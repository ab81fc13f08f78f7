/**
 * Load: how fast messages are offered and how their arrival is counted; the same for every subject.
 *
 * In:    lines, one for each sending user, and the tallies that the subject's own code raises.
 * Out:   what was sent, answered and received, and when.
 * Fails: never; a message that is lost shows as a difference between the counts.
 */
import { monotonicUs, sleepMs } from './measure.ts'

/** One sending user: writes `count` messages now, each stamped with `stampUs` in the first 8 bytes of its body. */
export type Line = { readonly send: (count: number, stampUs: number) => undefined }

/** Raised by the lines: `answered` counts every answer, `refused` those that are failures. */
export type Sent = { sent: number; answered: number; refused: number }

export type FloodOrder = { readonly window: number; readonly ms: number }
export type PacedOrder = { readonly perSecond: number; readonly ms: number }
export type SentReport = Readonly<Sent> & { readonly startedUs: number }
export type ReceivedReport = {
  readonly received: number
  readonly lastUs: number
  /** Stamp to arrival, in microseconds; empty unless asked for. */
  readonly latenciesUs: readonly number[]
}

/** A burst never empties the whole window, and is not worth a round of writes when it is tiny. */
const maxBurst = 400
const minBurst = 8
const drainMs = 3_000
/** A round is not over before every answer is there: how long it took is what is asked. */
const roundDrainMs = 60_000

export class Sender {
  readonly tally: Sent = { sent: 0, answered: 0, refused: 0 }
  readonly #lines: readonly Line[]
  #next = 0

  constructor(lines: readonly Line[]) {
    this.#lines = lines
  }

  /** As much as the window of unanswered messages allows, until the time is over. */
  async flood({ window, ms }: FloodOrder): Promise<SentReport> {
    const { tally } = this
    const startedUs = this.#reset()
    const endUs = startedUs + ms * 1000
    while (monotonicUs() < endUs) {
      const credit = Math.min(window - (tally.sent - tally.answered), maxBurst)
      if (credit >= minBurst) {
        this.#burst(credit)
        await new Promise(setImmediate)
      } else {
        await sleepMs(1)
      }
    }
    return this.#drained(startedUs)
  }

  /** One message of each line. */
  async round({ window }: { readonly window: number }): Promise<SentReport> {
    const { tally } = this
    const startedUs = this.#reset()
    for (let left = this.#lines.length; left > 0; ) {
      const credit = Math.min(window - (tally.sent - tally.answered), maxBurst, left)
      for (let i = 0; i < credit; i++) this.#send(1)
      left -= Math.max(0, credit)
      if (credit > 0) await new Promise(setImmediate)
      else await sleepMs(1)
    }
    return this.#drained(startedUs, roundDrainMs)
  }

  /** `perSecond` messages a second, evenly, one line after the other. */
  async paced({ perSecond, ms }: PacedOrder): Promise<SentReport> {
    const startedUs = this.#reset()
    for (;;) {
      const elapsedUs = monotonicUs() - startedUs
      if (elapsedUs > ms * 1000) return this.#drained(startedUs)
      const due = Math.floor((elapsedUs * perSecond) / 1e6)
      while (this.tally.sent < due) this.#send(1)
      await sleepMs(1)
    }
  }

  #burst(credit: number): undefined {
    const perLine = Math.max(1, Math.floor(credit / this.#lines.length))
    const lines = Math.min(credit, this.#lines.length)
    for (let i = 0; i < lines; i++) this.#send(perLine)
  }

  #send(count: number): undefined {
    this.#lines[this.#next]?.send(count, monotonicUs())
    this.#next = (this.#next + 1) % this.#lines.length
    this.tally.sent += count
  }

  #reset(): number {
    Object.assign(this.tally, { sent: 0, answered: 0, refused: 0 })
    return monotonicUs()
  }

  async #drained(startedUs: number, withinMs = drainMs): Promise<SentReport> {
    const endUs = monotonicUs() + withinMs * 1000
    while (this.tally.answered < this.tally.sent && monotonicUs() < endUs) await sleepMs(2)
    return { ...this.tally, startedUs }
  }
}

/** How many users attach at the same time. */
const attachedAtOnce = 256

/** Does `attach` for each of many users, some at a time, in their order. */
export async function inTurns<T>(
  many: readonly T[],
  attach: (each: T, i: number) => Promise<undefined>,
): Promise<undefined> {
  for (let at = 0; at < many.length; at += attachedAtOnce) {
    await Promise.all(many.slice(at, at + attachedAtOnce).map((each, i) => attach(each, at + i)))
  }
}

/** Where a user comes from: with many users at one address the system has to search long for a port that is free. */
export const sourceOf = (i: number): string => `127.0.0.${2 + (i % 16)}`

/** Counts what arrives. `expect` starts a new count. */
export class Receiver {
  #received = 0
  #lastUs = 0
  #isTimed = false
  #latenciesUs: number[] = []

  expect(order: { readonly isTimed: boolean }): undefined {
    this.#received = 0
    this.#isTimed = order.isTimed
    this.#latenciesUs = []
  }

  /** A message whose body starts at `bodyAt`. */
  arrived(bytes: Buffer, bodyAt: number): undefined {
    this.#received++
    this.#lastUs = monotonicUs()
    if (this.#isTimed) this.#latenciesUs.push(this.#lastUs - bytes.readDoubleBE(bodyAt))
  }

  /** Waits until `sent` messages are in, or the time to drain is over. */
  async report(sent: number): Promise<ReceivedReport> {
    const endUs = monotonicUs() + drainMs * 1000
    while (this.#received < sent && monotonicUs() < endUs) await sleepMs(2)
    return { received: this.#received, lastUs: this.#lastUs, latenciesUs: this.#latenciesUs }
  }
}
