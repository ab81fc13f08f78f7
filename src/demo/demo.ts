/**
 * The demo: two domains that never heard of each other, on one machine, from nothing to a refused forgery.
 *
 * In:    whether to end after the scenario, where to keep the files, whether to print JSON.
 * Out:   a transcript, figures counted by the gateways, the exit code.
 * Fails: as the first thing that does not happen as it should. Nothing is left running, and no file but those to keep.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { exitCodes } from '../cli/exit-codes.ts'
import type { Host, StopSignal } from '../cli/host.ts'
import { makeFolder } from '../cli/write-new.ts'
import { GatewayError } from '../errors.ts'
import { sleep } from '../lib/clock.ts'
import { showFailures } from './failures.ts'
import { type Figures, figuresOf } from './figures.ts'
import { showFinding } from './finding.ts'
import { showForgery } from './forgery.ts'
import { showMessages } from './messages.ts'
import { showNextSteps } from './next-steps.ts'
import { showPresence } from './presence.ts'
import { attachUser, type Gateways, metricsOf, type Stage, startGateways } from './stage.ts'
import { type Transcript, transcript } from './transcript.ts'
import { Undo } from './undo.ts'
import { createWorld, type World } from './world.ts'

export type DemoOptions = {
  readonly once: boolean
  readonly json: boolean
  readonly keep: string | undefined
}

export async function runDemo(host: Host, options: DemoOptions): Promise<number> {
  const told = transcript(host, options.json ? 'err' : 'out')
  const stopped = Promise.withResolvers<StopSignal>()
  const forget = host.onStop((signal) => stopped.resolve(signal) as undefined)
  const undo = new Undo()
  const scene: Scene = { told, undo, isShown: false, folder: undefined, stopped: stopped.promise }
  const work = play(host, options, scene)
  const settled = work.catch(() => undefined)
  try {
    const signal = await Promise.race([work, stopped.promise])
    if (!options.once) told.line('The demo ends.')
    // What became of the output is told by whoever lost it.
    if (scene.isShown || signal === undefined || signal === 'output') return exitCodes.ok.number
    return exitCodes.interrupted.number
  } finally {
    await undo.all()
    // What was under way when the end came may still write files.
    await Promise.race([settled, sleep(host.clock, settleMs)])
    if (scene.folder !== undefined) await rm(scene.folder, { recursive: true, force: true })
    forget()
  }
}

const settleMs = 10_000

type Scene = {
  readonly told: Transcript
  readonly undo: Undo
  /** The whole scenario was shown. */
  isShown: boolean
  /** That goes with the demo. */
  folder: string | undefined
  readonly stopped: Promise<StopSignal>
}

async function play(host: Host, options: DemoOptions, scene: Scene): Promise<undefined> {
  const { told, undo, stopped } = scene
  const started = host.clock.now()
  told.heading('Two domains, a.example and b.example, on this machine')
  const folder = await folderOf(host, options, scene)
  const world = await createWorld(folder, host)
  await undo.add(() => world.dns.close())
  told.line(`keys, certificates and configurations in ${folder}`)
  const gateways = await startGateways(host, world, told)
  await undo.add(() => Promise.all([gateways.a.stop(), gateways.b.stop()]))
  const guard = broken(gateways)
  const stage = await enter(host, world, told, undo)
  const figures = await Promise.race([guard, show(stage, gateways)])
  const seconds = Math.round(host.clock.now() - started) / 1000
  showFigures(told, figures, seconds)
  if (options.json) host.out(`${JSON.stringify({ ...figures, seconds })}\n`)
  scene.isShown = true
  if (options.once) return
  showNextSteps(host, told, stage)
  await Promise.race([guard, stopped])
}

/** A folder that is made for this and goes with it, or one to keep. */
async function folderOf(host: Host, { keep }: DemoOptions, scene: Scene): Promise<string> {
  if (keep === undefined) {
    scene.folder = await mkdtemp(join(tmpdir(), 'gatehouse-demo-'))
    return scene.folder
  }
  const folder = resolve(host.folder, keep)
  await makeFolder(folder)
  if ((await readdir(folder)).length === 0) return folder
  throw new GatewayError(
    'usage',
    `expected an empty folder behind --keep, found files in ${folder}`,
  )
}

/** Rejects when a gateway ends that nobody stopped. */
function broken({ a, b }: Gateways): Promise<never> {
  const fail = async (child: Gateways['a']): Promise<never> => {
    throw child.failure(`it ended with ${await child.ended}`)
  }
  const either = Promise.race([fail(a), fail(b)])
  either.catch(() => undefined)
  return either
}

async function enter(host: Host, world: World, told: Transcript, undo: Undo): Promise<Stage> {
  const alice = await attachUser(host, world, { name: 'alice', place: world.a, told })
  await undo.add(() => alice.client.close())
  const bob = await attachUser(host, world, { name: 'bob', place: world.b, told })
  await undo.add(() => bob.client.close())
  told.line(`${alice.client.user.text} and ${bob.client.user.text} are attached to their gateways`)
  return { host, world, told, alice, bob, metrics: () => metricsOf(world) }
}

async function show(stage: Stage, gateways: Gateways): Promise<Figures> {
  await showFinding(stage)
  await showMessages(stage, gateways)
  await showPresence(stage)
  await showFailures(stage)
  await showForgery(stage)
  return figuresOf(await stage.metrics())
}

function showFigures(told: Transcript, figures: Figures, seconds: number): undefined {
  const { messages, presence, credential, forged, link } = figures
  told.heading(`What the gateways counted (${seconds.toFixed(1)} s in all)`)
  told.table([
    ['messages delivered', String(messages.delivered)],
    ['notifications shown', String(presence.notified)],
    ['credentials verified', String(credential.verifications)],
    ['requests that referred to one', String(credential.references)],
    ['false claims refused (proof, credential, relay)', String(forged.refused)],
    ['domains proven by', link.proofs.join(', ')],
  ])
  const counts = [messages.delivered, presence.notified, credential.verifications]
  const all = [...counts, credential.references, forged.refused, link.proofs.length]
  if (all.some((count) => count === 0)) {
    throw new GatewayError('internal', 'a gateway counted nothing where something happened')
  }
}
