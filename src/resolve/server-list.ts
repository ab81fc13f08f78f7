/**
 * Resolve: the DNS servers in the order of the configuration or the system, and what was learnt of them.
 *
 * In:    the servers; how each answered.
 * Out:   those that were silent lately last; which of them are better asked without EDNS.
 * Fails: never.
 */
import type { Clock } from '../lib/clock.ts'
import type { Limits } from '../limits.ts'
import type { DnsServer } from './exchange.ts'
import type { Failure } from './outcome.ts'

export class ServerList {
  #servers: readonly DnsServer[]
  readonly #clock: Clock
  readonly #restMs: number
  /** When a silent server is asked in its turn again. One entry a server. */
  readonly #silentUntil = new Map<DnsServer, number>()
  /** Until when a server is asked without EDNS. One entry a server. */
  readonly #plainUntil = new Map<DnsServer, number>()

  constructor(servers: readonly DnsServer[], clock: Clock, limits: Limits) {
    this.#servers = servers
    this.#clock = clock
    this.#restMs = limits.dnsMaxFailureMs
  }

  /** Other servers from now on. */
  replace(servers: readonly DnsServer[]): undefined {
    this.#servers = servers
    this.#silentUntil.clear()
    this.#plainUntil.clear()
  }

  inOrder(): readonly DnsServer[] {
    const isSilent = (server: DnsServer) => this.#isUntil(this.#silentUntil, server)
    return [
      ...this.#servers.filter((server) => !isSilent(server)),
      ...this.#servers.filter(isSilent),
    ]
  }

  /** SERVFAIL and REFUSED are about a name; silence is about the server. */
  judge(server: DnsServer, failure: Failure | 'none'): undefined {
    if (failure === 'timeout' || failure === 'unreachable') this.#note(this.#silentUntil, server)
  }

  takesEdns(server: DnsServer): boolean {
    return !this.#isUntil(this.#plainUntil, server)
  }

  /** It answered only once it was asked without EDNS. */
  wantsPlain(server: DnsServer): undefined {
    this.#note(this.#plainUntil, server)
  }

  #note(table: Map<DnsServer, number>, server: DnsServer): undefined {
    // One that was replaced meanwhile is not kept.
    if (this.#servers.includes(server)) table.set(server, this.#clock.now() + this.#restMs)
  }

  #isUntil(table: ReadonlyMap<DnsServer, number>, server: DnsServer): boolean {
    return (table.get(server) ?? 0) > this.#clock.now()
  }
}
