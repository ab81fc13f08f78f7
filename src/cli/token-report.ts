/**
 * What a token says, and whether that holds.
 *
 * In:    the text of a token; texts of key sets and public keys; the time.
 * Out:   its parts, and a verdict on grammar, times and signature.
 * Fails: never; what is wrong is a fault. `ok`: nothing is, and nothing that was asked for is left open.
 */
import { importPublicKey, type PublicKey, verify } from '../credential/ed25519.ts'
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
  const domain = iss.slice(iss.indexOf('@') + 1)
  for (const source of sources) {
    const bare = importPublicKey(source)
    if (bare !== undefined) {
      keys.set(bare.thumbprint, bare)
      continue
    }
    const context = { domain, now, limits, isForbidden: () => false }
    const set = parseKeySet(Buffer.from(keySetText(source)), context)
    if (!set.ok) faults.push({ code: set.code, detail: `the keys given: ${set.detail}` })
    else for (const [kid, { key }] of set.value.keys) keys.set(kid, key)
  }
  return { keys, faults }
}

/** `keys show --json` prints the set of each domain inside an object. */
function keySetText(text: string): string {
  try {
    const value = JSON.parse(text) as { readonly domains?: readonly { readonly keySet: unknown }[] }
    const [first] = value.domains ?? []
    return first === undefined ? text : JSON.stringify(first.keySet)
  } catch {
    return text
  }
}
