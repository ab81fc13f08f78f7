/** The store in memory passes the whole contract. */
import { ByteBudget } from '../../../src/lib/byte-budget.ts'
import type { Env } from '../../../src/lib/env.ts'
import { silentLog } from '../../../src/lib/log.ts'
import { Meter } from '../../../src/lib/meter.ts'
import { limitsWith } from '../../../src/limits.ts'
import { type Commit, MemoryBackend } from '../../../src/store/memory-backend.ts'
import { MemoryStore } from '../../../src/store/memory-store.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import type { Opened, World, WorldOptions } from '../../support/store/world.ts'
import { storeContract } from '../../support/store-contract.ts'

function envOf({ limits, heldBytes = 1_000_000 }: WorldOptions) {
  const clock = new ManualClock()
  const env: Env = {
    clock,
    random: seededRandom(1),
    limits: limitsWith(limits),
    meter: new Meter(),
    log: silentLog,
    held: new ByteBudget(heldBytes),
  }
  return { env, clock }
}

function worldOf(env: Env, clock: ManualClock, open: World['open']): World {
  return {
    open,
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

storeContract('memory', openMessages)
