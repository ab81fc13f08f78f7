/** Nodes over one backend, as the contract of a store sees them; and a node that writes down what it is told. */
import { expect, onTestFinished } from 'vitest'
import { parseAddress } from '../../../src/address/address.ts'
import type { Status } from '../../../src/errors.ts'
import type { Clock } from '../../../src/lib/clock.ts'
import type { Meter } from '../../../src/lib/meter.ts'
import { type Limits, limitsWith } from '../../../src/limits.ts'
import { Lanes } from '../../../src/operation/lane.ts'
import { Message, type Place } from '../../../src/operation/message.ts'
import type { Kept, Queued, QueueTaker, Store, Taker } from '../../../src/operation/store.ts'
import type { Shares } from '../../../src/shares/shares.ts'
import { roomShares } from '../room-shares.ts'

/** One object, and what can be done to its commits. */
export type Opened = {
  readonly store: Store
  /** From now on no commit of this object happens. */
  readonly hold: () => undefined
  /** Those that were held happen, in their order, and so do all others. `fails`: the first of them fails. */
  readonly release: (how?: 'fails') => undefined
}

/** A backend that nobody has opened yet. */
export type World = {
  readonly open: (node: string, lanes: Lanes, shares: Shares) => Promise<Opened>
  readonly limits: Partial<Limits>
  readonly clock: Clock
  readonly now: () => number
  readonly advance: (ms: number) => Promise<void>
  /** Lets things happen until `condition` holds. */
  readonly until: (condition: () => boolean) => Promise<void>
  readonly meter: Meter
  readonly stop: () => Promise<void>
}

export type WorldOptions = {
  readonly limits?: Partial<Limits>
  /** Bytes that messages may hold while they wait for their commit. */
  readonly heldBytes?: number
}

export type OpenWorld = (options: WorldOptions) => Promise<World>

export type Spec = {
  readonly id: number
  readonly from?: string
  readonly to?: string
  /** Also names the message in what is told. */
  readonly body?: string
  readonly place?: Partial<Place>
}

/** Longer than any case lasts. */
export const long = 10_000 * 3_600_000

export const address = parseAddress
export const alice = 'alice@a.example'
export const bob = 'bob@b.example'
export const caller: Queued['caller'] = {
  door: 'user',
  via: 'native',
  domain: address(alice).domain,
  user: address(alice),
}

/** What is before the fields in a chunk. */
const headBytes = 7

export class Node implements Taker, QueueTaker {
  readonly name: string
  readonly log: string[] = []
  readonly world: World
  readonly lanes: Lanes
  readonly #shares: Shares
  readonly #seqs = new Map<string, number>()
  readonly #messages = new Map<string, Message>()
  #opened: Opened | undefined

  constructor(world: World, name: string) {
    this.world = world
    this.name = name
    const shares = roomShares(limitsWith(world.limits), {
      ...world.clock,
      now: world.now,
      after: () => () => undefined,
    })
    this.#shares = shares
    this.lanes = new Lanes(
      shares,
      ({ domain }) => shares.tree.user(domain),
      (lane) => this.store.giveUp(lane),
    )
  }

  get store(): Store {
    return this.opened.store
  }

