/**
 * A whole gateway for b.example with a directory that takes its time, seen by somebody of a.example: once by scripted
 * links, once by an adapter in memory.
 */
import type { Address } from '../../src/address/address.ts'
import type { Status } from '../../src/errors.ts'
import { createGateway } from '../../src/gateway.ts'
import { listDirectory } from '../../src/home/directory.ts'
import { silentLog } from '../../src/lib/log.ts'
import { Meter } from '../../src/lib/meter.ts'
import { type Limits, limitsWith } from '../../src/limits.ts'
import type { Question } from '../../src/operation/ports.ts'
import { FakeCore } from './fake-core.ts'
import { Loopback } from './loopback-adapter.ts'
import { ManualClock } from './manual-clock.ts'
import { MemorySession } from './memory-session.ts'
import { alice, anna, bob, carol, Ends, type Letter, Letters } from './operations.ts'
import * as wire from './script/codec.ts'
import { scriptHosted } from './script/hosted.ts'
import { messageId, type ScriptedPeer } from './script/peer.ts'
import { userKey, World } from './script/world.ts'
import { seededRandom } from './seeded-random.ts'
import { SlowDirectory } from './slow-directory.ts'

/** What somebody was told: one status, if all is well, and after RENEW the granted seconds. */
export type Told = readonly string[]

/** An attachment: how it was answered, what its user got, and how it ends. */
export type Guest = {
  readonly told: Told
  readonly messages: readonly string[]
  readonly leave: () => undefined
}

export type Stand = {
  readonly directory: SlowDirectory
  readonly meter: Meter
  readonly run: (ms: number) => Promise<void>
  /** A user of b.example tries to attach, and confirms what it gets. */
  readonly attach: (user: Address) => Guest
  /** A user of a.example sends a message, as the next of its lane. */
  readonly send: (letter: Letter) => Told
  readonly ask: (question: Question) => Told
  /** Users of b.example who are attached, by sessions. */
  readonly sessions: () => number
  /** Subscriptions of a.example that were told something, in the order of the notifications. */
  readonly notified: () => readonly string[]
}

export type OpenStand = (limits?: Partial<Limits>) => Promise<Stand>

const { command, tag } = wire

/** How soon a client confirms, and a far end answers PING. */
const stepMs = 1000

const classOfMessages = 1

/** Whatever is told comes into these lists with the next `run`. */
class Lists {
  readonly #all: (() => undefined)[] = []

  of<T>(read: () => readonly T[]): readonly T[] {
    const list: T[] = []
    this.#all.push(() => {
      list.splice(0, list.length, ...read())
    })
    return list
  }

  refresh(): undefined {
    for (const one of this.#all) one()
  }
}

/** A gateway of a.example on a link, and clients on links of their own. */
export async function linkStand(limits: Partial<Limits> = {}): Promise<Stand> {
  const found: SlowDirectory[] = []
  const world = new World({
    limits,
    directory: (listed, _domain, clock) => {
      const directory = new SlowDirectory(listed, clock)
      found.push(directory)
      return directory
    },
  })
  const [directory] = found
  if (directory === undefined) throw new Error('no directory')
  const peer = await world.provenPeer()
  const senders = [alice, anna].map(({ text }) => text)
  for (const [i, sender] of senders.entries()) peer.show(i + 1, sender)
  await world.run()
  const lists = new Lists()
  const lanes = new Map<string, number>()
  const clients: ScriptedPeer[] = []
  const confirmed = new Set<string>()
  const confirm = (): boolean => {
    const open = clients.flatMap((client, i) =>
      client.requestsOf(command.message).flatMap(({ id }) => {
        const name = `${i} ${id}`
        return confirmed.has(name) ? [] : [{ client, id, name }]
      }),
    )
    for (const { client, id, name } of open) {
      confirmed.add(name)
      client.respond(id, 'ok')
      client.grant(classOfMessages, 1, 2048)
    }
    return open.length > 0
  }
  return {
    directory,
    meter: world.meter,
    run: async (ms) => {
      for (let left = ms; left > 0; left -= stepMs) {
        await world.run(Math.min(left, stepMs))
        for (const end of [peer, ...clients]) end.pong()
        while (confirm()) await world.run()
      }
      lists.refresh()
    },
    attach: (user) => {
      const client = world.dialIn('client', 'b.example')
      client.sayHello({ role: 'client' })
      const proof = world.attach(client, user.text)
      clients.push(client)
      return {
        told: lists.of(() => client.statuses(proof)),
        messages: lists.of(() =>
          client
            .requestsOf(command.message)
            .map(({ fields, body }) => `${fields.get(tag.from)} ${body}`),
        ),
        leave: () => client.channel.destroy(),
      }
    },
    send: ({ body, from = alice, to = bob, place }) => {
      const lane = `${from.text} ${to.text}`
      const sequence = place?.sequence ?? (lanes.get(lane) ?? 0) + 1
      lanes.set(lane, sequence)
      const id = peer.message({
        ...{ body, sequence, to: to.text, id: messageId(`${from.text} ${body}`) },
        ...{ reference: senders.indexOf(from.text) + 1, epoch: place?.epoch ?? 1 },
      })
      return lists.of(() => peer.statuses(id))
    },
    ask: (question) => {
      const id = ask(peer, question, senders)
      return lists.of(() => {
        const leases = peer.answer(id)?.fields.get(tag.leases)
        const told = peer.statuses(id)
        return leases === undefined ? told : told.map((status) => `${status} ${wordsOf(leases)}`)
      })
    },
    sessions: () => sessionsOf(world.meter),
    notified: () =>
      peer
        .requestsOf(command.notify)
        .map(({ fields }) => `${fields.get(tag.subscription)?.toString('latin1')}`),
  }
}

