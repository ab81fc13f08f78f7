/**
 * `npm run bench -- --hostile`: what an innocent pair of domains feels of each flood, and what a flood leaves behind.
 *
 * In:    the names of floods.
 * Out:   a report for each, with the quiet values of the same run.
 * Fails: when the bench itself does; a gateway that crashes is a result, and the next flood meets a new one.
 */
import type { Children } from './children.ts'
import type { Fought } from './hostile-attacker.ts'
import { type Flood, floods } from './hostile-floods.ts'
import type { Measured, Order } from './hostile-innocents.ts'
import { build } from './hostile-program.ts'
import { bars, type Endured, type HostileRun } from './hostile-report.ts'
import { openStage, type Stage } from './hostile-stage.ts'
import { cpuUs, machineUs, rssMiB, sleepMs } from './measure.ts'
import type { OnStep } from './rounds.ts'

const warmMs = 6000
const quietMs = 8000
/** How long a flood is slept off before it is quiet again, and when what it left behind is looked at at the latest. */
const sleepOffMs = 5000
const restMs = 30_000
const newcomersEach = 6
const graceMs = 60_000
const sampleMs = 200

export const chosen = (only: string | undefined): readonly Flood[] =>
  floods.filter(({ name }) => only === undefined || name === only)

/** About how long a run takes. */
export const hostileMs = (list: readonly Flood[]): number =>
  25_000 + 2 * warmMs + quietMs + list.reduce((sum, { ms }) => sum + ms + restMs / 2 + 3000, 0)

export async function runHostile(
  children: Children,
  list: readonly Flood[],
  onStep: OnStep,
): Promise<HostileRun> {
  onStep('compile')
  await build()
  const quiet: Measured[] = []
  const endured: Endured[] = []
  let stage: Stage | undefined
  try {
    for (const flood of list) {
      if (stage === undefined) {
        onStep('start')
        stage = await openStage(children)
        await stage.attacker.ask('meet', undefined, 2 * graceMs)
        await measure(stage, { ms: warmMs, newcomers: newcomersEach })
        onStep('warm up')
        await warmUp(stage)
        onStep('quiet')
        quiet.push(await measure(stage, { ms: quietMs, newcomers: newcomersEach }))
      }
      onStep(`${flood.name}: ${flood.says}`)
      const { report, after } = await endure(stage, flood, onStep)
      endured.push(report)
      if (after === undefined) {
        await stage.stop()
        stage = undefined
      } else quiet.push(after)
    }
  } finally {
    await stage?.stop()
  }
  return { quiet, endured }
}

/** A process that is new grows by any work at all: what is looked at is what a flood leaves behind in one that has worked. */
async function warmUp({ attacker }: Stage): Promise<undefined> {
  await attacker.ask('begin', 'crowd', 2 * graceMs)
  await attacker.ask('run', warmMs, warmMs + graceMs)
  await attacker.ask('end', undefined, graceMs)
  await sleepMs(2 * sleepOffMs)
}

const measure = (stage: Stage, order: Order): Promise<Measured> =>
  stage.innocents.ask<Measured>('measure', order, order.ms + graceMs)

/** One flood, and the rest behind it, whose end is quiet again: nothing if the gateway has crashed. */
async function endure(
  stage: Stage,
  flood: Flood,
  onStep: OnStep,
): Promise<{ readonly report: Endured; readonly after: Measured | undefined }> {
  const { attacker, b } = stage
  const memory = new Memory(stage)
  const before = memory.now
  await attacker.ask('begin', flood.name, 2 * graceMs)
  const cpuBefore = cpuOf(stage)
  const startedMs = performance.now()
  const [felt, fought] = await Promise.all([
    measure(stage, { ms: flood.ms, newcomers: newcomersEach }),
    attacker.ask<Fought>('run', flood.ms, flood.ms + graceMs).then((value) => {
      return { value, cpu: cpuOf(stage), tookMs: performance.now() - startedMs }
    }),
  ])
  await attacker.ask('end', undefined, graceMs)
  onStep(`${flood.name}: rest`)
  await sleepMs(sleepOffMs)
  // What is back in its bounds earlier needs no wait.
  const untilMs = performance.now() + restMs - sleepOffMs - quietMs
  while (memory.now > before * bars.rssRatio && performance.now() < untilMs) await sleepMs(sampleMs)
  const after =
    b.ended === undefined
      ? await measure(stage, { ms: quietMs, newcomers: newcomersEach })
      : undefined
  const { peak } = memory
  memory.stop()
  return {
    report: {
      flood,
      felt,
      fought: fought.value,
      cpu: sharesOf(fought.cpu, cpuBefore, fought.tookMs),
      rssMiB: { before, peak, after: memory.now },
      ended: b.ended,
    },
    after,
  }
}

type Cpu = Readonly<Record<'attacker' | 'gateway' | 'innocents' | 'machine', number>>

const cpuOf = ({ a, b, attacker, innocents }: Stage): Cpu => ({
  attacker: cpuUs(attacker.pid),
  gateway: b.ended === undefined ? cpuUs(b.pid) : Number.NaN,
  innocents: cpuUs(innocents.pid) + cpuUs(a.pid),
  machine: machineUs(),
})

/** Parts of one core; `others`: what had no part in the bench. */
function sharesOf(after: Cpu, before: Cpu, tookMs: number): Endured['cpu'] {
  const share = (of: keyof Cpu): number => (after[of] - before[of]) / (tookMs * 1000)
  const [attacker, gateway, innocents] = [share('attacker'), share('gateway'), share('innocents')]
  const others = Math.max(0, share('machine') - attacker - gateway - innocents)
  return { attacker, gateway, innocents, others }
}

/** Resident memory of the attacked gateway, looked at again and again. */
class Memory {
  peak = 0
  readonly #stage: Stage
  readonly #timer: NodeJS.Timeout

  constructor(stage: Stage) {
    this.#stage = stage
    this.#timer = setInterval(() => this.now, sampleMs)
  }

  /** NaN once it is gone. */
  get now(): number {
    const { b } = this.#stage
    const mib = b.ended === undefined ? rssOf(b.pid) : Number.NaN
    if (mib > this.peak) this.peak = mib
    return mib
  }

  stop(): undefined {
    clearInterval(this.#timer)
  }
}

/** A process may end between two looks. */
function rssOf(pid: number): number {
  try {
    return rssMiB(pid)
  } catch {
    return Number.NaN
  }
}
