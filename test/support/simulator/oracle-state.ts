/**
 * What must be true of the gateways themselves: links, credit, timers, tables, and what they write down.
 *
 * In:    the world, at rest.
 * Out:   a sentence for each thing that is not as it should be.
 */
import type { Domain } from '../../../src/address/domain.ts'
import type { Session } from '../../../src/peer/session.ts'
import type { Ledger } from './ledger.ts'
import type { Site } from './site.ts'
import type { World } from './world.ts'

/** Two domains of different sites have one link at most, both sides know of it, and no wire is without use. */
export function judgeLinks({ sites, network }: World): readonly string[] {
  const found: string[] = []
  for (const [i, a] of sites.entries()) {
    for (const b of sites.slice(i + 1)) {
      for (const local of a.domains) {
        for (const remote of b.domains) {
          const [atA, atB] = [linksOf(a, local, remote), linksOf(b, remote, local)]
          // An idle link is let go. A site of two domains may have dialled for both at once.
          const most = Math.max(a.domains.length, b.domains.length)
          if (atA <= most && atA === atB) continue
          found.push(`links: ${local} and ${remote} have ${atA} links here and ${atB} there`)
        }
      }
      const wires = network
        .wiresOf(a.name)
        .filter(({ from, to }) => from === b.name || to === b.name)
      const links = [peerLinks(a, b).length, peerLinks(b, a).length]
      if (links.some((count) => count !== wires.length)) {
        found.push(`links: ${a.name} and ${b.name} have ${wires.length} wires for ${links} links`)
      }
    }
  }
  return found
}

/** Links of `site` with `other` that can be used. */
const peerLinks = ({ run }: Site, { domains }: Site): readonly Session[] =>
  [...(run?.gateway.sessions.all ?? [])].filter(
    ({ role, link, pairs }) =>
      role === 'gateway' &&
      link.isUsable &&
      [...pairs].some(({ remote }) => domains.includes(remote)),
  )

const linksOf = ({ run }: Site, local: Domain, remote: Domain): number =>
  [...(run?.gateway.sessions.all ?? [])].filter(
    (session) =>
      session.role === 'gateway' && session.link.isUsable && session.isProven(local, remote),
  ).length

/** Nothing waits for an answer, on either side of any link. */
export function judgePending({ sites, devices }: World): readonly string[] {
  const found: string[] = []
  for (const { name, run } of sites) {
    for (const { link, role } of run?.gateway.sessions.all ?? []) {
      if (link.underWay === 0) continue
      found.push(`pending: ${name} has ${link.underWay} requests under way on a ${role} link`)
    }
  }
  for (const { name, link, isAttached } of devices) {
    if (isAttached && link !== undefined && link.underWay > 0) {
      found.push(`pending: ${name} has ${link.underWay} requests under way`)
    }
  }
  return found
}

/** At rest a sender has at least the half of the window that is given back before the rest is used. */
export function judgeCredit({ network, limits }: World): readonly string[] {
  const found: string[] = []
  for (const { name, from, to, ledgers, isOpen } of network.wires) {
    for (const end of ['initiating', 'receiving'] as const) {
      const ledger = ledgers[end]
      if (ledger.fault !== undefined) {
        found.push(`credit: ${name} ${from} -> ${to}: ${end} side used too much: ${ledger.fault}`)
      }
      if (isOpen && ledger.isOpened) {
        found.push(...judgeLedger(`${name} ${from} -> ${to} ${end}`, ledger, limits))
      }
    }
  }
  return found
}

function judgeLedger(
  name: string,
  { requests, bytes }: Ledger,
  { windowRequests, lentRequests, windowBytes }: World['limits'],
): readonly string[] {
  return [0, 1, 2].flatMap((trafficClass) => {
    const left = requests[trafficClass] as number
    const leftBytes = bytes[trafficClass] as number
    const isRight =
      left > windowRequests / 2 &&
      // What is lent while somebody is slow is taken back out of what is done later.
      left <= windowRequests + lentRequests &&
      leftBytes > windowBytes / 2 &&
      leftBytes <= windowBytes
    return isRight
      ? []
      : [`credit: ${name} class ${trafficClass} has ${left} requests, ${leftBytes} bytes left`]
  })
}

/** Reasons that only a program with a fault gives to another one of its kind. */
const faults: ReadonlySet<string> = new Set([
  'bad-frame',
  'version-unsupported',
  'protocol-state',
  'flow-exceeded',
  'flood',
  'loop',
  'internal',
  'ids-used-up',
])

export function judgeFaults({ sites, scheduler }: World): readonly string[] {
  const thrown = scheduler.thrown.map(
    (error) => `thrown: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
  )
  const closed = sites.flatMap(({ name, meters }) =>
    meters.flatMap((meter) =>
      [...(meter.counters.get('links_closed_total')?.values() ?? [])]
        .filter(({ labels }) => faults.has(labels['cause'] ?? ''))
        .map(
          ({ labels }) => `fault: ${name} closed a link to a ${labels['role']}: ${labels['cause']}`,
        ),
    ),
  )
  return [...thrown, ...closed]
}

/** Bodies carry `canary`, tokens begin with `eyJ`: neither is ever written into a log line or a label. */
export function judgeSecrets({ sites, trace }: World): readonly string[] {
  const texts = [...trace.logged]
  for (const { meters } of sites) {
    for (const meter of meters) {
      for (const table of [meter.counters, meter.histograms, meter.gauges]) {
        for (const [name, all] of table) texts.push(name, ...all.keys())
      }
    }
  }
  return texts.filter((text) => /canary|eyJ/.test(text)).map((text) => `secret: ${text}`)
}

const tables = [
  'lanes',
  'duplicate_records',
  'client_sessions',
  'presence_leases',
  'presence_watches',
]

/** After everybody has left and enough time has passed nothing is remembered. */
export function judgeTables({ sites }: World): readonly string[] {
  return sites.flatMap(({ name, run }) => {
    if (run === undefined) return []
    const left = tables.flatMap((table) =>
      [...(run.meter.gauges.get(table)?.values() ?? [])]
        .filter(({ value }) => value() !== 0)
        .map(
          ({ labels, value }) => `tables: ${name} ${table} ${JSON.stringify(labels)} ${value()}`,
        ),
    )
    const { sessions, shares } = run.gateway
    const bytes = shares.used(shares.tree.all, 'bytes')
    if (bytes !== 0) left.push(`tables: ${name} holds ${bytes} bytes`)
    if (sessions.size > 0) left.push(`tables: ${name} has ${sessions.size} links`)
    return left
  })
}

/** A gateway that was closed or has drained has nothing left to do. */
export function judgeTimers({ sites }: World): readonly string[] {
  return sites.flatMap(({ name, run, leftovers }) =>
    [...leftovers, run?.clock.pending ?? 0]
      .filter((pending) => pending > 0)
      .map((pending) => `timers: ${name} has ${pending} timers after its end`),
  )
}
