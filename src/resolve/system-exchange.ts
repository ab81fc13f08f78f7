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
import type { Meter } from '../lib/meter.ts'
import type { Limits } from '../limits.ts'
import { type DnsExchange, type DnsServer, listedServers, silent } from './exchange.ts'
import { askTcp } from './exchange-tcp.ts'
import { askUdp } from './exchange-udp.ts'
import { Slots } from './slots.ts'

/** At most `limits.dnsSockets` sockets; more questions wait for one. */
export function systemExchange({
  clock,
  limits,
  meter,
}: {
  readonly clock: Clock
  readonly limits: Limits
  readonly meter: Meter
}): DnsExchange {
  const slots = new Slots(limits.dnsSockets)
  return async (ask) => {
    if (slots.isFull) meter.hit('dnsSockets')
    if (!(await slots.take(ask.signal))) return silent('cancelled')
    try {
      return await (ask.transport === 'udp' ? askUdp(ask, clock) : askTcp(ask, clock))
    } catch {
      // No socket to be had, or an address of a family that this machine lacks.
      return silent('unreachable')
    } finally {
      slots.give()
    }
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
