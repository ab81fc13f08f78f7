/**
 * Key sets: the keys that a domain answers to KEYS, read and compared. Pure.
 *
 * In:    the body of a KEYS answer: `{"set": base64url of the exact bytes of the set, "signatures": [{"kid", "sig"}]}`.
 * Out:   a KeySet: every key fit for use and, by its signature, in the hands of the one who publishes it.
 * Fails: `too-large`, `credential-format`, -issuer, -time, -expired, -key or -signature; one bad key spoils the set,
 *        one of another kind is passed over.
 * Spec:  each signature is a JWS (RFC 7515) over the set with the header {"alg":"Ed25519","typ":"pitp-keys+jws","kid":…}.
 */
import { hash } from 'node:crypto'
import { decodeBase64url, encodeBase64url } from '../lib/base64url.ts'
import {
  isArray,
  isObject,
  type JsonObject,
  type JsonValue,
  parseStrictJson,
} from '../lib/strict-json.ts'
import type { Limits } from '../limits.ts'
import { importPublicKey, type PublicKey, verify } from './ed25519.ts'
import { isKid, tokenTypes } from './token.ts'
import { accept, type Refusal, refuse, type Verdict } from './verdict.ts'

export type KeyUse = 'link' | 'user' | 'both'

export type SetKey = {
  readonly kid: string
  readonly key: PublicKey
  readonly use: KeyUse
  /** First and last second in which the key may be used. */
  readonly nbf: number
  readonly naf: number
}

export type KeySet = {
  readonly domain: string
  /** Rises with every change of the set. */
  readonly ver: number
  readonly iat: number
  readonly exp: number
  readonly keys: ReadonlyMap<string, SetKey>
  readonly revoked: ReadonlySet<string>
  /** SHA-256 of the bytes that were signed. */
  readonly hash: string
}

export type KeySetContext = {
  /** The domain that was asked for. */
  readonly domain: string
  /** Seconds since 1970. */
  readonly now: number
  readonly limits: Limits
  readonly isForbidden: (key: PublicKey) => boolean
}

/** [LINK-10.5-1] */
const maxDepth = 8
/** Revoked key ids that are remembered of one domain. */
export const maxRevoked = 256

export function parseKeySet(body: Buffer, context: KeySetContext): Verdict<KeySet> {
  const { limits } = context
  if (body.length > limits.keySetBytes) return refuse('too-large', 'key set too long')
  const envelope = readObject(body)
  if (!envelope.ok) return envelope
  const { set: text, signatures } = envelope.value
  const bytes = typeof text === 'string' ? decodeBase64url(text) : undefined
  if (typeof text !== 'string' || bytes === undefined) return malformed('set is not base64url')
  const json = readObject(bytes)
  if (!json.ok) return json
  const read = readSet(json.value, hash('sha256', bytes, 'base64url'), context)
  return read.ok ? checkSignatures(...read.value, text, signatures) : read
}

function readObject(bytes: Buffer): Verdict<JsonObject> {
  const json = parseStrictJson(bytes, maxDepth)
  if (!json.ok) return malformed(json.detail)
  return isObject(json.value) ? accept(json.value) : malformed('not an object')
}

/** Ids of keys of a kind that is not known here. */
type Others = ReadonlySet<string>

function readSet(
  json: JsonObject,
  digest: string,
  context: KeySetContext,
): Verdict<readonly [KeySet, Others]> {
  const { domain, ver, iat, exp, revoked } = json
  if (typeof domain !== 'string') return malformed('domain is not a string')
  if (domain !== context.domain) return refuse('credential-issuer', 'key set of another domain')
  if (!isCount(ver) || ver < 1 || !isCount(iat) || !isCount(exp)) {
    return malformed('ver, iat or exp is not a number')
  }
  const late = checkTimes(iat, exp, context)
  if (late !== undefined) return late
  if (!isArray(revoked) || revoked.length > maxRevoked || !revoked.every(isKid)) {
    return malformed(`revoked is not a list of at most ${maxRevoked} key ids`)
  }
  const found = readKeys(json, context)
  if (!found.ok) return found
  const [keys, others] = found.value
  const known = new Set(revoked as readonly string[])
  return accept([{ domain, ver, iat, exp, keys, revoked: known, hash: digest }, others])
}

function checkTimes(iat: number, exp: number, { now, limits }: KeySetContext): Refusal | undefined {
  // [LINK-10.5-3]
  if (iat > now + limits.clockSkewSeconds) return refuse('credential-time', 'key set of the future')
  if (exp <= iat) return refuse('credential-time', 'key set without life')
  if (now > exp + limits.clockSkewSeconds) return refuse('credential-expired', 'key set expired')
  return undefined
}

