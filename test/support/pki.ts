/**
 * A certificate authority for tests: P-256, in memory, with every fault that a test wants to plant.
 *
 * In:    what the certificate says; names as encoded GeneralNames (`dnsName`, `srvName`, …), so that wrong ones exist.
 * Out:   PEM texts and the key object to issue with.
 */
import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'

const dayMs = 86_400_000
const p256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

export type Issued = {
  /** The certificate, and below it those of its issuers but the root. */
  readonly chain: string
  readonly cert: string
  readonly key: string
  readonly keys: webcrypto.CryptoKeyPair
  readonly subject: string
  readonly isSelfSigned: boolean
}

export type Wish = {
  /** Distinguished name; default `CN=test`. */
  readonly subject?: string
  /** GeneralNames; none: no SAN extension. */
  readonly names?: readonly Buffer[]
  readonly ca?: boolean
  /** Extended key usage; `[]`: none stated. Default: serverAuth, and for an authority the key usage of one. */
  readonly usages?: readonly string[]
  readonly notBefore?: Date
  readonly notAfter?: Date
  readonly extensions?: readonly Extension[]
  readonly algorithm?:
    | webcrypto.RsaHashedKeyGenParams
    | (webcrypto.EcKeyGenParams & { readonly hash: string })
  /** Default: new ones. Who needs many certificates and no key of one may have them all for the same. */
  readonly keys?: webcrypto.CryptoKeyPair
  /** Default: signed by itself. */
  readonly issuer?: Issued
}

export const serverAuth = ExtendedKeyUsage.serverAuth as string
export const clientAuth = ExtendedKeyUsage.clientAuth as string

/** A CA of its own. */
export const makeRoot = (subject = 'CN=test root'): Promise<Issued> => issue({ subject, ca: true })

const makeKeys = async (algorithm: NonNullable<Wish['algorithm']>) =>
  (await webcrypto.subtle.generateKey(algorithm, true, [
    'sign',
    'verify',
  ])) as webcrypto.CryptoKeyPair

export async function issue(wish: Wish): Promise<Issued> {
  const algorithm = wish.algorithm ?? p256
  const keys = wish.keys ?? (await makeKeys(algorithm))
  const subject = wish.subject ?? 'CN=test'
  const certificate = await X509CertificateGenerator.create(
    {
      subject,
      issuer: wish.issuer?.subject ?? subject,
      notBefore: wish.notBefore ?? new Date(Date.now() - dayMs),
      notAfter: wish.notAfter ?? new Date(Date.now() + dayMs),
      publicKey: keys.publicKey,
      signingKey: wish.issuer?.keys.privateKey ?? keys.privateKey,
      signingAlgorithm: (wish.issuer === undefined ? algorithm : p256) as webcrypto.EcdsaParams,
      extensions: extensionsOf(wish),
    },
    webcrypto,
  )
  const cert = pem('CERTIFICATE', Buffer.from(certificate.rawData))
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
  const above = wish.issuer === undefined || wish.issuer.isSelfSigned ? '' : wish.issuer.chain
  return {
    cert,
    chain: cert + above,
    key: pem('PRIVATE KEY', pkcs8),
    keys,
    subject,
    isSelfSigned: wish.issuer === undefined,
  }
}

function extensionsOf({ ca = false, usages, names, extensions }: Wish): Extension[] {
  const all: Extension[] = [new BasicConstraintsExtension(ca, undefined, true)]
  if (ca && usages === undefined) {
    all.push(new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true))
  } else if (usages?.length !== 0) {
    all.push(new ExtendedKeyUsageExtension([...(usages ?? [serverAuth])]))
  }
  if (names !== undefined) all.push(subjectAltName(...names))
  return [...all, ...(extensions ?? [])]
}

const pem = (label: string, bytes: Buffer): string =>
  `-----BEGIN ${label}-----\n${bytes.toString('base64').replaceAll(/.{64}(?=.)/g, '$&\n')}\n-----END ${label}-----\n`

/** One DER element. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const value = Buffer.concat(parts)
  const n = value.length
  const length = n < 0x80 ? [n] : n < 0x100 ? [0x81, n] : [0x82, n >> 8, n & 0xff]
  return Buffer.concat([Buffer.from([tag, ...length]), value])
}

const text = (value: string | Buffer): Buffer =>
  typeof value === 'string' ? Buffer.from(value, 'latin1') : value

/** A DNS-ID. */
export const dnsName = (name: string | Buffer): Buffer => der(0x82, text(name))
export const uriName = (uri: string): Buffer => der(0x86, text(uri))
export const ipName = (ip: readonly number[]): Buffer => der(0x87, Buffer.from(ip))
export const emailName = (mail: string): Buffer => der(0x81, text(mail))

/** An otherName; `tag` is that of the string inside. */
export const otherName = (oid: Buffer, name: string | Buffer, tag = 0x16): Buffer =>
  der(0xa0, oid, der(0xa0, der(tag, text(name))))

/** 1.3.6.1.5.5.7.8.7 (RFC 4985). */
export const srvNameOid = Buffer.from('06082b06010505070807', 'hex')

/** An SRV-ID. */
export const srvName = (name: string | Buffer): Buffer => otherName(srvNameOid, name)

/** The extension that limits an authority to DNS names under `name` (RFC 5280 §4.2.1.10). */
export const onlyUnder = (name: string): Extension =>
  new Extension('2.5.29.30', true, der(0x30, der(0xa0, der(0x30, dnsName(name)))))

export const subjectAltName = (...names: readonly Buffer[]): Extension =>
  new Extension('2.5.29.17', false, der(0x30, ...names))
