/** The cases of `test/vectors/tokens.json`: tokens, good and bad, that any implementation can try itself on. */
import { createHmac } from 'node:crypto'
import type { Status } from '../../src/errors.ts'
import { b64, type ForgeKey, forge, forgeKey } from './forge.ts'

export const vectorNow = 1_790_000_000
export const issuer = 'a.example'
export const audience = 'b.example'
/** SHA-256 of the 32 bytes 00 01 … 1f, which stand for the exporter value. */
export const channel = 'Yw3NKWbEM2aRElRIu7JbT_QSpJxzLbLIq8G4WBvXEN0'

export const vectorKeys = {
  link: forgeKey('gatehouse vectors: link key of a.example'),
  user: forgeKey('gatehouse vectors: user key of a.example'),
  both: forgeKey('gatehouse vectors: key of a.example for both'),
  early: forgeKey('gatehouse vectors: key of a.example for tomorrow'),
  late: forgeKey('gatehouse vectors: key of a.example of yesterday'),
  revoked: forgeKey('gatehouse vectors: revoked key of a.example'),
  stranger: forgeKey('gatehouse vectors: key that nobody published'),
  client: forgeKey('gatehouse vectors: key of alice@a.example'),
  soon: forgeKey('gatehouse vectors: key of a.example for the next half minute'),
  lately: forgeKey('gatehouse vectors: key of a.example of the last half minute'),
} as const

export type VectorKeyName = keyof typeof vectorKeys

export const day = 86_400
/** What the key set of `a.example` says at `vectorNow`. */
export const vectorSet: readonly {
  readonly name: VectorKeyName
  readonly use: 'link' | 'user' | 'both'
  readonly nbf: number
  readonly naf: number
}[] = [
  { name: 'link', use: 'link', nbf: vectorNow - day, naf: vectorNow + day },
  { name: 'user', use: 'user', nbf: vectorNow - day, naf: vectorNow + day },
  { name: 'both', use: 'both', nbf: vectorNow - day, naf: vectorNow + day },
  { name: 'early', use: 'both', nbf: vectorNow + 31, naf: vectorNow + day },
  { name: 'late', use: 'both', nbf: vectorNow - day, naf: vectorNow - 31 },
  { name: 'soon', use: 'both', nbf: vectorNow + 30, naf: vectorNow + day },
  { name: 'lately', use: 'both', nbf: vectorNow - day, naf: vectorNow - 30 },
]

export type TokenCase = {
  readonly name: string
  /** `credentials`: a token for several users is expected. */
  readonly kind: 'link' | 'credential' | 'credentials'
  readonly token: string
  /** Whether the pair (a.example, b.example) is proven on the link. */
  readonly proven: boolean
  /** The key whose possession was proven on the link, if any. */
  readonly presenter: VectorKeyName | null
  readonly expect: 'ok' | Status
  /** Of a good token for several users: the address of each, `null` for who gets no number. */
  readonly users?: readonly (string | null)[]
}

type Part = Readonly<Record<string, unknown>>

const linkHeader: Part = { alg: 'Ed25519', typ: 'pitp-link+jwt', kid: vectorKeys.link.kid }
const linkClaims: Part = {
  iss: issuer,
  aud: audience,
  iat: vectorNow - 5,
  exp: vectorNow + 115,
  jti: 'AAECAwQFBgcICQoLDA0ODw',
  cb: channel,
}
const userHeader: Part = { alg: 'Ed25519', typ: 'pitp-cred+jwt', kid: vectorKeys.user.kid }
const userClaims: Part = {
  iss: issuer,
  sub: 'alice@a.example',
  aud: audience,
  iat: vectorNow - 60,
  exp: vectorNow + 540,
  jti: 'AAECAwQFBgcICQoLDA0ODw',
  scope: 'im.send pres.watch',
}

const sharedHeader: Part = { ...userHeader, typ: 'pitp-creds+jwt' }
const { sub: _one, ...rightsOfUsers } = userClaims
const sharedClaims: Part = { ...rightsOfUsers, subs: ['alice', 'anna'] }

