/**
 * Resolve: the real door to DNS servers, on sockets of its own.
 *
 * In:    one question for one server (`exchange.ts`).
 * Out:   what was heard.
 * Fails: never; no answer is an outcome.
 * Spec:  RFC 5452 §9 (random port and id, connected socket), RFC 7766 (TCP).
 */
import { getServers } from 'node:dns'
import { readFileSync } from 'node:fs'
import type { Clock } from '../lib/clock.ts'
import { type DnsExchange, type DnsServer, listedServers, silent } from './exchange.ts'
import { askTcp } from './exchange-tcp.ts'
import { askUdp } from './exchange-udp.ts'

/** A socket for each question; how many there are is up to whoever asks (`in-turn.ts`). */
export const systemExchange =
  ({ clock }: { readonly clock: Clock }): DnsExchange =>
  async (ask) => {
    try {
      return await (ask.transport === 'udp' ? askUdp(ask, clock) : askTcp(ask, clock))
    } catch {
      // No socket to be had, or an address of a family that this machine lacks.
      return silent('unreachable')
    }
  }

/** The resolvers of the machine, in its order. */
export const systemServers = (): readonly DnsServer[] => listedServers(getServers(), resolvConf())

/** Empty where there is none, or none that this user may read. */
function resolvConf(): string {
  try {
    return readFileSync('/etc/resolv.conf', 'utf8')
  } catch {
    return ''
  }
}
