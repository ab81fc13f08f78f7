/**
 * Certificate: whose name it bears. Own matcher, since Node's accepts a common name and `f*.example`.
 *
 * In:    a leaf, and the certificates that come with it.
 * Out:   whether it covers a domain for a service, and if not, what it bears instead; its fingerprint.
 * Fails: never; a name that cannot be read covers nothing.
 * Spec:  RFC 9525 §6 (DNS-ID, SRV-ID), RFC 4985 §2, RFC 5280 §4.2.1.6
 *
 * The bytes of the subject alternative name are compared, and no other part of the certificate is looked at: no
 * distinguished name, no URI, no IP address. The domain is canonical by its type; a presented name is put into lower
 * case, and one with a NUL, a dot at the end or a U-label then equals no domain.
 */
import { hash, type X509Certificate } from 'node:crypto'
import type { Service } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import { type Element, elements, extension, hasExtension, inside, tag } from './der.ts'

/** 2.5.29.17 and 2.5.29.30 */
const subjectAltName = '551d11'
const nameConstraints = '551d1e'
/** 1.3.6.1.5.5.7.8.7, id-on-dnsSRV (RFC 4985 §2) */
const srvName = '2b06010505070807'

/** GeneralName: otherName [0], dNSName [2]. */
const otherNameTag = 0xa0
const dnsNameTag = 0x82

export type CertificateFacts = {
  /** Whether it names `domain` for `service` (RFC 9525): DNS-ID, or an SRV-ID of that service. */
  readonly covers: (domain: Domain, service: Service) => boolean
  /** SHA-256 of the certificate, hexadecimal, for logs and pins. */
  readonly fingerprint: string
}

/**
 * `others`: all that came with it, whether or not the way up leads through them. `srvIds`: whether SRV-IDs count, asked when it matters. They do not under an authority that is limited to some
 * names: OpenSSL holds DNS-IDs to such limits and knows nothing of SRV-IDs.
 */
export function certificateFacts(
  x509: X509Certificate,
  others: readonly X509Certificate[],
  srvIds: () => boolean,
): CertificateFacts {
  const names = namesOf(x509)
  const isFree = names.srv.size > 0 && !others.some(isNameConstrained)
  return {
    covers: (domain, service) =>
      isDomain(domain) &&
      (coveredByDns(names, domain) ||
        (isFree && names.srv.has(`_${service}.${domain}`) && srvIds())),
    fingerprint: hash('sha256', x509.raw, 'hex'),
  }
}

export const isNameConstrained = (x509: X509Certificate): boolean =>
  hasExtension(x509.raw, nameConstraints)

/** For a person: what it bears, where that is not what was looked for. */
export function bornBy({ subjectAltName }: X509Certificate): string {
  if (subjectAltName === undefined) return 'it has no subject alternative name'
  const names = subjectAltName.split(', ').map((name) => name.replace(/^DNS:/, ''))
  return `it names ${names.slice(0, mostShown).join(', ').slice(0, mostShownLetters)}`
}

const mostShown = 5
const mostShownLetters = 200

type Names = {
  readonly dns: ReadonlySet<string>
  /** What follows `*.`. */
  readonly wildcards: ReadonlySet<string>
  readonly srv: ReadonlySet<string>
}

/** RFC 9525 §6.3: the wildcard is the whole left-most label and stands for exactly one; here never for all of a TLD. */
function coveredByDns({ dns, wildcards }: Names, domain: Domain): boolean {
  if (dns.has(domain)) return true
  const parent = domain.slice(domain.indexOf('.') + 1)
  return parent.includes('.') && wildcards.has(parent)
}

/** True by the type; but a `*` or an empty label that got past it would match what no domain may. */
const isDomain = (domain: Domain): boolean => /^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/.test(domain)

function namesOf(x509: X509Certificate): Names {
  const names = { dns: new Set<string>(), wildcards: new Set<string>(), srv: new Set<string>() }
  // Two readers have to find a list: OpenSSL reads each kind of name, and refuses all of a list with one bad name.
  const isReadable = x509.subjectAltName !== undefined
  const value = isReadable ? extension(x509.raw, subjectAltName) : undefined
  for (const name of (value && inside(value, tag.sequence)) ?? []) {
    if (name.tag === otherNameTag) {
      const text = srvNameOf(name)
      if (text !== undefined) names.srv.add(text)
    } else if (name.tag === dnsNameTag) {
      const text = lower(name.value)
      if (!text.includes('*')) names.dns.add(text)
      else if (text.startsWith('*.')) names.wildcards.add(text.slice(2))
    }
  }
  return names
}

/** OtherName: the type, then the value in [0] EXPLICIT. */
function srvNameOf({ value }: Element): string | undefined {
  const [type, wrapped, ...rest] = elements(value) ?? []
  if (type?.tag !== tag.oid || type.value.toString('hex') !== srvName) return undefined
  if (wrapped?.tag !== otherNameTag || rest.length > 0) return undefined
  const [text, ...more] = elements(wrapped.value) ?? []
  return text?.tag === tag.ia5String && more.length === 0 ? lower(text.value) : undefined
}

/** One character a byte, so that two different names stay different. */
const lower = (bytes: Buffer): string => bytes.toString('latin1').toLowerCase()
