/**
 * Certificate: PEM text becomes a chain, and the way from its leaf up to an authority that is trusted.
 *
 * In:    PEM text; the authorities; the time, by which the valid one of two issuers is chosen.
 * Out:   certificates in the order of the file; the steps of the way, each with its name for a person.
 * Fails: never; what cannot be read is told as the phrase after "found".
 * Spec:  RFC 7468 §5.1, RFC 8446 §4.4.2 (any order behind the leaf), RFC 5280 §6.1
 */
import { X509Certificate } from 'node:crypto'
import type { Authorities } from './authorities.ts'

export type Chain = readonly [X509Certificate, ...X509Certificate[]]

const begin = /^-----BEGIN (?:X509 )?CERTIFICATE-----[ \t]*$/m
const body = /^\s*([A-Za-z0-9+/=\s]+)-----END (?:X509 )?CERTIFICATE-----/

/** Each certificate of the text; or what is there instead. */
export function readCertificates(text: string): Chain | string {
  const certificates: X509Certificate[] = []
  for (const block of text.split(begin).slice(1)) {
    const base64 = body.exec(block)?.[1]
    const certificate = base64 === undefined ? undefined : read(base64)
    if (certificate === undefined) return `number ${certificates.length + 1}, which is damaged`
    certificates.push(certificate)
  }
  const [first, ...others] = certificates
  return first === undefined ? instead(text) : [first, ...others]
}

function read(base64: string): X509Certificate | undefined {
  try {
    return new X509Certificate(Buffer.from(base64, 'base64'))
  } catch {
    return undefined
  }
}

function instead(text: string): string {
  if (text.trim() === '') return 'an empty file'
  const label = /^-----BEGIN ([A-Z0-9 ]{1,40})-----/m.exec(text)?.[1]
  if (label !== undefined) return `none but "${label}"`
  // DER: a SEQUENCE whose length takes two bytes.
  return text.startsWith('0\ufffd') ? 'one in DER: "openssl x509" makes PEM of it' : 'none'
}

/** What TLS is given: exactly what was read. */
export const pemOf = (chain: readonly X509Certificate[]): string => chain.map(String).join('')

export type Step = {
  readonly x509: X509Certificate
  /** `the leaf`, `intermediate 1`, `the authority "X"`. */
  readonly place: string
  readonly isAuthority: boolean
}

export type Way = {
  /** The leaf first. */
  readonly steps: readonly [Step, ...Step[]]
  /** What it leads to: an authority that is trusted, one that is not, or nothing, as its issuer is not there. */
  readonly end: 'trusted' | 'unknown' | 'missing'
}

/** What is trusted comes before what the file adds, and what is valid before what is not. */
export function wayUp([leaf, ...others]: Chain, authorities: Authorities, wallMs: number): Way {
  const steps: [Step, ...Step[]] = [{ x509: leaf, place: 'the leaf', isAuthority: false }]
  let left: readonly X509Certificate[] = others
  for (;;) {
    const { x509 } = steps.at(-1) as Step
    if (issued(x509, x509)) return { steps, end: authorities.has(x509) ? 'trusted' : 'unknown' }
    const known = best(authorities.issuersOf(x509), x509, wallMs)
    const next = known ?? best(left, x509, wallMs)
    if (next === undefined || steps.length > mostSteps) return { steps, end: 'missing' }
    left = left.filter((one) => !isSame(one, next))
    const isAuthority = known !== undefined && issued(known, known)
    const place = isAuthority ? `the authority ${nameOf(next)}` : `intermediate ${steps.length}`
    steps.push({ x509: next, place, isAuthority })
  }
}

/** As many as OpenSSL follows by itself. */
const mostSteps = 100

const best = (
  candidates: readonly X509Certificate[],
  of: X509Certificate,
  wallMs: number,
): X509Certificate | undefined => {
  const issuers = candidates.filter((one) => issued(one, of))
  return issuers.find((one) => isCurrent(one, wallMs)) ?? issuers[0]
}

function issued(issuer: X509Certificate, one: X509Certificate): boolean {
  try {
    return one.checkIssued(issuer) && one.verify(issuer.publicKey)
  } catch {
    return false
  }
}

export const isSame = (a: X509Certificate, b: X509Certificate): boolean => a.raw.equals(b.raw)

export const startOf = (x509: X509Certificate): number => x509.validFromDate.getTime()
export const endOf = (x509: X509Certificate): number => x509.validToDate.getTime()

const isCurrent = (x509: X509Certificate, wallMs: number): boolean =>
  wallMs >= startOf(x509) && wallMs < endOf(x509)

/** The subject, for a person: its common name, or the last thing that it says. */
export const nameOf = ({ subject }: X509Certificate): string => quoted(subject)
export const issuerOf = ({ issuer }: X509Certificate): string => quoted(issuer)

const mostNameLetters = 80

function quoted(distinguished: string | undefined): string {
  const lines = (distinguished ?? '').split('\n')
  const line = lines.find((one) => one.startsWith('CN=')) ?? lines.at(-1) ?? ''
  return JSON.stringify(line.slice(line.indexOf('=') + 1).slice(0, mostNameLetters))
}
