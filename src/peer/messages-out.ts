/**
 * Messages to other domains by links: each lane in order on one link at a time, each message ended once.
 *
 * In:    messages of `delivery/`.
 * Out:   MESSAGE on a link that is there or dialled now; how the far side ended it.
 * Fails: `unknown-outcome` when a link died under it, `order` after one of its lane that ended for a time, `busy`, the
 *        code of the dial.
 * Spec:  [LINK-6.7-4] to [LINK-6.7-8], [LINK-6.7-18], [LINK-6.3-5]; draft §5.5.4
 */

import type { Env } from '../env.ts'
import { isSuccess, isTemporary, publicStatus, type Status } from '../errors.ts'
import type { AnswerView } from '../link/outgoing.ts'
import { type Asker, later, type Outcome, outcomeOf } from '../operation/call.ts'
import type { Message } from '../operation/message.ts'
import type { Carrier, Carriers } from './carrier.ts'
import { LaneOut } from './lane-out.ts'
import { MessageRequest } from './message-request.ts'
import { outcomeOfAnswer } from './outcome.ts'

/** The longest `retryAfter` that is told: the peer may dial us sooner, and a vain retry is cheap. */
const mostWaitMs = 1000
/** A refusal that is put right without the sender is put right once. */
const mostRepairs = 1
/** Epochs that are tried where one begins too low: each step is twice as long, so that the last one is six days. */
const mostStarts = 20
/** Links that may be lost before a message was taken. */
const mostLosses = 2

export class MessagesOut {
  readonly #env: Env
  readonly #pool: Carriers
  readonly #firstEpoch: () => number
  readonly #send: (session: Carrier, sending: Sending) => undefined

  constructor(env: Env, pool: Carriers) {
    this.#env = env
    this.#pool = pool
    this.#firstEpoch = () => Math.floor(env.clock.wall() / 1000)
    this.#send = (session, sending) => this.#give(session, sending)
  }

  deliver(message: Message, asker: Asker<Message>): undefined {
    const { lane } = message
    const own = lane.hop instanceof LaneOut ? lane.hop : new LaneOut()
    if (lane.hop !== own) lane.hop = own
    this.#start(own, new Sending(message, asker, own, this))
  }

  /** The next hop answered. */
  answered(sending: Sending, answer: AnswerView): undefined {
    const { lane, laneEpoch, laneSequence } = sending
    const { status } = answer
    if (isSuccess(status)) {
      lane.settle(laneEpoch, laneSequence)
      return this.#end(sending, outcomeOfAnswer(answer))
    }
    if (this.#isRepaired(sending, status)) return
    if (isTemporary(status)) {
      lane.failedEpoch = laneEpoch
      lane.restart(laneEpoch)
    }
    lane.settle(laneEpoch, laneSequence)
    this.#end(sending, outcomeOfAnswer(answer))
  }

  /** No answer will come. */
  failed(sending: Sending, code: Status, sent: boolean): undefined {
    const { lane, laneEpoch, laneSequence, message } = sending
    const isBehind = lane.failedEpoch === laneEpoch
    // It was never taken there: another link may take it.
    if (
      !sent &&
      code === 'link-lost' &&
      lane.failedEpoch !== laneEpoch &&
      sending.losses < mostLosses
    ) {
      sending.losses++
      return this.#turn(sending)
    }
    if (laneSequence > 0) {
      lane.failedEpoch = laneEpoch
      lane.restart(laneEpoch)
    }
    if (sent) return this.#end(sending, outcomeOf('unknown-outcome'))
    // [LINK-6.7-15] One of its lane went the same way before it.
    if (code === 'link-lost' && isBehind) return this.#end(sending, outcomeOf('order'))
    const waitMs = this.#pool.retryAfterMs(message.from.domain, message.to.domain, 'im')
    this.#end(sending, later(publicStatus(code), Math.min(waitMs, mostWaitMs)))
  }

  /** Two refusals are put right without the sender: a number that is not held, and a count that was lost. */
  #isRepaired(sending: Sending, status: Status): boolean {
    const { lane } = sending
    const { session } = lane
    if (session === undefined) return false
    // [LINK-6.3-5] [LINK-6.3-16] Shown again, and the request repeated with its place in the lane.
    const mayRepair = sending.repairs < mostRepairs
    if (mayRepair && session.shown.isRenewed(sending.reference, status)) {
      sending.repairs++
      sending.refer(session)
      session.link.ask(sending)
      return true
    }
    // [LINK-6.7-8] Nothing of this epoch was refused, so nothing can be overtaken: the count starts anew.
    if (status !== 'order' || sending.laneEpoch === lane.failedEpoch) return false
    if (!this.#mayBeginAnew(sending)) return false
    this.#turn(sending)
    return true
  }

  /**
   * [LINK-6.7-18] A galloping search where even the beginning of an epoch is refused: before a restart of this gateway, or
   * before its clock was set back, the lane had a higher one.
   */
  #mayBeginAnew(sending: Sending): boolean {
    const { lane, laneEpoch, laneSequence } = sending
    if (laneSequence === 1) {
      return sending.starts < mostStarts && lane.leap(2 ** sending.starts++)
    }
    return laneEpoch === lane.lowEpoch || sending.repairs++ < mostRepairs
  }

