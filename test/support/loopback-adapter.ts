/**
 * An adapter that joins the cores of two gateways in this process: no link, no credential, no number of a lane.
 *
 * In:    what the stages of one side have to send; `lose`, `restore`, `stall` and `resume` of the way between them.
 * Out:   calls to the core of the other side, on the word of its domain, and how they ended; nothing within the call.
 * Fails: `unknown-outcome` for a message that was taken when the way was lost, `remote-unreachable` for what was not,
 *        `order` after one of its lane that ended for a time, `remote-not-found` for any other domain. A second answer is a fault: it is counted and dropped.
 */
import type { Address } from '../../src/address/address.ts'
import type { Domain } from '../../src/address/domain.ts'
import { isSuccess, isTemporary, type Status } from '../../src/errors.ts'
import { type Clock, sleep } from '../../src/lib/clock.ts'
import { type Asker, type Caller, type Outcome, outcomeOf } from '../../src/operation/call.ts'
import type { HopLane } from '../../src/operation/lane.ts'
import { Message } from '../../src/operation/message.ts'
import type { Operation } from '../../src/operation/operation.ts'
import type { Adapter, Core, Question } from '../../src/operation/ports.ts'
import type { Audience } from '../../src/operation/presence.ts'
import type { Scope } from '../../src/wire/registry.ts'
import { copyOf } from './operations.ts'

/** An answer may take so long. */
const requestMs = 30_000
/** A side that drains waits so long for answers, and asks for so much rest. */
const drainMs = 30_000
const restMs = 2000

const unreachable = outcomeOf('remote-unreachable')

/** The way between two sides; it is up once both have started. */
export class Loopback {
  readonly clock: Clock
  readonly a: LoopbackAdapter
  readonly b: LoopbackAdapter
  /** How long a refused NOTIFY takes to come back. */
  refusalMs = 0
  isUp = false
  isStalled = false

  constructor(clock: Clock, a: Domain, b: Domain) {
    this.clock = clock
    this.a = new LoopbackAdapter(this, a, b, () => this.b)
    this.b = new LoopbackAdapter(this, b, a, () => this.a)
  }

  /** What was taken and has no answer is lost, what waits is not taken, and both sides are told. */
  lose(rest = 0): undefined {
    if (!this.isUp) return
    this.isUp = false
    for (const side of [this.a, this.b]) side.lost(rest)
  }

  /** `isNew`: what one side had asked the other for is gone there. */
  restore(isNew = false): undefined {
    if (this.isUp || !this.a.isOpen || !this.b.isOpen) return
    this.isUp = true
    for (const side of [this.a, this.b]) side.found(isNew)
  }

  /** Nothing more is taken until `resume`. */
  stall(): undefined {
    this.isStalled = true
  }

  resume(): undefined {
    this.isStalled = false
    for (const side of [this.a, this.b]) side.move()
  }
}

class LoopbackAdapter implements Adapter {
  readonly name = 'loopback'
  /** Second answers of the core of this side. */
  faults = 0
  readonly #way: Loopback
  readonly #local: Domain
  readonly #remote: Domain
  readonly #far: () => LoopbackAdapter
  /** As whom this side speaks over there. */
  readonly #speaker: Caller
  /** What waits for its turn, in its order, and notifications: one for each subscription. */
  #queue: Passage[] = []
  readonly #notices = new Map<string, Audience>()
  /** Notifications without an answer: each by the call that is to be answered. */
  readonly #told = new Map<Operation, string>()
  /** What the far side has and has not answered. */
  readonly #taken = new Set<Passage>()
  #core: Core | undefined
  #isLeaving = false

  constructor(way: Loopback, local: Domain, remote: Domain, far: () => LoopbackAdapter) {
    this.#way = way
    this.#local = local
    this.#remote = remote
    this.#far = far
    this.#speaker = new Joined(this.name, local, remote)
  }

