/**
 * Messages that a store was given and that are not settled, by lane.
 *
 * Commits take time, and a lane goes on meanwhile: what was given behind a message that was not kept must not be kept
 * either, or it overtakes. Go-back-N, with the turn of a lane in place of a sequence: each loss begins a new one.
 */

import type { Env } from '../env.ts'
import type { Status } from '../errors.ts'
import { latin1 } from '../lib/latin1.ts'
import type { Lane } from '../operation/lane.ts'
import type { Message } from '../operation/message.ts'
import type { MemoryBackend } from './memory-backend.ts'

type Flow = { underWay: number; turn: number; lost: Status }

export type Arrival = {
  readonly message: Message
  /** Sender and id. */
  readonly key: string
  readonly lane: string
  readonly content: string
  /** Whether there was room for bytes of its own. */
  readonly hasBytes: boolean
  readonly flow: Flow
  readonly turn: number
}

export class Arrivals {
  readonly #env: Env
  readonly #content: MemoryBackend['content']
  readonly #flows = new Map<Lane, Flow>()

  constructor({ env, content }: MemoryBackend) {
    this.#env = env
    this.#content = content
  }

  take(message: Message): Arrival {
    const { lane, from, to, buffer, idAt, fieldsAt, end } = message
    const flow = this.#flows.get(lane) ?? { underWay: 0, turn: 0, lost: 'internal' }
    this.#flows.set(lane, flow)
    flow.underWay++
    this.#content.take(buffer, fieldsAt, end)
    return {
      message,
      key: `${from.text} ${latin1(buffer, idAt, idAt + 16)}`,
      lane: `${from.text} ${to.text}`,
      content: `${this.#content.high} ${this.#content.low}`,
      hasBytes: message.detach(this.#env.held),
      flow,
      turn: flow.turn,
    }
  }

  /** It was not kept: what follows it and is under way is not, either. */
  lost({ flow }: Arrival, why: Status): undefined {
    flow.turn++
    flow.lost = why
  }

  /** Why a message before it was not kept; nothing: all were. */
  lostBefore({ flow, turn }: Arrival): Status | undefined {
    return flow.turn === turn ? undefined : flow.lost
  }

  /** It is settled, or was told something else than that it is kept. */
  ended(lane: Lane): undefined {
    const flow = this.#flows.get(lane)
    if (flow !== undefined && --flow.underWay === 0) this.#flows.delete(lane)
  }

  isUnderWay(lane: Lane): boolean {
    return this.#flows.has(lane)
  }
}
