/** One lane as a receiving side counts it: only the next of an epoch, or the first of a later one, is taken. */
export type Place = { readonly epoch: number; readonly sequence: number }

export class LaneGate {
  #epoch: number
  #next: number

  /** `epoch`: somebody else counted up to there. */
  constructor(epoch = 0) {
    this.#epoch = epoch
    this.#next = 1
  }

  /** [LINK-6.7-5], [LINK-6.7-6] */
  take({ epoch, sequence }: Place): boolean {
    if (sequence === 0) return true
    if (epoch > this.#epoch && sequence === 1) {
      this.#epoch = epoch
      this.#next = 1
    }
    if (epoch !== this.#epoch || sequence !== this.#next) return false
    this.#next++
    return true
  }

  /** [LINK-6.7-8] What failed for a time has to come before what follows it. */
  goBack({ epoch, sequence }: Place): undefined {
    if (epoch === this.#epoch && this.#next > sequence) this.#next = sequence
  }
}
