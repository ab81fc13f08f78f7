/**
 * Rounds: every subject is measured in turn, again and again, in one run.
 *
 * In:    subjects, the first of which is the floor; a plan.
 * Out:   for each subject medians and spread of every figure, and its ratios to the floor.
 * Fails: when a subject fails; it is stopped first, and so are the others.
 *
 * Absolute figures move with the machine and the minute, so a ratio is taken inside each round, between
 * neighbours in time, and the median of these ratios is the result.
 */
import { cpuUs, percentile, rssMiB, type Spread, sleepMs, spreadOf } from './measure.ts'
import type { Pids, Subject } from './subject.ts'

export type Plan = {
  readonly rounds: number
  readonly floodMs: number
  readonly warmMs: number
  /** So many messages at least make a subject warm. */
  readonly warmMessages: number
  readonly pacedMs: number
  readonly perSecond: number
  readonly bodyBytes: number
}

/** The figures of one round. */
export const figureNames = [
  'cpuUsA',
  'cpuUsB',
  'cpuUsPair',
  'cpuUsLoad',
  'perSecond',
  'linkBytesOverhead',
  'p50Ms',
  'p99Ms',
  'pacedLinkBytesOverhead',
  'lost',
  'unanswered',
  'refused',
] as const
export type FigureName = (typeof figureNames)[number]
export type Round = Readonly<Record<FigureName, number>>

export type SubjectReport = {
  readonly name: string
  readonly figures: Readonly<Record<FigureName, Spread>>
  /** This subject's figure through the floor's, round by round. */
  readonly ratios: Readonly<Record<FigureName, Spread>>
  readonly rssMiB: { readonly a: number; readonly b: number }
  /** Of all floods together. */
  readonly messages: number
  readonly counts: Readonly<Record<string, number>>
}

/** Told before each step, so that nobody waits in silence. */
export type OnStep = (text: string) => undefined

type Running = {
  readonly subject: Subject
  readonly pids: Pids
  readonly rssMiB: { readonly a: number; readonly b: number }
  readonly rounds: Round[]
  readonly counts: Record<string, number>
  messages: number
}

const settleMs = 300

export async function runRounds(
  subjects: readonly Subject[],
  plan: Plan,
  onStep: OnStep,
  /** What is still to be measured while all subjects run. */
  behind: () => Promise<unknown>,
): Promise<readonly SubjectReport[]> {
  try {
    const running: Running[] = []
    for (const subject of subjects) {
      onStep(`${subject.name}: start`)
      running.push(await begin(subject))
    }
    for (const each of running) {
      onStep(`${each.subject.name}: warm up`)
      await warmUp(each.subject, plan)
    }
    for (let round = 1; round <= plan.rounds; round++) {
      // Forth and back: a machine that slows down or speeds up favours nobody.
      for (const each of round % 2 === 1 ? running : running.toReversed()) {
        const step = `round ${round} of ${plan.rounds}, ${each.subject.name}`
        each.rounds.push(await oneRound(each, plan, step, onStep))
      }
    }
    await behind()
    return running.map((each) => reportOf(each, running[0] ?? each))
  } finally {
    await Promise.all(subjects.map((subject) => subject.stop()))
  }
}

async function begin(subject: Subject): Promise<Running> {
  const pids = await subject.start()
  await sleepMs(settleMs)
  const idle = { a: rssMiB(pids.a), b: rssMiB(pids.b) }
  return { subject, pids, rssMiB: idle, rounds: [], counts: {}, messages: 0 }
}

/** At least one flood; one that sends nothing is the last. */
async function warmUp(subject: Subject, { warmMs, warmMessages }: Plan): Promise<undefined> {
  for (let sent = 0, last = 1; sent < warmMessages && last > 0; sent += last) {
    last = (await subject.flood(warmMs)).sent
  }
}

async function oneRound(
  running: Running,
  plan: Plan,
  step: string,
  onStep: OnStep,
): Promise<Round> {
  onStep(`${step}: flood`)
  const flood = await oneFlood(running, plan)
  onStep(`${step}: ${plan.perSecond} messages a second`)
  const { lost, ...pace } = await onePace(running, plan)
  return { ...flood, ...pace, lost: flood.lost + lost }
}

type PaceName = 'p50Ms' | 'p99Ms' | 'pacedLinkBytesOverhead'
type FloodFigures = Omit<Round, PaceName>
type PaceFigures = Pick<Round, PaceName | 'lost'>

async function oneFlood(running: Running, plan: Plan): Promise<FloodFigures> {
  const { subject, pids } = running
  const countsBefore = await subject.counts()
  const bytesBefore = await subject.linkBytes()
  const before = cpuOf(pids)
  const { sent, answered, refused, received, tookUs } = await subject.flood(plan.floodMs)
  const after = cpuOf(pids)
  const bytes = (await subject.linkBytes()) - bytesBefore
  addCounts(running, countsBefore, await subject.counts(), received)
  const cost = (part: keyof Pids): number => (after[part] - before[part]) / received
  return {
    cpuUsA: cost('a'),
    cpuUsB: cost('b'),
    cpuUsPair: cost('a') + cost('b'),
    cpuUsLoad: cost('sender') + cost('receiver'),
    perSecond: received / (tookUs / 1e6),
    linkBytesOverhead: bytes / received - plan.bodyBytes,
    lost: sent - received,
    unanswered: sent - answered,
    refused,
  }
}

async function onePace(
  { subject }: Running,
  { perSecond, pacedMs, bodyBytes }: Plan,
): Promise<PaceFigures> {
  const bytesBefore = await subject.linkBytes()
  const { sent, received, latenciesMs } = await subject.paced(perSecond, pacedMs)
  const bytes = (await subject.linkBytes()) - bytesBefore
  return {
    p50Ms: percentile(latenciesMs, 50),
    p99Ms: percentile(latenciesMs, 99),
    pacedLinkBytesOverhead: bytes / received - bodyBytes,
    lost: sent - received,
  }
}

const cpuOf = (pids: Pids): Pids => ({
  a: cpuUs(pids.a),
  b: cpuUs(pids.b),
  sender: cpuUs(pids.sender),
  receiver: cpuUs(pids.receiver),
})

function addCounts(
  running: Running,
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
  messages: number,
): undefined {
  running.messages += messages
  for (const [name, count] of Object.entries(after)) {
    running.counts[name] = (running.counts[name] ?? 0) + count - (before[name] ?? 0)
  }
}

function reportOf(running: Running, floor: Running): SubjectReport {
  const spreads = (value: (round: Round, i: number) => (name: FigureName) => number) =>
    Object.fromEntries(
      figureNames.map((name) => [
        name,
        spreadOf(running.rounds.map((round, i) => value(round, i)(name))),
      ]),
    ) as Record<FigureName, Spread>
  return {
    name: running.subject.name,
    figures: spreads((round) => (name) => round[name]),
    ratios: spreads((round, i) => (name) => round[name] / (floor.rounds[i]?.[name] ?? Number.NaN)),
    rssMiB: running.rssMiB,
    messages: running.messages,
    counts: running.counts,
  }
}