type Keys = ReadonlyMap<string, SetKey>

function readKeys(json: JsonObject, context: KeySetContext): Verdict<readonly [Keys, Others]> {
  const { keys: list } = json
  const max = context.limits.keySetKeys
  if (!isArray(list) || list.length < 1) return malformed('keys is not a list of keys')
  if (list.length > max) return refuse('too-large', `more than ${max} keys`)
  const keys = new Map<string, SetKey>()
  const others = new Set<string>()
  const [ids, points] = [new Set<string>(), new Set<string>()]
  for (const item of list) {
    if (!isObject(item)) return malformed('key is not an object')
    const { kid, kty, crv } = item
    if (!isKid(kid) || typeof kty !== 'string') return malformed('key without kid or kty')
    ids.add(kid)
    // [LINK-10.5-7]
    if (kty !== 'OKP' || crv !== 'Ed25519') {
      others.add(kid)
      continue
    }
    const key = readKey(item, kid, context)
    if (!key.ok) return key
    keys.set(kid, key.value)
    points.add(key.value.key.x)
  }
  if (ids.size < list.length || points.size < keys.size) return malformed('a key stands twice')
  return keys.size === 0 ? refuse('credential-key', 'no Ed25519 key') : accept([keys, others])
}

function readKey(json: JsonObject, kid: string, context: KeySetContext): Verdict<SetKey> {
  const { x, use, nbf, naf } = json
  if (use !== 'link' && use !== 'user' && use !== 'both') return malformed(`${kid}: use`)
  if (!isCount(nbf) || !isCount(naf) || naf < nbf) return malformed(`${kid}: nbf and naf`)
  const key = typeof x === 'string' ? importPublicKey(x) : undefined
  if (key === undefined) return refuse('credential-key', `${kid}: x is not fit to be a key`)
  if (context.isForbidden(key)) return refuse('credential-key', `${kid}: a published test key`)
  return accept({ kid, key, use, nbf, naf })
}

/** [LINK-10.5-2] One signature of every key: who publishes a key holds it. */
function checkSignatures(
  set: KeySet,
  others: Others,
  text: string,
  list: JsonValue | undefined,
): Verdict<KeySet> {
  if (!isArray(list) || list.length !== set.keys.size + others.size) {
    return refuse('credential-signature', 'not one signature of each key')
  }
  const missing = new Map(set.keys)
  const unread = new Set(others)
  for (const item of list) {
    const { kid, sig } = isObject(item) ? item : { kid: undefined, sig: undefined }
    if (typeof kid === 'string' && unread.delete(kid)) continue
    const signer = typeof kid === 'string' ? missing.get(kid) : undefined
    const bytes = typeof sig === 'string' ? decodeBase64url(sig) : undefined
    if (signer === undefined || bytes === undefined) return malformed('signatures: kid or sig')
    if (!verify(signingInput(text, signer.kid), signer.key, bytes)) {
      return refuse('credential-signature', `${signer.kid}: the signature does not fit`)
    }
    missing.delete(signer.kid)
  }
  return accept(set)
}

/** RFC 7515 §5.1. The header is not sent: its bytes follow from the kid. */
export function signingInput(text: string, kid: string): Buffer {
  const header = `{"alg":"Ed25519","typ":"${tokenTypes.keys}","kid":"${kid}"}`
  return Buffer.from(`${encodeBase64url(Buffer.from(header))}.${text}`)
}

const malformed = (detail: string): Refusal => refuse('credential-format', `key set: ${detail}`)

const isCount = (value: JsonValue | undefined): value is number =>
  typeof value === 'number' && value >= 0

/** [LINK-10.5-4] What a set means to someone who has seen `last` of the same domain. */
export type Succession = 'same' | 'newer' | 'older' | 'conflict'

export function succession(last: KeySet, next: KeySet): Succession {
  if (next.ver === last.ver) return next.hash === last.hash ? 'same' : 'conflict'
  return next.ver > last.ver ? 'newer' : 'older'
}

/** Whether somebody who held a key of `last` signed `next`: all keys of a set sign it. */
export function sharesKey(last: KeySet, next: KeySet): boolean {
  const before = new Set([...last.keys.values()].map(({ key }) => key.x))
  return [...next.keys.values()].some(({ kid, key }) => !next.revoked.has(kid) && before.has(key.x))
}
