/** The DNS servers in the order of the configuration, those that were silent lately last. */
import type { Clock } from '../lib/clock.ts'
import type { Limits } from '../limits.ts'
import type { DnsServer } from './exchange.ts'
import type { Failure } from './outcome.ts'

export class ServerList {
  readonly #servers: readonly DnsServer[]
  readonly #clock: Clock
  readonly #restMs: number
  /** When a silent server is asked in its turn again. One entry a server. */
  readonly #silentUntil = new Map<DnsServer, number>()

  constructor(servers: readonly DnsServer[], clock: Clock, limits: Limits) {
    this.#servers = servers
    this.#clock = clock
    this.#restMs = limits.dnsMaxFailureMs
  }

  inOrder(): readonly DnsServer[] {
    const now = this.#clock.now()
    const isSilent = (server: DnsServer) => (this.#silentUntil.get(server) ?? 0) > now
    return [
      ...this.#servers.filter((server) => !isSilent(server)),
      ...this.#servers.filter(isSilent),
    ]
  }

  /** SERVFAIL and REFUSED are about a name; silence is about the server. */
  judge(server: DnsServer, failure: Failure | 'none'): undefined {
    if (failure !== 'timeout' && failure !== 'unreachable') return
    this.#silentUntil.set(server, this.#clock.now() + this.#restMs)
  }
}
