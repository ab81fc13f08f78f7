import { expect, test } from 'vitest'
import { byCodePoint } from '../../../src/lib/code-points.ts'

test('the order of code points is that of the bytes in UTF-8', () => {
  const units = [
    '',
    'a',
    'b',
    'ab',
    '\u00e9',
    '\ud7ff',
    '\ue000',
    '\ufa0e',
    '\uffff',
    '\u{10000}',
    '\u{10ffff}',
  ]
  const texts = units.flatMap((first) => units.map((second) => `${first}${second}`))
  for (const a of texts) {
    for (const b of texts) {
      const expected = Buffer.compare(Buffer.from(a), Buffer.from(b))
      expect(Math.sign(byCodePoint(a, b)), `${a} ${b}`).toBe(expected)
    }
  }
})
