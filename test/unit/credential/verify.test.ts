import { expect, test } from 'vitest'
import { checkScope } from '../../../src/credential/checks.ts'
import { generateKeyPair, importPublicKey } from '../../../src/credential/ed25519.ts'
import type { Found } from '../../../src/credential/key-entry.ts'
import { parseCredentialToken, parseLinkToken } from '../../../src/credential/token.ts'
import { TokenBucket } from '../../../src/lib/token-bucket.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import {
  channel,
  linkToken,
  tokenCases,
  userToken,
  vectorKeys,
  vectorNow,
} from '../../support/token-vectors.ts'
import {
  credentialContext,
  type Lookups,
  limits,
  linkContext,
  plenty,
  vectorLookup,
  vectorVerifier,
  word,
} from '../../support/vector-verifier.ts'

const parseLink = (text: string) => got(parseLinkToken(Buffer.from(text), limits))
const parseUser = (text: string) =>
  got(parseCredentialToken(Buffer.from(text), limits, 'credential'))

function got<T>(verdict: { ok: true; value: T } | { ok: false; detail: string }): T {
  if (!verdict.ok) throw new Error(verdict.detail)
  return verdict.value
}

test('a good credential gives its sender, its scope and its end', async () => {
  const { verifier } = vectorVerifier()
  const verdict = await verifier.credential(parseUser(userToken()), credentialContext(), plenty)
  expect(got(verdict)).toMatchObject({
    senders: [{ text: 'alice@a.example' }],
    claims: { exp: vectorNow + 540, scope: new Set(['im.send', 'pres.watch']) },
  })
})

test('the faults of one token come to light in the fixed order', async () => {
  const { verifier } = vectorVerifier()
  const context = credentialContext({ proven: false, presenter: null })
  const claims = {
    iss: 'c.example',
    sub: 'alice@d.example',
    aud: 'e.example',
    exp: vectorNow + 99_999,
  }
  const key = vectorKeys.stranger
  const steps = [
    ['credential-issuer', {}, { key }],
    ['credential-subject', { iss: 'a.example' }, { key }],
    ['credential-audience', { sub: 'alice@a.example' }, { key }],
    ['credential-time', { aud: 'b.example' }, { key }],
    ['credential-key', { exp: vectorNow + 9 }, { key }],
    ['credential-signature', {}, { key, header: { kid: vectorKeys.user.kid } }],
    ['credential-binding', {}, {}],
  ] as const
  let mended: object = claims
  for (const [code, mend, change] of steps) {
    mended = { ...mended, ...mend }
    const token = parseUser(userToken({ ...change, claims: { ...mended } }))
    expect(word(await verifier.credential(token, context, plenty))).toBe(code)
  }
})

test('A102: no key is looked for, and nothing is fetched, before issuer, subject, audience and times are right', async () => {
  const early = ['credential-issuer', 'credential-subject', 'credential-audience']
  const late = ['credential-time', 'credential-expired']
  const cases = tokenCases.filter(({ expect: code }) => [...early, ...late].includes(code))
  expect(cases.length).toBeGreaterThan(20)
  for (const one of cases) {
    const { verifier, keys } = vectorVerifier()
    const bytes = Buffer.from(one.token)
    if (one.kind === 'link') {
      const token = parseLinkToken(bytes, limits)
      if (token.ok) await verifier.link(token.value, linkContext, plenty)
    } else {
      const token = parseCredentialToken(bytes, limits, 'credential')
      if (token.ok) await verifier.credential(token.value, credentialContext(), plenty)
    }
    expect((keys as Lookups).asked, one.name).toEqual([])
  }
})

test('A083: a header with a place to fetch keys from fetches nothing', () => {
  const token = parseCredentialToken(
    Buffer.from(userToken({ header: { jku: 'https://c.example/' } })),
    limits,
    'credential',
  )
  expect(token).toMatchObject({ ok: false, code: 'credential-format' })
})

test('A086: the same link assertion serves again on its channel, and on no other', async () => {
  const { verifier } = vectorVerifier()
  const token = parseLink(linkToken())
  const other = { ...linkContext, channel: 'B'.repeat(43) }
  expect(word(await verifier.link(token, linkContext, plenty))).toBe('ok')
  expect(word(await verifier.link(token, linkContext, plenty))).toBe('ok')
  expect(word(await verifier.link(token, other, plenty))).toBe('credential-binding')
})

