/**
 * The bare relay pair as a subject: the least that two gateways must do, measured as the floor of the others.
 *
 *   sending users ─TCP▶ relay A ─TLS 1.3▶ relay B ─TCP▶ receiving users        (four processes)
 *         ◀────────── the confirmation of the receiving user is the answer ──────────
 */

import { makeCertificate } from './certificate.ts'
import type { Child, Children } from './children.ts'
import type { ReceivedReport, SentReport } from './load.ts'
import type * as a from './relay-a.ts'
import type * as b from './relay-b.ts'
import type * as receiver from './relay-receiver.ts'
import type * as sender from './relay-sender.ts'
import type { FloodResult, PacedResult, Pids, Shape, Subject } from './subject.ts'

const host = 'gw.b.example'
const domain = 'a.example'
const peerDomain = 'b.example'
const askMs = 5_000
const slackMs = 15_000

type Processes = {
  readonly a: Child
  readonly b: Child
  readonly sender: Child
  readonly receiver: Child
}

const file = (name: string): URL => new URL(`./${name}.ts`, import.meta.url)

export class Relay implements Subject {
  readonly name = 'bare relay'
  readonly #children: Children
  readonly #shape: Shape
  #processes: Processes | undefined

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
    const receiving = await children.start(file('relay-receiver'), {
      port: userPort,
      users,
      bodyBytes,
      domain: peerDomain,
    } satisfies receiver.Settings)
    const sending = await children.start(file('relay-sender'), {
      port: relayA.facts.userPort,
      users,
      bodyBytes,
      domain,
      peerDomain,
    } satisfies sender.Settings)
    this.#processes = {
      a: relayA.child,
      b: relayB.child,
      sender: sending.child,
      receiver: receiving.child,
    }
    return {
      a: relayA.child.pid,
      b: relayB.child.pid,
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

  async linkBytes(): Promise<number> {
    return (await this.#countsOfA()).linkBytes
  }

  async counts(): Promise<Readonly<Record<string, number>>> {
    const atA = await this.#countsOfA()
    const atB = await this.#use().b.ask<b.Counts>('counts', undefined, askMs)
    return {
      'checks.route': atA.routes,
      'checks.recipient': atB.recipients,
      'checks.credential': atB.credentials,
      'limits.hits': atA.unknown + atB.unknown,
    }
  }

  async stop(): Promise<undefined> {
    const processes = Object.values(this.#processes ?? {})
    this.#processes = undefined
    await Promise.all(processes.map((child) => child.stop()))
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

  #countsOfA(): Promise<a.Counts> {
    return this.#use().a.ask<a.Counts>('counts', undefined, askMs)
  }

  #use(): Processes {
    if (this.#processes === undefined) throw new Error('the relay has not been started')
    return this.#processes
  }
}
