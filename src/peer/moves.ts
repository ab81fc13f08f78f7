/**
 * Links to places that DNS does not name any more: each is replaced, and its successor is there before it goes.
 *
 * In:    the links that this side dialled; for each, whether its place is still named.
 * Out:   dials, and `age-release` of what they replace.
 * Fails: never. Where the successor cannot be had, the link stays, and is looked at again after the longest back-off.
 */
import type { Env } from '../env.ts'
import { type Cancel, every } from '../lib/clock.ts'
import { jitter } from '../lib/random.ts'
import type { Dialler } from './dialler.ts'
import type { Dialled, Session } from './session.ts'

export class Moves {
  readonly #env: Env
  readonly #dialler: Pick<Dialler, 'dial'>
  readonly #stopping = new AbortController()
  /** When a link is looked at again; at once, if it is not here. */
  #due = new WeakMap<Session, number>()

  constructor(env: Env, dialler: Pick<Dialler, 'dial'>) {
    this.#env = env
    this.#dialler = dialler
  }

  /** Looks at what is due once a second, until cancelled. */
  follow(all: Iterable<Session>): Cancel {
    const cancel = every(this.#env.clock, 1000, () => this.#sweep(all))
    return () => {
      cancel()
      this.#stopping.abort()
    }
  }

  #sweep(all: Iterable<Session>): undefined {
    const { clock, random, limits } = this.#env
    const now = clock.now()
    for (const session of all) {
      const { dialled, link, standing } = session
      if (dialled?.isNamed === undefined || dialled.forKeys || standing !== 'proven') continue
      if (!link.isUsable || (this.#due.get(session) ?? 0) > now) continue
      this.#due.set(session, now + jitter(random, limits.dnsFollowMs, 0.5, 1))
      void this.#look(session, dialled)
    }
  }

  /** What DNS said before counts no more: every link is looked at. */
  again(): undefined {
    this.#due = new WeakMap()
  }

  async #look(session: Session, { isNamed, remote }: Dialled): Promise<undefined> {
    const { clock, random, limits, shares } = this.#env
    const ageMs = clock.now() - session.bornAt
    const isThere = await isNamed?.(ageMs, this.#stopping.signal, shares.remote(remote))
    if (isThere !== false || !session.link.isUsable || this.#stopping.signal.aborted) return
    this.#due.set(session, clock.now() + jitter(random, limits.redialCapMs, 1, 1.4))
    try {
      await this.#replace(session)
    } catch {
      // The link that is there goes on.
    }
  }

  /** Every pair of the link has another one before it is let go of. */
  async #replace(session: Session): Promise<undefined> {
    const { dialled, link } = session
    if (dialled === undefined) return
    const { service, remote, host, port } = dialled
    const payer = this.#env.shares.remote(remote)
    for (const pair of [...session.pairs]) {
      if (pair.remote !== remote) continue
      const next = await this.#dialler.dial(pair.local, remote, service, payer, session)
      const facts = { local: pair.local, remote, service, from: `${host}:${port}` }
      const to = `${next.dialled?.host}:${next.dialled?.port}`
      this.#env.log.info('link.moved', { ...facts, to, peer: next.link.channel.facts.remote })
    }
    link.release('age-release')
  }
}
