/** The attackers of the hostile bench, in one process: their domains, their listeners for key fetches, one flood at a time. */
import { constants, setPriority } from 'node:os'
import { createSecureContext } from 'node:tls'
import { serveParent } from './children.ts'
import { type Arms, type Attack, meet } from './hostile-arms.ts'
import { floods } from './hostile-floods.ts'
import { identityOf, type Leaf, serveKeys, type Target } from './hostile-peer.ts'
import { monotonicUs, sleepMs } from './measure.ts'

/** A domain, and where it is found. */
export type Found = { readonly domain: string; readonly address: string }

export type Settings = {
  readonly target: Target
  readonly admin: Arms['admin']
  readonly presentity: string
  readonly ca: string
  readonly leaf: Leaf
  /** Where all its domains listen, each on its own address. */
  readonly port: number
  readonly domains: readonly Found[]
  readonly networks: readonly string[]
}

export type Fought = {
  readonly requests: number
  readonly bytes: number
  readonly tookMs: number
  readonly links: number
  /** Links that the gateway ended meanwhile. */
  readonly ended: number
  /** Answers by status. */
  readonly answers: Readonly<Record<number, number>>
}

serveParent(async (settings: Settings) => {
  const { target, admin, presentity, ca, leaf, port, domains, networks } = settings
  // Attackers have machines of their own: here they get what the others leave of these cores.
  setPriority(constants.priority.PRIORITY_LOW)
  const identities = domains.map(({ domain, address }) => identityOf(domain, address))
  await serveKeys(identities, port, leaf)
  const trust = createSecureContext({ ca })
  const arms: Arms = { target, admin, trust, presentity, identities, networks }
  let attack: Attack | undefined
  return {
    facts: {},
    tasks: {
      meet: () => meet(arms),
      begin: async (name: string) => {
        attack = await floods.find((flood) => flood.name === name)?.begin(arms)
      },
      run: (ms: number) => fight(attack, ms),
      end: () => {
        attack?.end()
        attack = undefined
      },
    },
  }
})

async function fight(attack: Attack | undefined, ms: number): Promise<Fought> {
  if (attack === undefined) throw new Error('no flood of that name has begun')
  const { links, turn } = attack
  const startedUs = monotonicUs()
  let bytes = 0
  for (;;) {
    const elapsedMs = (monotonicUs() - startedUs) / 1000
    if (elapsedMs >= ms) break
    const done = turn(elapsedMs)
    bytes += done
    if (done > 0) await new Promise(setImmediate)
    else await sleepMs(1)
  }
  const answers: Record<number, number> = Object.fromEntries(attack.answers ?? [])
  for (const link of links) {
    for (const [status, count] of link.answers) answers[status] = (answers[status] ?? 0) + count
  }
  return {
    requests: links.reduce((sum, { sent }) => sum + sent, 0),
    bytes,
    tookMs: (monotonicUs() - startedUs) / 1000,
    links: links.length,
    ended: links.filter(({ isOpen }) => !isOpen).length,
    answers,
  }
}
