/**
 * Resolve: which name servers are asked: those of the configuration, else those of the system, as they are now.
 *
 * In:    the servers that the configuration names; a look at the system.
 * Out:   the servers; `changed` when they are others, after one line in the log.
 * Fails: never. A system that names none is as it is: nobody can be asked.
 */
import { type Cancel, type Clock, every } from '../lib/clock.ts'
import { formatEndpoint } from '../lib/ip.ts'
import type { Log } from '../lib/log.ts'
import type { Limits } from '../limits.ts'
import type { DnsServer } from './exchange.ts'

export type NameServersNeeds = {
  readonly configured: readonly DnsServer[]
  /** Asked where the configuration names none. */
  readonly systemServers: () => readonly DnsServer[]
  readonly clock: Clock
  readonly limits: Limits
  readonly log: Log
}

export class NameServers {
  readonly #needs: NameServersNeeds
  #configured: readonly DnsServer[]
  #now: readonly DnsServer[]

  constructor(needs: NameServersNeeds) {
    this.#needs = needs
    this.#configured = needs.configured
    this.#now = this.#look()
  }

  get now(): readonly DnsServer[] {
    return this.#now
  }

  /** Looks again every few seconds, until cancelled. */
  follow(changed: (servers: readonly DnsServer[]) => undefined): Cancel {
    const { clock, limits } = this.#needs
    return every(clock, limits.dnsServersMs, () => {
      if (this.take(this.#configured)) changed(this.#now)
    })
  }

  /** Takes what the configuration names now, or looks at the system again. False: they are the same. */
  take(configured: readonly DnsServer[]): boolean {
    this.#configured = configured
    const before = textOf(this.#now)
    this.#now = this.#look()
    const servers = textOf(this.#now)
    if (servers === before) return false
    this.#needs.log.info('dns.servers-changed', { servers, before })
    return true
  }

  #look(): readonly DnsServer[] {
    return this.#configured.length > 0 ? this.#configured : this.#needs.systemServers()
  }
}

const textOf = (servers: readonly DnsServer[]): string =>
  servers.map(({ ip, port }) => formatEndpoint(ip, port)).join(', ')
