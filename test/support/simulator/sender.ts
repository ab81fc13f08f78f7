/**
 * The messages that a device sends: each attempt is written down with its answer.
 *
 * Nothing is repeated here by itself: what is repeated, and when, is an operation of the run.
 */
import { hash } from 'node:crypto'
import { encodeMessage } from '../../../src/command/message.ts'
import { isTemporary, type Status } from '../../../src/errors.ts'
import type { Clock } from '../../../src/lib/clock.ts'
import type { Outgoing } from '../../../src/link/outgoing.ts'
import type { Attempt, Journal } from './journal.ts'
import { userRequest } from './request.ts'
import type { Trace } from './trace.ts'

export type Draft = {
  readonly to: string
  /** 16 bytes. */
  readonly id: Buffer
  readonly body: Buffer
}

export type SenderNeeds = {
  readonly device: string
  readonly from: string
  readonly journal: Journal
  readonly trace: Trace
  readonly clock: Clock
  /** Whether messages are numbered on the first hop, too. */
  readonly hasLanes: boolean
}

type Lane = { epoch: number; sequence: number; settled: number; readonly early: Set<number> }

export class Sender {
  /** Everything sent so far, to be repeated. */
  readonly sent: Draft[] = []
  readonly #needs: SenderNeeds
  readonly #lanes = new Map<string, Lane>()

  constructor(needs: SenderNeeds) {
    this.#needs = needs
  }

  /** A new session counts anew: what the last one sent may still be under way. */
  startOver(): undefined {
    for (const lane of this.#lanes.values()) this.#turn(lane, lane.epoch)
  }

  send(session: string, draft: Draft, ask: (outgoing: Outgoing) => undefined): Promise<Attempt> {
    const { device, from, journal, trace, clock, hasLanes } = this.#needs
    const { to, id, body } = draft
    const lane = hasLanes ? this.#laneTo(to) : undefined
    const attempt: Attempt = {
      serial: journal.next(),
      device,
      session,
      from,
      to,
      id: id.toString('hex'),
      variant: variantOf(body),
      bytes: body.length,
      at: clock.now(),
      answer: undefined,
      answeredAt: 0,
      answers: 0,
      by: 'answer',
    }
    journal.attempts.push(attempt)
    this.sent.push(draft)
    trace.add(device, `sends ${nameOf(attempt)} to ${to}, ${body.length} bytes`)
    if (lane !== undefined) lane.sequence++
    const place =
      lane === undefined
        ? undefined
        : { epoch: lane.epoch, sequence: lane.sequence, settled: lane.settled }
    return new Promise((resolve) => {
      const end = (status: Status, by: Attempt['by']): undefined => {
        attempt.answers++
        attempt.answer = status
        attempt.by = by
        attempt.answeredAt = clock.now()
        trace.add(device, `hears ${status} (${by}) of ${nameOf(attempt)}`)
        if (lane !== undefined && place !== undefined) this.#count(lane, place, status, by)
        resolve(attempt)
      }
      ask(
        userRequest({
          command: 'message',
          fields: encodeMessage(to, id, 'text/plain;charset=utf-8'),
          body,
          ...(place === undefined ? {} : { lane: place }),
          answered: ({ status }) => end(status, 'answer'),
          failed: (code, sent) => end(code, sent ? 'written' : 'unwritten'),
        }),
      )
    })
  }

  #laneTo(to: string): Lane {
    const known = this.#lanes.get(to)
    if (known !== undefined) return known
    const epoch = Math.floor(this.#needs.clock.wall() / 1000)
    const lane = { epoch, sequence: 0, settled: 0, early: new Set<number>() }
    this.#lanes.set(to, lane)
    return lane
  }

  /** [LINK-6.7-8] After a failure for a time the count starts anew; [LINK-6.7-11] else the answer is held. */
  #count(
    lane: Lane,
    { epoch, sequence }: { readonly epoch: number; readonly sequence: number },
    status: Status,
    by: Attempt['by'],
  ): undefined {
    if (by !== 'answer' || isTemporary(status)) return this.#turn(lane, epoch)
    if (epoch !== lane.epoch) return
    lane.early.add(sequence)
    while (lane.early.delete(lane.settled + 1)) lane.settled++
  }

  #turn(lane: Lane, epoch: number): undefined {
    if (epoch !== lane.epoch) return
    lane.epoch++
    lane.sequence = 0
    lane.settled = 0
    lane.early.clear()
  }
}

export const variantOf = (body: Uint8Array): string => hash('sha256', body, 'hex').slice(0, 8)

export const nameOf = ({ id, variant }: { readonly id: string; readonly variant: string }) =>
  `${id.slice(0, 6)}/${variant.slice(0, 4)}`
