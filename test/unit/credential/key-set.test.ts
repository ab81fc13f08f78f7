import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { compactVerify } from 'jose'
import { expect, test } from 'vitest'
import { generateKeyPair } from '../../../src/credential/ed25519.ts'
import { parseKeySet, sharesKey, succession } from '../../../src/credential/key-set.ts'
import { isPublishedTestKey } from '../../../src/credential/known-keys.ts'
import { writeKeySet } from '../../../src/credential/publish-keys.ts'
import { createSigner } from '../../../src/credential/sign.ts'
import { b64, type forgeKey } from '../../support/forge.ts'
import {
  day,
  entryOf,
  forgeKeySet,
  type SetChange,
  sealKeySet,
  signSet,
  someKey,
} from '../../support/forge-key-set.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { vectorNow as now, vectorKeys } from '../../support/token-vectors.ts'
import { limits } from '../../support/vector-verifier.ts'

const context = { domain: 'a.example', now, limits, isForbidden: isPublishedTestKey }
const parse = (body: Buffer) => parseKeySet(body, context)
const forged = (what: Omit<SetChange, 'now'> = {}) => parse(forgeKeySet({ now, ...what }))
const code = (verdict: ReturnType<typeof parse>) => (verdict.ok ? 'ok' : verdict.code)
const [one, two] = [someKey('one'), someKey('two')]

test('a key set gives its keys by their ids', () => {
  const verdict = forged({ keys: [one, two], ver: 7 })
  expect(verdict).toMatchObject({ ok: true, value: { domain: 'a.example', ver: 7 } })
  if (!verdict.ok) return
  expect([...verdict.value.keys.keys()]).toEqual([one.kid, two.kid])
  expect(verdict.value.keys.get(one.kid)).toMatchObject({ use: 'both', key: { x: one.x } })
})

test('what we publish is what we read, and the same content gives the same bytes', () => {
  const random = seededRandom(1)
  const [link, user] = [generateKeyPair(random), generateKeyPair(random)]
  const keys = [
    { pair: link, use: 'link', nbf: now, naf: now + day },
    { pair: user, use: 'user', nbf: now, naf: now + day },
  ] as const
  const content = { domain: 'a.example', ver: 3, iat: now, exp: now + day, keys, revoked: ['old'] }
  const clock = new ManualClock(now * 1000)
  const signer = createSigner({
    domain: 'a.example',
    linkKey: link,
    userKey: user,
    clock,
    random,
    limits,
  })
  const body = signer.signKeySet({ ver: 3, seconds: day, keys, revoked: ['old'] })
  expect(body).toEqual(writeKeySet(content))
  const verdict = parse(body)
  expect(verdict).toMatchObject({ ok: true, value: { ver: 3, revoked: new Set(['old']) } })
  expect(verdict.ok && verdict.value.keys.get(user.publicKey.thumbprint)?.use).toBe('user')
})

test('jose verifies each signature of our key set as a JWS', async () => {
  const pair = generateKeyPair(seededRandom(1))
  const keys = [{ pair, use: 'both', nbf: now, naf: now + day }] as const
  const body = writeKeySet({
    domain: 'a.example',
    ver: 1,
    iat: now,
    exp: now + day,
    keys,
    revoked: [],
  })
  const { set, signatures } = JSON.parse(body.toString())
  const kid = pair.publicKey.thumbprint
  const header = b64(`{"alg":"Ed25519","typ":"pitp-keys+jws","kid":"${kid}"}`)
  const { payload } = await compactVerify(
    `${header}.${set}.${signatures[0].sig}`,
    pair.publicKey.object,
    { algorithms: ['Ed25519'] },
  )
  expect(JSON.parse(Buffer.from(payload).toString())).toMatchObject({ domain: 'a.example', ver: 1 })
})