/** In the order of its tags. */
function ask(peer: ScriptedPeer, question: Question, senders: readonly string[]): number {
  const bytes = (id: string): Buffer => Buffer.from(id, 'latin1')
  if (question.kind === 'renew') {
    const fields: wire.FieldList = [
      [tag.domain, question.local],
      [tag.audience, question.remote ?? ''],
      [tag.subscriptions, bytes(question.ids.join(''))],
      [tag.lease, question.leaseSeconds ?? 0],
    ]
    return peer.ask(wire.pres, { command: command.renew, fields })
  }
  const { kind, watcher, presentity } = question
  const fields: wire.FieldList = [
    [tag.to, presentity.text],
    ...(kind === 'fetch' ? [] : ([[tag.subscription, bytes(question.id)]] as const)),
  ]
  const reference = senders.indexOf(watcher.text) + 1
  const credit: wire.FieldList = kind === 'fetch' ? [[tag.answerCredit, 8192]] : []
  return peer.ask(wire.pres, {
    ...{ command: command[kind], hops: 1, reference, fields: [...credit, ...fields] },
  })
}

/** An adapter in memory, and users in memory. */
export async function loopbackStand(changed: Partial<Limits> = {}): Promise<Stand> {
  const clock = new ManualClock()
  const meter = new Meter()
  const limits = limitsWith(changed)
  const users = [bob, carol, { ...bob, user: 'dave', text: 'dave@b.example' }]
  const listed = new Map(users.map(({ user, text }) => [user, [userKey(text).x]]))
  const directory = new SlowDirectory(listDirectory(listed), clock)
  const way = new Loopback(clock, alice.domain, bob.domain)
  const near = new FakeCore()
  near.reply = () => ({
    status: 'ok',
    retryAfterMs: -1,
    reporter: undefined,
    answer: undefined,
    rest: undefined,
  })
  way.a.start(near)
  createGateway({
    domains: [{ ...scriptHosted(bob.domain, { clock, limits }), directory }],
    adapters: [way.b],
    ...{ software: 'under test', rules: { default: 'allow', allow: [], deny: [] } },
    ...{ pinned: new Map(), discontinuity: 'accept', required: () => [] },
    connect: () => Promise.reject(new Error('there is nothing to dial')),
    foundBy: async () => undefined,
    provenChannel: () => undefined,
    ...{ clock, random: seededRandom(7), limits, meter, log: silentLog },
  })
  await clock.advance(0)
  const letters = new Letters()
  const ends = (): { readonly told: string[]; readonly asker: Ends<never> } => {
    const told: string[] = []
    const asker = new Ends<never>(() => '')
    asker.onEnd = (_, status) => {
      told.push(status)
    }
    return { told, asker }
  }
  return {
    directory,
    meter,
    run: (ms) => clock.advance(ms),
    attach: (user) => {
      const session = new MemorySession(way.b.core, clock, user)
      const told: Status[] = []
      void session.attach().then(
        (status) => told.push(status),
        () => told.push('busy'),
      )
      return { told, messages: session.messages, leave: () => session.close() }
    },
    send: (letter) => {
      const { told, asker } = ends()
      way.a.deliver(letters.make(letter), asker)
      return told
    },
    ask: (question) => {
      const { told, asker } = ends()
      asker.onEnd = (_, status) => {
        const leases = asker.outcomes.at(-1)?.answer?.leases
        told.push(leases === undefined ? status : `${status} ${leases.join()}`)
      }
      way.a.ask(question, asker)
      return told
    },
    sessions: () => sessionsOf(meter),
    notified: () => near.heardOf('notify').map((line) => line.slice(0, 16)),
  }
}

/** Numbers of 32 bits. */
const wordsOf = (bytes: Buffer): string =>
  Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readUInt32BE(i * 4)).join()

const sessionsOf = ({ gauges }: Meter): number => {
  const [series] = gauges.get('client_sessions')?.values() ?? []
  return series?.value() ?? Number.NaN
}
