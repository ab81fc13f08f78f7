/**
 * Resolve: which addresses and ports a stranger's DNS may make us dial. Pure. [LINK-9.1-6]
 *
 * In:    an address that DNS gave, and the ranges that the configuration allows.
 * Out:   why it is not dialled, in one clause, or `undefined`.
 * Fails: never.
 * Spec:  the special-purpose registries of RFC 6890; embedded forms of RFC 4291 §2.5.5, RFC 6052,
 *        RFC 3056 and RFC 4380.
 *
 * Whoever controls a zone chooses where its names point. Without this a record is enough to make the
 * gateway knock at the doors of its own network.
 */
import {
  contains,
  formatIpv4,
  knownRange,
  parseIp,
  type Range,
  unmapped,
  within,
} from '../lib/ip.ts'

// biome-ignore format: one row a line
const special: readonly (readonly [Range, string])[] = [
  [knownRange('0.0.0.0/8'), 'this host'],
  [knownRange('10.0.0.0/8'), 'private'],
  [knownRange('100.64.0.0/10'), 'shared by carriers'],
  [knownRange('127.0.0.0/8'), 'loopback'],
  [knownRange('168.63.129.16/32'), 'a cloud platform service'],
  [knownRange('169.254.0.0/16'), 'link-local'],
  [knownRange('172.16.0.0/12'), 'private'],
  [knownRange('192.0.0.0/24'), 'protocol assignments'],
  [knownRange('192.168.0.0/16'), 'private'],
  [knownRange('198.18.0.0/15'), 'benchmarks'],
  [knownRange('224.0.0.0/4'), 'multicast'],
  [knownRange('240.0.0.0/4'), 'reserved'],
  [knownRange('::/96'), 'this host, loopback or IPv4-compatible'],
  [knownRange('64:ff9b:1::/48'), 'local translation'],
  [knownRange('2001::/32'), 'Teredo'],
  [knownRange('2001:db8::/32'), 'documentation'],
  [knownRange('fc00::/7'), 'private'],
  [knownRange('fe80::/10'), 'link-local'],
  [knownRange('fec0::/10'), 'site-local'],
  [knownRange('ff00::/8'), 'multicast'],
]

/** IPv6 prefixes that lead to the IPv4 address written inside, and where in the 16 bytes it stands. */
const embedding: readonly (readonly [Range, number])[] = [
  [knownRange('64:ff9b::/96'), 12],
  [knownRange('2002::/16'), 2],
]

/** Why `ip` is not dialled; `undefined` if it may be. */
export function whyBlocked(ip: string, allowed: readonly Range[]): string | undefined {
  const parsed = parseIp(ip)
  if (parsed === undefined) return 'is not an IP address'
  // A connection to ::ffff:10.0.0.1 *is* one to 10.0.0.1, so it is judged, and allowed, as that.
  const bytes = unmapped(parsed)
  if (within(allowed, bytes)) return undefined
  const reason = whySpecial(bytes)
  if (reason !== undefined) return reason
  for (const [range, offset] of embedding) {
    if (!contains(range, bytes)) continue
    const inner = bytes.subarray(offset, offset + 4)
    const why = whySpecial(inner)
    if (why !== undefined) return `leads to ${formatIpv4(inner)}, which ${why}`
  }
  return undefined
}

export const isDialable = (ip: string, allowed: readonly Range[]): boolean =>
  whyBlocked(ip, allowed) === undefined

/** Below 1024 live the services of others that a SRV record could aim us at; 443 is where outbound-only networks let us through. */
export const isDialablePort = (port: number): boolean =>
  port === 443 || (port >= 1024 && port <= 65_535)

function whySpecial(bytes: Uint8Array): string | undefined {
  const row = special.find(([range]) => contains(range, bytes))
  return row === undefined ? undefined : `lies in ${row[0].text} (${row[1]})`
}
