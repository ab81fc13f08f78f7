/**
 * The bare relay pair as a subject: the least that two gateways must do, measured as the floor of the others.
 *
 *   sending users ─TCP▶ relay A ─TLS 1.3▶ relay B ─TCP▶ receiving users        (four processes)
 *         ◀────────── the confirmation of the receiving user is the answer ──────────
 */

import { makeCertificate } from './certificate.ts'
import type { Children } from './children.ts'
import { Quartet } from './quartet.ts'
import type * as a from './relay-a.ts'
import type * as b from './relay-b.ts'
import type * as receiver from './relay-receiver.ts'
import type * as sender from './relay-sender.ts'
import {
  type FloodResult,
  type PacedResult,
  type Pids,
  type Shape,
  type Subject,
  startMs,
} from './subject.ts'

const host = 'gw.b.example'
const domain = 'a.example'
const peerDomain = 'b.example'

const file = (name: string): URL => new URL(`./${name}.ts`, import.meta.url)

export class Relay implements Subject {
  readonly name = 'bare relay'
  readonly #children: Children
  readonly #shape: Shape
  #quartet: Quartet | undefined

  constructor(children: Children, shape: Shape) {
    this.#children = children
    this.#shape = shape
  }

  async start(): Promise<Pids> {
    const children = this.#children
    const { users, bodyBytes } = this.#shape
    const { cert, key } = await makeCertificate(host)
    const relayB = await children.start<b.Facts>(file('relay-b'), {
      cert,
      key,
    } satisfies b.Settings)
    const { linkPort, userPort } = relayB.facts
    const relayA = await children.start<a.Facts>(file('relay-a'), {
      linkPort,
      host,
      cert,
      domain: peerDomain,
    } satisfies a.Settings)
    const receiving = await children.start(
      file('relay-receiver'),
      {
        port: userPort,
        users,
        bodyBytes,
        domain: peerDomain,
      } satisfies receiver.Settings,
      startMs(users),
    )
    const sending = await children.start(
      file('relay-sender'),
      {
        port: relayA.facts.userPort,
        users,
        bodyBytes,
        domain,
        peerDomain,
      } satisfies sender.Settings,
      startMs(users),
    )
    this.#quartet = new Quartet({
      a: relayA.child,
      b: relayB.child,
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

  async linkBytes(): Promise<number> {
    return (await this.#countsOfA()).linkBytes
  }

  async counts(): Promise<Readonly<Record<string, number>>> {
    const atA = await this.#countsOfA()
    const atB = await this.#use().askB<b.Counts>('counts')
    return {
      'checks.route': atA.routes,
      'checks.recipient': atB.recipients,
      'checks.credential': atB.credentials,
      'limits.hits': atA.unknown + atB.unknown,
    }
  }

  async stop(): Promise<undefined> {
    await this.#quartet?.stop()
    this.#quartet = undefined
  }

  #countsOfA(): Promise<a.Counts> {
    return this.#use().askA<a.Counts>('counts')
  }

  #use(): Quartet {
    if (this.#quartet === undefined) throw new Error('the relay has not been started')
    return this.#quartet
  }
}
