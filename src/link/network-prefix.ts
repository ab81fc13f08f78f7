/**
 * Network prefixes: what counts as one host, and as one network, of the addresses that others come from.
 *
 * A host is an IPv4 address, or an IPv6 /64, which every host has for itself; a network an IPv4 /24 or an IPv6 /48.
 */
import { formatIpv4, hostOf } from '../lib/ip.ts'

type Prefixes = { readonly host: string; readonly network: string }

/** A network as ranges are written, since people read it; what is no address stands for itself. */
export function prefixesOf(ip: string): Prefixes {
  const bytes = hostOf(ip)
  if (bytes === undefined) return { host: ip, network: ip }
  const host = Buffer.from(bytes.subarray(0, 8)).toString('hex')
  if (bytes.length === 4) return { host, network: `${formatIpv4(bytes.subarray(0, 3))}.0/24` }
  return { host, network: `${groupsOf(bytes.subarray(0, 6))}::/48` }
}

/** RFC 4291 §2.3: zeros at the end belong to what `::` stands for. */
const groupsOf = (bytes: Uint8Array): string =>
  [0, 2, 4]
    .map((at) => (((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)).toString(16))
    .join(':')
    .replace(/(^0)?(:0)+$/, '')

/** The network of a far side as a channel names it: address and port, IPv6 in brackets. */
export const networkOf = (remote: string): string =>
  prefixesOf(remote.replace(/^\[(.*)\]:\d+$/, '$1').replace(/^([^:]*):\d+$/, '$1')).network
