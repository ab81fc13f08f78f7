/**
 * The messages of this user to one recipient: numbered, at most so many under way, in order whatever happens.
 *
 * In:    messages to send; the link to use, which may change; answers.
 * Out:   `done` for each message, once, in which order the answers come.
 * Fails: as a status: the gateway's, or `unknown-outcome`, `link-lost`, `busy`, `link-stopped` of our own.
 * Spec:  [LINK-6.7-4] to [LINK-6.7-8], [LINK-6.7-11]
 *
 *   waiting ──▶ under way ──▶ done
 *      ▲            │
 *      └─── back ◀──┘  refused with `order`, never written, or without an outcome that is known
 *
 * After a temporary failure the lane turns: nothing new goes out until all that is under way has its answer; then
 * what came back goes first, in its old order, under a new epoch.
 */
import { isTemporary, type Status } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { Limits } from '../limits.ts'
import type { AnswerView, Outgoing } from '../link/outgoing.ts'
import { commands, trafficClass } from '../wire/registry.ts'

/** How a message ended. `answer` is lent for the call; `undefined`: none came. `retryAfterMs` -1: nothing was said. */
export type Done = (
  status: Status,
  retryAfterMs: number,
  answer: AnswerView | undefined,
) => undefined

/** What a lane needs of a link. */
export type Way = {
  readonly isUsable: boolean
  readonly ask: (outgoing: Outgoing) => undefined
}

/** What all lanes of a client share. */
export type Lanes = {
  readonly clock: Clock
  readonly limits: Limits
  /** The link to send by; `undefined`: there is none now. */
  way: Way | undefined
  /** Messages that wait for their turn, and the lanes that they wait in. */
  waiting: number
  readonly stalled: Set<MessageLane>
  /** What would have to be sent again is given up. */
  isStopped: boolean
  readonly ended: (message: OutgoingMessage) => undefined
  /** Id of a message, read from its fields. */
  readonly idOf: (message: OutgoingMessage) => string
}

/** Wait before a message without an outcome is repeated on the same link. */
const againMs = 1000

export class OutgoingMessage implements Outgoing {
  readonly command = commands.message.number
  readonly trafficClass = trafficClass.im
  readonly hops = 0
  readonly reference = undefined
  laneEpoch = 0
  laneSequence = 0
  settled = 0
  readonly from = ''
  readonly answerCredit = 0
  readonly expectsAnswer = true
  readonly user: string
  buffer: Buffer
  fieldsAt: number
  bodyAt: number
  end: number
  since = -1
  sentAt = -1
  readonly freshen = undefined
  /** Until then it waits for its turn and for its answer, and is repeated while its outcome is not known. */
  readonly until: number
  readonly repeats: boolean
  /** How often it was refused because of what came before it. */
  orders = 0
  /** It was written once, and nobody said what became of it. */
  isDoubtful = false
  /** Its time was over before its answer came. */
  isTold = false
  readonly done: Done
  readonly #lane: MessageLane

  constructor(
    lane: MessageLane,
    buffer: Buffer,
    fieldsAt: number,
    bodyAt: number,
    end: number,
    done: Done,
    until: number,
    repeats: boolean,
  ) {
    this.#lane = lane
    this.user = lane.recipient
    this.buffer = buffer
    this.fieldsAt = fieldsAt
    this.bodyAt = bodyAt
    this.end = end
    this.done = done
    this.until = until
    this.repeats = repeats
  }

  answered(answer: AnswerView): undefined {
    return this.#lane.answered(this, answer)
  }

  failed(code: Status, sent: boolean): undefined {
    return this.#lane.failed(this, code, sent)
  }
}

export class MessageLane {
  readonly recipient: string
  /** Rises with every new count of sequences. */
  epoch: number
  usedAt = 0
  readonly #lanes: Lanes
  #sequence = 0
  /** The answers of all sequences of this epoch up to here are held. */
  #settled = 0
  readonly #early = new Set<number>()
  readonly #underWay = new Set<OutgoingMessage>()
  #waiting: OutgoingMessage[] = []
  #back: OutgoingMessage[] = []
  #isTurning = false
  /** The link that the lane is on while something of it is under way. */
  #way: Way | undefined
  /** Nothing goes out before; 0: no such time. */
  #pausedUntil = 0
  /** How often in a row even the first message of a new epoch was out of order. */
  #refusedStarts = 0
  /** Ids that were told as `unknown-outcome` and may be repeated: their records must not be settled before then. */
  readonly #doubts = new Set<string>()
  #doubtsUntil = 0

