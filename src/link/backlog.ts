/**
 * Requests whose turn has not come, and long bodies on their way: which of them moves next.
 *
 * In:    requests, in classes; credit.
 * Out:   the class whose first request may move: control first, then im and pres 4 to 1.
 * Spec:  [LINK-7.2-1] order of classes, [LINK-7.2-2] long bodies take turns, [LINK-7.1-6] credentials
 */
import type { Limits } from '../limits.ts'
import {
  trafficClass as classes,
  mostSubjects,
  requestHeadBytes,
  type TrafficClass,
} from '../wire/registry.ts'
import { FairQueue } from './fair-queue.ts'
import type { Outgoing } from './outgoing.ts'
import type { SendWindow } from './send-window.ts'

/** A request whose turn has not come (`id` 0), or whose body goes out in chunks, from `at` on. */
export type Waiting = {
  readonly outgoing: Outgoing
  readonly since: number
  id: number
  at: number
}

/** `since`: clock time, exact to a second; `undefined`: nothing waits. */
export type Queue = { readonly count: number; readonly since: number | undefined }

/** What a CREDENTIAL takes beside its token: its head, and two fields. */
const shownHeadBytes = requestHeadBytes + 3 + 3 + 4 * mostSubjects

/** IM moves so often before presence has a turn. */
const imPerPres = 4

export class Backlog {
  readonly #window: SendWindow
  readonly #limits: Limits
  readonly #payloadBytes: (outgoing: Outgoing) => number
  readonly #queues = [new FairQueue<Waiting>(), new FairQueue<Waiting>(), new FairQueue<Waiting>()]
  readonly #bodies = [0, 0, 0]
  #imInARow = 0
  #count = 0
  #bytes = 0

  /** `payloadBytes`: length of a request in one piece. */
  constructor(window: SendWindow, limits: Limits, payloadBytes: (outgoing: Outgoing) => number) {
    this.#window = window
    this.#limits = limits
    this.#payloadBytes = payloadBytes
  }

  get count(): number {
    return this.#count
  }

  /** Of fields and bodies. */
  get bytes(): number {
    return this.#bytes
  }

  isEmpty(trafficClass: TrafficClass): boolean {
    return this.#queue(trafficClass).length === 0
  }

  look(trafficClass: TrafficClass): Queue {
    const queue = this.#queue(trafficClass)
    let since: number | undefined
    for (const waiting of queue.firsts()) since = Math.min(since ?? waiting.since, waiting.since)
    return { count: queue.length, since }
  }

  push(outgoing: Outgoing, now: number): undefined {
    this.#queue(outgoing.trafficClass).push(outgoing.user, { outgoing, since: now, id: 0, at: 0 })
    this.#count++
    this.#bytes += outgoing.end - outgoing.fieldsAt
    outgoing.reference?.wait(now)
  }

  /** [LINK-7.2-1] The request whose turn it is, among those that have credit. */
  next(now: number): Waiting | undefined {
    const turn = this.#turn(now)
    return turn === undefined ? undefined : this.#queue(turn).peek()
  }

  /** Whether `waiting`, whose turn it is, may go as it stands; if not, another may have the turn. */
  isFresh(waiting: Waiting): boolean {
    const { outgoing } = waiting
    const before = outgoing.end - outgoing.fieldsAt
    const found = outgoing.freshen?.(outgoing) ?? 'same'
    if (found === 'unwanted') this.leave(waiting)
    else this.#bytes += outgoing.end - outgoing.fieldsAt - before
    return found === 'same'
  }

  /** A long body begins, or goes on: it takes turns with what else waits. */
  rotate({ outgoing: { trafficClass } }: Waiting, isBegun: boolean): undefined {
    if (isBegun) this.#bodies[trafficClass] = (this.#bodies[trafficClass] as number) + 1
    this.#queue(trafficClass).rotate()
  }

  /** The request that `next` gave is out. */
  leave({ outgoing, id }: Waiting): undefined {
    const { trafficClass } = outgoing
    this.#queue(trafficClass).shift()
    if (id !== 0) this.#bodies[trafficClass] = (this.#bodies[trafficClass] as number) - 1
    this.#forget(outgoing)
  }

  /** Takes what was not begun; with `all` everything. */
  drain(all: boolean): readonly Waiting[] {
    return this.#queues.flatMap((queue) => this.#take(queue, ({ id }) => id === 0 || all))
  }

  /**
   * Takes what was not begun and expects an answer, of each class in which some of it waits since `time`: no turn is
   * coming there, and what came later must not overtake what leaves.
   */
  takeStuck(time: number): readonly Waiting[] {
    const isMeant = ({ id, outgoing }: Waiting): boolean => id === 0 && outgoing.expectsAnswer
    return this.#queues.flatMap((queue) => {
      const isStuck = [...queue.items()].some(
        (waiting) => waiting.since <= time && isMeant(waiting),
      )
      return isStuck ? this.#take(queue, isMeant) : []
    })
  }

  /** Whether one frame is not enough for it. */
  isLong(outgoing: Outgoing): boolean {
    return this.#payloadBytes(outgoing) > this.#limits.frameBytes
  }

  /** What stays keeps its order. */
  #take(queue: FairQueue<Waiting>, goes: (waiting: Waiting) => boolean): readonly Waiting[] {
    const taken: Waiting[] = []
    for (const waiting of queue.drain()) {
      const { outgoing } = waiting
      if (!goes(waiting)) {
        queue.push(outgoing.user, waiting)
        continue
      }
      this.#forget(outgoing)
      taken.push(waiting)
    }
    return taken
  }

  #turn(now: number): TrafficClass | undefined {
    if (this.#canMove(classes.control, now)) return classes.control
    const pres = this.#canMove(classes.pres, now)
    if (this.#canMove(classes.im, now) && (this.#imInARow < imPerPres || !pres)) {
      this.#imInARow++
      return classes.im
    }
    if (!pres) return undefined
    this.#imInARow = 0
    return classes.pres
  }

  #canMove(trafficClass: TrafficClass, now: number): boolean {
    const first = this.#queue(trafficClass).peek()
    if (first === undefined) return false
    const { outgoing, id, at } = first
    const { frameBytes, bodiesUnderWay, tokenBytes } = this.#limits
    if (id !== 0) {
      return this.#window.has(trafficClass, 0, Math.min(outgoing.end - at, frameBytes))
    }
    const { reference } = outgoing
    const isShown = reference === undefined || now < reference.refreshAt
    // [LINK-7.1-6] A credential, which is not made before it can go, and the request that needs it.
    const shownBytes = isShown ? 0 : shownHeadBytes + tokenBytes
    const bytes = shownBytes + Math.min(this.#payloadBytes(outgoing), frameBytes)
    if (!this.#window.has(trafficClass, isShown ? 1 : 2, bytes)) return false
    return !this.isLong(outgoing) || (this.#bodies[trafficClass] as number) < bodiesUnderWay
  }

  #forget(outgoing: Outgoing): undefined {
    this.#count--
    this.#bytes -= outgoing.end - outgoing.fieldsAt
    outgoing.reference?.leave()
  }

  #queue(trafficClass: TrafficClass): FairQueue<Waiting> {
    return this.#queues[trafficClass] as FairQueue<Waiting>
  }
}
