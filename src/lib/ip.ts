/**
 * IP addresses and ranges as bytes. Pure.
 *
 * In:    text of an address or of a range (`10.0.0.0/8`, `fd00::/8`, or one address).
 * Out:   4 or 16 bytes; whether a range holds an address.
 * Fails: never; text that is neither is `undefined`.
 * Spec:  RFC 4291 §2.2 (text form), RFC 4632 §3.1 (prefix length).
 */
import { isIPv4, isIPv6 } from 'node:net'

type Family = 4 | 6

export type IpAddress = { readonly ip: string; readonly family: Family }

export type Range = {
  readonly text: string
  readonly bytes: Uint8Array
  readonly bits: number
}

/** 4 or 16 bytes. A zone (`fe80::1%eth0`) is not an address that DNS or a route may give. */
export function parseIp(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split('.'), Number)
  if (!isIPv6(text) || text.includes('%')) return undefined
  const [head = '', tail] = text.split('::')
  const front = groups(head)
  if (tail === undefined) return Uint8Array.from(front)
  const back = groups(tail)
  const gap = new Array<number>(16 - front.length - back.length).fill(0)
  return Uint8Array.from([...front, ...gap, ...back])
}

/** `undefined` if it is no range, or has bits set beyond its prefix: more likely a slip than a wish. */
export function parseRange(text: string): Range | undefined {
  const [ip = '', length, ...rest] = text.split('/')
  const bytes = parseIp(ip)
  if (bytes === undefined || rest.length > 0) return undefined
  if (length !== undefined && !/^\d{1,3}$/.test(length)) return undefined
  const bits = length === undefined ? bytes.length * 8 : Number(length)
  if (bits > bytes.length * 8) return undefined
  const range = { text, bytes, bits }
  return isPrefix(range) ? range : undefined
}

export function contains({ bytes, bits }: Range, ip: Uint8Array): boolean {
  if (ip.length !== bytes.length) return false
  const whole = bits >> 3
  for (let i = 0; i < whole; i++) if (ip[i] !== bytes[i]) return false
  const rest = bits & 7
  if (rest === 0) return true
  const mask = (0xff00 >> rest) & 0xff
  return ((ip[whole] ?? 0) & mask) === ((bytes[whole] ?? 0) & mask)
}

export const within = (ranges: readonly Range[], ip: Uint8Array): boolean =>
  ranges.some((range) => contains(range, ip))

/** The host that an address of a socket stands for: without a zone, and `::ffff:192.0.2.1` as the IPv4 address it is. */
export function hostOf(text: string): Uint8Array | undefined {
  const ip = parseIp(text.replace(/%.*$/, ''))
  return ip === undefined ? undefined : unmapped(ip)
}

/** What is said to `::ffff:10.0.0.1` is said to 10.0.0.1. */
export const unmapped = (ip: Uint8Array): Uint8Array =>
  contains(mapped, ip) ? ip.subarray(12) : ip

/** `127.0.0.0/8` and `::1`. */
export const isLoopback = (text: string): boolean => {
  const ip = hostOf(text)
  return ip !== undefined && within(loopback, ip)
}

export const formatIpv4 = (bytes: Uint8Array): string => bytes.join('.')

/** `192.0.2.1:53`, `[2001:db8::1]:53`. */
export const formatEndpoint = (ip: string, port: number): string =>
  isIPv6(ip) ? `[${ip}]:${port}` : `${ip}:${port}`

/** The bytes of a run of colon-separated groups; the last may be a dotted quad. */
const groups = (text: string): readonly number[] =>
  text === ''
    ? []
    : text.split(':').flatMap((group) => {
        if (group.includes('.')) return group.split('.').map(Number)
        const value = Number.parseInt(group, 16)
        return [value >> 8, value & 0xff]
      })

const isPrefix = ({ bytes, bits }: Range): boolean =>
  bytes.every((byte, i) => (byte & (0xff >> Math.min(Math.max(bits - i * 8, 0), 8))) === 0)

/** For ranges that stand in the source. */
export const knownRange = (text: string): Range => {
  const parsed = parseRange(text)
  if (parsed === undefined) throw new TypeError(`not a range: ${text}`)
  return parsed
}

const loopback = ['127.0.0.0/8', '::1/128'].map(knownRange)
const mapped = knownRange('::ffff:0:0/96')