type Change = {
  readonly header?: Part | string
  readonly claims?: Part | string
  readonly key?: ForgeKey
}

/** `undefined` as a value takes a member away. A string replaces the whole part. */
const merge = (base: Part, change: Part | string | undefined): Part | string =>
  typeof change === 'string' ? change : { ...base, ...change }

export const linkToken = ({ header, claims, key = vectorKeys.link }: Change = {}): string =>
  forge(merge({ ...linkHeader, kid: key.kid }, header), merge(linkClaims, claims), key.privateKey)

export const userToken = ({ header, claims, key = vectorKeys.user }: Change = {}): string =>
  forge(merge({ ...userHeader, kid: key.kid }, header), merge(userClaims, claims), key.privateKey)

export const sharedToken = ({ header, claims, key = vectorKeys.user }: Change = {}): string =>
  forge(
    merge({ ...sharedHeader, kid: key.kid }, header),
    merge(sharedClaims, claims),
    key.privateKey,
  )

/** Text with one more member than an object can hold, for duplicates and numbers that JSON cannot print. */
const withText = (base: Part, text: string): string =>
  `${JSON.stringify(base).slice(0, -1)},${text}}`

const good = userToken()
const [goodHeader, goodClaims, goodSignature] = good.split('.') as [string, string, string]

type Row = readonly [name: string, expect: 'ok' | Status, token: string]