test('A086: a credential shown on a second link is judged by that link', async () => {
  const { verifier } = vectorVerifier()
  const token = parseUser(userToken())
  const unproven = credentialContext({ proven: false, presenter: null })
  expect(word(await verifier.credential(token, credentialContext(), plenty))).toBe('ok')
  expect(word(await verifier.credential(token, unproven, plenty))).toBe('credential-binding')
})

test('A091: a credential for presence does not send messages', () => {
  const { claims } = parseUser(userToken({ claims: { scope: 'pres.watch pres.publish' } }))
  expect(word(checkScope(claims, 'pres.watch'))).toBe('ok')
  expect(word(checkScope(claims, 'im.send'))).toBe('credential-scope')
  expect(word(checkScope(claims, 'pres.notify'))).toBe('credential-scope')
})

test('a signature is verified once, and time is judged again at each showing', async () => {
  const { verifier, clock } = vectorVerifier()
  const token = parseUser(userToken())
  let spent = 0
  const spend = () => ++spent > 0
  expect(word(await verifier.credential(token, credentialContext(), spend))).toBe('ok')
  expect(word(await verifier.credential(token, credentialContext(), spend))).toBe('ok')
  expect(spent).toBe(1)
  await clock.advance(571_000)
  expect(word(await verifier.credential(token, credentialContext(), spend))).toBe(
    'credential-expired',
  )
})

test('a good signature is not good under another key of the same kid', async () => {
  const { verifier, signatures } = vectorVerifier()
  const token = parseUser(userToken())
  await verifier.credential(token, credentialContext(), plenty)
  const other = generateKeyPair(seededRandom(1)).publicKey
  const own = importPublicKey(vectorKeys.user.x)
  expect(own && signatures.has(token.digest, own)).toBe(true)
  expect(signatures.has(token.digest, other)).toBe(false)
})

test('A100: a token whose signature is remembered is refused once its key is revoked', async () => {
  let isRevoked = false
  const { clock } = vectorVerifier()
  const published = vectorLookup(clock)
  const find: Lookups['find'] = (...question) =>
    isRevoked ? { state: 'revoked' } : published.find(...question)
  const { verifier } = vectorVerifier({ ...published, find })
  const token = parseUser(userToken())
  expect(word(await verifier.credential(token, credentialContext(), plenty))).toBe('ok')
  isRevoked = true
  expect(word(await verifier.credential(token, credentialContext(), plenty))).toBe(
    'credential-revoked',
  )
})

test('A106: distinct tokens beyond the budget of a link are rate-limited, repeats are free', async () => {
  const { verifier, clock } = vectorVerifier()
  const budget = new TokenBucket(2, 2, clock.now())
  const spend = () => budget.take(clock.now())
  const show = async (jti: string) =>
    word(
      await verifier.credential(
        parseUser(userToken({ claims: { jti: jti.repeat(22) } })),
        credentialContext(),
        spend,
      ),
    )
  expect([await show('a'), await show('b'), await show('c'), await show('a')]).toEqual([
    'ok',
    'ok',
    'rate-limited',
    'ok',
  ])
  await clock.advance(1000)
  expect(await show('c')).toBe('ok')
})

test.for([
  ['unknown-kid', 'credential-key'],
  ['unfit', 'credential-key'],
  ['revoked', 'credential-revoked'],
  ['unavailable', 'credential-unverifiable'],
] as const)('a key that is %s means %s', async ([state, code]) => {
  const found: Found = state === 'unavailable' ? { state, retryAfterMs: 1 } : { state }
  const ensure = () => Promise.reject(new Error('nothing is fetched'))
  const { verifier } = vectorVerifier({ find: () => found, findSeen: () => found, ensure })
  const verdict = verifier.credential(parseUser(userToken()), credentialContext(), plenty)
  expect(verdict).toMatchObject({ ok: false, code })
})

test('an absent key is fetched, and the token is judged when it is there', async () => {
  const { clock } = vectorVerifier()
  const published = vectorLookup(clock)
  let isHere = false
  const find: Lookups['find'] = (...question) =>
    isHere ? published.find(...question) : { state: 'absent' }
  const ensure = async () => {
    isHere = true
    return undefined
  }
  const { verifier } = vectorVerifier({ find, findSeen: find, ensure })
  const verdict = verifier.link(parseLink(linkToken()), linkContext, plenty)
  expect(verdict).toBeInstanceOf(Promise)
  expect(word(await verdict)).toBe('ok')
})

