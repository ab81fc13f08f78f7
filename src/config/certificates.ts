/**
 * Config: an authority and certificates of our own, for development, demo and tests.
 *
 * In:    names, days, the time.
 * Out:   PEM certificates and keys: P-256, so that every TLS stack takes them.
 * Fails: as the library does, on an authority that cannot be read.
 * Spec:  RFC 5280; RFC 9525 §6.3 (names stand in the subject alternative name only).
 *
 * The library is loaded when it is first asked for something: a running gateway never asks.
 */
import { createPrivateKey, type webcrypto } from 'node:crypto'
import { GatewayError } from '../errors.ts'

export type PemPair = { readonly certificatePem: string; readonly keyPem: string }

export type Validity = {
  /** From one hour before `wall()`, so that a clock that is a little behind accepts it. */
  readonly days: number
  readonly wall: () => number
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const issuerName = 'CN=Gatehouse development authority'
const hourMs = 3_600_000

export async function createDevelopmentCa(validity: Validity): Promise<PemPair> {
  const x509 = await library()
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: issuerName,
    keys,
    signingAlgorithm: algorithm,
    ...dates(validity),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificatePem: pem(certificate), keyPem: await exportKey(keys.privateKey) }
}

/**
 * `names`: the domain, and whatever else the certificate is to cover. It ends with the authority at the latest. The first
 * certificate of the authority's text is the one that signs.
 */
export async function createLeaf(
  ca: PemPair,
  names: readonly string[],
  validity: Validity,
): Promise<PemPair> {
  const x509 = await library()
  const authority = new x509.X509Certificate(firstOf(ca.certificatePem))
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const { notBefore, notAfter } = dates(validity)
  const signing = signingWith(ca.keyPem)
  const certificate = await x509.X509CertificateGenerator.create({
    subject: 'CN=Gatehouse development certificate',
    issuer: authority.subject,
    publicKey: keys.publicKey,
    signingKey: await importKey(ca.keyPem, signing),
    signingAlgorithm: signing,
    notBefore,
    notAfter: notAfter < authority.notAfter ? notAfter : authority.notAfter,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value }))),
      await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificatePem: pem(certificate), keyPem: await exportKey(keys.privateKey) }
}

/** The library wants `reflect-metadata` to be there before it is. */
async function library() {
  await import('reflect-metadata')
  return import('@peculiar/x509')
}

function dates({ days, wall }: Validity) {
  const now = wall()
  return { notBefore: dateOf(now - hourMs), notAfter: dateOf(now + days * 24 * hourMs) }
}

// biome-ignore lint/style/noRestrictedGlobals: the library wants its type; the time itself is an argument
const dateOf = (ms: number) => new Date(ms)

const pem = (certificate: { toString(format: 'pem'): string }): string =>
  `${certificate.toString('pem')}\n`

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', key))
  const object = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  return object.export({ type: 'pkcs8', format: 'pem' }).toString()
}

const importKey = (keyPem: string, signing: SigningAlgorithm): Promise<webcrypto.CryptoKey> => {
  const der = createPrivateKey(keyPem).export({ type: 'pkcs8', format: 'der' })
  return crypto.subtle.importKey('pkcs8', der, signing, false, ['sign'])
}

const firstOf = (pem: string): string =>
  /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(pem)?.[0] ?? pem

type SigningAlgorithm = {
  readonly name: string
  readonly namedCurve?: string
  readonly hash?: string
}

const curves: Readonly<Record<string, SigningAlgorithm>> = {
  prime256v1: algorithm,
  secp384r1: { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
  secp521r1: { name: 'ECDSA', namedCurve: 'P-521', hash: 'SHA-512' },
}

/** How an authority with this key signs; throws for a key that is fit for none. */
function signingWith(keyPem: string): SigningAlgorithm {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = createPrivateKey(keyPem)
  if (type === 'rsa') return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
  const curve = type === 'ec' ? curves[details?.namedCurve ?? ''] : undefined
  if (curve !== undefined) return curve
  throw new GatewayError('certificate-unusable', `nothing is signed here with a key for ${type}`)
}