// biome-ignore format: one case a line
const formats: readonly Row[] = [
  ['A082: kid that climbs', 'credential-format', userToken({ header: { kid: '../../etc/passwd' } })],
  ['A082: kid that asks a data base', 'credential-format', userToken({ header: { kid: "' OR 1=1 --" } })],
  ['A082: kid that is empty', 'credential-format', userToken({ header: { kid: '' } })],
  ['A082: kid of 65 characters', 'credential-format', userToken({ header: { kid: 'k'.repeat(65) } })],
  ['A082: kid of 1 KiB', 'credential-format', userToken({ header: { kid: 'k'.repeat(1024) } })],
  ['A082: kid of the type number', 'credential-format', userToken({ header: { kid: 7 } })],
  ['A082: kid missing', 'credential-format', userToken({ header: { kid: undefined } })],
  ['A082: kid __proto__ is a name like any other', 'credential-key', userToken({ header: { kid: '__proto__' } })],
  ['A083: jku', 'credential-format', userToken({ header: { jku: 'https://c.example/keys' } })],
  ['A083: x5u', 'credential-format', userToken({ header: { x5u: 'https://c.example/c.pem' } })],
  ['A083: jwk', 'credential-format', userToken({ header: { jwk: { kty: 'OKP', crv: 'Ed25519', x: vectorKeys.stranger.x } } })],
  ['A083: x5c', 'credential-format', userToken({ header: { x5c: ['MIIB'] } })],
  ['A083: crit', 'credential-format', userToken({ header: { crit: ['exp'] } })],
  ['A083: b64 false', 'credential-format', userToken({ header: { b64: false } })],
  ['A083: zip', 'credential-format', userToken({ header: { zip: 'DEF' } })],
  ['A083: __proto__ in the header', 'credential-format', userToken({ header: withText({ ...userHeader }, '"__proto__":1') })],
  ['A081: typ of a link assertion', 'credential-format', userToken({ header: { typ: 'pitp-link+jwt' } })],
  ['A081: typ at+jwt', 'credential-format', userToken({ header: { typ: 'at+jwt' } })],
  ['A081: typ dpop+jwt', 'credential-format', userToken({ header: { typ: 'dpop+jwt' } })],
  ['A081: typ JWT', 'credential-format', userToken({ header: { typ: 'JWT' } })],
  ['A081: typ in capitals', 'credential-format', userToken({ header: { typ: 'PITP-CRED+JWT' } })],
  ['A081: typ with a prefix', 'credential-format', userToken({ header: { typ: 'application/pitp-cred+jwt' } })],
  ['A081: typ missing', 'credential-format', userToken({ header: { typ: undefined } })],
  ['A087: padding', 'credential-format', `${good}==`],
  ['A087: a blank inside', 'credential-format', `${goodHeader}. ${goodClaims}.${goodSignature}`],
  ['A087: a line end behind', 'credential-format', `${good}\n`],
  ['A087: the other alphabet', 'credential-format', good.replace(/[-_]/, (c) => (c === '-' ? '+' : '/'))],
  ['A087: stray trailing bits', 'credential-format', strayBits(good)],
  ['A087: a character that decoders skip', 'credential-format', `${goodHeader}.${goodClaims}*.${goodSignature}`],
  ['two parts', 'credential-format', `${goodHeader}.${goodClaims}`],
  ['four parts', 'credential-format', `${good}.${goodSignature}`],
  ['five parts, as an encrypted token has', 'credential-format', `${good}.AAAA.AAAA`],
  ['nothing', 'credential-format', ''],
  ['dots alone', 'credential-format', '..'],
  ['a signature of 63 bytes', 'credential-format', `${goodHeader}.${goodClaims}.${goodSignature.slice(0, 84)}`],
  ['no signature', 'credential-format', `${goodHeader}.${goodClaims}.`],
  ['2048 bytes', 'ok', sizedToken(2048)],
  ['2049 bytes', 'credential-format', sizedToken(2049)],
  ['a header of 256 bytes', 'ok', userToken({ header: JSON.stringify(userHeader).padEnd(256) })],
  ['a header of 257 bytes', 'credential-format', userToken({ header: JSON.stringify(userHeader).padEnd(257) })],
  ['a header that is a list', 'credential-format', userToken({ header: '["Ed25519","pitp-cred+jwt"]' })],
  ['a header that is not JSON', 'credential-format', userToken({ header: 'alg=Ed25519' })],
  ['a header with a duplicate member', 'credential-format', userToken({ header: withText(userHeader, `"kid":"${vectorKeys.user.kid}"`) })],
  ['claims with a duplicate member', 'credential-format', userToken({ claims: withText(userClaims, '"sub":"bob@a.example"') })],
  ['claims with a duplicate member in other spelling', 'credential-format', userToken({ claims: withText(userClaims, '"\\u0073ub":"bob@a.example"') })],
  ['claims with a byte order mark', 'credential-format', userToken({ claims: `\ufeff${JSON.stringify(userClaims)}` })],
  ['claims three deep', 'credential-format', userToken({ claims: { x: { y: { z: 1 } } } })],
  ['claims that are a list', 'credential-format', userToken({ claims: '[]' })],
  ['jti missing', 'credential-format', userToken({ claims: { jti: undefined } })],
  ['jti of 21 characters', 'credential-format', userToken({ claims: { jti: 'j'.repeat(21) } })],
]

// biome-ignore format: one case a line
const algorithms: readonly Row[] = [
  ['A079: alg none', 'credential-algorithm', `${b64(JSON.stringify({ ...userHeader, alg: 'none' }))}.${goodClaims}.`],
  ['A079: alg NONE', 'credential-algorithm', userToken({ header: { alg: 'NONE' } })],
  ['A079: alg missing', 'credential-algorithm', userToken({ header: { alg: undefined } })],
  ['A079: alg of the type number', 'credential-algorithm', userToken({ header: { alg: 1 } })],
  ['A079: alg of the type list, which is too deep for a header', 'credential-format', userToken({ header: { alg: ['Ed25519'] } })],
  ['A079: alg ed25519 in small letters', 'credential-algorithm', userToken({ header: { alg: 'ed25519' } })],
  ['A079: alg Ed448', 'credential-algorithm', userToken({ header: { alg: 'Ed448' } })],
  ['A079: HS256 keyed with the public key', 'credential-algorithm', hmacToken()],
]