  get opened(): Opened {
    if (this.#opened === undefined) throw new Error('not open')
    return this.#opened
  }

  async open(): Promise<undefined> {
    this.#opened = await this.world.open(this.name, this.lanes, this.#shares)
  }

  message({ id, from = alice, to = bob, body = `m${id}`, place }: Spec): Message {
    const [sender, recipient] = [address(from), address(to)]
    const now = this.world.now()
    const lane = this.lanes.lane(this.lanes.sender(sender), recipient, now)
    this.lanes.keep(lane)
    const fields = Buffer.from(`${String(id).padStart(16, '0')}${to}`)
    const bytes = Buffer.concat([Buffer.alloc(headBytes, '?'), fields, Buffer.from(body)])
    const bodyAt = headBytes + fields.length
    const whole = { epoch: 1, sequence: id, settled: 0, ...place }
    const at = [headBytes, headBytes, bodyAt, bytes.length] as const
    const message = new Message(sender, recipient, whole, 1, 0, bytes, ...at)
    message.lane = lane
    return message
  }

  accept(spec: Spec, isInOrder = true): undefined {
    const message = this.message(spec)
    lend(message, () => this.store.accept(message, isInOrder, this))
  }

  enqueue(spec: Spec, cause: Status = 'remote-unreachable'): undefined {
    const message = this.message(spec)
    lend(message, () => this.store.enqueue(message, caller, cause, this))
  }

  /** Settles what it was told to be kept under that name. */
  settle(name: string, status: Status): undefined {
    const message = this.#messages.get(name)
    if (message === undefined) throw new Error(`${name} is not kept`)
    this.store.settle(message, this.seqOf(name), status)
    message.release()
  }

  seqOf(name: string): number {
    return this.#seqs.get(name) ?? Number.NaN
  }

  async inbox(user = bob, after = 0, most = 100): Promise<readonly string[]> {
    return (await this.store.inbox(address(user), after, most)).map(nameOf)
  }

  claim(most = 100, remote = bob): Promise<readonly Queued[]> {
    return this.store.claim(address(alice).domain, address(remote).domain, most)
  }

  /** Waits until so much has been told since the last time, and takes it. */
  async told(count: number): Promise<readonly string[]> {
    await this.world.until(() => this.log.length >= count)
    return this.log.splice(0)
  }

  kept(message: Message, seq: number): undefined {
    const name = nameOf({ message })
    this.#seqs.set(name, seq)
    this.#messages.set(name, message)
    this.log.push(`kept ${name}`)
  }

  known(message: Message, status: Status): undefined {
    this.#end(message, `known ${nameOf({ message })} ${status}`)
  }

  underWay(message: Message, seq: number): undefined {
    const name = nameOf({ message })
    expect(seq).toBe(this.seqOf(name))
    this.#end(message, `under way ${name}`)
  }

  elsewhere(message: Message): undefined {
    this.#end(message, `elsewhere ${nameOf({ message })}`)
  }

  conflict(message: Message): undefined {
    this.#end(message, `conflict ${nameOf({ message })}`)
  }

  outOfOrder(message: Message): undefined {
    this.#end(message, `out of order ${nameOf({ message })}`)
  }

  failed(message: Message, status: Status): undefined {
    this.#end(message, `failed ${nameOf({ message })} ${status}`)
  }

  queued(message: Message): undefined {
    this.#end(message, `queued ${nameOf({ message })}`)
  }

  #end(message: Message, line: string): undefined {
    message.release()
    this.log.push(line)
  }
}

/** By its body, as it is when it is asked. */
export const nameOf = ({ message: { buffer, bodyAt, end } }: Pick<Kept, 'message'>): string =>
  buffer.toString('latin1', bodyAt, end)

/** The bytes are somebody else's after the call. */
function lend({ buffer }: Message, give: () => undefined): undefined {
  give()
  buffer.fill('x')
}

export class Site {
  readonly #open: OpenWorld

  constructor(open: OpenWorld) {
    this.#open = open
  }

  async world(options: WorldOptions = {}): Promise<World> {
    const world = await this.#open(options)
    onTestFinished(() => world.stop())
    return world
  }

  /** One node, with its lease. */
  async one(options: WorldOptions = {}): Promise<Node> {
    return nodeOf(await this.world(options), 'a')
  }

  /** Two nodes, each with its lease. */
  async two(options: WorldOptions = {}): Promise<readonly [Node, Node]> {
    const world = await this.world(options)
    return [await nodeOf(world, 'a'), await nodeOf(world, 'b')]
  }
}

export async function nodeOf(world: World, name: string, leaseMs = long): Promise<Node> {
  const node = new Node(world, name)
  await node.open()
  expect(await node.store.lease(`node:${name}`, leaseMs)).toBe(true)
  return node
}

/** Time enough for what must not happen: a commit of another node. */
export async function meanwhile(node: Node): Promise<void> {
  await node.store.reserve('meanwhile', 1)
}
