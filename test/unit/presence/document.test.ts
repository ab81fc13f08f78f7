import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { limitsWith } from '../../../src/limits.ts'
import { composeText, defaultDocument, parseDocument } from '../../../src/wire/document.ts'
import { body, closedDocument, text } from './support.ts'

const limits = limitsWith()
const parse = (json: string | Uint8Array) => parseDocument(Buffer.from(json), limits)
const one = (tuple: string) => `{"tuples":{"a":${tuple}}}`

describe('presence document', () => {
  test('each tuple comes out as its own JSON text, with members that are not known here', () => {
    const parsed = parse(
      ' {"tuples": {"phone": {"basic":"open", "contact":"im:alice@a.example", "note":"caf\\u00e9", "priority":0.5,' +
        ' "timestamp":1790000000000, "geo":{"lat":-33.86,"lon":151.209}}, "_d.2-x":{"basic":"closed"}}}\n',
    )
    expect(parsed.status === 'ok' && [...parsed.tuples]).toEqual([
      [
        'phone',
        '{"basic":"open","contact":"im:alice@a.example","note":"café","priority":0.5,' +
          '"timestamp":1790000000000,"geo":{"lat":-33.86,"lon":151.209}}',
      ],
      ['_d.2-x', '{"basic":"closed"}'],
    ])
  })

  test.for([
    ['basic left out', '{"note":"away"}'],
    ['priority 0', '{"priority":0}'],
    ['priority 1', '{"priority":1}'],
    ['priority 1.0', '{"priority":1.0}'],
    ['timestamp 0', '{"timestamp":0}'],
    ['a member named as a prototype', '{"__proto__":{"x":1}}'],
    ['an unknown member of null', '{"x":null}'],
    ['six places', '{"x":-0.000001}'],
  ])('%s is taken', ([, tuple]) => {
    expect(parse(one(tuple as string)).status).toBe('ok')
  })

  test.for([
    ['nothing', ''],
    ['not JSON', 'open'],
    ['an array', '[]'],
    ['no tuples', '{}'],
    ['tuples that are an array', '{"tuples":[]}'],
    ['no tuple at all', '{"tuples":{}}'],
    ['a second member beside tuples', '{"tuples":{"a":{"basic":"open"}},"x":1}'],
    ['a byte order mark', `\ufeff${one('{"basic":"open"}')}`],
    ['a duplicate tuple', '{"tuples":{"a":{"basic":"open"},"a":{"basic":"closed"}}}'],
    [
      'a duplicate member beside a decimal',
      one('{"priority":0.5,"basic":"open","basic":"closed"}'),
    ],
    ['a tuple that is a string', one('"open"')],
    ['a tuple that is null', one('null')],
    ['a tuple that is an array', one('[]')],
    ['a tuple without a member', one('{}')],
    ['another status', one('{"basic":"away"}')],
    ['OPEN in capitals', one('{"basic":"OPEN"}')],
    ['a status that is true', one('{"basic":true}')],
    ['a contact without a scheme', one('{"contact":"alice@a.example"}')],
    ['a contact with a blank', one('{"contact":"im:alice @a.example"}')],
    ['a contact with a line break', one('{"contact":"im:alice\\r\\nx"}')],
    ['a contact that is not ASCII', one('{"contact":"im:é@a.example"}')],
    ['a note that is a number', one('{"note":1}')],
    ['half a surrogate pair', one('{"note":"\\ud800"}')],
    ['priority over 1', one('{"priority":1.000001}')],
    ['priority under 0', one('{"priority":-0.1}')],
    ['priority as a string', one('{"priority":"0.5"}')],
    ['an exponent', one('{"priority":1e-1}')],
    ['infinity by exponent', one('{"x":1e999}')],
    ['seven places', one('{"x":0.0000001}')],
    ['too many digits before the point', one('{"x":1234567890.5}')],
    ['a decimal that ends with its point', one('{"x":1.}')],
    ['a decimal with a leading zero', one('{"x":01.5}')],
    ['a decimal with two points', one('{"x":1.5.5}')],
    ['two decimals without a comma', one('{"x":1.5 1.5}')],
    ['a number that a double cannot hold', one('{"x":9007199254740993}')],
    ['timestamp with a fraction', one('{"timestamp":1.5}')],
    ['timestamp under 0', one('{"timestamp":-1}')],
    ['depth 9', one(`{"x":${'['.repeat(6)}${']'.repeat(6)}}`)],
    ['text after the end', `${one('{"basic":"open"}')}x`],
  ])('%s is bad-request', ([, json]) => {
    expect(parse(json as string).status).toBe('bad-request')
  })

  test('depth 8 is taken', () => {
    expect(parse(one(`{"x":${'['.repeat(5)}${']'.repeat(5)}}`)).status).toBe('ok')
  })

  test('bytes that are not UTF-8 are bad-request, also beside a decimal', () => {
    for (const rest of ['', ',"priority":0.5']) {
      const bytes = Buffer.from(one(`{"note":"x"${rest}}`))
      bytes[bytes.indexOf('x')] = 0xff
      expect(parse(bytes).status).toBe('bad-request')
    }
  })

  test.for([
    ['A', 'ok'],
    ['_', 'ok'],
    ['a'.repeat(64), 'ok'],
    ['a'.repeat(65), 'bad-request'],
    ['', 'bad-request'],
    ['1a', 'bad-request'],
    ['a b', 'bad-request'],
    ['a"b', 'bad-request'],
    ['é', 'bad-request'],
    ['a\n', 'bad-request'],
    ['__proto__', 'ok'],
  ])('the tuple id %j is %s', ([id, status]) => {
    expect(parse(`{"tuples":{${JSON.stringify(id)}:{"basic":"open"}}}`).status).toBe(status)
  })

  test('a document of presenceBytes is taken, one byte more is too-large', () => {
    const frame = text(body({ a: { note: '' } })).length
    const note = 'x'.repeat(limits.presenceBytes - frame)
    expect(parse(body({ a: { note } })).status).toBe('ok')
    expect(parse(body({ a: { note: `${note}x` } })).status).toBe('too-large')
  })

  test('as many tuples as the limit are taken, one more is limit-reached', () => {
    const tuples = (n: number) =>
      body(Object.fromEntries(Array.from({ length: n }, (_, i) => [`t${i}`, { basic: 'open' }])))
    expect(parse(tuples(limits.tuples)).status).toBe('ok')
    expect(parse(tuples(limits.tuples + 1)).status).toBe('limit-reached')
  })

  test('the default document is a document: closed, and no contact', () => {
    expect(text(defaultDocument())).toBe(closedDocument)
    expect(parse(defaultDocument()).status).toBe('ok')
  })

  test('what was read and written once is read again as the same', () => {
    const decimal = fc
      .tuple(fc.integer({ min: -999_999_999, max: 999_999_999 }), fc.nat(999_999))
      .map(([whole, part]) => `${whole}.${String(part).padStart(6, '0')}`)
    const value = fc.oneof(
      fc.string({ unit: 'grapheme' }).map((s) => JSON.stringify(s)),
      fc.maxSafeInteger().map(String),
      decimal,
      fc.constantFrom('true', 'null', '[]', '[1,{"y":2.50}]'),
    )
    const name = fc.stringMatching(/^[a-z_]{1,12}$/)
    fc.assert(
      fc.property(fc.dictionary(name, value, { minKeys: 1, maxKeys: 8 }), (members) => {
        const first = parse(
          one(`{${Object.entries(members).map(([key, json]) => `"x${key}":${json}`)}}`),
        )
        if (first.status !== 'ok') throw new Error(first.detail)
        const again = parse(composeText(first.tuples))
        expect(again).toEqual(first)
      }),
    )
  })

  test('any bytes end in a result', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(parse(bytes).status).not.toBe('ok')
      }),
    )
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), (json) => {
        expect(['ok', 'bad-request', 'too-large']).toContain(parse(one(json)).status)
      }),
    )
  })
})
