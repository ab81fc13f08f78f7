/**
 * The URIs of an address: `im:` and `pres:`.
 *
 * In:    `im:user@domain`, `pres:user@domain`, either with `?headers`, or bare `user@domain` and a service.
 * Out:   the service and the canonical address, or the URI of one.
 * Fails: `bad-address`, with what was expected and what was found; a foreign scheme is named.
 * Spec:  RFC 3860 §3 and RFC 3859 §3 (both as `mailto:`), RFC 3986 §2; draft §5.4.1.3.
 */
import { type Address, makeAddress, parseAddress, type Service } from './address.ts'
import { parseDomain } from './domain.ts'
import { badAddress, nameOf, quote } from './refusal.ts'

export type ServiceAddress = { readonly service: Service; readonly address: Address }

const schemed = /^([a-z][a-z0-9+.-]*):(.*)$/is

/** RFC 3986 §2 and §3.3: ASCII that a path never holds as it is. What is not ASCII passes, as in RFC 3987. */
const encodedOnly = /[\p{Cc} "#<>[\\\]^`{|}]/u

/** A scheme decides about the service; `service` is for an address without one. */
export function parseUri(text: string, service: Service): ServiceAddress {
  const [, scheme, rest] = schemed.exec(text) ?? []
  if (scheme === undefined || rest === undefined) return { service, address: parseAddress(text) }
  const named = scheme.toLowerCase()
  if (named !== 'im' && named !== 'pres') {
    throw badAddress('the scheme im or pres', `the scheme ${named} in ${quote(text)}`)
  }
  // Draft §5.4.1.3: the form without a hierarchy is the one that was chosen.
  if (rest.startsWith('//')) throw badAddress(`${named}:user@domain`, `"//" in ${quote(text)}`)
  return { service: named, address: addressIn(rest, text) }
}

/** The URI of `address`; `parseUri` gives the same address back. */
export function formatUri(service: Service, address: Address): string {
  const user = encodeURIComponent(address.user).replaceAll('%2B', '+')
  return `${service}:${user}@${address.domain}`
}

/** The headers are cut off, then the parts are taken apart, then decoded, once: so `%40` never separates. */
function addressIn(rest: string, text: string): Address {
  const [path = ''] = rest.split('?', 1)
  const fault = encodedOnly.exec(path)?.[0]
  if (fault !== undefined) {
    throw badAddress(`${nameOf(fault)} percent-encoded in a URI`, `it plain in ${quote(text)}`)
  }
  const [user, domain, ...more] = path.split('@')
  if (user === undefined || domain === undefined) {
    throw badAddress('user@domain', `no "@" in ${quote(text)}`)
  }
  if (more.length > 0) throw badAddress('one "@"', `more in ${quote(text)}`)
  return makeAddress(decoded(user, text), parseDomain(decoded(domain, text)))
}

function decoded(part: string, text: string): string {
  try {
    return decodeURIComponent(part)
  } catch (cause) {
    throw badAddress('percent-encoded UTF-8', quote(text), cause)
  }
}
