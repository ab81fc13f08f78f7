/** The ABNF of `docs/protocol.md`: complete, and the same as what the program and the examples say. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { addressFromBytes } from '../../src/address/address.ts'
import { readDomain } from '../../src/address/domain.ts'
import { isKid, parseCredentialToken } from '../../src/credential/token.ts'
import { decodeBase64url } from '../../src/lib/base64url.ts'
import { limitsWith } from '../../src/limits.ts'
import { parseDocument } from '../../src/wire/document.ts'
import { fields, frame as frameTypes } from '../../src/wire/registry.ts'
import { Abnf } from '../support/abnf.ts'
import { examples } from '../support/frame-vectors.ts'
import { pagePath } from '../support/protocol-page.ts'
import * as wire from '../support/script/codec.ts'
import { seededRandom } from '../support/seeded-random.ts'

const page = readFileSync(pagePath, 'utf8')
const grammar = new Abnf(/```abnf\n([\s\S]*?)```/.exec(page)?.[1] ?? '')
const limits = limitsWith()
const random = seededRandom(21)
const count = 600

const drawn = (rule: string): readonly Buffer[] =>
  Array.from({ length: count }, () => grammar.make(rule, random))

/** One octet is another one, is gone, or stands twice. */
function mutated(bytes: Buffer): Buffer {
  const at = Math.floor(random.number() * bytes.length)
  const octet = Buffer.of(Math.floor(random.number() * 128))
  const middle = [octet, Buffer.alloc(0), bytes.subarray(at, at + 1), octet][at % 4] as Buffer
  const from = at % 4 === 2 ? at : at + 1
  return Buffer.concat([bytes.subarray(0, at), middle, bytes.subarray(from)])
}