// biome-ignore format: one case a line
const issuers: readonly Row[] = [
  ['A090: iss is another domain', 'credential-issuer', userToken({ claims: { iss: 'c.example', sub: 'alice@c.example' } })],
  ['A090: iss is the parent domain', 'credential-issuer', userToken({ claims: { iss: 'example', sub: 'alice@example' } })],
  ['A090: iss is a child domain', 'credential-issuer', userToken({ claims: { iss: 'x.a.example', sub: 'alice@x.a.example' } })],
  ['A090: iss in capitals', 'credential-issuer', userToken({ claims: { iss: 'A.EXAMPLE' } })],
  ['A090: iss with a trailing dot', 'credential-issuer', userToken({ claims: { iss: 'a.example.' } })],
  ['A090: iss is a list', 'credential-issuer', userToken({ claims: { iss: ['a.example'] } })],
  ['A090: iss missing', 'credential-issuer', userToken({ claims: { iss: undefined } })],
  ['A090: sub of another domain', 'credential-subject', userToken({ claims: { sub: 'alice@c.example' } })],
  ['A090: sub of the parent domain', 'credential-subject', userToken({ claims: { sub: 'alice@example' } })],
  ['A090: sub of a child domain', 'credential-subject', userToken({ claims: { sub: 'alice@x.a.example' } })],
  ['A090: sub with two domains', 'credential-subject', userToken({ claims: { sub: 'alice@c.example@a.example' } })],
  ['A090: sub without a user', 'credential-subject', userToken({ claims: { sub: 'a.example' } })],
  ['A090: sub that is not canonical', 'credential-subject', userToken({ claims: { sub: 'Alice@a.example' } })],
  ['A090: sub with a scheme', 'credential-subject', userToken({ claims: { sub: 'im:alice@a.example' } })],
  ['A090: sub missing', 'credential-subject', userToken({ claims: { sub: undefined } })],
]

// biome-ignore format: one case a line
const audiences: readonly Row[] = [
  ['A084: aud is a list', 'credential-audience', userToken({ claims: { aud: [audience] } })],
  ['A084: aud is another domain', 'credential-audience', userToken({ claims: { aud: 'c.example' } })],
  ['A084: aud is the parent domain', 'credential-audience', userToken({ claims: { aud: 'example' } })],
  ['A084: aud is a suffix', 'credential-audience', userToken({ claims: { aud: 'x.b.example' } })],
  ['A084: aud in capitals', 'credential-audience', userToken({ claims: { aud: 'B.example' } })],
  ['A084: aud with a trailing dot', 'credential-audience', userToken({ claims: { aud: 'b.example.' } })],
  ['A084: aud missing', 'credential-audience', userToken({ claims: { aud: undefined } })],
  ['A093: aud is the domain that passed the token on', 'credential-audience', userToken({ claims: { aud: 'a.example' } })],
]

