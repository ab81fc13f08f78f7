/**
 * Presence documents: the compact JSON tuple map that PUBLISH and NOTIFY carry.
 *
 * In:    the bytes of a body; or tuples, to be made into one.
 * Out:   the JSON text of each tuple by its id, which is all that a gateway knows of a tuple.
 * Fails: `too-large`, `limit-reached` (too many tuples), `bad-request` (everything else), as return values that name
 *        the member and its form.
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
  const { length } = bytes
  if (length > limits.presenceBytes) {
    const expected = `expected a presence document of at most ${limits.presenceBytes} bytes`
    return fault('too-large', `${expected} (limits.presenceBytes), found ${length}`)
  }
  const json = parseJson(bytes)
  if (typeof json === 'string') return fault('bad-request', `expected JSON, found ${json}`)
  const tuples = json.value
  if (!isObject(tuples) || !isObject(tuples['tuples'])) {
    return fault('bad-request', 'expected {"tuples": {…}}, found something else')
  }
  if (Object.keys(tuples).length > 1) {
    return fault('bad-request', 'expected {"tuples": {…}}, found a member beside it')
  }
  return readTuples(tuples['tuples'], limits)
}

function readTuples(members: JsonObject, limits: Limits): ParsedDocument {
  const tuples = new Map<string, string>()
  for (const [id, tuple] of Object.entries(members)) {
    if (!tupleId.test(id)) {
      const form = 'a letter or _, then letters, digits, "_", "." and "-", at most 64'
      return fault('bad-request', `expected as the id of a tuple ${form}, found "${id}"`)
    }
    const wrong = faultOf(tuple)
    if (wrong !== undefined) return fault('bad-request', `tuples.${id}${wrong}`)
    tuples.set(id, JSON.stringify(tuple))
  }
  // A presentity without any tuple has no status; RFC 2778 asks for one or more.
  if (tuples.size === 0) return fault('bad-request', 'expected a tuple, found none')
  if (tuples.size > limits.tuples) {
    const expected = `expected at most ${limits.tuples} tuples (limits.tuples)`
    return fault('limit-reached', `${expected}, found ${tuples.size}`)
  }
  return { status: 'ok', tuples }
}

const fault = (
  status: 'too-large' | 'limit-reached' | 'bad-request',
  detail: string,
): ParsedDocument => ({ status, detail })

/** Of a value that is wrong, in a sentence. */
const mostShown = 80

type Check = (value: JsonValue) => boolean

// biome-ignore format: one row a line
const members: readonly (readonly [name: string, form: string, check: Check])[] = [
  ['basic', '"open" or "closed"', (value) => value === 'open' || value === 'closed'],
  ['contact', 'a URI such as im:alice@a.example', (value) => typeof value === 'string' && uri.test(value)],
  ['note', 'a text', (value) => typeof value === 'string'],
  ['priority', 'a number from 0 to 1', (value) => typeof value === 'number' && value >= 0 && value <= 1],
  ['timestamp', 'a whole number', (value) => Number.isSafeInteger(value) && (value as number) >= 0],
]

/** What is wrong with a tuple, behind its name; `undefined`: nothing. Each member may be left out, but not all of them. */
function faultOf(tuple: JsonValue): string | undefined {
  if (!isObject(tuple)) return ': expected an object'
  if (Object.keys(tuple).length === 0) return ': expected a member, such as basic'
  for (const [name, form, check] of members) {
    const value = tuple[name]
    if (value !== undefined && !check(value)) {
      return `.${name}: expected ${form}, found ${JSON.stringify(value).slice(0, mostShown)}`
    }
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
