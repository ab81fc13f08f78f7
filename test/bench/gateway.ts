/**
 * Two gateways as a subject: the real ones, with every check in its place.
 *
 *   sending users ─TCP▶ gateway a.example ─TLS 1.3▶ gateway b.example ─TCP▶ receiving users     (four processes)
 *         ◀────────────────── the confirmation of the receiving user ──────────────────
 */
import { type Limits, limitsWith } from '../../src/limits.ts'
import type { Children } from './children.ts'
import type * as gateway from './gateway-process.ts'
import type * as receiver from './gateway-receiver.ts'
import type * as sender from './gateway-sender.ts'
import { type GatewayPlan, makeSite, raised, routed, type Site } from './gateway-site.ts'
import { Quartet } from './quartet.ts'
import {
  type FloodResult,
  type PacedResult,
  type Pids,
  type Shape,
  type Subject,
  startMs,
} from './subject.ts'

/** Two ports in a row, below those that the system gives out. */
const firstPort = 25_279

const file = (name: string): URL => new URL(`./${name}.ts`, import.meta.url)

/** Of both gateways together. */
export type Totals = {
  readonly shown: number
  /** Those apart that were opened to fetch keys, and served. */
  readonly linksEnded: number
  readonly limitsHit: number
}

/** Tables that hold something for each user have room for all, twice over; no default is lowered. */
function roomFor(users: number): Partial<Limits> {
  const most = 2 * users + 1000
  const { links, clients, references, owners, lanes } = limitsWith()
  return {
    links: Math.max(links, most),
    clients: Math.max(clients, most),
    references: Math.max(references, most),
    owners: Math.max(owners, most),
    lanes: Math.max(lanes, most),
  }
}

/** With default limits but for the door of the clients, who all come from one address here. */
const doorOnly: Partial<Limits> = {
  unprovenClientsPerAddress: raised.unprovenClientsPerAddress,
  clientHandshakesPerAddress: raised.clientHandshakesPerAddress,
  clientHandshakesPerAddressBurst: raised.clientHandshakesPerAddressBurst,
}

/** More than make a domain known. */
const greeters = 25

export class GatewayPair implements Subject {
  readonly name = 'gateway pair'
  readonly #children: Children
  readonly #shape: Shape
  readonly #limits: Partial<Limits>
  #quartet: Quartet | undefined
  #site: Site | undefined
  /** Of clients, at b and at a. */
  #ports: readonly [number, number] = [0, 0]

  constructor(children: Children, shape: Shape, limits: 'raised' | 'default' = 'raised') {
    this.#children = children
    this.#shape = shape
    this.#limits = limits === 'raised' ? { ...raised, ...roomFor(shape.users) } : doorOnly
  }

  async start(): Promise<Pids> {
    const { users, bodyBytes } = this.#shape
    const site = await makeSite(users)
    this.#site = site
    const a = await this.#gateway('a', routed('a.example', firstPort, 'b.example', firstPort + 1))
    const b = await this.#gateway('b', routed('b.example', firstPort + 1, 'a.example', firstPort))
    this.#ports = [b.facts.clientPort, a.facts.clientPort]
    const common = { users: site.users, bodyBytes }
    const receiving = await this.#children.start(
      file('gateway-receiver'),
      {
        ...common,
        port: b.facts.clientPort,
        domain: 'b.example',
      } satisfies receiver.Settings,
      startMs(users),
    )
    const sending = await this.#children.start(
      file('gateway-sender'),
      {
        ...common,
        port: a.facts.clientPort,
        domain: 'a.example',
        peerDomain: 'b.example',
      } satisfies sender.Settings,
      startMs(users),
    )
    this.#quartet = new Quartet({
      a: a.child,
      b: b.child,
      sender: sending.child,
      receiver: receiving.child,
    })
    await this.#greet()
    return this.#quartet.pids
  }

  get pids(): Pids {
    return this.#use().pids
  }

  flood(ms: number): Promise<FloodResult> {
    return this.#use().flood(ms, this.#shape)
  }

  paced(perSecond: number, ms: number): Promise<PacedResult> {
    return this.#use().paced(perSecond, ms)
  }

  /** One message of each user. */
  round(): Promise<FloodResult> {
    return this.#use().round(this.#shape)
  }

  /** The link between the two breaks; who needs it opens another one. */
  async cut(): Promise<undefined> {
    await this.#use().askA('cut')
  }

  /** Users of b write to users of a, who take it: since then a is known at b, as after a day of use. */
  async #greet(): Promise<undefined> {
    const { bodyBytes } = this.#shape
    const [from, to] = this.#ports
    // The link is that of a, by which all is measured.
    await this.paced(greeters, 1000)
    const common = { bodyBytes, users: this.#site?.users.slice(0, greeters) ?? [] }
    const receiving = await this.#children.start(file('gateway-receiver'), {
      ...common,
      port: to,
      domain: 'a.example',
    } satisfies receiver.Settings)
    const sending = await this.#children.start(file('gateway-sender'), {
      ...common,
      port: from,
      domain: 'b.example',
      peerDomain: 'a.example',
    } satisfies sender.Settings)
    await sending.child.ask('paced', { perSecond: greeters, ms: 2000 }, 30_000)
    await Promise.all([sending.child.stop(), receiving.child.stop()])
  }

  /** Answers but `delivered` so far, by status. */
  refusals(): Promise<Readonly<Record<number, number>>> {
    return this.#use().refusals()
  }

  /** What the gateways have counted so far. */
  async totals(): Promise<Totals> {
    const atA = await this.#use().askA<Record<string, number>>('counters')
    const atB = await this.#use().askB<Record<string, number>>('counters')
    const all = [...Object.entries(atA), ...Object.entries(atB)]
    const sum = (name: RegExp): number =>
      all.reduce((n, [key, value]) => (name.test(key) ? n + value : n), 0)
    return {
      shown: sum(/^credential_checks_total/),
      linksEnded: sum(/^links_closed_total(?!.*cause=idle-release)/),
      limitsHit: sum(/^limit_hits_total/),
    }
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

  async #gateway(name: string, plan: GatewayPlan) {
    const { users } = this.#shape
    const site = this.#site
    if (site === undefined) throw new Error('no site')
    const own = { limits: this.#limits, isListing: false }
    const config = await site.configure(name, { ...plan, ...own })
    const listed = site.users.map(({ name: user, x }) => ({ name: user, x }))
    const settings: gateway.Settings = { config, users: listed }
    return this.#children.start<gateway.Facts>(file('gateway-process'), settings, startMs(users))
  }

  #use(): Quartet {
    if (this.#quartet === undefined) throw new Error('the gateways have not been started')
    return this.#quartet
  }
}
