import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { isObject, parseStrictJson } from '../../../src/lib/strict-json.ts'
import { dose } from '../../support/dose.ts'

// Thousands of cases on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const parse = (text: string | Uint8Array, depth = 8) => parseStrictJson(Buffer.from(text), depth)

const plainValue = fc.jsonValue({ noUnicodeString: false, maxDepth: 6 }).map((value) =>
  // Numbers become integers; everything else stays.
  JSON.parse(JSON.stringify(value), (_, item) =>
    typeof item === 'number' ? Math.trunc(item % 1e15) + 0 : item,
  ),
)

test('reads what JSON.stringify writes', () => {
  fc.assert(
    fc.property(plainValue, (value) => {
      const text = JSON.stringify(value)
      expect(parse(text)).toEqual({ ok: true, value: JSON.parse(text) })
    }),
  )
})

test('accepts nothing that JSON.parse refuses, and reads the same in what it accepts', () => {
  const piece = fc.constantFrom(
    ...['{', '}', '[', ']', ',', ':', '"', '"a"', '"\\u0061"', '0', '-1', '1.5', '1e2', 'true'],
    ...['null', ' ', '\\', '\n', '"\\ud800"', '12', '""'],
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = pieces.join('')
      const read = parse(text)
      if (read.ok) expect(read.value).toEqual(JSON.parse(text))
    }),
    { numRuns: dose(3000, 500) },
  )
})

test.for([
  ['nothing', ''],
  ['a byte order mark', '\ufeff{}'],
  ['a duplicate member', '{"a":1,"a":1}'],
  ['a duplicate member in other spelling', '{"exp":1,"\\u0065xp":2}'],
  ['a duplicate __proto__', '{"__proto__":1,"__proto__":2}'],
  ['a fraction', '{"a":1.5}'],
  ['a fraction of nothing', '1.0'],
  ['an exponent', '{"exp":1e999}'],
  ['a capital exponent', '1E3'],
  ['minus nought', '-0'],
  ['a leading nought', '01'],
  ['a lone minus', '-'],
  ['a plus', '+1'],
  ['an integer over 2^53 - 1', '9007199254740992'],
  ['an integer under -(2^53 - 1)', '-9007199254740992'],
  ['an integer of a thousand digits', '9'.repeat(1000)],
  ['half of a surrogate pair', '"\\ud83d"'],
  ['a control character in a string', '"\u0001"'],
  ['an unknown escape', '"\\x41"'],
  ['a short escape', '"\\u12"'],
  ['a string without end', '"abc'],
  ['a string that ends in an escape', '"abc\\'],
  ['a trailing comma in an object', '{"a":1,}'],
  ['a trailing comma in an array', '[1,]'],
  ['a member without a name', '{1:2}'],
  ['a member without a colon', '{"a" 1}'],
  ['an object without end', '{"a":1'],
  ['an array without end', '[1'],
  ['text after the end', '{} {}'],
  ['a comment', '{}//'],
  ['a word that is cut', 'tru'],
  ['NaN', 'NaN'],
  ['single quotes', "{'a':1}"],
  ['a no-break space', '\u00a01'],
])('%s is refused', ([, text]) => {
  expect(parse(text as string)).toMatchObject({ ok: false, detail: expect.any(String) })
})

test.for([
  ['a lone continuation byte', [0x22, 0x80, 0x22]],
  ['an overlong quote', [0x22, 0xc0, 0xa2, 0x22]],
  ['an encoded surrogate', [0x22, 0xed, 0xa0, 0x80, 0x22]],
  ['a cut sequence', [0x22, 0xe2, 0x82, 0x22]],
] as const)('%s is not UTF-8 and is refused', ([, bytes]) => {
  expect(parse(Uint8Array.from(bytes))).toEqual({ ok: false, detail: 'not UTF-8' })
})

test('depth is counted from the outermost object or array', () => {
  expect(parse('{"a":1}', 1).ok).toBe(true)
  expect(parse('{"a":{}}', 1).ok).toBe(false)
  expect(parse('[[1]]', 2).ok).toBe(true)
  expect(parse('[[[1]]]', 2).ok).toBe(false)
  expect(parse('1', 0).ok).toBe(true)
})

test('half a million levels are refused without harm', () => {
  expect(parse('['.repeat(500_000))).toMatchObject({ ok: false })
  expect(parse('{"a":'.repeat(500_000))).toMatchObject({ ok: false })
})

test('an object has no prototype, so __proto__ and constructor are members like any other', () => {
  const read = parse('{"__proto__":{"isAdmin":true},"constructor":1}')
  const value = read.ok ? (read.value as Record<string, unknown>) : {}
  expect(Object.getPrototypeOf(value)).toBeNull()
  expect(Object.keys(value)).toEqual(['__proto__', 'constructor'])
  expect(value['isAdmin']).toBeUndefined()
  expect(({} as Record<string, unknown>)['isAdmin']).toBeUndefined()
})

test('no bytes make it throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      expect(typeof parse(bytes).ok).toBe('boolean')
    }),
    { numRuns: dose(3000, 500) },
  )
})

test('a member that is kept does not keep the text that it stood in', () => {
  setFlagsFromString('--expose-gc')
  const collect: () => undefined = runInNewContext('gc')
  const heapBytes = (): number => {
    collect()
    return process.memoryUsage().heapUsed
  }
  const texts = 200
  const padBytes = 40_000
  const kept: unknown[] = []
  const before = heapBytes()
  for (let i = 0; i < texts; i++) {
    const name = `a key id that is long enough to be a part of a text, ${i}`
    const parsed = parse(JSON.stringify({ name, pad: '€'.padEnd(padBytes, 'x') }))
    kept.push(parsed.ok && isObject(parsed.value) ? parsed.value['name'] : undefined)
  }
  expect(heapBytes() - before).toBeLessThan((texts * padBytes) / 4)
  expect(new Set(kept).size).toBe(texts)
})
