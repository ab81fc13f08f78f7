import { isUtf8 } from 'node:buffer'
import { describe, expect, test } from 'vitest'
import {
  addressFromBytes,
  judgeAddressBytes,
  parseAddress,
  readAddress,
} from '../../../src/address/address.ts'
import { formatUri, parseUri } from '../../../src/address/uri.ts'
import { readVectors } from './vectors.ts'

const valid = readVectors('addresses-valid.txt')
const invalid = readVectors('addresses-invalid.txt')
const hasScheme = /^(?:im|pres):/i
const refusal = expect.objectContaining({ code: 'bad-address' })

describe('a valid line', () => {
  test.for(valid)('gives its canonical form: $line', ({ line, bytes, second: canonical }) => {
    const input = bytes.toString()
    expect(parseUri(input, 'im').address.text).toBe(canonical)
    if (!hasScheme.test(line)) expect(parseAddress(input).text).toBe(canonical)
  })

  test.for(valid)('has a canonical form that every reader gives back: $line', ({ second }) => {
    const address = parseAddress(second)
    const wire = Buffer.from(second)
    expect(address.text).toBe(second)
    expect(`${address.user}@${address.domain}`).toBe(second)
    expect(addressFromBytes(wire, 0, wire.length)).toStrictEqual(address)
    expect(parseUri(formatUri('im', address), 'pres')).toStrictEqual({ service: 'im', address })
  })

  const repaired = valid.filter(({ bytes, second }) => !bytes.equals(Buffer.from(second)))

  test.for(repaired)('is refused from a peer unless canonical: $line', ({ bytes }) => {
    expect(addressFromBytes(bytes, 0, bytes.length)).toBeUndefined()
  })
})

describe('an invalid line', () => {
  test.for(invalid)('is refused from a peer: $line', ({ bytes }) => {
    expect(addressFromBytes(bytes, 0, bytes.length)).toBeUndefined()
  })

  const texts = invalid.filter(({ bytes }) => isUtf8(bytes))

  test.for(texts)('is refused as text, for its reason: $line', ({ bytes, second: reason }) => {
    const input = bytes.toString()
    expect(() => parseAddress(input)).toThrow(refusal)
    expect(readAddress(input)).toBeUndefined()
    expect(() => parseUri(input, 'im')).toThrow(refusal)
    expect(() => parseUri(input, 'im')).toThrow(reason)
  })

  const others = invalid.filter(({ bytes }) => !isUtf8(bytes))

  test.for(others)('is refused as bytes, for its reason: $line', ({ bytes, second: reason }) => {
    expect(addressFromBytes(bytes, 0, bytes.length)).toBeUndefined()
    expect(judgeAddressBytes(bytes)).toStrictEqual({ expected: reason, found: expect.any(String) })
  })
})
