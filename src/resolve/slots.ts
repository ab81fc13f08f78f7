/** A number of places; who finds none free waits in line, for as long as its signal lets it. */
export class Slots {
  #free: number
  readonly #waiting = new Set<() => undefined>()

  constructor(places: number) {
    this.#free = places
  }

  /** Whether a place was had; `false` if the signal ended first. Give it back after use. */
  take(signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(false)
    if (this.#free > 0) {
      this.#free -= 1
      return Promise.resolve(true)
    }
    return new Promise((resolve) => {
      const leave = () => {
        this.#waiting.delete(enter)
        resolve(false)
      }
      const enter = (): undefined => {
        signal.removeEventListener('abort', leave)
        resolve(true)
      }
      this.#waiting.add(enter)
      signal.addEventListener('abort', leave, { once: true })
    })
  }

  give(): undefined {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#free += 1
      return
    }
    this.#waiting.delete(next)
    next()
  }

  get isFull(): boolean {
    return this.#free === 0
  }
}
