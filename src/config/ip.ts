/**
 * Config: IP addresses and ranges as an operator writes them.
 *
 * In:    text.
 * Out:   one canonical text, or `undefined`; whether an address is private, and whether two clash.
 * Fails: never.
 * Spec:  RFC 4291 §2.2, RFC 1918, RFC 4193, RFC 3927.
 */
import { isIP, SocketAddress } from 'node:net'
import { hostOf, isLoopback, knownRange, parseRange, within } from '../lib/ip.ts'

/** `0:0:0:0:0:0:0:1` is `::1`; a zone (`fe80::1%eth0`) is kept. */
export function canonicalIp(text: string): string | undefined {
  if (isIP(text) === 0) return undefined
  const zone = text.indexOf('%')
  const { address } = new SocketAddress({
    address: text,
    family: isIP(text) === 6 ? 'ipv6' : 'ipv4',
  })
  return zone === -1 ? address : address + text.slice(zone)
}

/** `10.0.0.0/8`; an address alone is a range of one. */
export function canonicalRange(text: string): string | undefined {
  const [address = '', ...prefix] = text.split('/')
  const ip = canonicalIp(address)
  const range = ip === undefined ? undefined : parseRange([ip, ...prefix].join('/'))
  return range === undefined ? undefined : `${ip}/${range.bits}`
}

// biome-ignore format: one family a line
const near = [
  '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16',
  'fc00::/7', 'fe80::/10',
].map(knownRange)

/** Loopback, or an address that is not routed on the internet. */
export function isPrivate(address: string): boolean {
  const ip = hostOf(address)
  return ip !== undefined && (isLoopback(address) || within(near, ip))
}

/** `::` takes both families, as Node listens. */
export const overlap = (a: string, b: string): boolean =>
  a === b ||
  a === '::' ||
  b === '::' ||
  ((a === '0.0.0.0' || b === '0.0.0.0') && isIP(a) === isIP(b))
