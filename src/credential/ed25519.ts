/**
 * Ed25519 keys and signatures, synchronously, with `node:crypto`.
 *
 * In:    a public key as the `x` of a JWK, a private key as PKCS8 PEM, chance as a Random.
 * Out:   PublicKey and KeyPair: whoever holds one holds a key that was checked.
 * Fails: `undefined` for a key that must not be used.
 * Spec:  RFC 8032 §5.1, RFC 8037 §2, RFC 8410 §7, RFC 7638 §3.
 */
import {
  createPrivateKey,
  createPublicKey,
  hash,
  type KeyObject,
  sign as signBytes,
  verify as verifyBytes,
} from 'node:crypto'
import { decodeBase64url, encodeBase64url } from '../lib/base64url.ts'
import type { Random } from '../lib/random.ts'

declare const checked: unique symbol

export type PublicKey = {
  readonly object: KeyObject
  /** The 32 bytes as canonical base64url: the `x` of a JWK. */
  readonly x: string
  /** RFC 7638, SHA-256: our name for the key. */
  readonly thumbprint: string
  readonly [checked]: 'ed25519'
}

export type KeyPair = { readonly privateKey: KeyObject; readonly publicKey: PublicKey }

const seedBytes = 32
const publicBytes = 32
export const signatureBytes = 64

/** RFC 8410 §7: everything of the PKCS8 form that stands before the seed. */
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex')

/** The y of the points of order 1, 2, 4 and 8, little-endian: one signature can fit any message under such a key. */
const smallOrder: ReadonlySet<string> = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
])

/** `undefined` unless `x` is the one encoding of a point that is fit to be a key. Node checks neither here. */
export function importPublicKey(x: string): PublicKey | undefined {
  const bytes = decodeBase64url(x)
  if (bytes === undefined || bytes.length !== publicBytes || !isFitPoint(bytes)) return undefined
  try {
    const key = createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x } })
    return publicKeyOf(key, x)
  } catch {
    return undefined
  }
}

/** [LINK-10.6-1] RFC 8032 §5.1.3: y below p, whatever the sign of x; and not of small order. */
function isFitPoint(bytes: Buffer): boolean {
  const y = Buffer.from(bytes)
  y[31] = (y[31] as number) & 0x7f
  return !isAtLeastP(y) && !smallOrder.has(y.toString('hex'))
}

/** p is 2^255 - 19: little-endian ed, thirty times ff, 7f. */
const isAtLeastP = (y: Buffer): boolean =>
  (y[0] as number) >= 0xed && y[31] === 0x7f && y.subarray(1, 31).every((byte) => byte === 0xff)

function publicKeyOf(object: KeyObject, x: string): PublicKey | undefined {
  // `verify` takes any key, so the type of the key object decides, not a name in a header.
  if (object.asymmetricKeyType !== 'ed25519') return undefined
  return { object, x, thumbprint: thumbprint(x) } as PublicKey
}

/** RFC 7638 §3: the required members in alphabetical order, without blanks. */
const thumbprint = (x: string): string =>
  hash('sha256', `{"crv":"Ed25519","kty":"OKP","x":"${x}"}`, 'base64url')

/** Repeats under a seeded Random, so that a simulated run can be repeated. */
export const generateKeyPair = (random: Random): KeyPair => keyPairOf(random.bytes(seedBytes))

/** The pair of a 32-byte seed (RFC 8032 §5.1.5). */
export function keyPairOf(seed: Uint8Array): KeyPair {
  const key = Buffer.concat([pkcs8Head, seed])
  const pair = pairOf(createPrivateKey({ format: 'der', type: 'pkcs8', key }))
  if (pair === undefined) throw new Error('a seed of 32 bytes is always a key')
  return pair
}

/** PKCS8 PEM, as written by `writePrivateKey` and `openssl genpkey -algorithm ed25519`; else `undefined`. */
export function readPrivateKey(pem: string): KeyPair | undefined {
  try {
    return pairOf(createPrivateKey({ format: 'pem', key: pem }))
  } catch {
    return undefined
  }
}

export const writePrivateKey = (pair: KeyPair): string =>
  pair.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()

function pairOf(privateKey: KeyObject): KeyPair | undefined {
  if (privateKey.asymmetricKeyType !== 'ed25519') return undefined
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' })
  const publicKey = importPublicKey(encodeBase64url(spki.subarray(-publicBytes)))
  return publicKey === undefined ? undefined : { privateKey, publicKey }
}

export const sign = (bytes: Uint8Array, pair: KeyPair): Buffer =>
  signBytes(null, bytes, pair.privateKey)

export const verify = (bytes: Uint8Array, key: PublicKey, signature: Uint8Array): boolean =>
  verifyBytes(null, bytes, key.object, signature)
