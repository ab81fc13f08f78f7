/**
 * Presence documents: the compact JSON tuple map that PUBLISH and NOTIFY carry.
 *
 * In:    the bytes of a body; or tuples, to be made into one.
 * Out:   the JSON text of each tuple by its id, which is all that the rest of this stage knows of a tuple.
 * Fails: `too-large`, `limit-reached` (too many tuples), `bad-request` (everything else), as return values.
 * Spec:  RFC 2778 §2.4: presence information is one or more tuples, OPEN and CLOSED the only fixed status values.
 *        Member names and ranges after RFC 3863 §4.1. A member that is not known here is passed on as it is.
 */
import { isUtf8 } from 'node:buffer'
import { isObject, type JsonObject, type JsonValue, parseStrictJson } from '../lib/strict-json.ts'
import type { Limits } from '../limits.ts'

/** Tuple id to the JSON text of the tuple. */
export type Tuples = ReadonlyMap<string, string>

export type ParsedDocument =
  | { readonly status: 'ok'; readonly tuples: Tuples }
  | {
      readonly status: 'too-large' | 'limit-reached' | 'bad-request'
      readonly detail: string
    }

/** Deep enough for the rich presence of RFC 4480 inside a tuple, and little for the stack. */
const documentDepth = 8

/** An XML ID (RFC 3863 §4.1.2) without the characters that not every system takes. */
const tupleId = /^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/
/** RFC 3986 §3.1 and §2: a scheme, and no character that a URI has to escape. */
const uri = /^[A-Za-z][A-Za-z0-9+.-]*:[!#-;=?-[\]_a-z~]+$/

/** [LINK-6.8-3] */
export function parseDocument(bytes: Uint8Array, limits: Limits): ParsedDocument {
  if (bytes.length > limits.presenceBytes) return fault('too-large', 'document too long')
  const json = parseJson(bytes)
  if (typeof json === 'string') return fault('bad-request', json)
  const tuples = json.value
  if (!isObject(tuples) || !isObject(tuples['tuples'])) return fault('bad-request', 'no tuples')
  if (Object.keys(tuples).length > 1) return fault('bad-request', 'more than tuples')
  return readTuples(tuples['tuples'], limits)
}

function readTuples(members: JsonObject, limits: Limits): ParsedDocument {
  const tuples = new Map<string, string>()
  for (const [id, tuple] of Object.entries(members)) {
    if (!tupleId.test(id)) return fault('bad-request', 'bad tuple id')
    const wrong = faultOf(tuple)
    if (wrong !== undefined) return fault('bad-request', `${id}: ${wrong}`)
    tuples.set(id, JSON.stringify(tuple))
  }
  // A presentity without any tuple has no status; RFC 2778 asks for one or more.
  if (tuples.size === 0) return fault('bad-request', 'no tuple')
  if (tuples.size > limits.tuples) return fault('limit-reached', 'too many tuples')
  return { status: 'ok', tuples }
}

const fault = (
  status: 'too-large' | 'limit-reached' | 'bad-request',
  detail: string,
): ParsedDocument => ({ status, detail })

type Check = (value: JsonValue) => boolean

const members: readonly (readonly [name: string, check: Check])[] = [
  ['basic', (value) => value === 'open' || value === 'closed'],
  ['contact', (value) => typeof value === 'string' && uri.test(value)],
  ['note', (value) => typeof value === 'string'],
  ['priority', (value) => typeof value === 'number' && value >= 0 && value <= 1],
  ['timestamp', (value) => Number.isSafeInteger(value) && (value as number) >= 0],
]

/** What is wrong with a tuple; `undefined`: nothing. Each member may be left out, but not all of them. */
function faultOf(tuple: JsonValue): string | undefined {
  if (!isObject(tuple)) return 'not an object'
  if (Object.keys(tuple).length === 0) return 'no member'
  for (const [name, check] of members) {
    const value = tuple[name]
    if (value !== undefined && !check(value)) return `bad ${name}`
  }
  return undefined
}

/** Fifteen digits at most: such a number is the same after it was read and written, and is written without exponent. */
const decimal = /^-?(?:0|[1-9][0-9]{0,8})\.[0-9]{1,6}$/
const stringOrNumber = /"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*/g

/**
 * Strict JSON plus decimals: `priority` is one (RFC 3863 §4.1.5), places and speeds are others. Each decimal is
 * read as 0 by the strict reader, which judges all the rest, and by `JSON.parse` once the text has passed.
 */
function parseJson(bytes: Uint8Array): { readonly value: JsonValue } | string {
  if (!isUtf8(bytes)) return 'not UTF-8'
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
  let decimals = 0
  const judged = text.replace(stringOrNumber, (token) => {
    if (!decimal.test(token)) return token
    decimals++
    return '0'
  })
  const strict = parseStrictJson(decimals === 0 ? bytes : Buffer.from(judged), documentDepth)
  if (!strict.ok) return strict.detail
  return { value: decimals === 0 ? strict.value : (JSON.parse(text) as JsonValue) }
}

/** The text of the document that holds `tuples`. Each text is JSON already, and an id needs no escape. */
export function composeText(tuples: Tuples): string {
  let text = ''
  for (const [id, tuple] of tuples) text += `${text === '' ? '' : ','}"${id}":${tuple}`
  return `{"tuples":{${text}}}`
}

export const isSameTuples = (a: Tuples, b: Tuples): boolean =>
  a.size === b.size && [...a].every(([id, tuple]) => b.get(id) === tuple)

/**
 * What watchers see of a presentity that has published nothing: closed, and no way to reach it (draft §5.5.1.1).
 * Made at each start, since bytes are mutable.
 */
export const defaultDocument = (): Buffer =>
  Buffer.from(composeText(new Map([['default', '{"basic":"closed"}']])))