// biome-ignore format: one case a line
const times: readonly Row[] = [
  ['A085: expired 30 s ago', 'ok', userToken({ claims: { iat: vectorNow - 630, exp: vectorNow - 30 } })],
  ['A085: expired 31 s ago', 'credential-expired', userToken({ claims: { iat: vectorNow - 631, exp: vectorNow - 31 } })],
  ['A085: begins 30 s from now', 'ok', userToken({ claims: { iat: vectorNow + 30, exp: vectorNow + 630 } })],
  ['A085: begins 31 s from now', 'credential-time', userToken({ claims: { iat: vectorNow + 31, exp: vectorNow + 631 } })],
  ['A085: nbf 31 s from now', 'credential-time', userToken({ claims: { nbf: vectorNow + 31 } })],
  ['A085: nbf is a string', 'credential-time', userToken({ claims: { nbf: 'tomorrow' } })],
  ['A085: nbf has come', 'ok', userToken({ claims: { nbf: vectorNow + 30 } })],
  ['A085: lives 3600 s', 'ok', userToken({ claims: { iat: vectorNow, exp: vectorNow + 3600 } })],
  ['A085: lives 3601 s', 'credential-time', userToken({ claims: { iat: vectorNow, exp: vectorNow + 3601 } })],
  ['A085: lives 10 years', 'credential-time', userToken({ claims: { exp: vectorNow + 315_360_000 } })],
  ['A085: lives 0 s', 'credential-time', userToken({ claims: { iat: vectorNow, exp: vectorNow } })],
  ['A085: ends before it begins', 'credential-time', userToken({ claims: { iat: vectorNow, exp: vectorNow - 1 } })],
  ['A085: exp missing', 'credential-time', userToken({ claims: { exp: undefined } })],
  ['A085: exp is a string', 'credential-time', userToken({ claims: { exp: `${vectorNow + 540}` } })],
  ['A085: exp is null', 'credential-time', userToken({ claims: { exp: null } })],
  ['A085: exp is negative', 'credential-time', userToken({ claims: { exp: -1 } })],
  ['A085: exp is 1e999, which is no integer', 'credential-format', userToken({ claims: withText({ ...userClaims, exp: undefined }, '"exp":1e999') })],
  ['A085: exp has a fraction', 'credential-format', userToken({ claims: { exp: vectorNow + 0.5 } })],
  ['A085: exp is beyond 2^53', 'credential-format', userToken({ claims: withText({ ...userClaims, exp: undefined }, '"exp":9007199254740993') })],
  ['A085: iat missing', 'credential-time', userToken({ claims: { iat: undefined } })],
]

// biome-ignore format: one case a line
const keys: readonly Row[] = [
  ['signed with the key for both uses', 'ok', userToken({ key: vectorKeys.both })],
  ['alg EdDSA, the older name', 'ok', userToken({ header: { alg: 'EdDSA' } })],
  ['header in another order, with blanks', 'ok', userToken({ header: `{ "kid" : "${vectorKeys.user.kid}", "typ": "pitp-cred+jwt", "alg":"Ed25519" }` })],
  ['a claim that nobody knows', 'ok', userToken({ claims: { mood: 'sunny' } })],
  ['a scope that nobody knows beside one that is known', 'ok', userToken({ claims: { scope: 'im.send im.sing' } })],
  ['signed with the link key', 'credential-key', userToken({ key: vectorKeys.link })],
  ['signed with a key that nobody published', 'credential-key', userToken({ key: vectorKeys.stranger })],
  ['signed with a key whose nbf is 30 s from now', 'ok', userToken({ key: vectorKeys.soon })],
  ['signed with a key whose nbf is 31 s from now', 'credential-key', userToken({ key: vectorKeys.early })],
  ['signed with a key whose naf was 30 s ago', 'ok', userToken({ key: vectorKeys.lately })],
  ['signed with a key whose naf was 31 s ago', 'credential-key', userToken({ key: vectorKeys.late })],
  ['A100: signed with a revoked key', 'credential-revoked', userToken({ key: vectorKeys.revoked })],
  ['A080: ES256 signature under the alg Ed25519', 'credential-signature', es256Token()],
  ['signed with another key than kid says', 'credential-signature', userToken({ key: vectorKeys.stranger, header: { kid: vectorKeys.user.kid } })],
  ['claims of one token, signature of another', 'credential-signature', `${goodHeader}.${b64(JSON.stringify({ ...userClaims, sub: 'bob@a.example' }))}.${goodSignature}`],
  ['A103: the same claims in another order', 'credential-signature', `${goodHeader}.${b64(JSON.stringify(reversed(userClaims)))}.${goodSignature}`],
  ['A089: S raised by the order of the group', 'credential-signature', changeSignature(good, raiseS)],
  ['A089: R that is not canonical', 'credential-signature', changeSignature(good, highR)],
  ['a signature of noughts', 'credential-signature', changeSignature(good, (bytes) => bytes.fill(0))],
]