test.for([
  ['A099: of another domain', 'credential-issuer', { domain: 'c.example' }],
  ['A099: of the domain in capitals', 'credential-issuer', { domain: 'A.example' }],
  ['without a version', 'credential-format', { change: { ver: undefined } }],
  ['with the version nought', 'credential-format', { ver: 0 }],
  ['with a negative version', 'credential-format', { ver: -1 }],
  ['with a version that is a text', 'credential-format', { ver: '1' }],
  ['with a version beyond 2^53', 'credential-format', { ver: 2 ** 53 }],
  ['whose iat is a text', 'credential-format', { change: { iat: '1' } }],
  ['whose exp is missing', 'credential-format', { change: { exp: undefined } }],
  ['of the future', 'credential-time', { change: { iat: now + 31 } }],
  ['at the edge of the future', 'ok', { change: { iat: now + 30 } }],
  ['that ends when it begins', 'credential-time', { change: { exp: now } }],
  ['that expired 31 s ago', 'credential-expired', { change: { iat: now - 99, exp: now - 31 } }],
  ['that expired 30 s ago', 'ok', { change: { iat: now - 99, exp: now - 30 } }],
  ['without keys', 'credential-format', { keys: [] }],
  ['whose keys are no list', 'credential-format', { entries: {} }],
  ['whose key is a text', 'credential-format', { entries: ['key'] }],
  ['with the same key twice', 'credential-format', { keys: [one, one] }],
  ['with one key under two names', 'credential-format', { keys: [one, { ...one, kid: 'other' }] }],
  ['with one name for two keys', 'credential-format', { keys: [one, { ...two, kid: one.kid }] }],
  ['whose list of revoked ids is missing', 'credential-format', { change: { revoked: undefined } }],
  ['with a revoked id that is none', 'credential-format', { change: { revoked: ['a b'] } }],
  ['with 256 revoked ids', 'ok', { change: { revoked: ids(256) } }],
  ['with 257 revoked ids', 'credential-format', { change: { revoked: ids(257) } }],
  ['with members that nobody knows', 'ok', { change: { delegations: [{ sub: 'g.example' }] } }],
  ['A095: of 16 keys', 'ok', { keys: many(16) }],
  ['A095: of 17 keys', 'too-large', { keys: many(17) }],
] as const)('a key set %s: %s', ([, expected, what]) => {
  expect(code(forged(what as Omit<SetChange, 'now'>))).toBe(expected)
})

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' })

test.for([
  ['kid with a path', 'credential-format', { kid: '../x' }],
  ['kid missing', 'credential-format', { kid: undefined }],
  ['kty missing', 'credential-format', { kty: undefined }],
  ['A088: x of small order', 'credential-key', { x: b64(Buffer.alloc(32)) }],
  ['x missing', 'credential-key', { x: undefined }],
  ['x with padding', 'credential-key', { x: `${one.x}=` }],
  ['use missing', 'credential-format', { use: undefined }],
  ['use sig', 'credential-format', { use: 'sig' }],
  ['nbf missing', 'credential-format', { nbf: undefined }],
  ['naf before nbf', 'credential-format', { nbf: 2, naf: 1 }],
  ['A104: x of RFC 8032', 'credential-key', { x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }],
] as const)('a key with %s spoils the set: %s', ([, expected, change]) => {
  const entries = [entryOf(two, now), entryOf(one, now, change)]
  expect(code(forged({ entries, signers: [two, one] }))).toBe(expected)
})

const foreign = [
  ['A080: kty EC', { kty: 'EC', crv: 'P-256', x: ec.x, y: ec.y }],
  ['A080: crv X25519', { crv: 'X25519' }],
  ['A080: crv Ed448', { crv: 'Ed448' }],
  ['kty AKP', { kty: 'AKP', crv: undefined, x: undefined, use: 'both-and-more' }],
] as const

test.for(foreign)(
  '[LINK-10.5-7] a key of another kind is passed over, with its signature: %s',
  ([, change]) => {
    const entries = [entryOf(two, now), entryOf(one, now, change)]
    const wrong = { ...one, privateKey: two.privateKey }
    const verdict = forged({ entries, signers: [wrong, two] })
    expect(verdict.ok && [...verdict.value.keys.keys()]).toEqual([two.kid])
  },
)

test.for([
  ['no other key', 'credential-key', [entryOf(one, now, { kty: 'EC' })], [one]],
  [
    'no signature',
    'credential-signature',
    [entryOf(two, now), entryOf(one, now, { kty: 'EC' })],
    [two],
  ],
  [
    'its signature twice',
    'credential-format',
    [entryOf(two, now), entryOf(one, now, { kty: 'EC' })],
    [one, one],
  ],
  [
    'the id of another',
    'credential-format',
    [entryOf(one, now), entryOf(one, now, { kty: 'EC' })],
    [one, one],
  ],
] as const)('[LINK-10.5-7] a key of another kind with %s: %s', ([, expected, entries, signers]) => {
  expect(code(forged({ entries, signers }))).toBe(expected)
})

const smallOrder = readFileSync(
  new URL('../../vectors/ed25519-small-order.txt', import.meta.url),
  'utf8',
)

test.for(smallOrder.split('\n').filter((line) => /^[0-9a-f]/.test(line)))(
  'A088: the small-order key %s spoils the set',
  (hex) => {
    const entries = [entryOf(one, now, { x: b64(Buffer.from(hex, 'hex')) })]
    expect(code(forged({ entries }))).toBe('credential-key')
  },
)

test('A104: published test keys are refused, properly signed as they may be', () => {
  expect(code(forged({ keys: [vectorKeys.link] }))).toBe('credential-key')
  const body = forgeKeySet({ now, keys: [vectorKeys.link] })
  expect(code(parseKeySet(body, { ...context, isForbidden: () => false }))).toBe('ok')
})

