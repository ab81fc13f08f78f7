/** What a program hands in, made canonical: addresses, keys, ids, bodies. */
import { type Address, judgeAddress, parseAddress } from '../address/address.ts'
import { isRefusal, sentenceOf } from '../address/refusal.ts'
import { type KeyPair, readPrivateKey } from '../credential/ed25519.ts'
import { GatewayError } from '../errors.ts'

/** Throws `bad-address`. */
export const addressOf = (address: Address | string): Address =>
  typeof address === 'string' ? parseAddress(address) : address

/** The address, or what is wrong with it. */
export function addressOrFault(address: Address | string): Address | string {
  const judged = typeof address === 'string' ? judgeAddress(address) : address
  return isRefusal(judged) ? sentenceOf(judged) : judged
}

/** Throws `credential-key`. */
export function keyOf(key: KeyPair | string): KeyPair {
  const pair = typeof key === 'string' ? readPrivateKey(key) : key
  if (pair === undefined) {
    throw new GatewayError('credential-key', 'expected an Ed25519 key as PKCS8 PEM')
  }
  return pair
}

/** The 16 bytes of an id of 32 hexadecimal digits; `undefined`: it is none. */
export const idBytesOf = (text: string): Buffer | undefined =>
  /^[0-9a-f]{32}$/i.test(text) ? Buffer.from(text, 'hex') : undefined

/** Visible ASCII and blanks; whether it is a media type is for the recipient to say. */
export const isContentType = (text: string): boolean => /^[\x20-\x7e]{1,255}$/.test(text)

export const bytesOf = (body: string | Uint8Array): Uint8Array =>
  typeof body === 'string' ? Buffer.from(body) : body