// biome-ignore format: one case a line
const rights: readonly Row[] = [
  ['scope missing', 'credential-scope', userToken({ claims: { scope: undefined } })],
  ['scope is a list', 'credential-scope', userToken({ claims: { scope: ['im.send'] } })],
  ['scope is empty', 'credential-scope', userToken({ claims: { scope: '' } })],
  ['scope with two blanks', 'credential-scope', userToken({ claims: { scope: 'im.send  pres.watch' } })],
  ['scope with words that nobody knows', 'credential-scope', userToken({ claims: { scope: 'admin' } })],
  ['cnf of a kind that nobody knows', 'credential-binding', userToken({ claims: { cnf: { kid: vectorKeys.client.kid } } })],
  ['cnf with a whole key, which is too deep for claims', 'credential-format', userToken({ claims: { cnf: { jwk: { kty: 'OKP' } } } })],
  ['cnf with a short thumbprint', 'credential-binding', userToken({ claims: { cnf: { jkt: 'AAAA' } } })],
]

// biome-ignore format: one case a line
const links: readonly Row[] = [
  ['a link assertion', 'ok', linkToken()],
  ['a link assertion with the key for both uses', 'ok', linkToken({ key: vectorKeys.both })],
  ['alg EdDSA, the older name', 'ok', linkToken({ header: { alg: 'EdDSA' } })],
  ['lives 120 s', 'ok', linkToken({ claims: { iat: vectorNow, exp: vectorNow + 120 } })],
  ['A085: lives 121 s', 'credential-time', linkToken({ claims: { iat: vectorNow, exp: vectorNow + 121 } })],
  ['A085: expired 31 s ago', 'credential-expired', linkToken({ claims: { iat: vectorNow - 100, exp: vectorNow - 31 } })],
  ['A079: alg none', 'credential-algorithm', `${b64(JSON.stringify({ ...linkHeader, alg: 'none' }))}.${linkToken().split('.')[1]}.`],
  ['A081: typ of a user credential', 'credential-format', linkToken({ header: { typ: 'pitp-cred+jwt' } })],
  ['A084: aud is another domain', 'credential-audience', linkToken({ claims: { aud: 'c.example' } })],
  ['A090: iss is another domain', 'credential-issuer', linkToken({ claims: { iss: 'c.example' } })],
  ['A086: cb of another channel', 'credential-binding', linkToken({ claims: { cb: 'A'.repeat(43) } })],
  ['cb missing', 'credential-binding', linkToken({ claims: { cb: undefined } })],
  ['cb with stray trailing bits', 'credential-binding', linkToken({ claims: { cb: `${channel.slice(0, -1)}1` } })],
  ['signed with the user key', 'credential-key', linkToken({ key: vectorKeys.user })],
  ['A100: signed with a revoked key', 'credential-revoked', linkToken({ key: vectorKeys.revoked })],
  ['signed with another key than kid says', 'credential-signature', linkToken({ key: vectorKeys.stranger, header: { kid: vectorKeys.link.kid } })],
]

const users = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, n) => `u${100 + n}`)

