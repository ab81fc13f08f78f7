/**
 * Resolve: the real door to DNS servers, on sockets of its own, and the servers that the system names.
 *
 * In:    one question for one server (`exchange.ts`).
 * Out:   what was heard.
 * Fails: never; no answer is an outcome.
 * Spec:  RFC 5452 §9 (random port and id, connected socket), RFC 7766 (TCP).
 */
import { Resolver } from 'node:dns'
import { readFileSync, statSync } from 'node:fs'
import { type DnsExchange, type DnsServer, listedServers, silent } from './exchange.ts'
import { askTcp } from './exchange-tcp.ts'
import { askUdp } from './exchange-udp.ts'

/** A socket for each question; how many there are is up to whoever asks (`in-turn.ts`). */
export const systemExchange: DnsExchange = async (ask) => {
  try {
    return await (ask.transport === 'udp' ? askUdp(ask) : askTcp(ask))
  } catch {
    // No socket to be had, or an address of a family that this machine lacks.
    return silent('unreachable')
  }
}

const file = '/etc/resolv.conf'
let read: { readonly stamp: string; readonly servers: readonly DnsServer[] } | undefined

/** The resolvers of the machine, in its order, as they stand there now; read again when the file is another one. */
export function systemServers(): readonly DnsServer[] {
  const stamp = stampOf()
  if (read?.stamp === stamp) return read.servers
  // The servers of the module are those of the start of the process, those of a new resolver are not.
  read = { stamp, servers: listedServers(new Resolver().getServers(), resolvConf()) }
  return read.servers
}

function stampOf(): string {
  const stat = statSync(file, { throwIfNoEntry: false })
  return stat === undefined ? '' : [stat.dev, stat.ino, stat.size, stat.mtimeMs].join()
}

/** Empty where there is none, or none that this user may read. */
function resolvConf(): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
