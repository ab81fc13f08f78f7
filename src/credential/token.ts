/**
 * The gate: bytes become a token, or are refused before any key is thought of.
 *
 * In:    the bytes of a compact JWS and the kind that is expected here.
 * Out:   a Token: grammar right, header and claims read, the parts that are signed kept byte for byte.
 * Fails: `credential-format`, `credential-algorithm`, or the code of the claim that is missing or of the wrong type.
 * Spec:  RFC 7515 §7.1, RFC 9864 §2.2 (`Ed25519`), RFC 8725 §3.11 (explicit types).
 */
import { hash } from 'node:crypto'
import { decodeBase64url } from '../lib/base64url.ts'
import { isObject, type JsonObject, parseStrictJson } from '../lib/strict-json.ts'
import type { Limits } from '../limits.ts'
import {
  type CredentialClaims,
  type LinkClaims,
  readCredentialClaims,
  readLinkClaims,
  readSharedClaims,
} from './claims.ts'
import { signatureBytes } from './ed25519.ts'
import { accept, refuse, type Verdict } from './verdict.ts'

/** The `typ` of everything that a domain signs. `pitp-deleg+jwt` is kept for delegations. */
export const tokenTypes = {
  link: 'pitp-link+jwt',
  credential: 'pitp-cred+jwt',
  credentials: 'pitp-creds+jwt',
  keys: 'pitp-keys+jws',
} as const

/** One user, or several. */
export type CredentialKind = 'credential' | 'credentials'
export type TokenKind = 'link' | CredentialKind

export type TokenHeader = {
  readonly alg: 'Ed25519' | 'EdDSA'
  readonly typ: string
  readonly kid: string
}

export type Token<Kind extends TokenKind, Claims> = {
  readonly kind: Kind
  readonly header: TokenHeader
  readonly claims: Claims
  /** The bytes that the signature covers, as they came. */
  readonly signingInput: Buffer
  readonly signature: Buffer
  /** SHA-256 of the whole token. One value has one text here, so this names the value too. */
  readonly digest: string
}

export type LinkToken = Token<'link', LinkClaims>
export type CredentialToken = Token<CredentialKind, CredentialClaims>

const maxHeaderBytes = 256
/** `cnf` holds an object, `subs` a list. */
const claimsDepth = 2
const kidPattern = /^[A-Za-z0-9_-]{1,64}$/
export const isKid = (text: unknown): text is string =>
  typeof text === 'string' && kidPattern.test(text)

export const parseLinkToken = (bytes: Buffer, limits: Limits): Verdict<LinkToken> =>
  parseToken(bytes, limits, 'link', readLinkClaims)

/** `kind`: what stands here by the grammar of the request; the token itself cannot choose. */
export const parseCredentialToken = (
  bytes: Buffer,
  limits: Limits,
  kind: CredentialKind,
): Verdict<CredentialToken> =>
  parseToken(bytes, limits, kind, kind === 'credential' ? readCredentialClaims : readSharedClaims)

function parseToken<Kind extends TokenKind, Claims>(
  bytes: Buffer,
  limits: Limits,
  kind: Kind,
  readClaims: (json: JsonObject) => Verdict<Claims>,
): Verdict<Token<Kind, Claims>> {
  const parts = splitParts(bytes, limits)
  if (!parts.ok) return parts
  const { head, payload, signature, signingInput } = parts.value
  const header = readHeader(head, tokenTypes[kind])
  if (!header.ok) return header
  // [LINK-10.1-4]
  const json = parseStrictJson(payload, claimsDepth)
  if (!json.ok || !isObject(json.value)) {
    return refuse('credential-format', `claims: ${json.ok ? 'not an object' : json.detail}`)
  }
  const claims = readClaims(json.value)
  if (!claims.ok) return claims
  if (signature.length !== signatureBytes) {
    return refuse('credential-format', `signature: ${signature.length} bytes`)
  }
  const digest = hash('sha256', bytes, 'base64url')
  return accept({
    kind,
    header: header.value,
    claims: claims.value,
    signingInput,
    signature,
    digest,
  })
}

type Parts = {
  readonly head: Buffer
  readonly payload: Buffer
  readonly signature: Buffer
  readonly signingInput: Buffer
}

/** [LINK-10.1-1] Three parts of canonical base64url. One character a byte, so nothing outside ASCII gets through. */
function splitParts(bytes: Buffer, limits: Limits): Verdict<Parts> {
  if (bytes.length > limits.tokenBytes) return refuse('credential-format', 'token too long')
  const texts = bytes.toString('latin1').split('.')
  const [head, payload, signature] = texts.map(decodeBase64url)
  if (texts.length !== 3 || !head || !payload || !signature) {
    return refuse('credential-format', 'not three parts of canonical base64url')
  }
  const signingInput = bytes.subarray(0, bytes.lastIndexOf('.'))
  return accept({ head, payload, signature, signingInput })
}

/** [LINK-10.1-2] Exactly alg, typ and kid: nothing in a header is followed, fetched or negotiated. */
function readHeader(bytes: Buffer, typ: string): Verdict<TokenHeader> {
  if (bytes.length > maxHeaderBytes) return refuse('credential-format', 'header too long')
  const json = parseStrictJson(bytes, 1)
  if (!json.ok) return refuse('credential-format', `header: ${json.detail}`)
  if (!isObject(json.value)) return refuse('credential-format', 'header: not an object')
  const { alg, typ: type, kid, ...others } = json.value
  if (Object.keys(others).length > 0) return refuse('credential-format', 'header: extra member')
  if (type !== typ) return refuse('credential-format', `header: typ is not ${typ}`)
  // [LINK-10.1-3]
  if (alg !== 'Ed25519' && alg !== 'EdDSA') {
    return refuse('credential-algorithm', 'header: alg is neither Ed25519 nor EdDSA')
  }
  if (!isKid(kid)) return refuse('credential-format', 'header: kid is not a key id')
  return accept({ alg, typ, kid })
}
