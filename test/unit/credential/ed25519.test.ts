import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { calculateJwkThumbprint } from 'jose'
import { expect, test } from 'vitest'
import {
  generateKeyPair,
  importPublicKey,
  keyPairOf,
  readPrivateKey,
  sign,
  verify,
  writePrivateKey,
} from '../../../src/credential/ed25519.ts'
import { isPublishedTestKey } from '../../../src/credential/known-keys.ts'
import { seededRandom } from '../../support/seeded-random.ts'

const smallOrder = readFileSync(
  new URL('../../vectors/ed25519-small-order.txt', import.meta.url),
  'utf8',
)
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))

const xOf = (hex: string): string => Buffer.from(hex, 'hex').toString('base64url')

test('A088: the list of small-order encodings holds 14 different ones', () => {
  expect(new Set(smallOrder).size).toBe(14)
})

test.for(smallOrder)('A088: the encoding %s is a point of small order and no key', (hex) => {
  expect(orderDivides8(hex)).toBe(true)
  expect(importPublicKey(xOf(hex))).toBeUndefined()
})

test.for([
  ['p + 2', `ef${'ff'.repeat(30)}7f`],
  ['p + 18, the largest', `ff${'ff'.repeat(30)}7f`],
  ['p + 3 with the sign bit', `f0${'ff'.repeat(30)}ff`],
])('A088: y = %s is not canonical and no key', ([, hex]) => {
  expect(importPublicKey(xOf(hex as string))).toBeUndefined()
})

test.for([
  ['31 bytes', Buffer.alloc(31, 9).toString('base64url')],
  ['33 bytes', Buffer.alloc(33, 9).toString('base64url')],
  ['padding', `${Buffer.alloc(32, 9).toString('base64url')}=`],
  ['nothing', ''],
])('a public key of %s is refused', ([, x]) => {
  expect(importPublicKey(x as string)).toBeUndefined()
})

test('the largest y below p is taken for what it is', () => {
  const key = importPublicKey(xOf(`eb${'ff'.repeat(30)}7f`))
  expect(key?.object.asymmetricKeyType).toBe('ed25519')
})

test.for([
  [
    '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  ],
  [
    '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '72',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ],
])('RFC 8032 §7.1: seed %s', ([seed, point, message, signature]) => {
  const pair = keyPairOf(Buffer.from(seed as string, 'hex'))
  const bytes = Buffer.from(message as string, 'hex')
  expect(pair.publicKey.x).toBe(xOf(point as string))
  expect(sign(bytes, pair).toString('hex')).toBe(signature)
  expect(verify(bytes, pair.publicKey, Buffer.from(signature as string, 'hex'))).toBe(true)
})

test('RFC 8037 §A.3: the thumbprint of the key is the one printed there', () => {
  const key = importPublicKey('11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo')
  expect(key?.thumbprint).toBe('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k')
})

test('a thumbprint is the one that jose computes', async () => {
  const { x, thumbprint } = generateKeyPair(seededRandom(1)).publicKey
  expect(await calculateJwkThumbprint({ kty: 'OKP', crv: 'Ed25519', x })).toBe(thumbprint)
})

test('the same chance draws the same key', () => {
  const [one, two, other] = [1, 1, 2].map((seed) => generateKeyPair(seededRandom(seed)))
  expect(one?.publicKey.x).toBe(two?.publicKey.x)
  expect(one?.publicKey.x).not.toBe(other?.publicKey.x)
})

test('a private key comes back from its PEM', () => {
  const pair = generateKeyPair(seededRandom(3))
  const pem = writePrivateKey(pair)
  expect(pem).toMatch(/^-----BEGIN PRIVATE KEY-----\n/)
  expect(readPrivateKey(pem)?.publicKey.x).toBe(pair.publicKey.x)
})

test.for([
  ['an EC key', pemOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)],
  ['an X25519 key', pemOf(generateKeyPairSync('x25519').privateKey)],
  ['an Ed448 key', pemOf(generateKeyPairSync('ed448').privateKey)],
  ['text', 'no key'],
  ['nothing', ''],
])('A080: %s in a PEM is no key for signing', ([, pem]) => {
  expect(readPrivateKey(pem as string)).toBeUndefined()
})

test('a signature of any other length does not fit', () => {
  const pair = generateKeyPair(seededRandom(4))
  const signature = sign(Buffer.from('m'), pair)
  expect(verify(Buffer.from('m'), pair.publicKey, signature.subarray(0, 63))).toBe(false)
  expect(
    verify(Buffer.from('m'), pair.publicKey, Buffer.concat([signature, Buffer.alloc(1)])),
  ).toBe(false)
})

test.for(
  ['00', '01', 'ff']
    .map((byte) => byte.repeat(32))
    .concat(
      // RFC 8032 §7.1, RFC 8410 §10
      '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
      'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
      'f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5',
      '833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42',
      'd4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842',
    ),
)('A104: the key of the published seed %s is known as such', (seed) => {
  expect(isPublishedTestKey(keyPairOf(Buffer.from(seed, 'hex')).publicKey)).toBe(true)
})

const published = readFileSync(
  new URL('../../vectors/ed25519-published.txt', import.meta.url),
  'utf8',
)
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => line.split('\t')[0] ?? '')

test.for(published)('A104: the published key %s is known as such', (hex) => {
  const key = importPublicKey(xOf(hex))
  expect(key !== undefined && isPublishedTestKey(key)).toBe(true)
})

test('A104: the vectors list every key that is refused', () => {
  const code = readFileSync(
    new URL('../../../src/credential/known-keys.ts', import.meta.url),
    'utf8',
  )
  expect(published.map(xOf)).toEqual(code.match(/(?<=')[\w-]{43}(?=', \/\/)/g))
})

test('A104: a key of chance is not among the published ones', () => {
  expect(isPublishedTestKey(generateKeyPair(seededRandom(5)).publicKey)).toBe(false)
})

function pemOf(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'pkcs8' }).toString()
}

/** Doubles the point three times, in integers, and looks for the neutral point (RFC 8032 §5.1.4). */
function orderDivides8(hex: string): boolean {
  const p = 2n ** 255n - 19n
  const mod = (n: bigint) => ((n % p) + p) % p
  const power = (base: bigint, exponent: bigint): bigint => {
    let [result, b, e] = [1n, mod(base), exponent]
    for (; e > 0n; e >>= 1n, b = mod(b * b)) if (e & 1n) result = mod(result * b)
    return result
  }
  const invert = (n: bigint) => power(n, p - 2n)
  const d = mod(-121665n * invert(121666n))
  const bytes = Buffer.from(hex, 'hex').reverse()
  bytes[0] = (bytes[0] as number) & 0x7f
  let y = mod(BigInt(`0x${bytes.toString('hex')}`))
  const square = mod((y * y - 1n) * invert(d * y * y + 1n))
  let x = power(square, (p + 3n) / 8n)
  if (mod(x * x) !== square) x = mod(x * power(2n, (p - 1n) / 4n))
  if (mod(x * x) !== square) return false
  for (let i = 0; i < 3; i++) {
    const t = mod(d * x * x * y * y)
    const next: [bigint, bigint] = [
      mod(2n * x * y * invert(1n + t)),
      mod((y * y + x * x) * invert(1n - t)),
    ]
    ;[x, y] = next
  }
  return x === 0n && y === 1n
}