// biome-ignore format: one case a line
const shared: readonly TokenCase[] = [
  several('two users', ['alice@a.example', 'anna@a.example'], sharedToken()),
  several('one user', ['alice@a.example'], sharedToken({ claims: { subs: ['alice'] } })),
  several('64 users', users(64).map((user) => `${user}@a.example`), sharedToken({ claims: { subs: users(64) } })),
  several('one who is not canonical', [null, 'anna@a.example'], sharedToken({ claims: { subs: ['Alice', 'anna'] } })),
  several('one of another domain', ['alice@a.example', null], sharedToken({ claims: { subs: ['alice', 'anna@c.example'] } })),
  several('2048 bytes', ['alice@a.example', 'anna@a.example'], sizedToken(2048, sharedHeader, sharedToken)),
  ...([
    ['2049 bytes', 'credential-format', sizedToken(2049, sharedHeader, sharedToken)],
    ['65 users', 'credential-format', sharedToken({ claims: { subs: users(65) } })],
    ['no user', 'credential-format', sharedToken({ claims: { subs: [] } })],
    ['subs missing', 'credential-format', sharedToken({ claims: { subs: undefined } })],
    ['subs is a string', 'credential-format', sharedToken({ claims: { subs: 'alice' } })],
    ['subs holds a number', 'credential-format', sharedToken({ claims: { subs: [1, 'alice'] } })],
    ['not in order', 'credential-format', sharedToken({ claims: { subs: ['anna', 'alice'] } })],
    ['in the order of UTF-16', 'credential-format', sharedToken({ claims: { subs: ['\u{10330}', '\ufa0e'] } })],
    ['one twice', 'credential-format', sharedToken({ claims: { subs: ['alice', 'alice'] } })],
    ['none is canonical', 'credential-subject', sharedToken({ claims: { subs: ['Alice', 'Anna'] } })],
    ['none is a user', 'credential-subject', sharedToken({ claims: { subs: [''] } })],
    ['all of another domain', 'credential-subject', sharedToken({ claims: { subs: ['alice@c.example', 'anna@c.example'] } })],
    ['sub beside subs', 'credential-format', sharedToken({ claims: { sub: 'alice@a.example' } })],
    ['cnf beside subs', 'credential-binding', sharedToken({ claims: { cnf: { jkt: vectorKeys.client.kid } } })],
    ['scope missing', 'credential-scope', sharedToken({ claims: { scope: undefined } })],
    ['a token for one user', 'credential-format', good],
    ['typ of one for one user', 'credential-format', sharedToken({ header: { typ: 'pitp-cred+jwt' } })],
    ['iss is another domain', 'credential-issuer', sharedToken({ claims: { iss: 'c.example' } })],
    ['aud is another domain', 'credential-audience', sharedToken({ claims: { aud: 'c.example' } })],
    ['lives 3601 s', 'credential-time', sharedToken({ claims: { iat: vectorNow, exp: vectorNow + 3601 } })],
    ['expired 31 s ago', 'credential-expired', sharedToken({ claims: { iat: vectorNow - 631, exp: vectorNow - 31 } })],
    ['signed with the link key', 'credential-key', sharedToken({ key: vectorKeys.link })],
    ['signed with another key than kid says', 'credential-signature', sharedToken({ key: vectorKeys.stranger, header: { kid: vectorKeys.user.kid } })],
  ] as const).map((one) => row('credentials', one)),
  { ...row('credentials', ['the pair is not proven', 'credential-binding', sharedToken()]), proven: false, presenter: 'client' },
  row('credential', ['subs beside sub', 'credential-format', userToken({ claims: { subs: ['anna'] } })]),
  row('credential', ['a token for several users', 'credential-format', sharedToken()]),
]

function several(name: string, addresses: readonly (string | null)[], token: string): TokenCase {
  return { ...row('credentials', [name, 'ok', token]), users: addresses }
}

const bound = userToken({ claims: { cnf: { jkt: vectorKeys.client.kid } } })
// biome-ignore format: one case a line
const bindings: readonly TokenCase[] = [
  row('credential', ['a user credential with cnf, over a link of its domain', 'ok', bound]),
  { ...row('credential', ['A092: cnf, shown by its holder', 'ok', bound]), proven: false, presenter: 'client' },
  { ...row('credential', ['A092: cnf, no possession proven', 'credential-binding', bound]), proven: false },
  { ...row('credential', ['A092: cnf, possession of another key proven', 'credential-binding', bound]), proven: false, presenter: 'stranger' },
  { ...row('credential', ['A092: no cnf, and the pair is not proven', 'credential-binding', good]), proven: false, presenter: 'client' },
]

export const tokenCases: readonly TokenCase[] = [
  row('credential', ['a user credential', 'ok', good]),
  ...[...formats, ...algorithms, ...issuers, ...audiences, ...times, ...keys, ...rights].map(
    (one) => row('credential', one),
  ),
  ...bindings,
  ...shared,
  ...links.map((one) => row('link', one)),
]

function row(kind: TokenCase['kind'], [name, expect, token]: Row): TokenCase {
  return { name, kind, token, proven: true, presenter: null, expect }
}