  /** [LINK-6.7-7] A lane stays on its link while anything of it is unanswered there. */
  #start(lane: LaneOut, sending: Sending): undefined {
    // What has to come again, or waits already, must not be overtaken.
    const mayGo = lane.isOpen && lane.waiting.length === 0
    return mayGo ? this.#go(lane, sending) : this.#wait(lane, sending)
  }

  #go(lane: LaneOut, sending: Sending): undefined {
    const { session } = lane
    if (session === undefined) return this.#find(lane, sending)
    lane.asked++
    this.#give(session, sending)
  }

  #find(lane: LaneOut, sending: Sending): undefined {
    const { from, to } = sending.message
    const session = this.#pool.find(from.domain, to.domain, 'im')
    if (session === undefined && !sending.detach(this.#env)) return this.#noRoom(sending)
    lane.asked++
    if (session !== undefined) return this.#give(session, sending)
    this.#pool.send(from.domain, to.domain, 'im', sending, this.#send)
  }

  #wait(lane: LaneOut, sending: Sending): undefined {
    if (sending.detach(this.#env)) lane.waiting.push(sending)
    else this.#noRoom(sending)
  }

  #noRoom({ message, asker }: Sending): undefined {
    asker.ended(message, later('busy', mostWaitMs))
  }

  #give(session: Carrier, sending: Sending): undefined {
    const { lane } = sending
    lane.session = session
    lane.number(sending, this.#firstEpoch)
    sending.refer(session)
    session.link.ask(sending)
  }

  /** It has to be sent once more: the lane turns, and nothing new goes out before. */
  #turn(sending: Sending): undefined {
    const { lane, laneEpoch } = sending
    if (!sending.detach(this.#env)) {
      lane.failedEpoch = laneEpoch
      lane.restart(laneEpoch)
      return this.#end(sending, later('busy', mostWaitMs))
    }
    lane.asked--
    lane.back.push(sending)
    this.#moveOn(lane)
    if (lane.back.length > 0) this.#keepTime(lane)
  }

  /** [LINK-6.5-6] What is under way may have more time left than what came back and waits for it. */
  #keepTime(lane: LaneOut): undefined {
    const { clock, limits } = this.#env
    const until = Math.min(...lane.back.map(({ since }) => since)) + limits.requestMs
    lane.stopWaiting()
    lane.stopWaiting = clock.after(Math.max(1, until - clock.now()), () => {
      lane.failedEpoch = lane.back.at(-1)?.laneEpoch ?? lane.failedEpoch
      for (const late of lane.takeUnsent()) late.asker.ended(late.message, outcomeOf('order'))
    })
  }

  #end({ lane, message, asker }: Sending, outcome: Outcome): undefined {
    lane.asked--
    // [LINK-6.7-15] What follows it in its lane and was not taken must not overtake it.
    const failed = isTemporary(outcome.status) ? lane.takeUnsent() : none
    if (lane.isQuiet) lane.session = undefined
    asker.ended(message, outcome)
    for (const other of failed) other.asker.ended(other.message, outcomeOf('order'))
    this.#moveOn(lane)
  }

  /** Once nothing of the lane is under way, what came back goes out in its old order, then what waited. */
  #moveOn(lane: LaneOut): undefined {
    if (lane.asked > 0 || lane.isQuiet) return
    lane.session = undefined
    if (lane.back.length > 0) lane.restart()
    lane.waiting = lane.takeUnsent()
    // Each may end or come back while it is given, and its link may let go: then the others wait, or end with it.
    while (lane.isOpen) {
      const next = lane.waiting.shift()
      if (next === undefined) return
      this.#go(lane, next)
    }
  }
}

const none: readonly Sending[] = []

/** A message of a lane on its way to another domain. */
export class Sending extends MessageRequest {
  readonly lane: LaneOut
  readonly #by: MessagesOut
  /** How often a refusal was put right, how often an epoch began with it in vain, and how often its link was lost before it was taken. */
  repairs = 0
  starts = 0
  losses = 0

  constructor(message: Message, asker: Asker<Message>, lane: LaneOut, by: MessagesOut) {
    super(message, asker, '')
    this.lane = lane
    this.#by = by
  }

  /** How its sender is referred to on this link. */
  refer({ shown }: Carrier): undefined {
    const { from, to } = this.message
    this.reference = shown.refer(from, to.domain, 'user')
  }

  override get isKept(): boolean {
    const { message } = this
    return message.isDetached && this.buffer === message.buffer
  }

  /** Bytes of its own, before it waits; false: there is no room. Once it was given to a link, that has a copy of them. */
  detach({ held }: Env): boolean {
    const { message } = this
    if (!message.detach(held, this)) return false
    this.buffer = message.buffer
    this.fieldsAt = message.fieldsAt
    this.bodyAt = message.bodyAt
    this.end = message.end
    return true
  }

  answered(answer: AnswerView): undefined {
    return this.#by.answered(this, answer)
  }

  failed(code: Status, sent: boolean): undefined {
    return this.#by.failed(this, code, sent)
  }
}
