import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Address,
  addressFromBytes,
  judgeAddressBytes,
  makeAddress,
  parseAddress,
  readAddress,
} from '../../../src/address/address.ts'
import { displayDomain, parseDomain, readDomain } from '../../../src/address/domain.ts'
import { formatUri, parseUri } from '../../../src/address/uri.ts'
import { parseUser } from '../../../src/address/user.ts'
import { GatewayError } from '../../../src/errors.ts'
import { anyCharacter } from '../../support/any-character.ts'
import { dose } from '../../support/dose.ts'

/** The same seed every time: a failure on one machine is a failure on all. */
const often = { seed: 5279, numRuns: dose(5000, 500) }

const curious = [
  ...'aAzZlL09.-_@%:/?#[]"\' xX+',
  ...'éÉßſﬁⅧ①ａＡ１．＠。ｶﾞ',
  ...'אב٠١۰۱بی\u064e\u0915\u094d\u200c\u200d\u0301\u0308·͵׳・αΣςİıǅ한ᄀ\u{20000}\u{1f600}',
  ...'\u0000\n\u001b\u00ad\u200b\u202e\ufeff\ufe0f\u3000\ud800\uffff',
]
const character = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...'abclx019.-') },
  { weight: 4, arbitrary: fc.constantFrom(...curious) },
  { weight: 1, arbitrary: anyCharacter },
)
const word = fc.string({ unit: character, maxLength: 8 })
/** Pieces that are mostly taken, so that what is accepted is tried as often as what is refused. */
const piece = fc.constantFrom(
  ...['alice', 'Bob', '7', '.', '+', '(', 'É', 'e\u0301', 'İ', 'ΑΣ', 'ß', 'Ａ', 'ｶﾞ', 'テ・ス'],
  ...['אב', '\u05d0\u05b0', '٠', '۱', '\u0915\u094d\u200d', 'l·l', '한', '\u{20000}', '\u{10400}'],
)
const user = fc.oneof(
  fc.array(piece, { minLength: 1, maxLength: 3 }).map((pieces) => pieces.join('')),
  word,
)
const label = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom(
      'a',
      'Im',
      'b\u00fccher',
      'BU\u0308CHER',
      'Faß',
      'א1',
      'テ・ス',
      'a-b',
      '7',
    ),
  },
  {
    weight: 4,
    arbitrary: fc.constantFrom('xn--bcher-kva', 'XN--FA-HIA', 'xn--ls8h', 'xn--a', '0x7f', 'ab--c'),
  },
  { weight: 1, arbitrary: word },
  { weight: 1, arbitrary: word.map((rest) => `xn--${rest}`) },
)
const lastLabel = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('example', 'COM', 'xn--p1ai', 'рф', 'example.') },
  { weight: 1, arbitrary: label },
)
const domain = fc
  .tuple(fc.array(label, { minLength: 1, maxLength: 3 }), lastLabel)
  .map(([labels, last]) => [...labels, last].join('.'))
const written = fc.oneof(
  { weight: 9, arbitrary: fc.tuple(user, domain).map(([name, at]) => `${name}@${at}`) },
  { weight: 1, arbitrary: fc.string({ unit: character, maxLength: 40 }) },
)
/** What the short way of the wire reader takes, and what nearly is that. */
const plain = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'abz09.-+_~@'), maxLength: 24 }),
  fc
    .tuple(
      fc.stringMatching(/^[a-z0-9.+]{1,6}$/),
      fc.stringMatching(/^(?:[a-z0-9][a-z0-9-]{0,3}\.){1,3}[a-z0-9]{1,3}$/),
    )
    .map(([name, at]) => `${name}@${at}`),
  fc
    .tuple(
      fc.integer({ min: 254, max: 258 }),
      fc.integer({ min: 60, max: 65 }),
      fc.integer({ min: 0, max: 4 }),
      fc.integer({ min: 1, max: 12 }),
    )
    .map(([name, middle, middles, last]) => {
      const labels = `${'d'.repeat(middle)}.`.repeat(middles)
      return `${'u'.repeat(name)}@${labels}${'e'.repeat(last)}`
    }),
)

/** What `task` gives, or `undefined` if it throws `bad-address`; any other error fails the test. */
function given<T>(task: () => T): T | undefined {
  try {
    return task()
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'bad-address') return undefined
    throw error
  }
}

const fromWire = (bytes: Buffer): Address | undefined => addressFromBytes(bytes, 0, bytes.length)