function reversed(part: Part): Part {
  return Object.fromEntries(Object.entries(part).reverse())
}

/** A good token of this many bytes: blanks in the header and a claim that nobody knows fill it. */
function sizedToken(bytes: number, part = userHeader, make = userToken): string {
  for (const blanks of ['', ' ', '  ']) {
    const header = `${JSON.stringify(part)}${blanks}`
    for (let fill = bytes >> 1; fill < bytes; fill++) {
      const token = make({ header, claims: { fill: 'x'.repeat(fill) } })
      if (token.length === bytes) return token
      if (token.length > bytes) break
    }
  }
  throw new Error(`no token has ${bytes} bytes`)
}

/** The last character of a 64-byte signature carries four bits that mean nothing. */
function strayBits(token: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const last = alphabet.indexOf(token.at(-1) as string)
  return token.slice(0, -1) + alphabet[last + 1]
}

function changeSignature(token: string, change: (bytes: Buffer) => Buffer): string {
  const at = token.lastIndexOf('.') + 1
  return token.slice(0, at) + b64(change(Buffer.from(token.slice(at), 'base64url')))
}

/** S + L is the same number to a verifier that does not look (RFC 8032 §8.4). */
function raiseS(bytes: Buffer): Buffer {
  const order = 2n ** 252n + 27742317777372353535851937790883648493n
  const s = BigInt(`0x${Buffer.from(bytes.subarray(32)).reverse().toString('hex')}`)
  const raised = Buffer.from((s + order).toString(16).padStart(64, '0'), 'hex').reverse()
  return Buffer.concat([bytes.subarray(0, 32), raised])
}

/** R with y = p + 1, which is another spelling of the neutral point. */
function highR(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`ee${'ff'.repeat(30)}7f`, 'hex'), bytes.subarray(32)])
}

function hmacToken(): string {
  const input = `${b64(JSON.stringify({ ...userHeader, alg: 'HS256' }))}.${goodClaims}`
  const secret = Buffer.from(vectorKeys.user.x, 'base64url')
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}

/** ECDSA draws a random number, so this signature was made once, with a P-256 key that was thrown away. */
function es256Token(): string {
  const signature =
    'FjXEfAnva5iAG-6wcOlBF4IjaCzNz1evi_UILmes006QK3_-t_QU7Tydg9jtc7ctIMqqsZ5j19fLnI_n4hF5CQ'
  return `${goodHeader}.${goodClaims}.${signature}`
}

/** The text of `test/vectors/tokens.json`. */
export function writeTokenVectors(): string {
  const keys = Object.entries(vectorKeys).map(([name, { kid, x, seed }]) => {
    const published = vectorSet.find((key) => key.name === name)
    const { use, nbf, naf } = published ?? { use: null, nbf: null, naf: null }
    return { name, kid, x, seed, use, nbf, naf, revoked: name === 'revoked' }
  })
  const file = {
    about: [
      'Tokens, good and bad, and the answer of a verifier. Every private key here is public: never use one.',
      'The verifier serves the domain `audience`. Its clock stands at `now` (seconds since 1970) and forgives 30 s.',
      'Keys with a `use` are in the key set of `issuer`; `nbf` and `naf` are the seconds between which they serve, 30 s of',
      'grace at both ends.',
      'kind link: the channel has the binding `channel`; the one who may speak is `issuer`. Longest life 120 s.',
      'kind credential: `proven` says whether the pair (issuer, audience) is proven on the link; `presenter` names the key',
      'whose possession was proven on the link. Longest life 3600 s.',
      'kind credentials: the same, where a token for several users is expected. `users` are those of a good one, in its',
      'order; null: that one gets no number.',
      'Addresses: small letters, digits and dots before the @ are canonical.',
    ],
    now: vectorNow,
    issuer,
    audience,
    channel,
    keys,
    cases: tokenCases,
  }
  return `${JSON.stringify(file, undefined, 2)}\n`
}
