/**
 * Whether everybody can reach everybody again.
 *
 * In:    the healed world.
 * Out:   messages between its domains; what is still missing.
 */
import type { Random } from '../../../src/lib/random.ts'
import { type Attempt, meaningOf } from './journal.ts'
import type { World } from './world.ts'

/** Shortest time between two tries. */
const againMs = 5000

/** A message from each domain to each other one, again and again until it is delivered. */
export class Probes {
  readonly #world: World
  readonly #random: Random
  readonly #open = new Map<string, { attempt: Attempt | undefined; at: number }>()

  constructor(world: World, random: Random) {
    this.#world = world
    this.#random = random
    const domains = world.sites.flatMap((site) => site.domains)
    for (const from of domains) {
      for (const to of domains) {
        if (world.siteOf(from) !== world.siteOf(to)) {
          this.#open.set(`${from} ${to}`, { attempt: undefined, at: -1 })
        }
      }
    }
    this.again()
  }

  missing(): readonly string[] {
    return [...this.#open]
      .filter(([, { attempt }]) => attempt === undefined || meaningOf(attempt) !== 'delivered')
      .map(([way, { attempt }]) => `probe: ${way} is not delivered: ${attempt?.answer}`)
  }

  again(): undefined {
    const { now } = this.#world.scheduler
    for (const [way, probe] of this.#open) {
      const { attempt, at } = probe
      const isOver = attempt === undefined || attempt.answer !== undefined
      if (!isOver || attempt?.answer === 'delivered' || (at >= 0 && now - at < againMs)) continue
      const [from = '', to = ''] = way.split(' ')
      const sender = this.#world.devices.find(({ user }) => user.domain === from)
      const recipient = this.#world.devices.find(({ user }) => user.domain === to)
      if (sender?.isAttached !== true || recipient === undefined) continue
      probe.at = now
      void sender.send(recipient.user.text, this.#random.bytes(16), Buffer.from('canary probe'))
      probe.attempt = this.#world.journal.attempts.at(-1)
    }
  }
}
