/**
 * Questions under way. Who asks what is being asked already waits for the same answer; a question
 * that nobody waits for any more is given up.
 */
import { failed, type Outcome } from './outcome.ts'

export type Ask = (signal: AbortSignal) => Promise<Outcome>

type Flight = {
  readonly outcome: Promise<Outcome>
  readonly controller: AbortController
  waiting: number
}

export class Flights {
  readonly #flights = new Map<string, Flight>()
  readonly #landed: (key: string, outcome: Outcome) => undefined

  /** `landed` is told each outcome, before those who wait for it. */
  constructor(landed: (key: string, outcome: Outcome) => undefined) {
    this.#landed = landed
  }

  has(key: string): boolean {
    return this.#flights.has(key)
  }

  join(key: string, ask: Ask, signal: AbortSignal): Promise<Outcome> {
    if (signal.aborted) return Promise.resolve(cancelled)
    const flight = this.#flights.get(key) ?? this.#start(key, ask)
    flight.waiting += 1
    return new Promise((resolve, reject) => {
      const leave = () => {
        flight.waiting -= 1
        if (flight.waiting === 0) this.#giveUp(key, flight)
        resolve(cancelled)
      }
      const stay = () => signal.removeEventListener('abort', leave)
      signal.addEventListener('abort', leave, { once: true })
      flight.outcome.finally(stay).then(resolve, reject)
    })
  }

  /** The questions that `isMeant` picks go on for those who wait, but nobody joins them and nothing is kept of them. */
  forget(isMeant: (key: string) => boolean): undefined {
    for (const key of [...this.#flights.keys()]) if (isMeant(key)) this.#flights.delete(key)
  }

  #start(key: string, ask: Ask): Flight {
    const controller = new AbortController()
    const outcome = ask(controller.signal).then(
      (given) => {
        if (this.#remove(key, flight)) this.#landed(key, given)
        return given
      },
      (cause: unknown) => {
        this.#remove(key, flight)
        throw cause
      },
    )
    const flight: Flight = { outcome, controller, waiting: 0 }
    this.#flights.set(key, flight)
    return flight
  }

  #giveUp(key: string, flight: Flight): undefined {
    this.#remove(key, flight)
    flight.controller.abort()
  }

  #remove(key: string, flight: Flight): boolean {
    return this.#flights.get(key) === flight && this.#flights.delete(key)
  }
}

const cancelled = failed('cancelled', 'none', 'udp')