describe('an address', () => {
  test('that was parsed once parses to itself', () => {
    fc.assert(
      fc.property(written, (text) => {
        const address = given(() => parseAddress(text))
        if (address !== undefined) expect(parseAddress(address.text)).toStrictEqual(address)
        return true
      }),
      often,
    )
  })

  test('that was parsed is accepted from a peer', () => {
    fc.assert(
      fc.property(written, (text) => {
        const address = given(() => parseAddress(text))
        if (address !== undefined)
          expect(fromWire(Buffer.from(address.text))).toStrictEqual(address)
      }),
      often,
    )
  })

  test('survives its URI', () => {
    fc.assert(
      fc.property(written, (text) => {
        const address = given(() => parseAddress(text))
        if (address === undefined) return
        expect(parseUri(formatUri('pres', address), 'im')).toStrictEqual({
          service: 'pres',
          address,
        })
      }),
      often,
    )
  })

  test('keeps its domain when that is shown and typed again', () => {
    fc.assert(
      fc.property(domain, (text) => {
        const name = given(() => parseDomain(text))
        if (name !== undefined) expect(parseDomain(displayDomain(name))).toBe(name)
      }),
      often,
    )
  })

  test('is made of a user part that is prepared and a domain that is', () => {
    const address = makeAddress('Alice', parseDomain('A.example'))
    expect(address).toStrictEqual({ user: 'alice', domain: 'a.example', text: 'alice@a.example' })
  })
})

describe('the bytes of an address', () => {
  test('are accepted if they are canonical, whichever way they are read', () => {
    fc.assert(
      fc.property(fc.oneof(plain, written), (text) => {
        const bytes = Buffer.from(text)
        const address = given(() => parseAddress(bytes.toString()))
        const expected = address?.text === bytes.toString() ? address : undefined
        expect(fromWire(bytes)).toStrictEqual(expected)
      }),
      { ...often, numRuns: dose(20_000, 2000) },
    )
  })

  test('are read between start and end, whatever stands beside them', () => {
    fc.assert(
      fc.property(written, fc.uint8Array({ max: 0x7f, maxLength: 3 }), (text, beside) => {
        const bytes = Buffer.from(text)
        const framed = Buffer.concat([beside, bytes, beside])
        const end = beside.length + bytes.length
        expect(addressFromBytes(framed, beside.length, end)).toStrictEqual(fromWire(bytes))
      }),
      often,
    )
  })

  test('are refused when two of them would become the same replacement character', () => {
    expect(fromWire(Buffer.from('\u00ff@a.example'))?.user).toBe('\u00ff')
    expect(fromWire(Buffer.from('ff40612e62', 'hex'))).toBeUndefined()
    expect(fromWire(Buffer.from('fe40612e62', 'hex'))).toBeUndefined()
  })

  test('keep a byte order mark, which no name holds', () => {
    expect(fromWire(Buffer.from('\ufeffalice@a.example'))).toBeUndefined()
  })

  test('are told their canonical form when they miss it', () => {
    expect(judgeAddressBytes(Buffer.from('Alice@a.example'))).toStrictEqual({
      expected: 'the canonical form "alice@a.example"',
      found: '"Alice@a.example"',
    })
  })

  test('are not decoded when they are too many', () => {
    const tooMany = { expected: 'at most 510 bytes of address', found: '511' }
    expect(judgeAddressBytes(Buffer.alloc(511, 0xff))).toStrictEqual(tooMany)
    expect(judgeAddressBytes(Buffer.alloc(510, 0xff))).toMatchObject({ expected: 'UTF-8' })
  })
})

describe('whatever comes in', () => {
  test('as text is read as it is parsed, but throws nothing', () => {
    fc.assert(
      fc.property(fc.oneof(written, fc.string({ unit: anyCharacter, maxLength: 2000 })), (text) => {
        expect(readAddress(text)).toStrictEqual(given(() => parseAddress(text)))
        expect(readDomain(text)).toBe(given(() => parseDomain(text)))
      }),
      often,
    )
  })

  test('as bytes is an address or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        fromWire(Buffer.from(bytes))
      }),
      often,
    )
  })

  test.for([
    ['parseAddress', parseAddress],
    ['parseDomain', parseDomain],
    ['parseUser', parseUser],
    ['parseUri', (text: string) => parseUri(text, 'im')],
    ['parseUri with a scheme', (text: string) => parseUri(`im:${text}`, 'im')],
  ] as const)('as text is taken or refused by %s', ([, parse]) => {
    fc.assert(
      fc.property(fc.oneof(written, fc.string({ unit: anyCharacter, maxLength: 2000 })), (text) => {
        given(() => parse(text))
      }),
      often,
    )
  })
})
