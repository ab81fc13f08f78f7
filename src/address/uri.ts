/**
 * The URIs of an address: `im:` and `pres:`.
 *
 * In:    `im:user@domain`, `pres:user@domain`, either with `?headers`, or bare `user@domain` and a service.
 * Out:   the service and the canonical address, or the URI of one.
 * Fails: `bad-address`, with what was expected and what was found; a foreign scheme is named.
 * Spec:  RFC 3860 §3 and RFC 3859 §3 (both as `mailto:`), RFC 3986 §2; draft §5.4.1.3.
 */
import { type Address, joinAddress, parseAddress, type Service } from './address.ts'
import { judgeDomain } from './domain.ts'
import { isRefusal, nameOf, orThrow, quote, type Refusal, refusal } from './refusal.ts'

export type ServiceAddress = { readonly service: Service; readonly address: Address }

const schemed = /^([a-z][a-z0-9+.-]*):(.*)$/is

/** RFC 3986 §2 and §3.3: ASCII that a path never holds as it is. What is not ASCII passes, as in RFC 3987. */
const encodedOnly = /[\p{Cc} "#<>[\\\]^`{|}]/u

/** Of text that a person wrote. A scheme decides about the service; `service` is for an address without one. */
export function parseUri(text: string, service: Service): ServiceAddress {
  const [, scheme, rest] = schemed.exec(text) ?? []
  if (scheme === undefined || rest === undefined) return { service, address: parseAddress(text) }
  return orThrow(judgeUri(scheme.toLowerCase(), rest, text))
}

/** The URI of `address`; `parseUri` gives the same address back. */
export function formatUri(service: Service, address: Address): string {
  const user = encodeURIComponent(address.user).replaceAll('%2B', '+')
  return `${service}:${user}@${address.domain}`
}

function judgeUri(scheme: string, rest: string, text: string): ServiceAddress | Refusal {
  if (scheme !== 'im' && scheme !== 'pres') {
    return refusal('the scheme im or pres', `the scheme ${scheme} in ${quote(text)}`)
  }
  // Draft §5.4.1.3: the form without a hierarchy is the one that was chosen.
  if (rest.startsWith('//')) return refusal(`${scheme}:user@domain`, `"//" in ${quote(text)}`)
  const address = judgePath(rest, text)
  return isRefusal(address) ? address : { service: scheme, address }
}

/** The headers are cut off, then the parts are taken apart, then decoded, once: so `%40` never separates. */
function judgePath(rest: string, text: string): Address | Refusal {
  const [path = ''] = rest.split('?', 1)
  const fault = encodedOnly.exec(path)?.[0]
  if (fault !== undefined) {
    return refusal(`${nameOf(fault)} percent-encoded in a URI`, `it plain in ${quote(text)}`)
  }
  const [userPart, domainPart, ...more] = path.split('@')
  if (userPart === undefined || domainPart === undefined) {
    return refusal('user@domain', `no "@" in ${quote(text)}`)
  }
  if (more.length > 0) return refusal('one "@"', `more in ${quote(text)}`)
  const user = decoded(userPart)
  const domain = decoded(domainPart)
  if (user === undefined || domain === undefined) {
    return refusal('percent-encoded UTF-8', quote(text))
  }
  const judged = judgeDomain(domain)
  return isRefusal(judged) ? judged : joinAddress(user, judged)
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part)
  } catch {
    return undefined
  }
}
