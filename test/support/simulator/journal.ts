/**
 * What the users did, what they were told and what they saw: the one thing that the oracles judge.
 *
 * Written by the devices alone, so that nothing in it is the gateway's opinion of itself.
 */
import type { Status } from '../../../src/errors.ts'

/** One MESSAGE that a device wrote or tried to write. A repetition is another attempt with the same id. */
export type Attempt = {
  /** Rises over all devices, in the order of sending. */
  readonly serial: number
  readonly device: string
  /** Which attachment of the device. */
  readonly session: string
  readonly from: string
  readonly to: string
  /** Hexadecimal. */
  readonly id: string
  /** Names the content. */
  readonly variant: string
  readonly bytes: number
  readonly at: number
  /** `undefined`: nothing came yet. */
  answer: Status | undefined
  answeredAt: number
  /** How often something came: once is right. */
  answers: number
  /** An answer came over the link, or the link told that none will: of what was written, or of what was not. */
  by: 'answer' | 'written' | 'unwritten'
}

/** A MESSAGE that reached a session. */
export type Showing = {
  readonly serial: number
  readonly device: string
  readonly session: string
  readonly user: string
  /** Which process of the recipient's gateway showed it. */
  readonly process: string
  readonly from: string
  readonly id: string
  readonly variant: string
  readonly at: number
  /** What the session said: it has taken it, or does not want it. */
  said: Status | undefined
}

export type Fetch = {
  readonly device: string
  readonly of: string
  readonly at: number
  answer: Status | undefined
  answers: number
}

export class Journal {
  readonly attempts: Attempt[] = []
  readonly showings: Showing[] = []
  readonly fetches: Fetch[] = []
  /** When each session began to attach; its gateway knows it from some time after that on. */
  readonly begunAt = new Map<string, number>()
  /** What a device noticed to be wrong by itself. */
  readonly complaints: string[] = []
  #serial = 0

  next(): number {
    return ++this.#serial
  }
}

/** What an answer says about the message, as far as a sender may rely on it. */
export function meaningOf({ answer, by }: Attempt): 'delivered' | 'perhaps' | 'no' | 'open' {
  if (answer === undefined) return 'open'
  if (by === 'unwritten') return 'no'
  if (by === 'written') return 'perhaps'
  if (answer === 'delivered') return 'delivered'
  return perhaps.has(answer) ? 'perhaps' : 'no'
}

/** Answers that do not promise that the message was not shown. */
const perhaps: ReadonlySet<Status> = new Set<Status>(['unknown-outcome', 'stored', 'queued'])
