import { compactVerify, importJWK, jwtVerify, SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { makeAddress, parseAddress } from '../../../src/address/address.ts'
import { parseDomain } from '../../../src/address/domain.ts'
import { generateKeyPair, type KeyPair } from '../../../src/credential/ed25519.ts'
import { createSigner, signUserLink } from '../../../src/credential/sign.ts'
import { parseCredentialToken, parseLinkToken } from '../../../src/credential/token.ts'
import type { Scope } from '../../../src/wire/registry.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { channel, vectorNow } from '../../support/token-vectors.ts'
import { limits } from '../../support/vector-verifier.ts'

const alice = parseAddress('alice@a.example')

function setUp({ withUserKey = true } = {}) {
  const random = seededRandom(1)
  const clock = new ManualClock(vectorNow * 1000 + 999)
  const linkKey = generateKeyPair(random)
  const userKey = withUserKey ? generateKeyPair(random) : undefined
  const domain = parseDomain('a.example')
  return {
    linkKey,
    userKey,
    clock,
    random,
    signer: createSigner({ domain, linkKey, userKey, clock, random, limits }),
  }
}

const jwk = (pair: KeyPair) =>
  importJWK({ kty: 'OKP', crv: 'Ed25519', x: pair.publicKey.x, alg: 'Ed25519' })

const credential = (facts: object = {}) => ({
  sub: alice,
  aud: 'b.example',
  scope: ['im.send'] as readonly Scope[],
  seconds: undefined,
  jkt: undefined,
  ...facts,
})

const read = (text: string) => {
  const token = parseCredentialToken(Buffer.from(text), limits, 'credential')
  if (!token.ok) throw new Error(token.detail)
  return token.value
}

test('jose verifies our link assertion', async () => {
  const { signer, linkKey, clock } = setUp()
  const token = signer.signLink({ aud: 'b.example', cb: channel })
  const { payload, protectedHeader } = await jwtVerify(token, await jwk(linkKey), {
    algorithms: ['Ed25519'],
    issuer: 'a.example',
    audience: 'b.example',
    typ: 'pitp-link+jwt',
    requiredClaims: ['exp', 'iat', 'jti', 'cb'],
    maxTokenAge: 120,
    currentDate: new Date(clock.wall()),
  })
  expect(protectedHeader).toEqual({
    alg: 'Ed25519',
    typ: 'pitp-link+jwt',
    kid: linkKey.publicKey.thumbprint,
  })
  expect(payload).toMatchObject({ iat: vectorNow, exp: vectorNow + 120, cb: channel })
})

test('jose verifies our user credential', async () => {
  const { signer, userKey, clock } = setUp()
  if (userKey === undefined) throw new Error('no key')
  const jkt = 'k'.repeat(43)
  const token = signer.signCredential(credential({ scope: ['pres.watch', 'im.send'], jkt }))
  const { payload } = await jwtVerify(token, await jwk(userKey), {
    algorithms: ['Ed25519'],
    issuer: 'a.example',
    audience: 'b.example',
    subject: 'alice@a.example',
    typ: 'pitp-cred+jwt',
    requiredClaims: ['exp', 'iat', 'jti'],
    currentDate: new Date(clock.wall()),
  })
  expect(payload).toEqual({
    iss: 'a.example',
    sub: 'alice@a.example',
    aud: 'b.example',
    iat: vectorNow,
    exp: vectorNow + 600,
    jti: expect.stringMatching(/^[A-Za-z0-9_-]{22}$/),
    scope: 'im.send pres.watch',
    cnf: { jkt },
  })
})

test.for(['Ed25519', 'EdDSA'])('a token that jose signs as %s passes our gate', async (alg) => {
  const { userKey } = setUp()
  if (userKey === undefined) throw new Error('no key')
  const kid = userKey.publicKey.thumbprint
  const token = await new SignJWT({ scope: 'im.send' })
    .setProtectedHeader({ alg, typ: 'pitp-cred+jwt', kid })
    .setIssuer('a.example')
    .setSubject('alice@a.example')
    .setAudience('b.example')
    .setIssuedAt(vectorNow)
    .setExpirationTime(vectorNow + 60)
    .setJti('0b8f6c1e-77a2-4f0d-9a51-1d2c3b4a5f60')
    .sign(userKey.privateKey)
  expect(read(token)).toMatchObject({
    header: { alg, kid },
    claims: { subjects: ['alice@a.example'] },
  })
  const { payload } = await compactVerify(token, userKey.publicKey.object)
  expect(payload.length).toBeGreaterThan(0)
})

test('every token has an identifier of its own', () => {
  const { signer } = setUp()
  const all = Array.from(
    { length: 100 },
    () => read(signer.signCredential(credential())).claims.jti,
  )
  expect(new Set(all).size).toBe(100)
})

test.for([
  [1, 1],
  [60.9, 60],
  [0, 1],
  [-5, 1],
  [3600, 3600],
  [3601, 3600],
  [Number.POSITIVE_INFINITY, 3600],
] as const)('a wish for %d s gets %d s', ([seconds, granted]) => {
  const { signer } = setUp()
  const { iat, exp } = read(signer.signCredential(credential({ seconds }))).claims
  expect(exp - iat).toBe(granted)
})

test('A101: what is signed is built from facts; what else the caller brings along is left out', () => {
  const { signer } = setUp()
  const smuggled = { iss: 'c.example', exp: 9_999_999_999, jti: 'mine', admin: true, nbf: 0 }
  const token = signer.signCredential(credential({ ...smuggled, scope: ['im.send', 'admin'] }))
  const payload = JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString())
  expect(Object.keys(payload)).toEqual(['iss', 'sub', 'aud', 'iat', 'exp', 'jti', 'scope'])
  expect(payload).toMatchObject({ iss: 'a.example', exp: vectorNow + 600, scope: 'im.send' })
})

