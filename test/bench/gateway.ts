/**
 * Two gateways as a subject: the real ones, with every check in its place.
 *
 *   sending users ─TCP▶ gateway a.example ─TLS 1.3▶ gateway b.example ─TCP▶ receiving users     (four processes)
 *         ◀────────────────── the confirmation of the receiving user ──────────────────
 */
import type { Children } from './children.ts'
import type * as gateway from './gateway-process.ts'
import type * as receiver from './gateway-receiver.ts'
import type * as sender from './gateway-sender.ts'
import { makeSite, routed, type Site } from './gateway-site.ts'
import { Quartet } from './quartet.ts'
import type { FloodResult, PacedResult, Pids, Shape, Subject } from './subject.ts'

/** Two ports in a row, below those that the system gives out. */
const firstPort = 25_279

const file = (name: string): URL => new URL(`./${name}.ts`, import.meta.url)

export class GatewayPair implements Subject {
  readonly name = 'gateway pair'
  readonly #children: Children
  readonly #shape: Shape
  #quartet: Quartet | undefined
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
    this.#quartet = new Quartet({
      a: a.child,
      b: b.child,
      sender: sending.child,
      receiver: receiving.child,
    })
    return this.#quartet.pids
  }

  flood(ms: number): Promise<FloodResult> {
    return this.#use().flood(ms, this.#shape)
  }

  paced(perSecond: number, ms: number): Promise<PacedResult> {
    return this.#use().paced(perSecond, ms)
  }

  linkBytes(): Promise<number> {
    return this.#use().askA<number>('linkBytes')
  }

  /** Checks of the far gateway, once a message; limits that either one hit. */
  async counts(): Promise<Readonly<Record<string, number>>> {
    const atA = await this.#use().askA<Record<string, number>>('counters')
    const atB = await this.#use().askB<Record<string, number>>('counters')
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
    await this.#quartet?.stop()
    this.#quartet = undefined
    await this.#site?.remove()
  }

  #gateway(config: string) {
    return this.#children.start<gateway.Facts>(file('gateway-process'), {
      config,
    } satisfies gateway.Settings)
  }

  #use(): Quartet {
    if (this.#quartet === undefined) throw new Error('the gateways have not been started')
    return this.#quartet
  }
}
