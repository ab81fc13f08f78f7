/**
 * What our domain signs. Every claim is built here, from facts; nobody hands in claims to be signed.
 *
 * In:    our domain, its keys, and per token the few facts that differ.
 * Out:   compact JWS text, and the body of our key set.
 * Fails: GatewayError `credential-subject` for a user of another domain, `credential-scope` for no scope,
 *        `credential-key` where this gateway holds no key for users.
 * Spec:  RFC 7515 §7.1, RFC 7519, RFC 9864 §2.2 (`Ed25519`).
 */
import type { Address } from '../address/address.ts'
import { GatewayError } from '../errors.ts'
import { encodeBase64url } from '../lib/base64url.ts'
import type { Clock } from '../lib/clock.ts'
import { byCodePoint } from '../lib/code-points.ts'
import type { Random } from '../lib/random.ts'
import type { Limits } from '../limits.ts'
import { mostSubjects, type Scope, scopes } from '../wire/registry.ts'
import { type KeyPair, sign, signatureBytes } from './ed25519.ts'
import { type OwnKey, writeKeySet } from './publish-keys.ts'
import { tokenTypes } from './token.ts'

export type LinkFacts = {
  /** The domain at the far end. */
  readonly aud: string
  /** Base64url of SHA-256 of the exporter value of the channel. */
  readonly cb: string
}

export type CredentialFacts = {
  readonly sub: Address
  readonly aud: string
  readonly scope: readonly Scope[]
  /** Life; `undefined`: as the limits say. Cut to the longest life that is accepted. */
  readonly seconds: number | undefined
  /** Thumbprint of the key of the user, if the user will show the credential in person. */
  readonly jkt: string | undefined
}

export type SharedFacts = Pick<CredentialFacts, 'aud' | 'scope' | 'seconds'> & {
  /** The most wanted first. */
  readonly subs: readonly Address[]
}

export type SharedCredential = {
  readonly token: string
  /** Those who had room in one token, in its order. */
  readonly subs: readonly Address[]
}

export type KeySetFacts = {
  readonly ver: number
  readonly seconds: number
  readonly keys: readonly OwnKey[]
  readonly revoked: readonly string[]
}

export type Signer = {
  readonly signLink: (facts: LinkFacts) => string
  readonly signCredential: (facts: CredentialFacts) => string
  readonly signShared: (facts: SharedFacts) => SharedCredential | undefined
  readonly signKeySet: (facts: KeySetFacts) => Buffer
}

export type SignerNeeds = {
  readonly domain: string
  readonly linkKey: KeyPair
  /** `undefined` on an edge whose users are vouched for elsewhere. */
  readonly userKey: KeyPair | undefined
  readonly clock: Clock
  readonly random: Random
  readonly limits: Limits
}

type UserSignerNeeds = Omit<SignerNeeds, 'linkKey'>

const jtiBytes = 16

export function createSigner(needs: SignerNeeds): Signer {
  const { domain, linkKey, clock, limits } = needs
  return {
    signLink: ({ aud, cb }) => {
      const life = lifeOf(needs, limits.linkTokenSeconds)
      return signToken(tokenTypes.link, { iss: domain, aud, ...life, cb }, linkKey)
    },
    signCredential: (facts) => signCredential(needs, facts),
    signShared: (facts) => signShared(needs, facts),
    signKeySet: ({ ver, seconds, keys, revoked }) => {
      const iat = nowSeconds(clock)
      return writeKeySet({ domain, ver, iat, exp: iat + seconds, keys, revoked })
    },
  }
}

/** What a user signs with a key of their own, to attach: `iss` is the address, the key is named by its thumbprint. */
export function signUserLink(
  user: Address,
  key: KeyPair,
  { aud, cb }: LinkFacts,
  needs: Pick<SignerNeeds, 'clock' | 'random' | 'limits'>,
): string {
  const life = lifeOf(needs, needs.limits.linkTokenSeconds)
  return signToken(tokenTypes.link, { iss: user.text, aud, ...life, cb }, key)
}

/** What the domain vouches for. */
export function signCredential(needs: UserSignerNeeds, facts: CredentialFacts): string {
  const { sub, aud, jkt } = facts
  const userKey = userKeyOf(needs, [sub])
  const claims = { iss: needs.domain, sub: sub.text, aud, ...rightsOf(needs, facts) }
  return signToken(
    tokenTypes.credential,
    jkt === undefined ? claims : { ...claims, cnf: { jkt } },
    userKey,
  )
}

/** [LINK-10.3-4] One signature for as many users as have room in one token; nothing: not even two have. */
function signShared(needs: SignerNeeds, facts: SharedFacts): SharedCredential | undefined {
  const userKey = userKeyOf(needs, facts.subs)
  const rest = { aud: facts.aud, ...rightsOf(needs, facts) }
  const claims = (users: readonly string[]) => ({ iss: needs.domain, subs: users, ...rest })
  const header = headerOf(tokenTypes.credentials, userKey)
  let room = roomForClaims(encodeJson(header), needs.limits) - bytesOf(claims([])) + comma
  const fits = facts.subs.slice(0, mostSubjects).filter(({ user }) => {
    room -= bytesOf(user) + comma
    return room >= 0
  })
  if (fits.length < 2) return undefined
  const subs = fits.sort((a, b) => byCodePoint(a.user, b.user))
  const token = signToken(tokenTypes.credentials, claims(subs.map(({ user }) => user)), userKey)
  return { token, subs }
}

const comma = 1
const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value))

/** Bytes of JSON whose base64url fits between `header` and the signature. */
const roomForClaims = (header: string, { tokenBytes }: Limits): number =>
  Math.floor(((tokenBytes - header.length - 2 - Math.ceil((signatureBytes * 4) / 3)) * 3) / 4)

function userKeyOf({ domain, userKey }: UserSignerNeeds, subs: readonly Address[]): KeyPair {
  if (userKey === undefined) {
    throw new GatewayError('credential-key', `no key for the users of ${domain} is held here`)
  }
  if (!subs.every((sub) => sub.domain === domain)) {
    throw new GatewayError('credential-subject', `asked to vouch for a user outside ${domain}`)
  }
  return userKey
}

/** What a user may do, and how long. */
function rightsOf(needs: UserSignerNeeds, facts: Pick<CredentialFacts, 'scope' | 'seconds'>) {
  const { limits } = needs
  const scope = scopes.filter((name) => facts.scope.includes(name)).join(' ')
  if (scope === '') throw new GatewayError('credential-scope', 'asked to vouch for no scope')
  const wish = facts.seconds ?? limits.credentialSeconds
  const life = lifeOf(needs, Math.max(1, Math.min(Math.floor(wish), limits.credentialMaxSeconds)))
  return { ...life, scope }
}

function lifeOf({ clock, random }: Pick<SignerNeeds, 'clock' | 'random'>, seconds: number) {
  const iat = nowSeconds(clock)
  return { iat, exp: iat + seconds, jti: encodeBase64url(random.bytes(jtiBytes)) }
}

function signToken(typ: string, claims: object, pair: KeyPair): string {
  const input = `${encodeJson(headerOf(typ, pair))}.${encodeJson(claims)}`
  return `${input}.${encodeBase64url(sign(Buffer.from(input), pair))}`
}

const headerOf = (typ: string, { publicKey }: KeyPair) => ({
  alg: 'Ed25519',
  typ,
  kid: publicKey.thumbprint,
})

const encodeJson = (value: object): string => encodeBase64url(Buffer.from(JSON.stringify(value)))

const nowSeconds = (clock: Clock): number => Math.floor(clock.wall() / 1000)