  /** For doors in memory. */
  get core(): Core {
    if (this.#core === undefined) throw new Error('not started')
    return this.#core
  }

  get isOpen(): boolean {
    return this.#core !== undefined && !this.#isLeaving
  }

  start(core: Core): undefined {
    this.#core = core
    this.#way.clock.soon(() => this.#way.restore())
  }

  deliver(message: Message, asker: Asker<Message>): undefined {
    const { lane } = message
    const own = lane.hop instanceof LoopbackLane ? lane.hop : new LoopbackLane()
    lane.hop = own
    own.underWay++
    const ended = (outcome: Outcome): undefined => asker.ended(message, outcome)
    this.#enter(new Passage(carried(message), message.to.domain, own, ended))
  }

  ask<O extends Question>(operation: O, asker: Asker<O>): undefined {
    const hops = 'hops' in operation ? { hops: operation.hops + 1 } : {}
    const ended = (outcome: Outcome): undefined => asker.ended(operation, outcome)
    const to = operation.kind === 'renew' ? operation.remote : operation.presentity.domain
    this.#enter(new Passage({ ...operation, ...hops }, to, undefined, ended))
  }

  /** A register: what waits keeps its place, and its value is read when its turn comes. */
  notify(audience: Audience, only: string | undefined): undefined {
    for (const id of only === undefined ? audience.members() : [only]) {
      this.#notices.set(id, audience)
    }
    this.#way.clock.soon(() => this.move())
  }

  async drain(_reason: Status): Promise<undefined> {
    const { clock } = this.#way
    this.#isLeaving = true
    const until = clock.now() + drainMs
    while (this.#taken.size + this.#far().#taken.size > 0 && clock.now() < until) {
      await sleep(clock, 20)
    }
    this.#way.lose(restMs)
  }

  close(): undefined {
    this.#isLeaving = true
    this.#way.lose()
  }

  /** Everything whose turn has come. */
  move(): undefined {
    const { isStalled, isUp } = this.#way
    if (isStalled && isUp) return
    const mayGo = isUp && this.isOpen && this.#far().isOpen
    for (const passage of this.#queue.splice(0)) {
      if (passage.to !== this.#remote) this.#end(passage, outcomeOf('remote-not-found'))
      else if (passage.lane?.isFailing === true) this.#end(passage, outcomeOf('order'))
      else if (mayGo) this.#give(passage)
      else this.#end(passage, unreachable)
    }
    for (const [id, audience] of [...this.#notices]) {
      this.#notices.delete(id)
      if (mayGo) this.#tell(audience, id)
      else this.#refused(id, unreachable)
    }
  }

  lost(rest: number): undefined {
    for (const passage of this.#taken) {
      this.#end(passage, noAnswerTo(passage))
    }
    for (const id of this.#told.values()) this.#refused(id, outcomeOf('link-lost'))
    this.#told.clear()
    this.move()
    this.#reach({ isUp: false, isNew: false, restMs: rest })
  }

  found(isNew: boolean): undefined {
    this.#reach({ isUp: true, isNew, restMs: 0 })
  }

  #reach(change: Parameters<Core['reachable']>[3]): undefined {
    this.core.reachable(this.name, this.#local, this.#remote, change)
  }

  #enter(passage: Passage): undefined {
    this.#queue.push(passage)
    this.#way.clock.soon(() => this.move())
  }

  #give(passage: Passage): undefined {
    const { operation, lane } = passage
    const { clock } = this.#way
    const end = (outcome: Outcome): undefined =>
      this.#taken.has(passage) ? this.#end(passage, outcome) : undefined
    const lent = operation.kind === 'message' ? operation.buffer : undefined
    this.#taken.add(passage)
    this.#receive(operation, (outcome) => {
      // Nothing of its lane may be taken from here on: its sender has to be told first.
      if (lane !== undefined && isTemporary(outcome.status)) lane.isFailing = true
      const kept = copyOf(outcome)
      clock.soon(() => end(kept))
    })
    clock.after(requestMs, () => end(noAnswerTo(passage)))
    // As the bytes of a socket are.
    lent?.fill('x')
  }

  #tell(audience: Audience, id: string): undefined {
    const notice = audience.watcher(id) === undefined ? undefined : audience.latest()
    if (notice === undefined) return
    const { presentity, domain } = audience
    const operation: Operation = {
      ...{ kind: 'notify', subscription: id, presentity, audience: domain, notice },
    }
    this.#told.set(operation, id)
    this.#receive(operation, (outcome) => {
      if (!this.#told.delete(operation) || isSuccess(outcome.status)) return
      const kept = copyOf(outcome)
      this.#way.clock.after(this.#way.refusalMs, () => this.#refused(id, kept))
    })
  }

  #refused(id: string, outcome: Outcome): undefined {
    this.core.refused(this.name, this.#remote, id, outcome)
  }

  #receive(operation: Operation, answered: (outcome: Outcome) => undefined): undefined {
    const far = this.#far()
    let isAnswered = false
    const answer = (outcome: Outcome): undefined => {
      if (isAnswered) far.faults++
      else answered(outcome)
      isAnswered = true
    }
    far.core.receive({ caller: this.#speaker, operation, at: this.#way.clock.now(), answer })
  }

  #end(passage: Passage, outcome: Outcome): undefined {
    const { lane } = passage
    this.#taken.delete(passage)
    if (lane === undefined) return passage.ended(outcome)
    lane.underWay--
    if (isTemporary(outcome.status)) lane.isFailing = true
    if (lane.isQuiet) lane.isFailing = false
    passage.ended(outcome)
  }
}

/** Go-back-N: after one that ended for a time nothing is taken before all of the lane have ended. */
class LoopbackLane implements HopLane {
  underWay = 0
  isFailing = false

  get isQuiet(): boolean {
    return this.underWay === 0
  }
}

/** One operation on its way. */
class Passage {
  readonly operation: Operation
  readonly to: Domain | undefined
  readonly lane: LoopbackLane | undefined
  readonly ended: (outcome: Outcome) => undefined

  constructor(
    operation: Operation,
    to: Domain | undefined,
    lane: LoopbackLane | undefined,
    ended: (outcome: Outcome) => undefined,
  ) {
    this.operation = operation
    this.to = to
    this.lane = lane
    this.ended = ended
  }
}

const noAnswerTo = ({ lane }: Passage): Outcome =>
  lane === undefined ? unreachable : outcomeOf('unknown-outcome')

/** The word of the domain that is joined, for its own users and to the domain that it is joined with. */
class Joined implements Caller {
  readonly door = 'domain' as const
  readonly via: string
  readonly domain: Domain
  readonly user = undefined
  readonly #audience: Domain

  constructor(via: string, domain: Domain, audience: Domain) {
    this.via = via
    this.domain = domain
    this.#audience = audience
  }

  may(_scope: Scope, from: Address, audience: Domain): Status | undefined {
    return from.domain === this.domain && audience === this.#audience
      ? undefined
      : 'domain-not-proven'
  }
}

/** One more hop, by a door that does not count. */
function carried(message: Message): Message {
  const { from, to, hops, unknownField, buffer, idAt, fieldsAt, bodyAt, end } = message
  const place = { epoch: 0, sequence: 0, settled: 0 }
  const bytes = Buffer.from(buffer.subarray(fieldsAt, end))
  const at = [idAt - fieldsAt, 0, bodyAt - fieldsAt, end - fieldsAt] as const
  return new Message(from, to, place, hops + 1, unknownField, bytes, ...at)
}