  constructor(lanes: Lanes, recipient: string, epoch: number) {
    this.#lanes = lanes
    this.recipient = recipient
    this.epoch = epoch
  }

  /** Nothing is under way and nothing waits. */
  get isIdle(): boolean {
    return this.#underWay.size === 0 && this.#waiting.length === 0
  }

  /** Sends `message`, now or when it is its turn; its bytes are taken before this returns. */
  send(message: OutgoingMessage): undefined {
    const { way } = this.#lanes
    if (way !== undefined && this.#waiting.length === 0 && this.#mayGo(way)) {
      return this.#give(message, way)
    }
    const { buffer, fieldsAt, bodyAt, end } = message
    message.buffer = Buffer.from(buffer.subarray(fieldsAt, end))
    message.fieldsAt = 0
    message.bodyAt = bodyAt - fieldsAt
    message.end = end - fieldsAt
    this.#waiting.push(message)
    this.#noteWaiting(1)
  }

  /** Lets go what may go. */
  pump(): undefined {
    while (this.#waiting.length > 0) {
      const { way } = this.#lanes
      if (way === undefined || !this.#mayGo(way)) return
      const first = this.#waiting.shift() as OutgoingMessage
      this.#noteWaiting(-1)
      this.#give(first, way)
    }
  }

  /** Tells those whose time is over; when the next one's is. */
  expire(now: number): number {
    const late = this.#waiting.filter(({ until }) => until <= now)
    if (late.length > 0) {
      this.#waiting = this.#waiting.filter(({ until }) => until > now)
      this.#noteWaiting(-late.length)
      const code = this.#lanes.way === undefined ? 'link-lost' : 'busy'
      for (const message of late) this.#giveUp(message, code)
    }
    let next = Number.POSITIVE_INFINITY
    for (const message of this.#waiting) next = Math.min(next, message.until)
    for (const message of this.#underWay) {
      if (message.isTold) continue
      if (message.until > now) next = Math.min(next, message.until)
      else this.#tellLate(message)
    }
    return next
  }

  /** Tells everyone who waits that it is over. */
  stop(): undefined {
    const left = this.#waiting
    this.#waiting = []
    this.#noteWaiting(-left.length)
    for (const message of left) this.#giveUp(message, 'link-stopped')
  }

  answered(message: OutgoingMessage, answer: AnswerView): undefined {
    this.#underWay.delete(message)
    const { status, retryAfterMs } = answer
    if (!isTemporary(status)) {
      if (!this.#isAlone) this.#refusedStarts = 0
      this.#count(message.laneSequence)
      this.#end(message, status, retryAfterMs, answer)
      return this.#goOn()
    }
    this.#isTurning = true
    // That this attempt failed for a time says nothing about one before.
    const isInDoubt = status === 'unknown-outcome' || message.isDoubtful
    if (status === 'order' && !message.isTold && message.orders < this.#lanes.limits.laneInFlight) {
      message.orders++
      if (message.laneSequence === 1) this.#refusedStarts++
      this.#back.push(message)
    } else if (isInDoubt && this.#mayRepeat(message)) {
      this.#pause(Math.max(retryAfterMs, againMs))
      this.#back.push(message)
    } else {
      this.#pause(retryAfterMs)
      this.#end(message, isInDoubt ? 'unknown-outcome' : status, retryAfterMs, answer)
    }
    this.#goOn()
  }

  /** No answer will come. */
  failed(message: OutgoingMessage, code: Status, sent: boolean): undefined {
    this.#underWay.delete(message)
    this.#isTurning = true
    if (code !== 'link-lost') this.#pause(againMs)
    if ((!sent && !message.isTold) || this.#mayRepeat(message)) this.#back.push(message)
    else this.#end(message, 'unknown-outcome', -1, undefined)
    this.#goOn()
  }

  /** [LINK-6.7-7] A lane stays on its link while anything of it is under way there. */
  #mayGo(way: Way): boolean {
    if (!way.isUsable || (this.#pausedUntil !== 0 && this.#isPaused())) return false
    if (this.#way !== way) {
      if (this.#underWay.size > 0) this.#isTurning = true
      else this.#change(way)
    }
    const room = this.#isAlone ? 1 : this.#lanes.limits.laneInFlight
    return !this.#isTurning && this.#underWay.size < room
  }

  /**
   * Another session of this user counts the same lane from a later clock: then one message at a time without a
   * number keeps the order as well.
   */
  get #isAlone(): boolean {
    return this.#refusedStarts > 1
  }

  #change(way: Way): undefined {
    this.#way = way
    this.#refusedStarts = 0
    if (this.#sequence > 0) this.#turn()
  }

  #give(message: OutgoingMessage, way: Way): undefined {
    const isAlone = this.#isAlone
    message.laneEpoch = this.epoch
    message.laneSequence = isAlone ? 0 : ++this.#sequence
    message.settled = isAlone || (this.#doubts.size > 0 && this.#hasDoubts()) ? 0 : this.#settled
    this.#underWay.add(message)
    message.since = -1
    way.ask(message)
  }

  #goOn(): undefined {
    if (this.#isTurning && this.#underWay.size === 0) this.#turn()
    if (this.#waiting.length === 0) return
    if (this.#lanes.isStopped) this.stop()
    else this.pump()
  }

  /** [LINK-6.7-6] A new epoch: what came back goes first. */
  #turn(): undefined {
    this.#isTurning = false
    this.epoch = Math.max(this.epoch + 1, Math.floor(this.#lanes.clock.wall() / 1000))
    this.#sequence = 0
    this.#settled = 0
    this.#early.clear()
    if (this.#back.length === 0) return
    const back = this.#back.sort((a, b) => a.laneSequence - b.laneSequence)
    this.#back = []
    this.#waiting = [...back, ...this.#waiting]
    this.#noteWaiting(back.length)
  }

  #count(sequence: number): undefined {
    if (sequence !== this.#settled + 1) {
      if (sequence > 0) this.#early.add(sequence)
      return
    }
    this.#settled = sequence
    while (this.#early.size > 0 && this.#early.delete(this.#settled + 1)) this.#settled++
  }

  #mayRepeat(message: OutgoingMessage): boolean {
    message.isDoubtful = true
    return message.repeats && message.until > this.#lanes.clock.now()
  }

  #pause(ms: number): undefined {
    if (ms > 0) this.#pausedUntil = Math.max(this.#pausedUntil, this.#lanes.clock.now() + ms)
  }

  #isPaused(): boolean {
    if (this.#lanes.clock.now() < this.#pausedUntil) return true
    this.#pausedUntil = 0
    return false
  }

  #giveUp(message: OutgoingMessage, code: Status): undefined {
    this.#end(message, message.isDoubtful ? 'unknown-outcome' : code, -1, undefined)
  }

  #end(
    message: OutgoingMessage,
    status: Status,
    retryAfterMs: number,
    answer: AnswerView | undefined,
  ): undefined {
    this.#lanes.ended(message)
    // What became of it after all is news for nobody.
    if (message.isTold) return
    if (status === 'unknown-outcome') this.#doubt(message)
    else if (this.#doubts.size > 0) this.#doubts.delete(this.#lanes.idOf(message))
    message.done(status, retryAfterMs, answer)
  }

  /** It may have arrived, or arrive yet: its place in the lane stays taken until the answer or the end of the link. */
  #tellLate(message: OutgoingMessage): undefined {
    message.isTold = true
    this.#doubt(message)
    message.done('unknown-outcome', -1, undefined)
  }

  /** [LINK-6.7-11] What is settled is soon forgotten over there: not while somebody may still ask what became of it. */
  #doubt(message: OutgoingMessage): undefined {
    const { clock, limits, idOf } = this.#lanes
    if (this.#doubts.size >= limits.windowRequests) this.#doubts.clear()
    this.#doubts.add(idOf(message))
    this.#doubtsUntil = clock.now() + limits.duplicateSettledMs
  }

  #hasDoubts(): boolean {
    if (this.#lanes.clock.now() < this.#doubtsUntil) return true
    this.#doubts.clear()
    return false
  }

  #noteWaiting(more: number): undefined {
    this.#lanes.waiting += more
    if (this.#waiting.length > 0) this.#lanes.stalled.add(this)
    else this.#lanes.stalled.delete(this)
  }
}
