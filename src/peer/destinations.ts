/**
 * Destinations: what is known of the way from a domain of ours to another one, for one service each.
 *
 * In:    pairs of domains.
 * Out:   their destinations, made when something is to be known of them.
 * Fails: nothing, where all places are taken by destinations that are in use.
 */
import type { Service } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import type { Env } from '../env.ts'
import type { Status } from '../errors.ts'
import type { Cancel } from '../lib/clock.ts'
import type { Outgoing } from '../link/outgoing.ts'
import type { Session } from './session.ts'

/** What an operator sees of a destination. */
export type DestinationState = 'idle' | 'connecting' | 'running' | 'backing-off'

/** A request, and what to do with it once there is a session. */
export type Send<R extends Outgoing> = (session: Session, request: R) => undefined
export type Waiting = {
  readonly request: Outgoing
  readonly send: Send<Outgoing>
  readonly since: number
}

export type Destination = {
  readonly local: Domain
  readonly remote: Domain
  readonly service: Service
  /** Proven links, the preferred one first. */
  sessions: Session[]
  waiting: Waiting[]
  isDialling: boolean
  /** Something of ours had to go there. */
  isWanted: boolean
  /** Stops the wait before the next dial, while there is one. */
  cancel: Cancel | undefined
  failures: number
  retryAt: number
  /** When the last proven link was lost. */
  lostAt: number
  code: Status
}

type OfDomain = Partial<Record<Service, Destination>>

export const services: readonly Service[] = ['im', 'pres']

export class Destinations {
  readonly #env: Env
  readonly #tables = new Map<Domain, Map<Domain, OfDomain>>()
  #count = 0
  #sweptAt = 0

  constructor(env: Env) {
    this.#env = env
  }

  known(local: Domain, remote: Domain, service: Service): Destination | undefined {
    return this.#tables.get(local)?.get(remote)?.[service]
  }

  /** As it is known, or a new one; nothing: there is no room. */
  of(local: Domain, remote: Domain, service: Service): Destination | undefined {
    const known = this.known(local, remote, service)
    if (known !== undefined) return known
    const isFull = this.#count >= this.#env.limits.peers * services.length
    if (isFull && !this.#makeRoom(local, remote)) {
      this.#env.meter.hit('peers')
      return undefined
    }
    const byRemote = this.#tables.get(local) ?? new Map<Domain, OfDomain>()
    this.#tables.set(local, byRemote)
    const own = byRemote.get(remote) ?? {}
    byRemote.set(remote, own)
    const destination: Destination = {
      local,
      remote,
      service,
      sessions: [],
      waiting: [],
      isDialling: false,
      isWanted: false,
      cancel: undefined,
      failures: 0,
      retryAt: 0,
      lostAt: Number.NEGATIVE_INFINITY,
      code: 'remote-unreachable',
    }
    own[service] = destination
    this.#count++
    return destination
  }

  *all(): Generator<Destination> {
    for (const byRemote of this.#tables.values()) {
      for (const own of byRemote.values()) {
        for (const service of services) {
          const destination = own[service]
          if (destination !== undefined) yield destination
        }
      }
    }
  }

  /** From any of our domains, for either service. */
  *towards(remote: Domain): Generator<Destination> {
    for (const byRemote of this.#tables.values()) {
      const own = byRemote.get(remote)
      for (const service of services) if (own?.[service] !== undefined) yield own[service]
    }
  }

  /**
   * Forgets, once a minute, domains to which there never was a link and that nobody wants any more: a user who mistypes one
   * leaves nothing behind.
   */
  sweep(now: number): undefined {
    if (now - this.#sweptAt < 60_000) return
    this.#sweptAt = now
    const before = now - this.#env.limits.destinationMs
    const isPast = (one: Destination): boolean =>
      isUnused(one) && one.waiting.length === 0 && neverLinked(one) && one.retryAt < before
    for (const byRemote of this.#tables.values()) {
      for (const [remote, own] of byRemote) {
        const all = services.flatMap((service) => own[service] ?? [])
        if (!all.every(isPast)) continue
        this.#count -= all.length
        byRemote.delete(remote)
      }
    }
  }

  /**
   * Forgets the first domain that nothing depends on; if there is none, the first that only came to us: a stranger
   * may prove any number of names, and what we have to send there finds a new link.
   */
  #makeRoom(forLocal: Domain, forRemote: Domain): boolean {
    return this.#forget(isUnused, forLocal, forRemote) || this.#forget(isGuest, forLocal, forRemote)
  }

  #forget(mayGo: (one: Destination) => boolean, forLocal: Domain, forRemote: Domain): boolean {
    for (const [local, byRemote] of this.#tables) {
      for (const [remote, own] of byRemote) {
        const all = services.flatMap((service) => own[service] ?? [])
        if ((local === forLocal && remote === forRemote) || !all.every(mayGo)) continue
        this.#count -= all.length
        byRemote.delete(remote)
        return true
      }
    }
    return false
  }
}

const isUnused = ({ sessions, isDialling }: Destination): boolean =>
  sessions.length === 0 && !isDialling

const neverLinked = ({ lostAt }: Destination): boolean => lostAt === Number.NEGATIVE_INFINITY

const isGuest = ({ sessions, isDialling, isWanted }: Destination): boolean =>
  !isDialling && !isWanted && sessions.every(({ dialled }) => dialled === undefined)

export function stateOf(destination: Destination, links: number, now: number): DestinationState {
  if (links > 0) return 'running'
  if (destination.isDialling) return 'connecting'
  return destination.retryAt > now ? 'backing-off' : 'idle'
}
