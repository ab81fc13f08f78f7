/**
 * Subject: what the rounds measure: two gateways in processes of their own, with a load at both ends.
 *
 * In:    `start`, then floods and light loads in any order; one at a time.
 * Out:   counts and latencies; what the processes cost is read from outside, by their ids.
 * Fails: rejects; the rounds then stop every subject.
 */

/** The process ids of the four parts of a subject: two gateways, two ends of the load. */
export type Pids = {
  readonly a: number
  readonly b: number
  readonly sender: number
  readonly receiver: number
}

export type FloodResult = {
  readonly sent: number
  readonly answered: number
  /** Answers that were failures. */
  readonly refused: number
  readonly received: number
  /** First message sent to last message received. */
  readonly tookUs: number
}

export type PacedResult = {
  readonly sent: number
  readonly received: number
  /** Sent to received, one way, one for each message. */
  readonly latenciesMs: readonly number[]
}

/** How long a process with so many users may take to start. */
export const startMs = (users: number): number => 20_000 + 60 * users

/** What the load looks like; the same for all subjects of a run. */
export type Shape = {
  readonly users: number
  readonly bodyBytes: number
  /** Messages without an answer, of all users together. */
  readonly window: number
}

export type Subject = {
  readonly name: string
  start(): Promise<Pids>
  flood(ms: number): Promise<FloodResult>
  paced(perSecond: number, ms: number): Promise<PacedResult>
  /** Bytes on the link so far, both directions, with all that TLS adds. */
  linkBytes(): Promise<number>
  /** How often each check ran and each limit was hit so far, by dotted name. */
  counts(): Promise<Readonly<Record<string, number>>>
  stop(): Promise<undefined>
}
