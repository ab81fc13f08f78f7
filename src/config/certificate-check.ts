/**
 * Config: can our own certificate be used for our own domain?
 *
 * In:    a PEM chain, its private key, the domain and its services, the time.
 * Out:   what is wrong with it, and what soon will be.
 * Fails: never.
 * Spec:  RFC 9525 §6 (the common name says nothing), RFC 4985 (SRV-ID), RFC 5280 §4.2.1.12.
 */
import { type KeyObject, X509Certificate } from 'node:crypto'
import type { Domain } from '../address/domain.ts'

export type Purpose = {
  readonly domain: Domain
  readonly services: readonly string[]
  /** `undefined` if it could not be read: then it is not compared. */
  readonly key: KeyObject | undefined
  readonly wallMs: number
}

export type Verdict = { readonly faults: readonly string[]; readonly warnings: readonly string[] }

/** `undefined` if the text holds none, or one that cannot be read. */
export function readCertificates(pem: string): readonly X509Certificate[] | undefined {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  try {
    const chain = blocks.map((block) => new X509Certificate(block))
    return chain.length > 0 ? chain : undefined
  } catch {
    return undefined
  }
}

export function checkCertificate(chain: readonly X509Certificate[], purpose: Purpose): Verdict {
  const leaf = chain[0] as X509Certificate
  const faults = [
    ...timeFaults(leaf, purpose.wallMs),
    ...(covers(leaf, purpose) ? [] : [`does not name ${purpose.domain} (${namesOf(leaf)})`]),
    ...(purpose.key === undefined || leaf.checkPrivateKey(purpose.key)
      ? []
      : ['does not belong to certificateKey']),
    ...(servesTls(leaf) ? [] : ['is not meant for TLS servers (extended key usage)']),
  ]
  return { faults, warnings: [...soon(leaf, purpose.wallMs), ...disorder(chain)] }
}

const start = (certificate: X509Certificate): number => certificate.validFromDate.getTime()
const end = (certificate: X509Certificate): number => certificate.validToDate.getTime()

function timeFaults(leaf: X509Certificate, wallMs: number): readonly string[] {
  if (wallMs < start(leaf)) return [`is not valid before ${leaf.validFromDate.toISOString()}`]
  return wallMs >= end(leaf) ? [`expired ${leaf.validToDate.toISOString()}`] : []
}

const dayMs = 86_400_000
const warnDays = 14

/** Short-lived certificates are renewed when a third of their life is left: not yet a reason to warn. */
function soon(leaf: X509Certificate, wallMs: number): readonly string[] {
  const left = end(leaf) - wallMs
  const warnMs = Math.min(warnDays * dayMs, (end(leaf) - start(leaf)) / 4)
  return left > 0 && left < warnMs ? [`expires ${leaf.validToDate.toISOString()}`] : []
}

const disorder = (chain: readonly X509Certificate[]): readonly string[] => {
  const odd = chain.findIndex((one, index) => {
    const issuer = chain[index + 1]
    return issuer !== undefined && !one.checkIssued(issuer)
  })
  return odd === -1
    ? []
    : [`has a chain out of order: its number ${odd + 2} did not issue number ${odd + 1}`]
}

const covers = (leaf: X509Certificate, { domain, services }: Purpose): boolean =>
  leaf.checkHost(domain, { subject: 'never', partialWildcards: false }) !== undefined ||
  (services.length > 0 &&
    services.every((service) => sans(leaf).includes(`othername:SRVName:_${service}.${domain}`)))

const sans = (leaf: X509Certificate): readonly string[] =>
  leaf.subjectAltName?.split(', ').map((name) => name.replace(/^DNS:/, '')) ?? []

const namesOf = (leaf: X509Certificate): string => {
  const names = sans(leaf)
  return names.length === 0
    ? 'it has no subject alternative name'
    : `it names ${names.slice(0, 5).join(', ')}`
}

const serverAuth = '1.3.6.1.5.5.7.3.1'

const servesTls = ({ keyUsage }: X509Certificate): boolean =>
  keyUsage === undefined || keyUsage.includes(serverAuth)
