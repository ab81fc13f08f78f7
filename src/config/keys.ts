/**
 * Config: is this the private key that it should be?
 *
 * In:    PEM text.
 * Out:   a key object, or what the text is instead.
 * Fails: never.
 * Spec:  RFC 8410 (PKCS8 for Ed25519), RFC 7468 (PEM).
 */
import { createPrivateKey, type KeyObject } from 'node:crypto'

/** RFC 7468 §11, and the older form of OpenSSL. A gateway starts without anybody there to type a passphrase. */
const encrypted = /^(-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED)/m

/** The key, or what the text is instead. */
export function readPrivateKey(pem: string): KeyObject | string {
  if (encrypted.test(pem)) return 'a key with a passphrase'
  try {
    return createPrivateKey(pem)
  } catch {
    return 'no private key'
  }
}

export function readSigningKey(pem: string): KeyObject | string {
  const key = readPrivateKey(pem)
  if (typeof key === 'string' || key.asymmetricKeyType === 'ed25519') return key
  return `a key for ${key.asymmetricKeyType}`
}
