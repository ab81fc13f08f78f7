/**
 * Resolve: whose question is asked when: each has one of `limits.dnsSockets` places, which are had in fair turns.
 *
 * In:    who asks, and until when.
 * Out:   a place, which is given back after the time of one try, or at the end. Whoever waits for a late answer keeps the
 *        socket as long as nobody needs it.
 * Fails: never; `busy` where as many questions of the same account wait as may.
 */
import type { Meter } from '../lib/meter.ts'
import type { Limits } from '../limits.ts'
import type { Account } from '../shares/account.ts'
import { Line } from '../shares/line.ts'
import { questionMs } from '../shares/prices.ts'
import type { Shares } from '../shares/shares.ts'

export type Place = {
  /** The answer is late: the place is for the next one, and `giveUp` is called when the socket is needed, too. */
  readonly late: (giveUp: () => undefined) => undefined
  readonly end: () => undefined
}

export class QuestionLine {
  readonly #line: Line
  readonly #most: number
  /** Sockets, those of late answers included. */
  #open = 0
  /** The one that is late longest stands first. */
  readonly #late = new Set<() => undefined>()

  constructor(shares: Shares, limits: Limits, meter: Meter) {
    this.#most = limits.dnsSockets
    this.#line = new Line(shares, 'questions', {
      places: limits.dnsSockets,
      // The first contact of one user with one domain.
      few: 10,
      most: limits.dnsWaiting,
      priceMs: questionMs,
      waits: () => meter.hit('dnsSockets'),
    })
  }

  async take(payer: Account, signal: AbortSignal): Promise<Place | 'busy' | 'cancelled'> {
    if (!(await this.#line.take(payer, signal))) return signal.aborted ? 'cancelled' : 'busy'
    if (this.#open >= this.#most) this.#giveUpOldest()
    this.#open += 1
    let give: () => undefined = () => {
      give = () => undefined
      return this.#line.give(payer)
    }
    let stay: (() => undefined) | undefined
    return {
      late: (giveUp) => {
        stay = giveUp
        this.#late.add(giveUp)
        give()
      },
      end: () => {
        this.#open -= 1
        if (stay !== undefined) this.#late.delete(stay)
        give()
      },
    }
  }

  #giveUpOldest(): undefined {
    const [oldest] = this.#late
    if (oldest === undefined) return
    this.#late.delete(oldest)
    oldest()
  }
}
