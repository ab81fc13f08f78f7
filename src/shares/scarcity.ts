/**
 * When something is scarce: the event loop by who waits for it and by what was charged, all else by how full it is.
 * Hysteresis: what becomes scarce stays so until there is plenty.
 *
 * In:  the lag of a timer, how long links had to wait to be read, and the time that was charged since the last turn; how much
 *      is used of how much.
 * Out: scarce or not. Pure but for what it remembers.
 */

/** A timer that is so much too late shows a loop that others wait for. */
const lateMs = 25
/** So little is none. */
const calmLateMs = 10
/** Links that wait for their turns during so much of the time show it as well; so little is none. */
const waitedShare = { enter: 0.5, leave: 0.25 } as const
/** So long without lag and waiting links, and there is plenty again. */
const calmMs = 1000
/** Lag without work of ours (a busy host, a collection of garbage) sheds nobody. */
const workedShare = 0.35

export class LoopScarcity {
  isScarce = false
  /** Turns in a row that were not long enough for the work there was. */
  #full = 0
  #calmMs = 0

  /**
   * A turn that took `wallMs` instead of `turnMs`, `chargedMs` of it with work for somebody, while some link
   * waited for `waitedMs` of it. Reading is cut into slices, so that the loop hardly lags where there is more to read than it can.
   */
  turn(wallMs: number, turnMs: number, chargedMs: number, waitedMs: number): boolean {
    const late = wallMs - turnMs
    const isBehind = waitedMs >= waitedShare.enter * wallMs
    const isFull = (isBehind || late >= lateMs) && chargedMs >= workedShare * wallMs
    this.#full = isFull ? this.#full + 1 : 0
    const isCalm = late < calmLateMs && waitedMs < waitedShare.leave * wallMs
    this.#calmMs = isCalm ? this.#calmMs + wallMs : 0
    if (this.isFull) this.isScarce = true
    else if (this.#calmMs >= calmMs) this.isScarce = false
    return this.isScarce
  }

  /** Now, and a moment ago: what was used is all that there was. */
  get isFull(): boolean {
    return this.#full >= 2
  }
}

/** From which part of all on something is scarce, until when, and how much of it is shared out then. */
export type Marks = { readonly enter: number; readonly leave: number; readonly room: number }

export const bytesMarks: Marks = { enter: 0.75, leave: 0.6, room: 0.7 }
export const placesMarks: Marks = { enter: 0.85, leave: 0.75, room: 0.8 }
/** Of what was used when there was no more. */
export const loopRoom = 0.9

/** Whether what was scarce or not is scarce now. */
export const isScarceNow = (isScarce: boolean, used: number, size: number, marks: Marks): boolean =>
  used > size * (isScarce ? marks.leave : marks.enter)