test('A101: nobody is vouched for who is not of the domain', () => {
  const { signer } = setUp()
  const facts = credential({ sub: parseAddress('alice@c.example') })
  expect(() => signer.signCredential(facts)).toThrow(
    expect.objectContaining({ code: 'credential-subject' }),
  )
})

test('no credential is signed for nothing', () => {
  const { signer } = setUp()
  expect(() => signer.signCredential(credential({ scope: ['admin'] }))).toThrow(
    expect.objectContaining({ code: 'credential-scope' }),
  )
})

test('an edge without the key for users cannot invent users', () => {
  const { signer } = setUp({ withUserKey: false })
  expect(() => signer.signCredential(credential())).toThrow(
    expect.objectContaining({ code: 'credential-key' }),
  )
  expect(signer.signLink({ aud: 'b.example', cb: channel })).toMatch(/^ey/)
})

test('a client signs a link assertion in its own name', () => {
  const { clock, random } = setUp()
  const key = generateKeyPair(random)
  const facts = { aud: 'a.example', cb: channel }
  const text = signUserLink(alice, key, facts, { clock, random, limits })
  expect(parseLinkToken(Buffer.from(text), limits)).toMatchObject({
    ok: true,
    value: {
      header: { kid: key.publicKey.thumbprint },
      claims: { iss: 'alice@a.example', aud: 'a.example', exp: vectorNow + 120 },
    },
  })
})

test('every scope may be vouched for', () => {
  const { signer } = setUp()
  const scope = ['pres.notify', 'pres.publish', 'pres.watch', 'im.send'] as const
  expect(read(signer.signCredential(credential({ scope }))).claims.scope).toEqual(new Set(scope))
})

describe('[LINK-10.3-4] a token for several users', () => {
  const shared = (names: readonly string[], domain = 'a.example') => ({
    ...{ aud: 'b.example', scope: ['im.send'] as const, seconds: undefined },
    subs: names.map((name) => makeAddress(name, parseDomain(domain))),
  })
  const got = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error('no token')
    return value
  }
  const readShared = (text: string) => {
    const token = parseCredentialToken(Buffer.from(text), limits, 'credentials')
    if (!token.ok) throw new Error(token.detail)
    return token.value
  }

  test('lists them in the order of their bytes, and jose verifies it', async () => {
    const { signer, userKey, clock } = setUp()
    if (userKey === undefined) throw new Error('no key')
    const { token, subs } = got(signer.signShared(shared(['\u{10330}', 'zora', '\ufa0e', 'alice'])))
    expect(subs.map(({ user }) => user)).toEqual(['alice', 'zora', '\ufa0e', '\u{10330}'])
    const { payload, protectedHeader } = await jwtVerify(token, await jwk(userKey), {
      currentDate: new Date(clock.wall()),
    })
    expect(protectedHeader['typ']).toBe('pitp-creds+jwt')
    expect(payload).toEqual({
      ...{ iss: 'a.example', aud: 'b.example', iat: vectorNow, exp: vectorNow + 600 },
      ...{ jti: expect.any(String), scope: 'im.send', subs: subs.map(({ user }) => user) },
    })
    expect(readShared(token).claims.subjects).toEqual(subs.map(({ text }) => text))
  })

  test.each([
    ['short names', 200, (n: number) => `u${n}`, 64],
    ['long names', 200, (n: number) => `${n}-`.padEnd(200, 'x'), 6],
    ['the longest names', 3, (n: number) => `${n}-`.padEnd(256, 'x'), 3],
    ['names of two bytes a letter', 64, (n: number) => `\u00e9${n}`.repeat(6), 0],
    ['names that JSON escapes', 64, (n: number) => `${n}\\`.padEnd(40, '\\'), 0],
  ])('%s: takes the most wanted, as many as have room', (_, count, name, taken) => {
    const { signer } = setUp()
    const names = Array.from({ length: count }, (_one, n) => name(n))
    const { token, subs } = got(signer.signShared(shared(names)))
    expect(new Set(subs.map(({ user }) => user))).toEqual(new Set(names.slice(0, subs.length)))
    expect(token.length).toBeLessThanOrEqual(2048)
    if (taken > 0) expect(subs.length).toBe(taken)
    // One more would not have had room.
    const longest = Math.max(...names.map((one) => Buffer.byteLength(JSON.stringify(one)) + 1))
    if (subs.length < 64 && subs.length < count) {
      expect(token.length + (longest * 4) / 3 + 2).toBeGreaterThan(2048)
    }
    expect(readShared(token).claims.subjects).toEqual(subs.map(({ text }) => text))
  })

  test('is none where not even two have room', () => {
    const { clock, random, userKey, linkKey } = setUp()
    const domain = parseDomain([...Array(3).fill('x'.repeat(63)), 'y'.repeat(61)].join('.'))
    const signer = createSigner({ domain, linkKey, userKey, clock, random, limits })
    const long = (letter: string) => `${letter}${'\\'.repeat(255)}`
    const facts = shared([long('a'), long('b'), 'c'], domain)
    expect(signer.signShared({ ...facts, aud: domain })).toBe(undefined)
    expect(signer.signShared(shared(['alice'], domain))).toBe(undefined)
  })

  test('is for users of our own domain alone', () => {
    const { signer } = setUp()
    const facts = { ...shared(['alice']), subs: [alice, parseAddress('alice@c.example')] }
    expect(() => signer.signShared(facts)).toThrow(
      expect.objectContaining({ code: 'credential-subject' }),
    )
  })
})
