/**
 * Link: whose name a certificate bears. Own matcher, since Node's accepts a common name and `f*.example`.
 *
 * In:    a certificate whose chain was verified.
 * Out:   whether it covers a domain for a service; its fingerprint.
 * Fails: never; a name that cannot be read covers nothing.
 * Spec:  RFC 9525 §6 (DNS-ID, SRV-ID), RFC 4985 §2, RFC 5280 §4.2.1.6
 *
 * The bytes of the subject alternative name are compared, and no other part of the certificate is looked at: no
 * distinguished name, no URI, no IP address. The domain is canonical by its type; a presented name is put into lower
 * case, and one with a NUL, a dot at the end or a U-label then equals no domain.
 */
import { hash, type X509Certificate } from 'node:crypto'
import type { Domain } from '../address/domain.ts'
import type { CertificateFacts } from './channel.ts'
import { type Element, elements, extension, hasExtension, inside, tag } from './der.ts'

/** 2.5.29.17 and 2.5.29.30 */
const subjectAltName = '551d11'
const nameConstraints = '551d1e'
/** 1.3.6.1.5.5.7.8.7, id-on-dnsSRV (RFC 4985 §2) */
const srvName = '2b06010505070807'

/** GeneralName: otherName [0], dNSName [2]. */
const otherNameTag = 0xa0
const dnsNameTag = 0x82

/**
 * `srvIds`: whether SRV-IDs count, asked when it matters. They do not under an authority that is limited to some
 * names: OpenSSL holds DNS-IDs to such limits and knows nothing of SRV-IDs.
 */
export function certificateFacts(x509: X509Certificate, srvIds: () => boolean): CertificateFacts {
  const names = namesOf(x509)
  const isFree = names.srv.size > 0 && !hasConstrainedIssuer(x509)
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

/** Looks at every certificate that the far side sent, whether or not the chain runs through it. */
function hasConstrainedIssuer(x509: X509Certificate): boolean {
  for (let next = x509.issuerCertificate; next !== undefined; next = next.issuerCertificate) {
    if (isNameConstrained(next)) return true
  }
  return false
}

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
