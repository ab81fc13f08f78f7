/**
 * Link: what is wrong with a certificate beside its chain and its names, which OpenSSL and `identity.ts` judge.
 *
 * In:    the certificate of a far side, or our own (`doctor` asks too), and the time.
 * Out:   the fault in words; `undefined` if there is none.
 * Spec:  RFC 9325 §4.1, §4.2.1, §7.1; RFC 5280 §4.2.1.9, §4.2.1.12
 */
import type { X509Certificate } from 'node:crypto'

const serverAuth = '1.3.6.1.5.5.7.3.1'
const leastRsaBits = 2048
const curves: readonly (string | undefined)[] = ['prime256v1', 'secp384r1', 'secp521r1']

/** MD5 and SHA-1 with RSA, SHA-1 with DSA and with ECDSA. */
const weakSignatures: readonly string[] = [
  '1.2.840.113549.1.1.4',
  '1.2.840.113549.1.1.5',
  '1.2.840.10040.4.3',
  '1.2.840.10045.4.1',
]

export function leafFault(leaf: X509Certificate, wallMs: number): string | undefined {
  if (wallMs < leaf.validFromDate.getTime()) return `is not valid before ${leaf.validFrom}`
  if (wallMs > leaf.validToDate.getTime()) return `expired on ${leaf.validTo}`
  if (leaf.ca) return 'is that of an authority (CA:TRUE), not of a host'
  // Node calls the extended key usage `keyUsage`; without the extension every use is allowed.
  const usages: readonly string[] | undefined = leaf.keyUsage
  if (usages !== undefined && !usages.includes(serverAuth)) return 'is not meant for TLS servers'
  if (weakSignatures.includes(leaf.signatureAlgorithmOid)) return 'is signed with a broken hash'
  return keyFault(leaf)
}

function keyFault({ publicKey }: X509Certificate): string | undefined {
  const { modulusLength, namedCurve } = publicKey.asymmetricKeyDetails ?? {}
  switch (publicKey.asymmetricKeyType) {
    case 'rsa':
    case 'rsa-pss':
      return (modulusLength ?? 0) < leastRsaBits
        ? `has an RSA key of ${modulusLength} bits`
        : undefined
    case 'ec':
      return curves.includes(namedCurve) ? undefined : `has a key on the curve ${namedCurve}`
    case 'ed25519':
    case 'ed448':
      return undefined
    default:
      return `has a key of the kind ${publicKey.asymmetricKeyType}`
  }
}
