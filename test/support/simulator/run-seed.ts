/**
 * One seed, from start to verdict: a world is drawn, users act, things go wrong, everything is healed, oracles judge.
 *
 * In:    a seed.
 * Out:   what was broken (nothing, if all is well), the trace, and how much was done.
 *
 * Safety is judged whatever happens; liveness once the faults have stopped: then all must come to rest in a bounded time.
 */
import type { Random } from '../../../src/lib/random.ts'
import { beginFault, between, type FaultKind, faultKinds, pick, type Scene } from './faults.ts'
import { type OperationKind, operate } from './operations.ts'
import { judgeMessages } from './oracle-messages.ts'
import { judgePresence } from './oracle-presence.ts'
import {
  judgeCredit,
  judgeFaults,
  judgeLinks,
  judgePending,
  judgeSecrets,
  judgeTables,
  judgeTimers,
} from './oracle-state.ts'
import { drawLimits, drawReply, drawSites, shuffled } from './plan.ts'
import { Probes } from './probes.ts'
import { World } from './world.ts'

export type SeedResult = {
  readonly seed: number
  readonly broken: readonly string[]
  readonly trace: readonly string[]
  readonly operations: Readonly<Partial<Record<OperationKind, number>>>
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>
  /** From the end of the faults to rest; in ms. */
  readonly healedMs: number
  readonly tasks: number
}

export type SeedOptions = {
  /** Called when the world stands; a test breaks something here. */
  readonly prepare: (world: World) => undefined
}

const leastOperations = 200
const leastFaults = 10
const leastFaultKinds = 5
/** Longer than every lease. */
const leaveMs = 80 * 60_000
/** How long the healed world may take. */
const healMs = 30 * 60_000

export async function runSeed(
  seed: number,
  { prepare }: SeedOptions = { prepare: () => undefined },
): Promise<SeedResult> {
  const run = new SeedRun(seed)
  prepare(run.world)
  return run.run()
}

class SeedRun {
  readonly world: World
  readonly #seed: number
  readonly #random: Random
  readonly #operations: Partial<Record<OperationKind, number>> = {}
  readonly #faults: Partial<Record<FaultKind, number>> = {}
  readonly #undo = new Set<() => undefined>()
  /** Planned, and not begun yet. */
  #faultsAhead = 0
  #isHealed = false

  constructor(seed: number) {
    this.#seed = seed
    const random = new World({ seed, sites: [] }).random('plan')
    this.#random = random
    const sites = drawSites(random)
    const plan = { seed, sites, limits: drawLimits(random), ttlSeconds: 30, isJudged: true }
    this.world = new World(plan)
    for (const { domains } of sites) {
      for (const { name, users } of domains) {
        for (const user of users) this.#addDevices(`${user}@${name}`)
      }
    }
  }

