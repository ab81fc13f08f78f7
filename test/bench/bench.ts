/**
 * `npm run bench`: what the gateway costs, against the least that a pair of relays must do, in one run on one machine.
 *
 * In:    flags (`--help`).
 * Out:   a table on standard output, and one line of JSON as the last; progress on standard error.
 * Fails: exit code 1 when a process fails, a message is lost or the time is over; 2 when a flag is wrong.
 */
import { availableParallelism } from 'node:os'
import { jsonOf } from './bench-json.ts'
import { Children } from './children.ts'
import { type Flags, flagsOf, usage, usualUsers } from './flags.ts'
import { GatewayPair } from './gateway.ts'
import { chosen, hostileMs, runHostile } from './hostile.ts'
import { hostileJson, hostileTable } from './hostile-report.ts'
import { aboutMany, returnOfLink, usersThatFit } from './many-users.ts'
import { probeCold } from './probe-cold.ts'
import { probeFanout } from './probe-fanout.ts'
import { probeMemory } from './probe-memory.ts'
import { exchange, exchangeTable, pairsFor } from './providers.ts'
import { Relay } from './relay.ts'
import { type Figures, Progress, tableOf } from './report.ts'
import { type OnStep, type Plan, runRounds, type SubjectReport } from './rounds.ts'
import { type Shape, type Subject, startMs } from './subject.ts'

/** A measurement that is no flood: a cold start, a fan-out, the memory of idle links. */
type Probe = { readonly name: string; readonly run: (onStep: OnStep) => Promise<Figures> }

const bodyBytes = 200
const perSecond = 200
/** What a user costs until it is attached, and has written. */
const attachMs = 5
/** Beyond the time that the rounds need: starts, drains, stops. */
const slackMs = 120_000

async function main(): Promise<number> {
  const flags = flagsOf(process.argv.slice(2))
  if (typeof flags === 'string') {
    console.error(`${flags}\n\n${usage}`)
    return 2
  }
  if (flags.help) {
    console.log(usage)
    return 0
  }
  if (flags.hostile) return hostile(flags)
  return flags.providers === undefined ? load(flags) : providers(flags, flags.providers)
}

/** What two providers that touch no setting can exchange. */
async function providers({ users: wanted, seconds, json }: Flags, rate: number): Promise<number> {
  const children = new Children()
  const users = usersThatFit(wanted ?? pairsFor(rate))
  const ms = seconds * 1000
  const progress = new Progress(2 * users * attachMs + ms)
  endAfter(2 * startMs(users) + ms + slackMs)
  try {
    const shape = { users, bodyBytes, window: rate }
    const order = { perSecond: rate, ms }
    const found = await children.guard(exchange(children, shape, order, progress.show))
    progress.clear()
    if (!json) console.log(`${exchangeTable(found)}\n`)
    console.log(JSON.stringify({ node: process.version, cpus: availableParallelism(), ...found }))
    return 0
  } finally {
    progress.clear()
    await children.stop()
  }
}

/** Floods, and what an innocent pair feels of them. */
async function hostile({ only, json }: Flags): Promise<number> {
  const children = new Children()
  const list = chosen(only)
  const aboutMs = hostileMs(list)
  const progress = new Progress(aboutMs)
  endAfter(aboutMs * 2 + slackMs)
  try {
    const run = await children.guard(runHostile(children, list, progress.show))
    progress.clear()
    if (!json) console.log(`${hostileTable(run)}\n`)
    console.log(hostileJson({ node: process.version, cpus: availableParallelism() }, run))
    return 0
  } finally {
    progress.clear()
    await children.stop()
  }
}

/** The gateway pair against the bare relay, and the probes. */
async function load({ rounds, seconds, window, users: wanted, json }: Flags): Promise<number> {
  const children = new Children()
  const users = usersThatFit(wanted ?? usualUsers)
  const shape: Shape = { users, bodyBytes, window }
  const plan: Plan = {
    rounds,
    floodMs: seconds * 1000,
    warmMs: Math.min(5000, 2 * seconds * 1000),
    warmMessages: 2 * users,
    pacedMs: seconds * 1000,
    perSecond,
    bodyBytes,
  }

  const pair = new GatewayPair(children, shape)
  // The floor comes first. `key` is where the figures stand in the JSON.
  const subjects: readonly { readonly key: string; readonly subject: Subject }[] = [
    { key: 'relay', subject: new Relay(children, shape) },
    { key: 'messages', subject: pair },
  ]
  // With many users there is one thing more to see, and it needs the pair as it is then.
  const many: Record<string, number> = {}
  const behind = async (): Promise<undefined> => {
    if (wanted === undefined) return
    const { shown, linksEnded, limitsHit } = await pair.totals()
    Object.assign(many, {
      'many.users': users,
      'many.credentialsShown': shown,
      'many.linksEnded': linksEnded,
      'many.limitsHit': limitsHit,
    })
    Object.assign(many, await returnOfLink(pair, progress.show))
  }
  const probes: readonly Probe[] = [
    { name: 'cold start', run: (onStep) => probeCold(children, onStep) },
    { name: 'fan-out', run: (onStep) => probeFanout(children, onStep) },
    { name: 'memory', run: (onStep) => probeMemory(onStep) },
  ]

  const roundsMs = subjects.length * (plan.warmMs + rounds * (plan.floodMs + plan.pacedMs))
  const aboutMs = roundsMs + subjects.length * users * attachMs
  const progress = new Progress(aboutMs)
  endAfter(roundsMs * 2 + 2 * startMs(users) + slackMs)
  try {
    const order = subjects.map(({ subject }) => subject)
    const reports = await children.guard(runRounds(order, plan, progress.show, behind))
    const found =
      wanted === undefined
        ? await children.guard(runProbes(probes, progress.show))
        : { 'many.messagesEach': (reports.at(-1)?.messages ?? 0) / users, ...many }
    progress.clear()
    if (!json) console.log(`${tableOf(reports, found)}\n`)
    if (!json && wanted !== undefined) console.log(`${aboutMany(users, wanted)}\n`)
    const run = { node: process.version, cpus: availableParallelism(), rounds, seconds, ...shape }
    const keyed = reports.map((report, i) => ({ key: subjects[i]?.key ?? report.name, report }))
    console.log(jsonOf(run, keyed, found))
    return reports.every(isWhole) ? 0 : 1
  } finally {
    progress.clear()
    await children.stop()
  }
}

/** A run that loses or refuses messages measures something else. */
const isWhole = ({ figures: { lost, unanswered, refused } }: SubjectReport): boolean =>
  lost.max <= 0 && unanswered.max <= 0 && refused.max <= 0

async function runProbes(probes: readonly Probe[], onStep: OnStep): Promise<Figures> {
  const found: Record<string, number> = {}
  for (const { name, run } of probes) {
    onStep(name)
    Object.assign(found, await run(onStep))
  }
  return found
}

/** Leaving by `exit` ends the children too. */
function endAfter(ms: number): undefined {
  setTimeout(() => {
    console.error(`the bench is not done after ${Math.ceil(ms / 1000)} s and gives up`)
    process.exit(1)
  }, ms).unref()
}

main().then(
  (code) => process.exit(code),
  (cause: unknown) => {
    console.error(cause)
    process.exit(1)
  },
)
