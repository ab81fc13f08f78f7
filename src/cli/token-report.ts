/**
 * What a token says, and whether that holds.
 *
 * In:    the text of a token; texts of key sets and public keys; the time.
 * Out:   its parts, and a verdict on grammar, times and signature.
 * Fails: never; what is wrong is a fault. `ok`: nothing is, and nothing that was asked for is left open.
 */
import { type PublicKey, verify } from '../credential/ed25519.ts'
import { parseKeySet } from '../credential/key-set.ts'
import {
  type CredentialToken,
  type LinkToken,
  parseCredentialToken,
  parseLinkToken,
  type TokenKind,
  tokenTypes,
} from '../credential/token.ts'
import type { Verdict } from '../credential/verdict.ts'
import type { Clock } from '../lib/clock.ts'
import { type Limits, limitsWith } from '../limits.ts'
import { givenKeys } from './given-keys.ts'

export type Fault = { readonly code: string; readonly detail: string }

export type Inspection = {
  readonly ok: boolean
  readonly kind: TokenKind | 'unknown'
  /** As they stand in the token, where it can be read at all. */
  readonly header: unknown
  readonly claims: unknown
  readonly signature: 'good' | 'bad' | 'not checked'
  readonly faults: readonly Fault[]
  /** Seconds since 1970. */
  readonly now: number
}

export function inspectToken(
  text: string,
  keySources: readonly string[],
  clock: Pick<Clock, 'wall'>,
): Inspection {
  const limits = limitsWith()
  const now = Math.floor(clock.wall() / 1000)
  const [header, claims] = text.split('.').map(jsonOf)
  const seen = { header: header ?? null, claims: claims ?? null, now }
  const token = parse(Buffer.from(text), typeOf(header), limits)
  if (!token.ok) {
    const faults = [{ code: token.code, detail: token.detail }]
    return { ok: false, kind: 'unknown', ...seen, signature: 'not checked', faults }
  }
  const checked = signatureFaults(token.value, keySources, limits, now)
  const faults = [...timeFaults(token.value, limits, now), ...checked.faults]
  const { signature } = checked
  return { ok: faults.length === 0, kind: token.value.kind, ...seen, signature, faults }
}

function parse(bytes: Buffer, type: unknown, limits: Limits): Verdict<Read> {
  if (type === tokenTypes.link) return parseLinkToken(bytes, limits)
  const kind = type === tokenTypes.credentials ? 'credentials' : 'credential'
  return parseCredentialToken(bytes, limits, kind)
}

function jsonOf(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString())
  } catch {
    return undefined
  }
}

const typeOf = (header: unknown): unknown =>
  typeof header === 'object' && header !== null && 'typ' in header ? header.typ : undefined

type Read = LinkToken | CredentialToken

/** The bounds that a receiving gateway has. */
function timeFaults({ claims, kind }: Read, limits: Limits, now: number): readonly Fault[] {
  const { iat, nbf, exp } = claims
  const most = kind === 'link' ? limits.linkTokenSeconds : limits.credentialMaxSeconds
  const faults: Fault[] = []
  const say = (code: string, detail: string) => faults.push({ code, detail })
  if (exp <= iat) say('credential-time', 'it ends before it begins')
  if (exp - iat > most) say('credential-time', `it lives ${exp - iat} s, at most ${most} are taken`)
  if (Math.max(iat, nbf ?? iat) > now + limits.clockSkewSeconds) {
    say('credential-time', `it begins ${Math.max(iat, nbf ?? iat) - now} s from now`)
  }
  if (now > exp + limits.clockSkewSeconds) say('credential-expired', `it ended ${now - exp} s ago`)
  return faults
}

function signatureFaults(token: Read, sources: readonly string[], limits: Limits, now: number) {
  if (sources.length === 0) return { signature: 'not checked', faults: [] } as const
  const { kid } = token.header
  const { keys, faults } = keysIn(token.claims.iss, sources, limits, now)
  const key = keys.get(kid)
  if (key === undefined) {
    const fault = { code: 'credential-key', detail: `none of the keys given has the id ${kid}` }
    return { signature: 'not checked', faults: [...faults, fault] } as const
  }
  if (verify(token.signingInput, key, token.signature))
    return { signature: 'good', faults } as const
  const fault = { code: 'credential-signature', detail: 'the signature does not fit the key' }
  return { signature: 'bad', faults: [...faults, fault] } as const
}

/** By key id. A key set must be one of the issuer's; a bare key is taken at its word. */
function keysIn(iss: string, sources: readonly string[], limits: Limits, now: number) {
  const keys = new Map<string, PublicKey>()
  const faults: Fault[] = []
  const context = { domain: domainOf(iss), now, limits, isForbidden: () => false }
  for (const source of sources) {
    const { bare, sets } = givenKeys(source)
    for (const key of bare) keys.set(key.thumbprint, key)
    const read = sets.map((text) => parseKeySet(Buffer.from(text), context))
    for (const set of read) {
      if (set.ok) for (const [kid, { key }] of set.value.keys) keys.set(kid, key)
    }
    // Of several sets one is the issuer's.
    const wrong = bare.length > 0 || read.some(({ ok }) => ok) ? undefined : (read[0] ?? neither)
    if (wrong?.ok === false)
      faults.push({ code: wrong.code, detail: `the keys given: ${wrong.detail}` })
  }
  return { keys, faults }
}

const neither = {
  ok: false,
  code: 'credential-key',
  detail: 'expected a key set or a public key, found neither',
} as const

/** A user is vouched for by the domain. */
const domainOf = (iss: string): string => iss.slice(iss.indexOf('@') + 1)

/** The domain that a token says it is of; `undefined`: it says none. */
export function issuerOf(token: string): string | undefined {
  const claims = jsonOf(token.split('.')[1] ?? '') as { readonly iss?: unknown } | null | undefined
  return typeof claims?.iss === 'string' ? domainOf(claims.iss) : undefined
}