  async run(): Promise<SeedResult> {
    const { world } = this
    world.start()
    for (const device of world.devices) void device.attach()
    await world.run(500)
    await this.#act()
    this.#heal()
    const broken = await this.#rest()
    const healedMs = world.scheduler.now - this.#healedAt
    broken.push(...judgeMessages(world.journal), ...world.journal.complaints)
    // Hours of doing nothing take time to simulate.
    if (this.#seed % 4 === 0) {
      await this.#leave()
      broken.push(...judgeTables(world))
    }
    for (const { run } of world.sites) run?.gateway.close()
    await world.run(100)
    broken.push(...judgeTimers(world), ...judgeFaults(world), ...judgeSecrets(world))
    broken.push(...this.#judgeEffort())
    return {
      seed: this.#seed,
      broken,
      trace: world.trace.lines,
      operations: this.#operations,
      faults: this.#faults,
      healedMs,
      tasks: world.scheduler.tasks,
    }
  }

  #healedAt = 0

  /** A run that does too little proves too little. */
  #judgeEffort(): readonly string[] {
    const sum = (counts: object) => Object.values(counts).reduce((all, n) => all + n, 0)
    const [operations, found] = [sum(this.#operations), sum(this.#faults)]
    const kinds = Object.keys(this.#faults).length
    return operations < leastOperations || found < leastFaults || kinds < leastFaultKinds
      ? [`effort: ${operations} operations, ${found} faults of ${kinds} kinds`]
      : []
  }

  #addDevices(user: string): undefined {
    const random = this.#random
    const [part = '', domain = ''] = user.split('@')
    const count = random.number() < 0.3 ? 2 : 1
    for (let n = 1; n <= count; n++) {
      const name = `${part}-${domain.split('.')[0]}${n === 1 ? '' : n}`
      const device = this.world.device(user, name, random.number() < 0.5)
      device.reply = () => drawReply(this.#isHealed ? undefined : random)
    }
  }

  async #act(): Promise<undefined> {
    const { world } = this
    const random = this.#random
    const count = leastOperations + between(random, 0, 60)
    const gapMs = between(random, 50, 900)
    this.#planFaults(count * gapMs)
    // Users go on until all that is to go wrong has gone wrong.
    for (let done = 0; done < count || this.#faultsAhead > 0; done++) {
      await world.run(random.number() < 0.3 ? 0 : random.number() * 2.8 * gapMs)
      const kind = operate(world, random)
      this.#operations[kind] = (this.#operations[kind] ?? 0) + 1
    }
  }

  #planFaults(lengthMs: number): undefined {
    const random = this.#random
    const clock = this.world.scheduler.clock()
    const kinds = shuffled(random, faultKinds).slice(0, between(random, leastFaultKinds, 12))
    this.#faultsAhead = leastFaults + between(random, 0, 10)
    for (let n = 0; n < this.#faultsAhead; n++) {
      const kind = kinds[n] ?? (pick(random, kinds) as FaultKind)
      clock.after(lengthMs * (0.02 + 0.8 * random.number()), () => {
        this.#faultsAhead--
        this.#break(kind)
      })
    }
  }

  #break(wanted: FaultKind): undefined {
    const { world } = this
    const clock = world.scheduler.clock()
    const [kind, undo] = this.#begin(wanted, {
      world,
      random: this.#random,
      later: (ms, task) => {
        clock.after(ms, () => (this.#isHealed ? undefined : task()))
      },
    })
    this.#faults[kind] = (this.#faults[kind] ?? 0) + 1
    world.trace.add('fault', kind)
    const end = (): undefined => {
      if (!this.#undo.delete(end)) return
      world.trace.add('fault', `${kind} ends`)
      undo()
    }
    this.#undo.add(end)
    const draw = this.#random.number()
    clock.after(draw < 0.7 ? 200 + draw * 20_000 : draw * 100_000, end)
  }

  /** Where there is nothing to break, something else is broken; and the first faults are of a new kind each. */
  #begin(wanted: FaultKind, scene: Scene): readonly [kind: FaultKind, undo: () => undefined] {
    const isFew = Object.keys(this.#faults).length < leastFaultKinds
    for (const kind of [wanted, ...shuffled(this.#random, faultKinds)]) {
      if (isFew && this.#faults[kind] !== undefined) continue
      const undo = beginFault(kind, scene)
      if (undo !== undefined) return [kind, undo]
    }
    // Names, dials and keys can be broken at any time.
    throw new Error('nothing can be broken')
  }

  #heal(): undefined {
    this.#isHealed = true
    this.#healedAt = this.world.scheduler.now
    this.world.trace.add('fault', 'everything is healed')
    for (const end of [...this.#undo]) end()
    for (const site of this.world.sites) site.ensure()
    for (const device of this.world.devices) void device.attach()
  }

  /** Lets time pass until everything is as it should be; what still is not, is broken. */
  async #rest(): Promise<string[]> {
    const { world } = this
    const probes = new Probes(world, this.#random)
    for (const end = world.scheduler.now + healMs; ; ) {
      await world.run(2000)
      const wrong = [
        ...world.devices.flatMap(({ isAttached, name, publisher }) => [
          ...(isAttached ? [] : [`rest: ${name} is not attached`]),
          ...(publisher.isSettled ? [] : [`rest: ${name} has not published`]),
          ...publisher.refusals.map((status) => `rest: ${name} may not publish: ${status}`),
        ]),
        ...probes.missing(),
        ...judgePresence(world.devices),
        ...judgeLinks(world),
        ...judgePending(world),
        // What was written when a line was slow is still on its way for a while.
        ...judgeCredit(world),
      ]
      if (wrong.length === 0) return []
      if (world.scheduler.now >= end) return wrong
      probes.again()
    }
  }

  /** Everybody leaves, and time goes by until nothing has to be remembered. */
  async #leave(): Promise<undefined> {
    const { world } = this
    for (const { watcher, publisher } of world.devices) {
      for (const watched of watcher.watched.values()) watcher.unsubscribe(watched)
      publisher.publish(false)
    }
    await world.run(5000)
    for (const device of world.devices) device.retire()
    await world.run(leaveMs)
  }
}
