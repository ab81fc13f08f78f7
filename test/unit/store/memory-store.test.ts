/** The two stores in memory: one keeps messages, and passes the whole contract; one keeps their records alone. */

import { describe, expect, test } from 'vitest'
import type { Env } from '../../../src/env.ts'
import { silentLog } from '../../../src/lib/log.ts'
import { Meter } from '../../../src/lib/meter.ts'
import { limitsWith } from '../../../src/limits.ts'
import { ByteBudget } from '../../../src/shares/byte-budget.ts'
import { type Commit, MemoryBackend } from '../../../src/store/memory-backend.ts'
import { MemoryStore } from '../../../src/store/memory-store.ts'
import { RecordStore } from '../../../src/store/record-store.ts'
import { dose } from '../../support/dose.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { makeLanes } from '../../support/middle/messages.ts'
import { roomShares } from '../../support/room-shares.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { acceptContract } from '../../support/store/accept-contract.ts'
import {
  long,
  Node,
  type Opened,
  type World,
  type WorldOptions,
} from '../../support/store/world.ts'
import { storeContract } from '../../support/store-contract.ts'

function envOf({ limits, heldBytes = 1_000_000 }: WorldOptions) {
  const clock = new ManualClock()
  const shares = roomShares()
  const env: Env = {
    clock,
    random: seededRandom(1),
    limits: limitsWith(limits),
    meter: new Meter(),
    log: silentLog,
    held: new ByteBudget(heldBytes, shares),
    shares,
  }
  return { env, clock }
}

function worldOf(env: Env, clock: ManualClock, open: World['open']): World {
  return {
    open,
    limits: env.limits,
    clock,
    now: clock.now,
    advance: (ms) => clock.advance(ms),
    until: async (condition) => {
      while (!condition()) await clock.advance(0)
    },
    meter: env.meter,
    stop: async () => undefined,
  }
}

/** The commits of one node: at once, or later and in their order. */
class Gate {
  #held: (readonly [run: () => undefined, fail: () => undefined])[] | undefined

  readonly commit = (run: () => undefined, fail: () => undefined): undefined => {
    if (this.#held === undefined) run()
    else this.#held.push([run, fail])
  }

  hold(): undefined {
    this.#held ??= []
  }

  release(how?: 'fails'): undefined {
    if (how === 'fails') this.#held?.shift()?.[1]()
    // What is given meanwhile goes behind what was held.
    while (this.#held?.length) this.#held.shift()?.[0]()
    this.#held = undefined
  }
}

const openMessages = async (options: WorldOptions): Promise<World> => {
  const { env, clock } = envOf(options)
  const gates = new Map<string, Gate>()
  const commit: Commit = (node, run, fail) => gates.get(node)?.commit(run, fail)
  const backend = new MemoryBackend(env, commit)
  return worldOf(env, clock, async (node): Promise<Opened> => {
    const gate = gates.get(node) ?? new Gate()
    gates.set(node, gate)
    const store = new MemoryStore(backend, node)
    return { store, hold: () => gate.hold(), release: (how) => gate.release(how) }
  })
}

const openRecords = async (options: WorldOptions): Promise<World> => {
  const { env, clock } = envOf(options)
  return worldOf(env, clock, async (node, lanes, shares): Promise<Opened> => {
    const store = new RecordStore({ ...env, shares }, () => lanes, node)
    return { store, hold: () => undefined, release: () => undefined }
  })
}

/** A node with its lease. */
async function nodeIn(open: typeof openMessages): Promise<Node> {
  const node = new Node(await open({}), 'a')
  await node.open()
  await node.store.lease('node:a', long)
  return node
}

describe('records alone', () => {
  test('a message is told of within the call, and keeps the bytes that it was lent', async () => {
    const { env } = envOf({})
    const lanes = makeLanes()
    const store = new RecordStore(env, () => lanes)
    const node = await nodeIn(openRecords)
    const message = node.message({ id: 1 })
    const { buffer } = message
    store.accept(message, true, node)
    expect([node.log, message.buffer === buffer, env.held.used]).toEqual([['kept m1'], true, 0])
  })

  test('there is no inbox and no queue: what cannot go out fails with its cause', async () => {
    const node = await nodeIn(openRecords)
    node.accept({ id: 1 })
    node.settle('m1', 'stored')
    node.enqueue({ id: 2 }, 'remote-timeout')
    expect(await node.told(2)).toEqual(['kept m1', 'failed m2 remote-timeout'])
    expect([await node.inbox(), await node.claim()]).toEqual([[], []])
  })

  test('they say what a store of messages says, whatever comes in whatever order', async () => {
    const random = seededRandom(5)
    const draw = <T>(all: readonly T[]): T => all[Math.floor(random.number() * all.length)] as T
    const nodes = [await nodeIn(openRecords), await nodeIn(openMessages)] as const
    const [one, other] = nodes
    const open = new Set<string>()
    for (let step = 0; step < dose(5000, 1000); step++) {
      const id = draw([1, 2, 3, 4, 5, 6, 7, 8])
      const from = draw(['alice@a.example', 'carol@c.example'])
      const place = { sequence: draw([1, 2, 3, 4]) }
      const body = `${id} ${from} ${draw(['a', 'a', 'a', 'b'])}`
      const isInOrder = random.number() < 0.8
      for (const node of nodes) node.accept({ id, from, place, body }, isInOrder)
      const told = one.log.splice(0)
      expect(other.log.splice(0)).toEqual(told)
      for (const line of told) if (line.startsWith('kept ')) open.add(line.slice(5))
      if (random.number() < 0.4 && open.size > 0) {
        const name = draw([...open])
        const status = draw(['delivered', 'refused', 'inbox-closed'] as const)
        open.delete(name)
        for (const node of nodes) node.settle(name, status)
      }
      if (step % 100 === 99) {
        for (const node of nodes) {
          await node.world.advance(20 * 3_600_000)
          node.store.sweep(node.world.now())
        }
      }
      expect(other.store.size).toBe(one.store.size)
    }
  })
})

storeContract('memory', openMessages)
acceptContract('memory, records alone', openRecords)
