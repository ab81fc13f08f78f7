/**
 * Config: the kinds of value that settings have, each with the phrase that a mistake shows.
 *
 * In:    what the YAML file says.
 * Out:   codecs: `decode` makes the value that the program uses, `encode` what a file would hold.
 * Fails: as zod issues whose message is the phrase after "expected".
 */
import { isIP } from 'node:net'
import type { z } from 'zod'
import { type Domain, parseDomain } from '../address/domain.ts'
import { parseUser } from '../address/user.ts'
import { importPublicKey } from '../credential/ed25519.ts'
import { isPublishedTestKey } from '../credential/known-keys.ts'
import { GatewayError } from '../errors.ts'
import { decodeBase64url } from '../lib/base64url.ts'
import { formatEndpoint } from '../lib/ip.ts'
import { attempt, fromText, mapOf, whole } from './codec.ts'
import { canonicalIp, canonicalRange } from './ip.ts'

/** Where to connect: a host name or an IP address, and a port. */
export type Endpoint = { readonly host: string; readonly port: number }

/** `b.example`, or `*.b.example` for everything below it. */
export type DomainPattern = Domain | `*.${Domain}`

const parsePattern = (text: string): DomainPattern =>
  text.startsWith('*.') ? `*.${parseDomain(text.slice(2))}` : parseDomain(text)

const expectedDomain = 'a domain such as b.example'

export const domain = fromText({ title: 'domain', expected: expectedDomain }, parseDomain)

export const domainPattern = fromText(
  { title: 'domain or *.domain', expected: 'a domain such as b.example or *.b.example' },
  parsePattern,
)

export const ipAddress = fromText(
  { title: 'IP address', expected: 'an IP address such as 192.0.2.1 or 2001:db8::1' },
  canonicalIp,
)

export const ipRange = fromText(
  { title: 'IP range', expected: 'an IP range such as 10.0.0.0/8' },
  canonicalRange,
)

const portOf = (text: string): number | undefined =>
  /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined

/** Splits `host`, `host:port`, `[IPv6]:port` and a bare IPv6 address. */
function splitEndpoint(text: string, defaultPort: number): Endpoint | undefined {
  if (isIP(text) !== 0) return { host: text, port: defaultPort }
  const parts = /^(?:\[(?<v6>[^\]]+)\]|(?<host>[^:]+))(?::(?<port>\d+))?$/.exec(text)?.groups
  const port = parts?.['port'] === undefined ? defaultPort : portOf(parts['port'])
  const host = parts?.['v6'] ?? parts?.['host']
  if (host === undefined || port === undefined) return undefined
  return (parts?.['v6'] !== undefined) === (isIP(host) === 6) ? { host, port } : undefined
}

/** A host of a private network may have one label only; a number is a mistyped address. */
const hostOf = (text: string): string | undefined =>
  canonicalIp(text) ??
  (/^(?=.*[a-z])[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(text)
    ? text.toLowerCase()
    : attempt(parseDomain, text).value)

const printEndpoint = ({ host, port }: Endpoint): string => formatEndpoint(host, port)

/** A name server: an IP address, with a port if it is not 53. */
export const nameServer = fromText(
  {
    title: 'IP address[:port]',
    expected: 'an IP address with or without a port, such as 192.0.2.53:53',
  },
  (text) => {
    const endpoint = splitEndpoint(text, 53)
    const host = canonicalIp(endpoint?.host ?? '')
    return endpoint && host !== undefined ? { host, port: endpoint.port } : undefined
  },
  printEndpoint,
)

/** A static route: a host name or an IP address, with a port if it is not 5279. */
export const target = fromText(
  { title: 'host[:port]', expected: 'a host with or without a port, such as gw.b.example:5279' },
  (text) => {
    const endpoint = splitEndpoint(text, 5279)
    if (endpoint === undefined) return undefined
    const host = hostOf(endpoint.host)
    return host === undefined ? undefined : { host, port: endpoint.port }
  },
  printEndpoint,
)

const bytes32 = (text: string): string | undefined =>
  decodeBase64url(text)?.length === 32 ? text : undefined

/** What every peer refuses is no key: a point that is none, or a key whose private half is printed somewhere. */
function usableKey(text: string): string | undefined {
  const key = importPublicKey(text)
  if (key === undefined) return undefined
  if (!isPublishedTestKey(key)) return text
  throw new GatewayError('config-invalid', 'this key is one that everybody knows: make another')
}

export const publicKey = fromText(
  {
    title: 'public key',
    expected: 'an Ed25519 public key: 32 bytes as 43 characters of base64url',
  },
  usableKey,
)

/** The thumbprint of RFC 7638, which is the `kid` of a token. */
export const keyId = fromText(
  { title: 'key id', expected: 'a key id: 43 characters of base64url' },
  bytes32,
)

/** Somebody may paste a key where its path belongs: such text is refused, and never shown. */
const looksLikeKey = (text: string): boolean =>
  /[\r\n]|-----/.test(text) || /^(?![./])[A-Za-z0-9+/_-]{40,}={0,2}$/.test(text)

const path = (what: string) =>
  fromText({ title: 'path', expected: `the path of ${what}` }, (text) =>
    text === '' || text.includes('\0') || looksLikeKey(text) ? undefined : text,
  )

export const certificateFile = path('a PEM file')
/** Its value is hidden in mistakes. */
export const privateKeyFile = path('a PEM file, not the key itself').meta({ file: 'private' })

/** Short ones are refused, so that the text that hides a token never becomes one. */
export const token = fromText(
  { title: 'token', expected: 'a token of 32 characters or more, without spaces' },
  (text) => (/^[\x21-\x7e]{32,256}$/.test(text) ? text : undefined),
)

/** Port 0 lets the system choose a free one. */
export const listenPort = whole(0, 65_535, 'a port from 0 to 65535').meta({ title: 'port' })

export const byDomain = <V extends z.ZodType>(value: V) =>
  mapOf('domain', expectedDomain, parseDomain, value)

export const byUser = <V extends z.ZodType>(value: V) =>
  mapOf('user', 'the user part of an address, such as alice', parseUser, value)
