/**
 * Config: IP addresses and ranges as an operator writes them.
 *
 * In:    text.
 * Out:   one canonical text, or `undefined`; whether an address is loopback, private or every address.
 * Fails: never.
 * Spec:  RFC 4291 §2.2, RFC 1918, RFC 4193, RFC 3927.
 */
import { BlockList, isIP, SocketAddress } from 'node:net'

const family = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4')

/** `0:0:0:0:0:0:0:1` is `::1`; a zone (`fe80::1%eth0`) is kept. */
export function canonicalIp(text: string): string | undefined {
  if (isIP(text) === 0) return undefined
  const zone = text.indexOf('%')
  const { address } = new SocketAddress({ address: text, family: family(text) })
  return zone === -1 ? address : address + text.slice(zone)
}

/** `10.0.0.0/8`; an address alone is a range of one. Bits beyond the prefix are more likely a slip than a wish. */
export function canonicalRange(text: string): string | undefined {
  const [address, prefix, ...rest] = text.split('/')
  const ip = canonicalIp(address ?? '')
  if (ip === undefined || ip.includes('%') || rest.length > 0) return undefined
  const bits = family(ip) === 'ipv6' ? 128 : 32
  if (prefix === undefined) return `${ip}/${bits}`
  const length = /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.POSITIVE_INFINITY
  return length <= bits && isStart(ip, bits - length) ? `${ip}/${length}` : undefined
}

const isStart = (ip: string, freeBits: number): boolean =>
  (numberOf(ip) & ((1n << BigInt(freeBits)) - 1n)) === 0n

/** RFC 4291 §2.2: `::` stands for as many zero groups as are missing, the last two may be an IPv4 address. */
function numberOf(ip: string): bigint {
  const groups = ip.replace(/[^:]+\.[^:]+$/, (v4) => {
    const [a = 0, b = 0, c = 0, d = 0] = v4.split('.').map(Number)
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
  })
  const [front = [], back = []] = groups.split('::').map((part) => part.split(':').filter(Boolean))
  const zeros = groups.includes('::')
    ? new Array<string>(8 - front.length - back.length).fill('0')
    : []
  const all = [...front, ...zeros, ...back]
  return all.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n)
}

const ranges = (...texts: readonly string[]): BlockList => {
  const list = new BlockList()
  for (const text of texts) {
    const [address = '', prefix] = text.split('/')
    list.addSubnet(address, Number(prefix), family(address))
  }
  return list
}

const loopback = ranges('127.0.0.0/8', '::1/128')
const near = ranges('10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16', 'fc00::/7')

const within = (list: BlockList, address: string): boolean =>
  isIP(address) !== 0 && list.check(address.replace(/%.*$/, ''), family(address))

export const isLoopback = (address: string): boolean => within(loopback, address)

/** Loopback, or an address that is not routed on the internet. */
export const isPrivate = (address: string): boolean =>
  isLoopback(address) || within(near, address) || /^fe[89ab]/.test(address)

/** `::` takes both families, as Node listens. */
export const overlap = (a: string, b: string): boolean =>
  a === b ||
  a === '::' ||
  b === '::' ||
  ((a === '0.0.0.0' || b === '0.0.0.0') && isIP(a) === isIP(b))
