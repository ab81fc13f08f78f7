/**
 * Network prefixes: what counts as one host, and as one network, of the addresses that others come from.
 *
 * A host is an IPv4 address, or an IPv6 /64, which every host has for itself; a network an IPv4 /24 or an IPv6 /48.
 */
import { hostOf } from '../lib/ip.ts'

type Prefixes = { readonly host: string; readonly network: string }

/** As hexadecimal digits; what is no address stands for itself. */
export function prefixesOf(ip: string): Prefixes {
  const bytes = hostOf(ip)
  if (bytes === undefined) return { host: ip, network: ip }
  const prefix = (length: number): string => Buffer.from(bytes.subarray(0, length)).toString('hex')
  return bytes.length === 4
    ? { host: prefix(4), network: prefix(3) }
    : { host: prefix(8), network: prefix(6) }
}

/** The network of a far side as a channel names it: address and port, IPv6 in brackets. */
export const networkOf = (remote: string): string =>
  prefixesOf(remote.replace(/^\[(.*)\]:\d+$/, '$1').replace(/^([^:]*):\d+$/, '$1')).network