/** What the comments of the grammar say, of ASCII. */
function isPlain(bytes: Buffer): boolean {
  const text = bytes.toString('latin1')
  const [user = '', domain = user] = text.split('@')
  const isNumber = /(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$/.test(domain)
  const isShort = domain.length <= 253 && user.length <= 256
  return isShort && !isNumber && !domain.split('.').some((label) => label.startsWith('--', 2))
}

const isAscii = (bytes: Buffer): boolean => bytes.every((octet) => octet < 0x80)
const isAddress = (bytes: Buffer): boolean => addressFromBytes(bytes, 0, bytes.length) !== undefined
const isDomain = (bytes: Buffer): boolean =>
  readDomain(bytes.toString('latin1')) === bytes.toString('latin1')

const isTuple = (id: string): boolean => {
  const document = JSON.stringify({ tuples: { [id]: { note: '' } } })
  return parseDocument(Buffer.from(document), limits).status === 'ok'
}

describe('the grammar', () => {
  const roots = [
    ...['address', 'link', 'kid', 'jti', 'hash', 'tuple-id', 'decimal'],
    ...Object.keys(frameTypes).map((name) => `${name}-payload`),
  ]

  test('has every rule that it names, and names every rule that it has', () => {
    const used = new Set(roots.flatMap((root) => [...grammar.uses(root)]))
    expect(grammar.names.filter((name) => !used.has(name))).toEqual([])
  })

  test.for(Object.entries(fields))('has the tag of %s', ([name, { tag }]) => {
    for (const made of drawn(`${name}-field`).slice(0, 20)) expect(made[0]).toBe(tag)
  })

  test('has no field that the program does not know', () => {
    const named = grammar.names.filter((name) => name.endsWith('-field'))
    const known = Object.keys(fields).map((name) => `${name.toLowerCase()}-field`)
    expect(named.filter((name) => !known.includes(name))).toEqual(['other-field'])
  })
})

describe('takes what the program takes, and makes nothing else', () => {
  test.for([
    ['address', isAddress],
    ['domain', isDomain],
  ] as const)('%s, of ASCII', ([rule, takes]) => {
    const made = drawn(rule).filter((bytes) => isAscii(bytes) && isPlain(bytes))
    expect(made.length).toBeGreaterThan(count / 20)
    expect(made.filter((bytes) => !takes(bytes)).map(String)).toEqual([])
    const changed = made.map(mutated).filter((bytes) => isAscii(bytes) && isPlain(bytes))
    const taken = changed.filter(takes)
    expect(taken.length).toBeGreaterThan(changed.length / 20)
    expect(changed.filter((bytes) => grammar.matches(rule, bytes) !== takes(bytes))).toEqual([])
  })

  test('address, whatever it is written with', () => {
    const path = new URL('../vectors/addresses-valid.txt', import.meta.url)
    const rows = readFileSync(path, 'utf8').split('\n')
    const canonical = rows.flatMap((row) => row.split('\t')[1] ?? [])
    const texts = canonical.map((text) =>
      text.replace(/\\u\{([0-9a-f]+)\}/g, (_, code) =>
        String.fromCodePoint(Number.parseInt(code, 16)),
      ),
    )
    const read = texts.map((text) => Buffer.from(text.replaceAll('\\\\', '\\')))
    expect(read.length).toBeGreaterThan(20)
    expect(read.filter((bytes) => !grammar.matches('address', bytes)).map(String)).toEqual([])
  })

  test('key ids, hashes and ids of tuples', () => {
    const takes = { kid: isKid, 'tuple-id': isTuple }
    for (const [rule, fits] of Object.entries(takes)) {
      const made = drawn(rule)
      expect(made.filter((bytes) => !fits(bytes.toString()))).toEqual([])
      const changed = made.map(mutated)
      const differs = (bytes: Buffer): boolean =>
        grammar.matches(rule, bytes) !== fits(bytes.toString())
      expect(changed.filter(differs).map(String), rule).toEqual([])
    }
    const good = drawn('hash').filter((bytes) => decodeBase64url(bytes.toString()) !== undefined)
    // Of the last character two bits are left over.
    expect(good.length).toBeGreaterThan(count / 8)
    expect(good.every((bytes) => decodeBase64url(bytes.toString())?.length === 32)).toBe(true)
  })

  test.for([
    ['kid', isKid, 64],
    ['label', (text: string) => isDomain(Buffer.from(`${text}.b`)), 63],
    ['user', (text: string) => isAddress(Buffer.from(`${text}@b.example`)), 256],
    ['tuple-id', isTuple, 64],
  ] as const)('%s, up to the same length', ([rule, takes, most]) => {
    for (const length of [1, most, most + 1]) {
      const text = 'a'.repeat(length)
      expect([takes(text), grammar.matches(rule, Buffer.from(text))], `${length}`).toEqual(
        Array(2).fill(length <= most),
      )
    }
  })

  test('decimals of presence', () => {
    const fits = (text: string): boolean =>
      parseDocument(Buffer.from(`{"tuples":{"a":{"x":${text}}}}`), limits).status === 'ok'
    const made = drawn('decimal')
    expect(made.filter((bytes) => !fits(bytes.toString())).map(String)).toEqual([])
    const changed = made.map(mutated).filter((bytes) => bytes.includes('.'))
    const isOne = (bytes: Buffer): boolean => /^[-0-9.eE+]+$/.test(bytes.toString())
    const differs = changed.filter(
      (bytes) => isOne(bytes) && grammar.matches('decimal', bytes) !== fits(bytes.toString()),
    )
    expect(differs.map(String)).toEqual([])
  })

  test('tokens: those of the vectors, and nothing of another form', () => {
    const path = new URL('../vectors/tokens.json', import.meta.url)
    const found = readFileSync(path, 'utf8').match(/"eyJ[^"]*"/g) ?? []
    const tokens = found.map((text) => Buffer.from(text.slice(1, -1)))
    const codeOf = (bytes: Buffer): string => {
      const verdict = parseCredentialToken(bytes, limits, 'credential')
      return verdict.ok ? 'ok' : verdict.code
    }
    const good = tokens.filter((bytes) => codeOf(bytes) === 'ok')
    expect(good.length).toBeGreaterThan(10)
    for (const bytes of good) expect(grammar.matches('token', bytes), `${bytes}`).toBe(true)
    const changed = good.flatMap((bytes) => [mutated(bytes), mutated(bytes)])
    const bad = changed.filter((bytes) => !grammar.matches('token', bytes))
    expect(bad.length).toBeGreaterThan(5)
    // The header may be judged before the form of the rest is known.
    const codes = new Set(bad.map(codeOf))
    expect(codes.has('ok')).toBe(false)
  })
})

describe('the examples', () => {
  const frames = examples.flatMap(({ frames: all }) => [...all])

  test.for(examples)('$name', ({ frames: all }) => {
    for (const bytes of all) {
      expect(grammar.matches('frame', bytes)).toBe(true)
      const { type, payload } = wire.readFrames(bytes).frames[0] as wire.Frame
      const name = Object.entries(frameTypes).find(([, number]) => number === type)?.[0]
      const headBytes = name === 'request' ? 8 : name === 'response' ? 4 : undefined
      if (headBytes === undefined) {
        expect(grammar.matches(`${name}-payload`, payload)).toBe(true)
        continue
      }
      const length = payload.readUInt16BE(headBytes - 2)
      const rest = payload.subarray(headBytes, headBytes + length)
      for (const [tag, value] of wire.readFields(rest)) {
        const field = Object.entries(fields).find(([, row]) => row.tag === tag)?.[0]
        const head = Buffer.of(tag, value.length >> 8, value.length & 0xff)
        expect(grammar.matches(`${field}-field`, Buffer.concat([head, value])), field).toBe(true)
      }
    }
  })

  test('with an octet more or less are none, where the length is fixed', () => {
    const fixed = [frameTypes.credit, frameTypes.ping]
    const read = frames.map((bytes) => wire.readFrames(bytes).frames[0] as wire.Frame)
    const some = read.filter(({ type }) => fixed.includes(type as 5))
    expect(some.length).toBeGreaterThan(2)
    for (const { type, payload } of some) {
      const rule = type === frameTypes.ping ? 'ping-payload' : 'credit-payload'
      expect(grammar.matches(rule, payload.subarray(1))).toBe(false)
      expect(grammar.matches(rule, Buffer.concat([payload, Buffer.of(0)]))).toBe(false)
    }
  })
})
