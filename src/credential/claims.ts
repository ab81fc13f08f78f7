/**
 * What a token says: the shapes of the kinds of claims.
 *
 * In:    the strict JSON value of a token's second part.
 * Out:   LinkClaims or CredentialClaims, every member of the right type and alphabet.
 * Fails: the code of the claim that is missing or of the wrong type, in the order of verification.
 * Spec:  RFC 7519 §4.1, RFC 7800 §3.1 (`cnf`), RFC 8693 §4.2 (`scope`). Claims that are not known are ignored.
 */
import { decodeBase64url } from '../lib/base64url.ts'
import { byCodePoint } from '../lib/code-points.ts'
import { isArray, isObject, type JsonObject, type JsonValue } from '../lib/strict-json.ts'
import { mostSubjects, type Scope, scopes } from '../wire/registry.ts'
import { accept, type Refusal, refuse, type Verdict } from './verdict.ts'

type CommonClaims = {
  readonly iss: string
  /** One string: a list of audiences is refused. */
  readonly aud: string
  /** Seconds since 1970, as all times of a token. */
  readonly iat: number
  readonly nbf: number | undefined
  readonly exp: number
  readonly jti: string
}

/** "This TLS channel, towards `aud`, is spoken for by `iss`": a domain, or a user of one (`user@domain`). */
export type LinkClaims = CommonClaims & {
  /** Base64url of SHA-256 of the exporter value of the channel. */
  readonly cb: string
}

/** "`sub` is my user and may do `scope` at `aud`", or each of `subs` is. */
export type CredentialClaims = CommonClaims & {
  /** Addresses, as the token says them: one, unless it is for several users. */
  readonly subjects: readonly string[]
  /** Words that are not known allow nothing and are left out. */
  readonly scope: ReadonlySet<Scope>
  /** RFC 7638 thumbprint of the key of the user, where the user shows the credential in person. */
  readonly jkt: string | undefined
}

const hashBytes = 32

/** [LINK-10.2-1] */
export function readLinkClaims(json: JsonObject): Verdict<LinkClaims> {
  const common = readCommonClaims(json)
  if (!common.ok) return common
  const { cb } = json
  if (!isHash(cb)) return refuse('credential-binding', 'cb is not a SHA-256 value')
  return accept({ ...common.value, cb })
}

export function readCredentialClaims(json: JsonObject): Verdict<CredentialClaims> {
  const common = readCommonClaims(json)
  if (!common.ok) return common
  const { sub, subs, cnf, scope } = json
  if (typeof sub !== 'string') return refuse('credential-subject', 'sub is not a string')
  if (subs !== undefined) return refuse('credential-format', 'subs beside sub')
  const jkt = readConfirmation(cnf)
  if (!jkt.ok) return jkt
  const allowed = readScope(scope)
  if (!allowed.ok) return allowed
  return accept({ ...common.value, subjects: [sub], scope: allowed.value, jkt: jkt.value })
}

/** [LINK-10.3-4] For several users, none of whom shows it in person. */
export function readSharedClaims(json: JsonObject): Verdict<CredentialClaims> {
  const common = readCommonClaims(json)
  if (!common.ok) return common
  const { sub, subs, cnf, scope } = json
  if (!isUserList(subs)) return refuse('credential-format', 'subs is not a list of users in order')
  if (sub !== undefined) return refuse('credential-format', 'sub beside subs')
  if (cnf !== undefined) return refuse('credential-binding', 'cnf beside subs')
  const allowed = readScope(scope)
  if (!allowed.ok) return allowed
  const subjects = subs.map((user) => `${user}@${common.value.iss}`)
  return accept({ ...common.value, subjects, scope: allowed.value, jkt: undefined })
}

/** Strictly ascending: one text for one set of users, and none twice. */
const isUserList = (subs: JsonValue | undefined): subs is readonly string[] =>
  subs !== undefined &&
  isArray(subs) &&
  subs.length > 0 &&
  subs.length <= mostSubjects &&
  subs.every(
    (user, i) =>
      typeof user === 'string' && (i === 0 || byCodePoint(subs[i - 1] as string, user) < 0),
  )

/** [LINK-10.1-5] */
function readCommonClaims(json: JsonObject): Verdict<CommonClaims> {
  const { iss, aud, iat, nbf, exp, jti } = json
  if (typeof iss !== 'string') return refuse('credential-issuer', 'iss is not a string')
  if (typeof aud !== 'string') return refuse('credential-audience', 'aud is not a string')
  if (!isTime(iat) || !isTime(exp)) return refuse('credential-time', 'iat or exp is not a time')
  if (nbf !== undefined && !isTime(nbf)) return refuse('credential-time', 'nbf is not a time')
  // 128 bits take 22 characters.
  if (typeof jti !== 'string' || !/^[A-Za-z0-9_-]{22,64}$/.test(jti)) {
    return refuse('credential-format', 'jti is not 22 to 64 characters of base64url')
  }
  return accept({ iss, aud, iat, nbf, exp, jti })
}

/** [LINK-10.3-3] Absent, or exactly a thumbprint: no other way to show possession is known here. */
function readConfirmation(cnf: JsonValue | undefined): Verdict<string | undefined> {
  if (cnf === undefined) return accept(undefined)
  const { jkt } = isObject(cnf) ? cnf : { jkt: undefined }
  return isHash(jkt) ? accept(jkt) : refuse('credential-binding', 'cnf holds no jkt')
}

/** [LINK-10.3-2] RFC 6749 §3.3: words with one blank between them. */
function readScope(scope: JsonValue | undefined): Verdict<ReadonlySet<Scope>> {
  if (typeof scope !== 'string') return refuseScope('scope is not a string')
  const words = scope.split(' ')
  if (words.some((word) => !/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(word))) {
    return refuseScope('scope is not a list of words')
  }
  const known = scopeSet(words)
  return known.size > 0 ? accept(known) : refuseScope('scope allows nothing that is known here')
}

const scopeSets = new Map<string, ReadonlySet<Scope>>()

/** Those that are known, in a set that all tokens with the same ones share. */
function scopeSet(words: readonly string[]): ReadonlySet<Scope> {
  const names = scopes.filter((name) => words.includes(name))
  const key = names.join(' ')
  const known = scopeSets.get(key) ?? new Set(names)
  scopeSets.set(key, known)
  return known
}

const refuseScope = (detail: string): Refusal => refuse('credential-scope', detail)

const isTime = (value: JsonValue | undefined): value is number =>
  typeof value === 'number' && value >= 0

const isHash = (value: JsonValue | undefined): value is string =>
  typeof value === 'string' && decodeBase64url(value)?.length === hashBytes
