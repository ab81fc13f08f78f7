/**
 * Requests whose turn has not come, and long bodies on their way: which of them moves next.
 *
 * In:    requests, in classes; credit.
 * Out:   the class whose first request may move: control first, then im and pres 4 to 1.
 * Fails: there is no room: for a class, for a user who holds much of it, or for whoever pays. What one user has waiting
 *        holds up no other.
 * Spec:  [LINK-7.2-1] order of classes, [LINK-7.2-2] long bodies take turns, [LINK-7.1-6] credentials
 */
import type { Limits } from '../limits.ts'
import type { Account } from '../shares/account.ts'
import {
  trafficClass as classes,
  mostSubjects,
  requestHeadBytes,
  type TrafficClass,
} from '../wire/registry.ts'
import { FairQueue } from './fair-queue.ts'
import type { Outgoing } from './outgoing.ts'
import { freeBytes, type Payer } from './payer.ts'
import type { SendWindow } from './send-window.ts'

/** A request whose turn has not come (`id` 0), or whose body goes out in chunks, from `at` on. */
export type Waiting = {
  readonly outgoing: Outgoing
  readonly since: number
  id: number
  at: number
  /** Who paid for it: nobody for the first ones, and for what is paid already. */
  paid: Account | undefined
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
  readonly #payer: Payer
  readonly #payloadBytes: (outgoing: Outgoing) => number
  readonly #queues = [new FairQueue<Waiting>(), new FairQueue<Waiting>(), new FairQueue<Waiting>()]
  readonly #bodies = [0, 0, 0]
  /** Of fields and bodies. */
  readonly #bytes = [0, 0, 0]
  /** The same, of each user: who has much waiting is known without a look at all of it. */
  readonly #bytesOf = [
    new Map<string, number>(),
    new Map<string, number>(),
    new Map<string, number>(),
  ]
  /** Those whose body is on its way, by id. */
  readonly #begun = new Map<number, Waiting>()
  #imInARow = 0
  #count = 0

  /** `payloadBytes`: length of a request in one piece. */
  constructor(
    window: SendWindow,
    limits: Limits,
    payer: Payer,
    payloadBytes: (outgoing: Outgoing) => number,
  ) {
    this.#window = window
    this.#limits = limits
    this.#payer = payer
    this.#payloadBytes = payloadBytes
  }

  get count(): number {
    return this.#count
  }

  /** Requests whose body is on its way, by id. */
  get begun(): ReadonlyMap<number, Waiting> {
    return this.#begun
  }

  /**
   * Whether there is no room for one more, with `written` bytes before it: in its class, or, once half of that is used,
   * for a user who has an eighth of it.
   */
  isFull({ trafficClass, user }: Outgoing, written: number): boolean {
    const most = this.#limits.waitingOutBytes
    const bytes = (this.#bytes[trafficClass] as number) + written
    if (bytes <= most / 2) return false
    return bytes > most || (this.#ownBytes(trafficClass).get(user) ?? 0) > most / 8
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

  /** False: there is no room for it. */
  push(outgoing: Outgoing, now: number): boolean {
    const bytes = lengthOf(outgoing)
    const mustPay = outgoing.isKept !== true && this.#sum + bytes > freeBytes
    const paid = mustPay ? (outgoing.payer ?? this.#payer.account) : undefined
    if (paid !== undefined && !this.#payer.take(paid, bytes)) return false
    if (outgoing.isKept !== true) keep(outgoing)
    const waiting = { outgoing, since: now, id: 0, at: 0, paid }
    this.#queue(outgoing.trafficClass).push(outgoing.user, waiting)
    this.#count++
    this.#add(outgoing, bytes)
    outgoing.reference?.wait(now)
    return true
  }

  /** [LINK-7.2-1] The request whose turn it is, among those that have credit. */
  next(now: number): Waiting | undefined {
    const turn = this.#turn(now)
    return turn === undefined ? undefined : this.#queue(turn).peek()
  }

  /** Whether `waiting`, whose turn it is, may go as it stands; if not, another may have the turn. */
  isFresh(waiting: Waiting): boolean {
    const { outgoing } = waiting
    const before = lengthOf(outgoing)
    const found = outgoing.freshen?.(outgoing) ?? 'same'
    if (found === 'unwanted') this.leave(waiting)
    else this.#grow(waiting, lengthOf(outgoing) - before)
    return found === 'same'
  }

  /** A long body begins, or goes on: it takes turns with what else waits. */
  rotate(waiting: Waiting, isBegun: boolean): undefined {
    const { trafficClass } = waiting.outgoing
    if (isBegun) {
      this.#bodies[trafficClass] = (this.#bodies[trafficClass] as number) + 1
      this.#begun.set(waiting.id, waiting)
    }
    this.#queue(trafficClass).rotate()
  }

  /** The request that `next` gave is out. */
  leave(waiting: Waiting): undefined {
    this.#queue(waiting.outgoing.trafficClass).shift()
    this.#forget(waiting)
  }

  /** What is left of a body is not wanted. */
  cut(cut: Waiting): undefined {
    this.#queue(cut.outgoing.trafficClass).take((waiting) => waiting === cut)
    this.#forget(cut)
  }

  /** Takes what was not begun; with `all` everything. */
  drain(all: boolean): readonly Waiting[] {
    return this.#take(({ id }) => id === 0 || all)
  }

  /**
   * Takes what was not begun and expects an answer, of each user of whom some of it is awaited since `time`: what came
   * later must not overtake what leaves. Others may yet have their turn.
   */
  takeStuck(time: number): readonly Waiting[] {
    const isMeant = ({ id, outgoing }: Waiting): boolean => id === 0 && outgoing.expectsAnswer
    return this.#take(isMeant, (own) =>
      own.some((waiting) => waiting.outgoing.since <= time && isMeant(waiting)),
    )
  }

  /** Since when the answer to one of them is awaited; `Infinity`: to none. */
  oldest(): number {
    let since = Number.POSITIVE_INFINITY
    for (const { outgoing } of this.#all()) {
      if (outgoing.expectsAnswer && outgoing.since < since) since = outgoing.since
    }
    return since
  }

  /** Whether one frame is not enough for it. */
  isLong(outgoing: Outgoing): boolean {
    return this.#payloadBytes(outgoing) > this.#limits.frameBytes
  }

  #take(
    goes: (waiting: Waiting) => boolean,
    meant?: (own: readonly Waiting[]) => boolean,
  ): readonly Waiting[] {
    const taken = this.#queues.flatMap((queue) => queue.take(goes, meant))
    for (const waiting of taken) this.#forget(waiting)
    return taken
  }

  *#all(): Generator<Waiting> {
    for (const queue of this.#queues) yield* queue.items()
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
    const queue = this.#queue(trafficClass)
    const isFull = (this.#bodies[trafficClass] as number) >= this.#limits.bodiesUnderWay
    // [LINK-4.4-3] A body for which there is no place lets the others pass.
    for (let left = isFull ? queue.users : 0; left > 0; left--) {
      const first = queue.peek() as Waiting
      if (first.id !== 0 || !this.isLong(first.outgoing)) break
      queue.rotate()
    }
    const first = queue.peek()
    if (first === undefined) return false
    const { outgoing, id, at } = first
    const { frameBytes, tokenBytes } = this.#limits
    if (id !== 0) {
      return this.#window.has(trafficClass, 0, Math.min(outgoing.end - at, frameBytes))
    }
    const { reference } = outgoing
    const isShown = reference === undefined || now < reference.refreshAt
    // [LINK-7.1-6] A credential, which is not made before it can go, and the request that needs it.
    const shownBytes = isShown ? 0 : shownHeadBytes + tokenBytes
    const bytes = shownBytes + Math.min(this.#payloadBytes(outgoing), frameBytes)
    if (!this.#window.has(trafficClass, isShown ? 1 : 2, bytes)) return false
    return !isFull || !this.isLong(outgoing)
  }

  #forget(waiting: Waiting): undefined {
    const { outgoing, id } = waiting
    const { trafficClass } = outgoing
    this.#count--
    this.#grow(waiting, -lengthOf(outgoing))
    outgoing.reference?.leave()
    if (id === 0) return
    this.#bodies[trafficClass] = (this.#bodies[trafficClass] as number) - 1
    this.#begun.delete(id)
  }

  #grow({ outgoing, paid }: Waiting, bytes: number): undefined {
    this.#add(outgoing, bytes)
    if (paid !== undefined && bytes !== 0) this.#payer.hold(paid, bytes)
  }

  get #sum(): number {
    const [control, im, pres] = this.#bytes as [number, number, number]
    return control + im + pres
  }

  #add({ trafficClass, user }: Outgoing, bytes: number): undefined {
    this.#bytes[trafficClass] = (this.#bytes[trafficClass] as number) + bytes
    const own = this.#ownBytes(trafficClass)
    const left = (own.get(user) ?? 0) + bytes
    if (left > 0) own.set(user, left)
    else own.delete(user)
  }

  #ownBytes(trafficClass: TrafficClass): Map<string, number> {
    return this.#bytesOf[trafficClass] as Map<string, number>
  }

  #queue(trafficClass: TrafficClass): FairQueue<Waiting> {
    return this.#queues[trafficClass] as FairQueue<Waiting>
  }
}

const lengthOf = ({ fieldsAt, end }: Outgoing): number => end - fieldsAt

/** The request may wait longer than the chunk it came in: takes a copy. */
function keep(outgoing: Outgoing): undefined {
  const { fieldsAt, bodyAt, end } = outgoing
  outgoing.buffer = Buffer.from(outgoing.buffer.subarray(fieldsAt, end))
  outgoing.fieldsAt = 0
  outgoing.bodyAt = bodyAt - fieldsAt
  outgoing.end = end - fieldsAt
}
