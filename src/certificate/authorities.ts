/**
 * Certificate: the authorities that are trusted.
 *
 * In:    PEM texts.
 * Out:   who of them issued a certificate.
 * Fails: never; what cannot be read is none.
 *
 * There are hundreds, and nobody asks while all is well: they are read when somebody does, and kept no longer than this is.
 */
import type { X509Certificate } from 'node:crypto'
import { getCACertificates } from 'node:tls'
import { isSame, readCertificates } from './chain.ts'

export type Authorities = {
  /** Those that have the name of its issuer. */
  readonly issuersOf: (x509: X509Certificate) => readonly X509Certificate[]
  readonly has: (x509: X509Certificate) => boolean
}

/** Of a far side whose chain OpenSSL has judged. */
export const nobody: Authorities = { issuersOf: () => [], has: () => false }

/** Those of Node, and `further` ones: PEM texts, each with one or more. */
export function authoritiesOf(further: readonly string[]): Authorities {
  let read: ReadonlyMap<string, readonly X509Certificate[]> | undefined
  const named = (name: string): readonly X509Certificate[] => {
    read ??= bySubject([...getCACertificates('default'), ...further])
    return read.get(name) ?? []
  }
  return {
    issuersOf: ({ issuer }) => named(issuer ?? ''),
    has: (x509) => named(x509.subject ?? '').some((one) => isSame(one, x509)),
  }
}

function bySubject(pems: readonly string[]): ReadonlyMap<string, readonly X509Certificate[]> {
  const map = new Map<string, X509Certificate[]>()
  for (const pem of pems) {
    const certificates = readCertificates(pem)
    if (typeof certificates === 'string') continue
    for (const x509 of certificates) {
      const same = map.get(x509.subject ?? '') ?? []
      same.push(x509)
      map.set(x509.subject ?? '', same)
    }
  }
  return map
}
