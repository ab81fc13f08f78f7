/** The four processes of a subject: two gateways, and the load at both ends of them. */
import type { Child } from './children.ts'
import type { ReceivedReport, SentReport } from './load.ts'
import { type FloodResult, type PacedResult, type Pids, type Shape, startMs } from './subject.ts'

const askMs = 5_000
const slackMs = 15_000

type Processes = Readonly<Record<keyof Pids, Child>>

export class Quartet {
  readonly pids: Pids
  readonly #processes: Processes

  constructor(processes: Processes) {
    this.#processes = processes
    const { a, b, sender, receiver } = processes
    this.pids = { a: a.pid, b: b.pid, sender: sender.pid, receiver: receiver.pid }
  }

  async flood(ms: number, { window }: Shape): Promise<FloodResult> {
    const { sent, received } = await this.#run('flood', { window, ms }, ms)
    return { ...sent, received: received.received, tookUs: received.lastUs - sent.startedUs }
  }

  async paced(perSecond: number, ms: number): Promise<PacedResult> {
    const { sent, received } = await this.#run('paced', { perSecond, ms }, ms)
    return {
      sent: sent.sent,
      received: received.received,
      latenciesMs: received.latenciesUs.map((us) => us / 1000),
    }
  }

  /** One message of each user. */
  async round({ window, users }: Shape): Promise<FloodResult> {
    const { sent, received } = await this.#run('round', { window }, startMs(users))
    return { ...sent, received: received.received, tookUs: received.lastUs - sent.startedUs }
  }

  askA<Result>(task: string): Promise<Result> {
    return this.#processes.a.ask<Result>(task, undefined, askMs)
  }

  askB<Result>(task: string): Promise<Result> {
    return this.#processes.b.ask<Result>(task, undefined, askMs)
  }

  refusals(): Promise<Readonly<Record<number, number>>> {
    return this.#processes.sender.ask('refusals', undefined, askMs)
  }

  async stop(): Promise<undefined> {
    await Promise.all(Object.values(this.#processes).map((child) => child.stop()))
  }

  async #run(
    task: 'flood' | 'paced' | 'round',
    order: unknown,
    ms: number,
  ): Promise<{ readonly sent: SentReport; readonly received: ReceivedReport }> {
    const { sender, receiver } = this.#processes
    await receiver.ask('expect', { isTimed: task === 'paced' }, askMs)
    const sent = await sender.ask<SentReport>(task, order, ms + slackMs)
    const received = await receiver.ask<ReceivedReport>('report', sent.sent, slackMs)
    return { sent, received }
  }
}
