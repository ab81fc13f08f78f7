/**
 * Network prefixes: what counts as one host, and as one network, of the addresses that others come from.
 *
 * A host is an IPv4 address, or an IPv6 /64, which every host has for itself; a network an IPv4 /24 or an IPv6 /48.
 */

type Prefixes = { readonly host: string; readonly network: string }

/** `::ffff:192.0.2.1` is how a socket of both families shows an IPv4 address. */
export function prefixesOf(ip: string): Prefixes {
  if (!ip.includes(':')) return { host: ip, network: ip.slice(0, ip.lastIndexOf('.')) }
  const mapped = ip.toLowerCase().startsWith('::ffff:') && ip.includes('.')
  if (mapped) return prefixesOf(ip.slice(7))
  const groups = firstGroups(ip)
  return { host: groups.join(':'), network: groups.slice(0, 3).join(':') }
}

/** The network of a far side as a channel names it: address and port, IPv6 in brackets. */
export const networkOf = (remote: string): string =>
  prefixesOf(remote.replace(/^\[(.*)\]:\d+$/, '$1').replace(/^([^:]*):\d+$/, '$1')).network

/** The first four of the eight groups of an IPv6 address. */
function firstGroups(ip: string): readonly string[] {
  const gap = ip.indexOf('::')
  const head = gap < 0 ? ip : ip.slice(0, gap)
  const groups = head === '' ? [] : head.split(':')
  if (gap < 0) return groups.slice(0, 4)
  const tail = ip.slice(gap + 2)
  const after = tail === '' ? [] : tail.split(':')
  const zeros = Math.max(0, 8 - groups.length - after.length - (tail.includes('.') ? 1 : 0))
  return [...groups, ...new Array<string>(zeros).fill('0'), ...after].slice(0, 4)
}
