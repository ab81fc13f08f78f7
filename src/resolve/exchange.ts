/**
 * Resolve: the door to DNS servers, as a port. `system-exchange.ts` is the real one; tests and the
 * simulator give a table.
 *
 * In:    the bytes of one query, for one server, over UDP or TCP; until when an answer counts.
 * Out:   the bytes of the answer, or why there are none.
 * Fails: never; no answer is an outcome.
 */
import { isIP, SocketAddress } from 'node:net'

export type DnsServer = { readonly ip: string; readonly port: number }
export type Transport = 'udp' | 'tcp'

export type Ask = {
  readonly server: DnsServer
  readonly transport: Transport
  readonly query: Buffer
  /** Same id and question. What is not, is passed over on UDP and ends the try on TCP. */
  readonly isAnswer: (bytes: Buffer) => boolean
  /** Ends the wait: an answer counts until then, however late. */
  readonly signal: AbortSignal
}

/** `strays`: so many wrong messages that somebody may be guessing; `busy`: nobody was asked. */
export type Silence =
  | 'timeout'
  | 'unreachable'
  | 'closed'
  | 'strays'
  | 'too-long'
  | 'cancelled'
  | 'busy'

export type Heard = {
  readonly bytes: Buffer | undefined
  /** Why there are no bytes. */
  readonly silence: Silence | undefined
  /** Messages that were passed over. */
  readonly strays: number
}

export type DnsExchange = (ask: Ask) => Promise<Heard>

export const silent = (silence: Silence, strays = 0): Heard => ({
  bytes: undefined,
  silence,
  strays,
})

/** `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1`, `[2001:db8::1]:5353`; `undefined` if it is none of these. */
export function parseServer(text: string): DnsServer | undefined {
  if (isIP(text) !== 0) return { ip: text, port: 53 }
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text) ?? []
  const ip = bracketed ?? plain ?? ''
  const port = digits === undefined ? 53 : Number(digits)
  if (isIP(ip) !== (bracketed === undefined ? 4 : 6)) return undefined
  return port >= 1 && port <= 65_535 ? { ip, port } : undefined
}

/**
 * The servers that Node lists, in its order. It leaves out the zone of a link-local one (`%eth0`), without which the system
 * refuses it: that stands in the text of `resolv.conf`.
 */
export function listedServers(listed: readonly string[], resolvConf: string): readonly DnsServer[] {
  const zones = new Map(
    [...resolvConf.matchAll(zoned)].map(([, ip = '', zone = '']) => [canonical(ip), zone]),
  )
  return listed
    .flatMap((text) => parseServer(text) ?? [])
    .map(({ ip, port }) => {
      const zone = ip.includes('%') ? undefined : zones.get(canonical(ip))
      return { ip: zone === undefined ? ip : `${ip}%${zone}`, port }
    })
}

const zoned = /^\s*nameserver\s+([0-9a-f:]+)%([^\s;#]+)/gim

const canonical = (ip: string): string =>
  isIP(ip) === 6 ? new SocketAddress({ address: ip, family: 'ipv6' }).address : ip
