/**
 * Two gateways as a subject: the real ones, with every check in its place.
 *
 *   sending users ─TCP▶ gateway a.example ─TLS 1.3▶ gateway b.example ─TCP▶ receiving users     (four processes)
 *         ◀────────────────── the confirmation of the receiving user ──────────────────
 */
import type { Child, Children } from './children.ts'
import type * as gateway from './gateway-process.ts'
import type * as receiver from './gateway-receiver.ts'
import type * as sender from './gateway-sender.ts'
import { makeSite, routed, type Site } from './gateway-site.ts'
import type { ReceivedReport, SentReport } from './load.ts'
import type { FloodResult, PacedResult, Pids, Shape, Subject } from './subject.ts'

const askMs = 5_000
const slackMs = 15_000
/** Two ports in a row, below those that the system gives out. */
const firstPort = 25_279

type Processes = {
  readonly a: Child
  readonly b: Child
  readonly sender: Child
  readonly receiver: Child
}

const file = (name: string): URL => new URL(`./${name}.ts`, import.meta.url)

export class GatewayPair implements Subject {
  readonly name = 'gateway pair'
  readonly #children: Children
  readonly #shape: Shape
  #processes: Processes | undefined
  #site: Site | undefined

  constructor(children: Children, shape: Shape) {
    this.#children = children
    this.#shape = shape
  }

  async start(): Promise<Pids> {
    const { users, bodyBytes } = this.#shape
    const site = await makeSite(users)
    this.#site = site
    const a = await this.#gateway(
      await site.configure('a', routed('a.example', firstPort, 'b.example', firstPort + 1)),
    )
    const b = await this.#gateway(
      await site.configure('b', routed('b.example', firstPort + 1, 'a.example', firstPort)),
    )
    const common = { users: site.users, bodyBytes }
    const receiving = await this.#children.start(file('gateway-receiver'), {
      ...common,
      port: b.facts.clientPort,
      domain: 'b.example',
    } satisfies receiver.Settings)
    const sending = await this.#children.start(file('gateway-sender'), {
      ...common,
      port: a.facts.clientPort,
      domain: 'a.example',
      peerDomain: 'b.example',
    } satisfies sender.Settings)
    this.#processes = { a: a.child, b: b.child, sender: sending.child, receiver: receiving.child }
    return {
      a: a.child.pid,
      b: b.child.pid,
      sender: sending.child.pid,
      receiver: receiving.child.pid,
    }
  }

  async flood(ms: number): Promise<FloodResult> {
    const { window } = this.#shape
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

  linkBytes(): Promise<number> {
    return this.#use().a.ask<number>('linkBytes', undefined, askMs)
  }

  /** Checks of the far gateway, once a message; limits that either one hit. */
  async counts(): Promise<Readonly<Record<string, number>>> {
    const { a, b } = this.#use()
    const atA = await a.ask<Record<string, number>>('counters', undefined, askMs)
    const atB = await b.ask<Record<string, number>>('counters', undefined, askMs)
    const counts: Record<string, number> = { 'limits.hits': 0 }
    for (const [name, value] of Object.entries(atB)) {
      const check = /^checks_total\{check=(.*)\}$/.exec(name)?.[1]
      if (check !== undefined) counts[`checks.${check}`] = value
    }
    for (const [name, value] of [...Object.entries(atA), ...Object.entries(atB)]) {
      if (name.startsWith('limit_hits_total'))
        counts['limits.hits'] = (counts['limits.hits'] ?? 0) + value
    }
    return counts
  }

  async stop(): Promise<undefined> {
    const processes = Object.values(this.#processes ?? {})
    this.#processes = undefined
    await Promise.all(processes.map((child) => child.stop()))
    await this.#site?.remove()
  }

  #gateway(config: string) {
    return this.#children.start<gateway.Facts>(file('gateway-process'), {
      config,
    } satisfies gateway.Settings)
  }

  async #run(
    task: 'flood' | 'paced',
    order: unknown,
    ms: number,
  ): Promise<{ readonly sent: SentReport; readonly received: ReceivedReport }> {
    const { sender: sending, receiver: receiving } = this.#use()
    await receiving.ask('expect', { isTimed: task === 'paced' }, askMs)
    const sent = await sending.ask<SentReport>(task, order, ms + slackMs)
    const received = await receiving.ask<ReceivedReport>('report', sent.sent, slackMs)
    return { sent, received }
  }

  #use(): Processes {
    if (this.#processes === undefined) throw new Error('the gateways have not been started')
    return this.#processes
  }
}
