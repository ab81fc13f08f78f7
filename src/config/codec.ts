/**
 * Config: how a kind of value is made.
 *
 * In:    a parser and a printer, or a schema for the parts; the phrase after "expected".
 * Out:   a zod schema that reads (`decode`) and writes (`encode`).
 * Fails: as zod issues whose message is that phrase; `says` holds a better sentence, if there is one.
 */
import { z } from 'zod'
import { GatewayError } from '../errors.ts'

/** A codec between text and `T`; `parse` returns `undefined`, or throws what `address/` throws, for what it refuses. */
export function fromText<T>(
  kind: { readonly title: string; readonly expected: string },
  parse: (text: string) => T | undefined,
  print: (value: T) => string = String,
) {
  const { title, expected } = kind
  const error = ({ input }: { readonly input: unknown }): string =>
    isMeantAsText(input, parse)
      ? `${expected}, in quotes (YAML reads it as a ${typeof input})`
      : expected
  const codec = z.codec(z.string({ error }), z.custom<T>(), {
    decode: (text, context) => {
      const { value, says } = attempt(parse, text)
      if (value !== undefined) return value
      context.issues.push({ code: 'custom', message: expected, input: text, params: { says } })
      return z.NEVER
    },
    encode: print,
  })
  return codec.meta({ title })
}

/** YAML takes text without quotes that looks like a number for one, whose last digits may be lost. */
function isMeantAsText<T>(input: unknown, parse: (text: string) => T | undefined): boolean {
  if (typeof input === 'number' && Math.abs(input) > Number.MAX_SAFE_INTEGER) return true
  const isScalar = typeof input === 'number' || typeof input === 'boolean'
  return isScalar && attempt(parse, String(input)).value !== undefined
}

/** `says`: why not, if `parse` knows better than "expected …, found …". */
export function attempt<T>(parse: (text: string) => T | undefined, text: string) {
  try {
    return { value: parse(text), says: '' }
  } catch (error) {
    if (error instanceof GatewayError) return { value: undefined, says: error.message }
    throw error
  }
}

export const whole = (least: number, most: number, expected: string) =>
  z.int({ error: expected }).min(least, { error: expected }).max(most, { error: expected })

export const flag = z.boolean({ error: 'true or false' })

export const oneOf = <const T extends readonly string[]>(values: T) => {
  return z.enum(values, { error: `one of ${values.join(', ')}` })
}

/** A list of different values; one that stands there twice is a slip. */
export function listOf<T extends z.ZodType>(item: T) {
  return z.array(item, { error: 'a list' }).check(({ value, issues }) => {
    const seen = new Set<unknown>()
    value.forEach((entry, index) => {
      if (typeof entry === 'string' && seen.has(entry)) {
        const message = 'a value that is not in the list yet'
        issues.push({ code: 'custom', message, input: entry, path: [index] })
      }
      seen.add(entry)
    })
  })
}

/** A mapping in which every name is a setting. */
export const group = <T extends z.core.$ZodShape>(shape: T) =>
  z.strictObject(shape, { error: 'a mapping of settings' })

/** A mapping whose keys have a canonical form; two keys of one form are one entry too many. */
export function mapOf<K, V extends z.ZodType>(
  title: string,
  expected: string,
  parse: (text: string) => K | undefined,
  value: V,
) {
  const input = z.record(z.string().meta({ title }), value, { error: `a mapping of ${title}s` })
  return z.codec(input, z.custom<ReadonlyMap<K, z.output<V>>>(), {
    decode: (entries, context) => {
      const map = new Map<K, z.output<V>>()
      for (const [text, entry] of Object.entries(entries)) {
        const { value: key, says } = attempt(parse, text)
        if (key !== undefined && !map.has(key)) {
          map.set(key, entry as z.output<V>)
          continue
        }
        const message = key === undefined ? expected : `a ${title} that is not in the mapping yet`
        const params = { at: 'key', says }
        context.issues.push({ code: 'custom', message, input: text, path: [text], params })
      }
      return map
    },
    encode: (map) => Object.fromEntries(map) as z.output<typeof input>,
  })
}
