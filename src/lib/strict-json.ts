/**
 * JSON with one reading only (RFC 8259 inside the bounds of RFC 7493), for what strangers send.
 *
 * In:    bytes, and how deep objects and arrays may stand in each other (1: a flat one).
 * Out:   objects without a prototype, arrays, strings, safe integers, booleans, null; none of them keeps the bytes.
 * Fails: `ok: false` with what was wrong and where; for invalid UTF-8, a byte order mark, a duplicate member (also
 *        one that is spelled with escapes), a fraction, an exponent, -0, an integer that a double cannot hold,
 *        half of a surrogate pair, too much depth, and anything after the end.
 * Spec:  `JSON.parse` lets all of these through: the last duplicate wins, 1e999 is Infinity, half a pair is kept.
 */
import { isUtf8 } from 'node:buffer'

export type JsonValue = null | boolean | number | string | JsonArray | JsonObject
export type JsonArray = readonly JsonValue[]
export type JsonObject = { readonly [name: string]: JsonValue }

export type StrictJson =
  | { readonly ok: true; readonly value: JsonValue }
  | { readonly ok: false; readonly detail: string }

export function parseStrictJson(bytes: Uint8Array, maxDepth: number): StrictJson {
  if (!isUtf8(bytes)) return { ok: false, detail: 'not UTF-8' }
  // Keeps a byte order mark in the text, where the grammar refuses it.
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
  try {
    return { ok: true, value: new Reader(text, maxDepth).document() }
  } catch (fault) {
    if (fault instanceof JsonFault) return { ok: false, detail: fault.message }
    throw fault
  }
}

export const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const isArray = (value: JsonValue | undefined): value is JsonArray => Array.isArray(value)

class JsonFault extends Error {}

/**
 * A copy. A slice of a string keeps the whole of it in memory: a key id of a few characters the key set with all that is
 * written beside it.
 */
const ownText = (part: string): string => Buffer.from(part).toString()

const quote = 0x22
const backslash = 0x5c
const escapes: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
])

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39

/** One pass over one text. Depth is checked on the way down, so the stack is bounded by `maxDepth`. */
class Reader {
  readonly #text: string
  readonly #maxDepth: number
  #at = 0

  constructor(text: string, maxDepth: number) {
    this.#text = text
    this.#maxDepth = maxDepth
  }

  document(): JsonValue {
    const value = this.#value(1)
    this.#blanks()
    if (this.#at < this.#text.length) this.#fail('text after the end')
    return value
  }

  #value(depth: number): JsonValue {
    this.#blanks()
    const code = this.#code()
    if (code === quote) return this.#string()
    if (code === 0x7b) return this.#object(depth)
    if (code === 0x5b) return this.#array(depth)
    if (code === 0x2d || isDigit(code)) return this.#integer()
    if (code === 0x74) return this.#word('true', true)
    if (code === 0x66) return this.#word('false', false)
    if (code === 0x6e) return this.#word('null', null)
    return this.#fail('no value')
  }

  #object(depth: number): JsonObject {
    this.#open(depth)
    // Without a prototype `__proto__` is a name like any other.
    const object: Record<string, JsonValue> = Object.create(null)
    if (this.#take(0x7d)) return object
    do {
      this.#blanks()
      if (this.#code() !== quote) this.#fail('no member name')
      const name = this.#string()
      if (name in object) this.#fail('duplicate member')
      if (!this.#take(0x3a)) this.#fail('no colon')
      object[name] = this.#value(depth + 1)
    } while (this.#take(0x2c))
    if (!this.#take(0x7d)) this.#fail('object not closed')
    return object
  }

  #array(depth: number): JsonArray {
    this.#open(depth)
    const array: JsonValue[] = []
    if (this.#take(0x5d)) return array
    do array.push(this.#value(depth + 1))
    while (this.#take(0x2c))
    if (!this.#take(0x5d)) this.#fail('array not closed')
    return array
  }

  #string(): string {
    const start = ++this.#at
    let escaped = false
    for (;;) {
      const code = this.#code()
      if (code === quote) break
      // Also the end of the text: its code is NaN, which no comparison meets.
      if (!(code >= 0x20)) this.#fail('string not closed')
      if (code === backslash) {
        escaped = true
        this.#at++
      }
      this.#at++
    }
    const raw = this.#text.slice(start, this.#at++)
    return escaped ? this.#unescape(raw) : ownText(raw)
  }

  #unescape(raw: string): string {
    const plain = raw.replace(/\\(u[0-9a-fA-F]{4}|[\s\S])/g, (_, what: string) =>
      what.length === 5
        ? String.fromCharCode(Number.parseInt(what.slice(1), 16))
        : (escapes.get(what) ?? this.#fail('bad escape')),
    )
    if (!plain.isWellFormed()) this.#fail('half of a surrogate pair')
    return plain
  }

  #integer(): number {
    const start = this.#at
    if (this.#code() === 0x2d) this.#at++
    const first = this.#at
    while (isDigit(this.#code())) this.#at++
    const digits = this.#at - first
    if (digits === 0 || (digits > 1 && this.#text.charCodeAt(first) === 0x30)) {
      this.#fail('bad number')
    }
    const value = Number(this.#text.slice(start, this.#at))
    const code = this.#code()
    // `.`, `e` and `E`
    if (code === 0x2e || code === 0x65 || code === 0x45) this.#fail('not an integer')
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) this.#fail('not a safe integer')
    return value
  }

  #word<T extends boolean | null>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) this.#fail('no value')
    this.#at += word.length
    return value
  }

  #open(depth: number): undefined {
    if (depth > this.#maxDepth) this.#fail('too deep')
    this.#at++
  }

  /** Steps over `code`, if it is the next thing after blanks. */
  #take(code: number): boolean {
    this.#blanks()
    if (this.#code() !== code) return false
    this.#at++
    return true
  }

  #blanks(): undefined {
    for (;;) {
      const code = this.#code()
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return
      this.#at++
    }
  }

  #code(): number {
    return this.#text.charCodeAt(this.#at)
  }

  #fail(what: string): never {
    throw new JsonFault(`${what} at ${this.#at}`)
  }
}