test.for([
  ['a signature is missing', { keys: [one, two], signers: [one] }],
  ['there is one signature more', { keys: [one], signers: [one, two] }],
  ['one key signs for another', { keys: [one, two], signers: [one, { ...one, kid: two.kid }] }],
  ['nobody signs', { keys: [one], signers: [] }],
] as const)('a set is refused if %s: whoever publishes a key holds it', ([, what]) => {
  expect(code(forged(what))).toBe('credential-signature')
})

test('a key that signs twice does not sign for the other', () => {
  expect(code(forged({ keys: [one, two], signers: [one, one] }))).toBe('credential-format')
})

test('A103: a set is the bytes that were signed, in their order', () => {
  const body = JSON.parse(forgeKeySet({ now }).toString())
  const set = JSON.parse(Buffer.from(body.set, 'base64url').toString())
  const turned = b64(JSON.stringify(Object.fromEntries(Object.entries(set).reverse())))
  expect(code(parse(Buffer.from(JSON.stringify({ ...body, set: turned }))))).toBe(
    'credential-signature',
  )
})

test('a signature over a token is none over a set', () => {
  const body = JSON.parse(forgeKeySet({ now }).toString())
  const forToken = signSet(body.set, { ...one, kid: 'other' })
  const signatures = [{ kid: one.kid, sig: b64(forToken) }]
  expect(code(parse(Buffer.from(JSON.stringify({ ...body, signatures }))))).toBe(
    'credential-signature',
  )
})

test('duplicate members inside the set are refused, signed as they are', () => {
  const text = Buffer.from(JSON.parse(forgeKeySet({ now }).toString()).set, 'base64url').toString()
  const doubled = text.replace('"ver":1', '"ver":1,"v\\u0065r":2')
  expect(code(parse(sealKeySet(doubled, [one])))).toBe('credential-format')
})

test('A095: a body of 64 KiB is read, of one byte more not', () => {
  const body = forgeKeySet({ now, change: { revoked: ids(100) } })
  const padded = (length: number) => Buffer.from(body.toString().padEnd(length, ' '))
  expect(code(parse(padded(limits.keySetBytes)))).toBe('ok')
  expect(code(parse(padded(limits.keySetBytes + 1)))).toBe('too-large')
})

test.for([
  ['nothing', ''],
  ['a list', '[]'],
  ['no set', '{"signatures":[]}'],
  ['a set that is no base64url', '{"set":"=","signatures":[]}'],
  ['a set that is no JSON', '{"set":"AAAA","signatures":[]}'],
])('a body with %s is refused', ([, text]) => {
  expect(code(parse(Buffer.from(text as string)))).toBe('credential-format')
})

test('any single byte of a body changed means refusal', () => {
  const body = forgeKeySet({ now, keys: [one, two] })
  for (let at = 0; at < body.length; at++) {
    const changed = Buffer.from(body)
    changed[at] = (changed[at] as number) ^ (1 << (at % 7))
    expect(code(parse(changed)), `byte ${at}`).not.toBe('ok')
  }
})

test('A097: versions only rise, and one version is one set', () => {
  const read = (what: Omit<SetChange, 'now'>) => {
    const verdict = forged(what)
    if (!verdict.ok) throw new Error(verdict.detail)
    return verdict.value
  }
  const last = read({ ver: 5 })
  expect(succession(last, read({ ver: 5 }))).toBe('same')
  expect(succession(last, read({ ver: 6 }))).toBe('newer')
  expect(succession(last, read({ ver: 4 }))).toBe('older')
  expect(succession(last, read({ ver: 5, keys: [one, two] }))).toBe('conflict')
})

test('a set continues the last one if they share a key that is not revoked', () => {
  const read = (what: Omit<SetChange, 'now'>) => {
    const verdict = forged(what)
    if (!verdict.ok) throw new Error(verdict.detail)
    return verdict.value
  }
  const last = read({ keys: [one] })
  expect(sharesKey(last, read({ keys: [one, two] }))).toBe(true)
  expect(sharesKey(last, read({ keys: [two] }))).toBe(false)
  expect(sharesKey(last, read({ keys: [{ ...one, kid: 'renamed' }] }))).toBe(true)
  expect(sharesKey(last, read({ keys: [one, two], change: { revoked: [one.kid] } }))).toBe(false)
  // Another key under the old name is no continuation.
  expect(sharesKey(last, read({ keys: [{ ...two, kid: one.kid }] }))).toBe(false)
})

function ids(count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => `k${at}`)
}

function many(count: number): readonly ReturnType<typeof forgeKey>[] {
  return ids(count).map(someKey)
}
