/**
 * A device of a user: it attaches and comes back after each loss, sends, publishes, watches, and answers what it gets.
 *
 * In:    operations of a run or a test.
 * Out:   the journal.
 */
import type { Address } from '../../../src/address/address.ts'
import type { KeyPair } from '../../../src/credential/ed25519.ts'
import type { Status } from '../../../src/errors.ts'
import { every } from '../../../src/lib/clock.ts'
import { latin1 } from '../../../src/lib/latin1.ts'
import type { Random } from '../../../src/lib/random.ts'
import type { Limits } from '../../../src/limits.ts'
import type { Link, RequestView } from '../../../src/link/link.ts'
import type { Outgoing } from '../../../src/link/outgoing.ts'
import { commands, fields } from '../../../src/wire/registry.ts'
import { Attachment } from './attachment.ts'
import type { Attempt, Journal } from './journal.ts'
import type { Network } from './network.ts'
import { Publisher } from './publisher.ts'
import type { Scheduler, SimClock } from './scheduler.ts'
import { nameOf, Sender, variantOf } from './sender.ts'
import type { Site } from './site.ts'
import type { Trace } from './trace.ts'
import { Watcher } from './watcher.ts'

/** What a device says of a message, and after how many ms. */
export type Reply = { readonly status: Status; readonly afterMs: number }

export type DevicePlan = {
  readonly name: string
  readonly ip: string
  readonly user: Address
  readonly key: KeyPair
  readonly site: Site
  readonly limits: Limits
  readonly hasLanes: boolean
}

export type DeviceNeeds = {
  readonly scheduler: Scheduler
  readonly network: Network
  readonly random: Random
  readonly journal: Journal
  readonly trace: Trace
}

export class Device {
  readonly name: string
  readonly user: Address
  readonly sender: Sender
  readonly publisher: Publisher
  readonly watcher: Watcher
  readonly clock: SimClock
  /** How it answers; a run makes it slow or silent. */
  reply: () => Reply = () => ({ status: 'delivered', afterMs: 1 })
  /** Limits that its own links hit. */
  readonly limitHits: string[] = []
  readonly #plan: DevicePlan
  readonly #needs: DeviceNeeds
  #isWanted = false
  #isRetired = false
  #attachment: Attachment | undefined
  #count = 0

  constructor(plan: DevicePlan, needs: DeviceNeeds) {
    const { name, user } = plan
    const { scheduler, random, journal, trace } = needs
    this.#plan = plan
    this.#needs = needs
    this.name = name
    this.user = user
    const clock = scheduler.clock()
    this.clock = clock
    const ask = (outgoing: Outgoing): boolean => this.#ask(outgoing)
    const { hasLanes } = plan
    this.sender = new Sender({ device: name, from: user.text, journal, trace, clock, hasLanes })
    this.publisher = new Publisher({ device: name, tuple: name, clock, random, trace, ask })
    this.watcher = new Watcher({ device: name, clock, random, trace, journal, ask })
    every(clock, 600_000, () => this.watcher.renew())
  }

  get isAttached(): boolean {
    return this.#attachment?.isUsable === true
  }

  get link(): Link | undefined {
    return this.#attachment?.link
  }

  get site(): Site {
    return this.#plan.site
  }

  /** Attaches, and stays attached until told otherwise. */
  attach(): Promise<Status> {
    if (this.#isRetired) return Promise.resolve('link-stopped')
    this.#isWanted = true
    return this.#attachment?.attached ?? this.#start()
  }

  /** Leaves for good. */
  retire(): undefined {
    this.#isRetired = true
    this.detach('release')
  }

  detach(how: 'release' | 'drop'): undefined {
    this.#isWanted = false
    this.#attachment?.end(how)
  }

  /** Sends a message by the session that there is; without one nothing is written. */
  send(to: string, id: Buffer, body: Buffer): Promise<Attempt> {
    const session = this.#attachment
    const name = session?.name ?? 'none'
    return this.sender.send(name, { to, id, body }, (outgoing) =>
      session === undefined ? outgoing.failed('link-lost', false) : session.ask(outgoing),
    )
  }

  #ask(outgoing: Outgoing): boolean {
    if (!this.isAttached) return false
    this.#attachment?.ask(outgoing)
    return true
  }

  #start(): Promise<Status> {
    const { name, ip, user, key, site, limits } = this.#plan
    const { network, random, trace, journal } = this.#needs
    const attachment: Attachment = new Attachment({
      name: `${name}.${++this.#count}`,
      device: name,
      ip,
      gatewayIp: site.ip,
      user,
      key,
      network,
      clock: this.clock,
      random,
      limits,
      request: (link, request) => this.#request(link, request, attachment.name),
      orphan: () => undefined,
      ended: (reason, detail) => {
        trace.add(name, `is detached: ${reason} ${detail}`)
        this.#ended(attachment)
      },
      limitHit: (limit) => {
        this.limitHits.push(limit)
      },
    })
    this.#attachment = attachment
    journal.begunAt.set(attachment.name, this.clock.now())
    return attachment.attached.then((status) => {
      trace.add(name, `attaches: ${status}`)
      if (this.#attachment !== attachment) return status
      if (status === 'ok') this.#resume()
      else attachment.end('drop')
      return status
    })
  }

  #resume(): undefined {
    this.sender.startOver()
    this.publisher.resume()
    this.watcher.resume()
  }

  #ended(attachment: Attachment): undefined {
    if (this.#attachment !== attachment) return
    this.#attachment = undefined
    this.publisher.pause()
    this.watcher.pause()
    if (!this.#isWanted) return
    const { random } = this.#needs
    this.clock.after(500 + random.number() * 2000, () => {
      if (this.#isWanted && this.#attachment === undefined) void this.#start()
    })
  }

  #request(link: Link, request: RequestView, session: string): undefined {
    const { id, trafficClass, command } = request
    if (command === commands.message.number) return this.#message(link, request, session)
    if (command !== commands.notify.number) {
      return link.answer(id, trafficClass, command, 'unknown-command')
    }
    this.watcher.notified(request)
    link.done(trafficClass, command)
  }

  #message(link: Link, request: RequestView, session: string): undefined {
    const { journal, trace } = this.#needs
    const { id, trafficClass, command, buffer, bodyAt, end, fields: table } = request
    const at = table.start(fields.id.tag)
    const { site } = this.#plan
    const showing = {
      serial: journal.next(),
      device: this.name,
      session,
      user: this.user.text,
      process: `${site.name} ${site.starts}`,
      from: latin1(buffer, table.start(fields.from.tag), table.end(fields.from.tag)),
      id: buffer.toString('hex', at, at + 16),
      variant: variantOf(buffer.subarray(bodyAt, end)),
      at: this.clock.now(),
      said: undefined as Status | undefined,
    }
    journal.showings.push(showing)
    trace.add(this.name, `gets ${nameOf(showing)} from ${showing.from}`)
    const { status, afterMs } = this.reply()
    const answer = (): undefined => {
      showing.said = status
      return link.answer(id, trafficClass, command, status)
    }
    if (afterMs === 0) answer()
    else this.clock.after(afterMs, answer)
  }
}
