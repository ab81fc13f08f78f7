/**
 * All messages of this user on their way out: one lane for each recipient, within bounds.
 *
 * In:    encoded messages; the link as it comes and goes; a tick each second.
 * Out:   `done` for each message, once.
 * Fails: `too-large` for a body, `busy` when too much waits or is under way; else what the lane says.
 * Spec:  [LINK-6.7-4] to [LINK-6.7-8]
 */

import type { Cancel, Clock } from '../lib/clock.ts'
import { latin1 } from '../lib/latin1.ts'
import type { Limits } from '../limits.ts'
import { FieldTable } from '../wire/fields.ts'
import { fields } from '../wire/registry.ts'
import { type Done, type Lanes, MessageLane, OutgoingMessage, type Way } from './message-lane.ts'

export type MessagesNeeds = {
  readonly clock: Clock
  readonly limits: Limits
  readonly limitHit: (limit: string) => undefined
}

/** What an unanswered message costs beside its bytes. */
const rowBytes = 256

export class Messages {
  readonly #needs: MessagesNeeds
  readonly #byRecipient = new Map<string, MessageLane>()
  readonly #lanes: Lanes
  /** Lanes that were forgotten and come back count on from here. */
  #lastEpoch = 0
  #bytes = 0
  #mostBytes: number
  #sweptAt: number
  /** When the first message's time is over. */
  #dueAt = Number.POSITIVE_INFINITY
  #stopWaiting: Cancel = () => undefined

  constructor(needs: MessagesNeeds) {
    const { clock, limits } = needs
    this.#needs = needs
    this.#sweptAt = clock.now()
    this.#mostBytes = limits.messageBytes
    const table = new FieldTable(limits)
    this.#lanes = {
      clock,
      limits,
      way: undefined,
      waiting: 0,
      stalled: new Set(),
      isStopped: false,
      ended: ({ fieldsAt, end }) => {
        this.#bytes -= end - fieldsAt + rowBytes
      },
      idOf: ({ buffer, fieldsAt, bodyAt }) => {
        if (!table.read(buffer, fieldsAt, bodyAt)) return ''
        return latin1(buffer, table.start(fields.id.tag), table.end(fields.id.tag))
      },
    }
  }

  /** Messages that wait here for their turn. */
  get waiting(): number {
    return this.#lanes.waiting
  }

  /** The largest body that is taken. */
  get mostBytes(): number {
    return this.#mostBytes
  }

  /**
   * Sends the end-to-end fields and body of a MESSAGE: `buffer` from `fieldsAt` over `bodyAt` to `end`, of which
   * nothing is needed after the call. `done` may be called before this returns.
   */
  send(
    recipient: string,
    buffer: Buffer,
    fieldsAt: number,
    bodyAt: number,
    end: number,
    done: Done,
    lifeMs: number,
    repeats: boolean,
  ): undefined {
    const now = this.#needs.clock.now()
    const bytes = end - fieldsAt + rowBytes
    const fault = end - bodyAt > this.#mostBytes ? 'too-large' : this.#faultOf(bytes)
    const lane = fault === undefined ? this.#lane(recipient, now) : undefined
    if (lane === undefined) return done(fault ?? 'busy', -1, undefined)
    lane.usedAt = now
    this.#bytes += bytes
    const until = now + lifeMs
    lane.send(new OutgoingMessage(lane, buffer, fieldsAt, bodyAt, end, done, until, repeats))
    if (until < this.#dueAt) this.#expireAt(until, now)
  }

  /** A link to send by is there; its far side takes bodies up to `mostBytes`. */
  up(way: Way, mostBytes: number): undefined {
    this.#mostBytes = Math.min(mostBytes, this.#needs.limits.messageBytes)
    this.#lanes.way = way
    for (const lane of [...this.#lanes.stalled]) lane.pump()
  }

  /** Nothing new goes out by the link; what is under way there is answered or fails. */
  down(): undefined {
    this.#lanes.way = undefined
  }

  /** Once a second. */
  tick(now: number): undefined {
    for (const lane of [...this.#lanes.stalled]) lane.pump()
    const { idleMs } = this.#needs.limits
    if (now - this.#sweptAt < idleMs) return
    this.#sweptAt = now
    this.#sweep(now, idleMs)
  }

  /** Nothing waits any more, and nothing is taken; what is under way still gets its answer. */
  stop(): undefined {
    this.#lanes.isStopped = true
    this.#lanes.way = undefined
    for (const lane of [...this.#lanes.stalled]) lane.stop()
  }

  /** Every link is closed: nothing is under way any more. */
  gone(): undefined {
    this.#stopWaiting()
  }

  /** One timer for all, of the message whose time is over first. */
  #expireAt(dueAt: number, now: number): undefined {
    const { clock } = this.#needs
    this.#stopWaiting()
    this.#dueAt = dueAt
    this.#stopWaiting = clock.after(dueAt - now, () => {
      const at = clock.now()
      this.#dueAt = Number.POSITIVE_INFINITY
      let next = this.#dueAt
      for (const lane of this.#byRecipient.values()) next = Math.min(next, lane.expire(at))
      if (next < this.#dueAt) this.#expireAt(next, at)
    })
  }

  #faultOf(bytes: number): 'link-stopped' | 'busy' | undefined {
    const { limits, limitHit } = this.#needs
    if (this.#lanes.isStopped) return 'link-stopped'
    if (this.#lanes.waiting >= limits.windowRequests) {
      limitHit('windowRequests')
      return 'busy'
    }
    if (this.#bytes + bytes > limits.waitingOutBytes) {
      limitHit('waitingOutBytes')
      return 'busy'
    }
    return undefined
  }

  #lane(recipient: string, now: number): MessageLane | undefined {
    const known = this.#byRecipient.get(recipient)
    if (known !== undefined) return known
    const { clock, limits, limitHit } = this.#needs
    if (this.#byRecipient.size >= limits.lanes) this.#sweep(now, 0)
    if (this.#byRecipient.size >= limits.lanes) {
      limitHit('lanes')
      return undefined
    }
    const epoch = Math.max(this.#lastEpoch + 1, Math.floor(clock.wall() / 1000))
    const lane = new MessageLane(this.#lanes, recipient, epoch)
    this.#byRecipient.set(recipient, lane)
    return lane
  }

  #sweep(now: number, idleMs: number): undefined {
    for (const [recipient, lane] of this.#byRecipient) {
      if (!lane.isIdle || now - lane.usedAt < idleMs) continue
      this.#lastEpoch = Math.max(this.#lastEpoch, lane.epoch)
      this.#byRecipient.delete(recipient)
    }
  }
}
