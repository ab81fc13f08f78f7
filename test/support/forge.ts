/** Makes any token, good or bad, with nothing of the code under test but the key objects of Node. */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'

export type ForgeKey = {
  readonly seed: string
  readonly x: string
  readonly kid: string
  readonly privateKey: KeyObject
}

const keys = new Map<string, ForgeKey>()

/** A key that is the same in every run: its seed is SHA-256 of `name`. */
export function forgeKey(name: string): ForgeKey {
  const key = keys.get(name) ?? makeKey(name)
  keys.set(name, key)
  return key
}

function makeKey(name: string): ForgeKey {
  const seed = createHash('sha256').update(name).digest()
  const head = Buffer.from('302e020100300506032b657004220420', 'hex')
  const privateKey = createPrivateKey({
    format: 'der',
    type: 'pkcs8',
    key: Buffer.concat([head, seed]),
  })
  const x = createPublicKey(privateKey).export({ format: 'jwk' }).x as string
  const kid = createHash('sha256')
    .update(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`)
    .digest('base64url')
  return { seed: seed.toString('hex'), x, kid, privateKey }
}

export const b64 = (value: string | Uint8Array): string => Buffer.from(value).toString('base64url')

/** Strings are taken as they are, so that JSON that no serializer writes can be signed too. */
export function forge(
  header: object | string,
  claims: object | string,
  privateKey: KeyObject,
): string {
  const text = (part: object | string) => (typeof part === 'string' ? part : JSON.stringify(part))
  const input = `${b64(text(header))}.${b64(text(claims))}`
  return `${input}.${b64(sign(null, Buffer.from(input), privateKey))}`
}
