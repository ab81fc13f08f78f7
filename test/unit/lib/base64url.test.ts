import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeBase64url, encodeBase64url } from '../../../src/lib/base64url.ts'

test('what is encoded decodes to the same bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(decodeBase64url(encodeBase64url(bytes))).toEqual(Buffer.from(bytes))
    }),
  )
})

test('a part of a larger buffer is encoded, not the buffer', () => {
  expect(encodeBase64url(new Uint8Array([1, 2, 3, 4]).subarray(1, 3))).toBe('AgM')
})

test.for([
  ['padding', 'AA=='],
  ['a blank', 'AA A'],
  ['a line end', 'AAAA\n'],
  ['the other alphabet', '+/+/'],
  ['stray trailing bits', 'AB'],
  ['one character over', 'AAAAA'],
  ['a character that is skipped by Node', 'AA*AA'],
  ['a character outside Latin-1', 'AAA\u0141'],
  ['a dot', 'AA.AA'],
])('A087: %s is refused', ([, text]) => {
  expect(decodeBase64url(text as string)).toBeUndefined()
})

test('every text that is accepted is the one that would be printed', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const bytes = decodeBase64url(text)
      if (bytes !== undefined) expect(encodeBase64url(bytes)).toBe(text)
    }),
  )
})