test('a key that no fetch brings is a temporary refusal', async () => {
  const find = (): Found => ({ state: 'absent' })
  const ensure = async () => undefined
  const { verifier } = vectorVerifier({ find, findSeen: find, ensure })
  expect(word(await verifier.link(parseLink(linkToken()), linkContext, plenty))).toBe(
    'credential-unverifiable',
  )
})

test('a token that expires while its key is fetched is refused', async () => {
  const { clock, verifier } = (() => {
    const bench = vectorVerifier()
    const published = vectorLookup(bench.clock)
    let isHere = false
    return vectorVerifier({
      find: (...question) => (isHere ? published.find(...question) : { state: 'absent' }),
      findSeen: published.findSeen,
      ensure: async () => {
        isHere = true
        await clock.advance(200_000)
        return undefined
      },
    })
  })()
  expect(word(await verifier.link(parseLink(linkToken()), linkContext, plenty))).toBe(
    'credential-expired',
  )
})

test('a host found by fallback has to prove a key that was seen before', async () => {
  const { clock } = vectorVerifier()
  const published = vectorLookup(clock)
  const findSeen = (): Found => ({ state: 'unknown-kid' })
  const { verifier } = vectorVerifier({ ...published, findSeen })
  const token = parseLink(linkToken())
  expect(word(await verifier.link(token, linkContext, plenty))).toBe('ok')
  const strict = { ...linkContext, keys: 'seen' } as const
  expect(word(await verifier.link(token, strict, plenty))).toBe('credential-key')
})

const client = vectorKeys.client
const clientContext = {
  ...linkContext,
  mayClaim: (iss: string) => iss === 'alice@a.example',
  isAudience: (aud: string) => aud === 'a.example',
}
const clientToken = (change: object = {}, header: object = {}) =>
  parseLink(
    linkToken({
      key: client,
      claims: { iss: 'alice@a.example', aud: 'a.example', ...change },
      header: { ...header },
    }),
  )

test('a client attaches with its own key', () => {
  const key = importPublicKey(client.x)
  if (key === undefined) throw new Error('no key')
  const { verifier, keys } = vectorVerifier()
  const context = { ...clientContext, key }
  const verdict = verifier.holder(clientToken(), context, plenty)
  expect(got(verdict)).toMatchObject({ iss: 'alice@a.example', cb: channel })
  expect((keys as Lookups).asked).toEqual([])
})

test.for([
  ['credential-issuer', { iss: 'bob@a.example' }, {}],
  ['credential-audience', { aud: 'b.example' }, {}],
  ['credential-expired', { iat: vectorNow - 100, exp: vectorNow - 31 }, {}],
  ['credential-key', {}, { kid: vectorKeys.stranger.kid }],
  ['credential-binding', { cb: 'A'.repeat(43) }, {}],
] as const)('A092: a client is refused with %s for %j', ([code, change, header]) => {
  const key = importPublicKey(client.x)
  if (key === undefined) throw new Error('no key')
  const { verifier } = vectorVerifier()
  const verdict = verifier.holder(clientToken(change, header), { ...clientContext, key }, plenty)
  expect(word(verdict)).toBe(code)
})

test('A092: a client that holds another key than it names is refused', () => {
  const key = importPublicKey(client.x)
  if (key === undefined) throw new Error('no key')
  const claims = { iss: 'alice@a.example', aud: 'a.example' }
  const header = { kid: client.kid }
  const token = parseLink(linkToken({ key: vectorKeys.stranger, claims, header }))
  const { verifier } = vectorVerifier()
  expect(word(verifier.holder(token, { ...clientContext, key }, plenty))).toBe(
    'credential-signature',
  )
})

test('no key set is ever asked for in the name of a user', () => {
  const { verifier, keys } = vectorVerifier()
  const verdict = verifier.link(clientToken(), { ...clientContext, keys: 'any' }, plenty)
  expect(verdict).toMatchObject({ ok: false, code: 'credential-issuer' })
  expect((keys as Lookups).asked).toEqual([])
})

test('a refusal tells nothing of the token', async () => {
  for (const one of tokenCases) {
    const token = parseCredentialToken(Buffer.from(one.token), limits, 'credential')
    const { verifier } = vectorVerifier()
    const verdict = token.ok
      ? await verifier.credential(token.value, credentialContext(), plenty)
      : token
    if (verdict.ok) continue
    for (const secret of ['alice', 'AAECAwQF', channel, one.token.slice(-20)]) {
      if (secret !== '') expect(verdict.detail).not.toContain(secret)
    }
  }
})
