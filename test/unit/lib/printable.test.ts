/** What a far side wrote, as a screen shows it. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { printable } from '../../../src/lib/printable.ts'
import { anyCharacter } from '../../support/any-character.ts'

describe('printed as it was sent', () => {
  test.each([
    ['emoji that are joined', '👩‍💻 👨‍👩‍👧 🏳️‍🌈 👩🏽‍🚀'],
    ['a sign with a variation selector', '❤️ 1️⃣ ☎︎'],
    ['the flag of England, which is made of tags', '🏴󠁧󠁢󠁥󠁮󠁧󠁿'],
    ['a joiner and a non-joiner between letters', 'क्‍ष می‌خواهم'],
    ['marks of direction', 'שלום\u200f, (a\u200eb) \u061c'],
    ['signs before Arabic numbers', '\u0600\u0661'],
    ['places where a line may break, of scripts without blanks', 'ខ្ញុំ\u200bស្រឡាញ់ ไทย\u2060ไทย'],
    ['marks that combine, many at once', 'e\u0301 Z\u0351\u036bA n\u0303 \u0e01\u0e33 แล้ว'],
    ['signs of old scripts', '\u{110bd}\u{11066} \u{13000}\u{13430}\u{13000} ᠮ\u180e\u1820\u180b'],
    ['Hangul of single letters', '\u115f\u1161'],
    ['a variant of an ideograph', '葛\u{e0100}'],
    ['a soft hyphen, and line feeds', 'Donau\u00addampf\n\tgrüße, 日本\n'],
  ])('%s', (_, text) => {
    expect(printable(text)).toBe(text)
  })
})

describe('printed as an escape that JSON reads, too', () => {
  test.each([
    ['an escape sequence', 'a\u001b[2Jb', 'a\\u001b[2Jb'],
    ['one of eight bits', '\u009b31m\u0090', '\\u009b31m\\u0090'],
    ['backspace, delete, carriage return', 'a\b\u007f\rb', 'a\\u0008\\u007f\\u000db'],
    ['an override and an isolate', '\u202eb\u2066', '\\u202eb\\u2066'],
    ['separators of lines', 'a\u2028b\u2029', 'a\\u2028b\\u2029'],
    [
      'a joiner between letters that need none',
      'pay\u200dpal pay\u200cpal',
      'pay\\u200dpal pay\\u200cpal',
    ],
    ['blanks of no width in a row', 'ក\u200b\u200bខ', 'ក\\u200b\\u200bខ'],
    [
      'selectors in a row, which say something unseen',
      '☎\ufe0f\ufe00\u{e0101}',
      '☎\ufe0f\\ufe00\\udb40\\udd01',
    ],
    ['letters that nobody sees', 'a\u3164b\uffa0\u2065', 'a\\u3164b\\uffa0\\u2065'],
    ['blanks of no width', '\u200b\ufeff\u2060', '\\u200b\\ufeff\\u2060'],
    ['tags that are no flag', 'a\u{e0061}', 'a\\udb40\\udc61'],
    ['for private use', '\ue000\u{f0000}', '\\ue000\\udb80\\udc00'],
    ['half of a pair', 'a\ud800', 'a\\ud800'],
  ])('%s', (_, text, told) => {
    expect(printable(text)).toBe(told)
  })

  test('so that JSON means the same after it', () => {
    fc.assert(
      fc.property(fc.string({ unit: anyCharacter }), (text) => {
        expect(JSON.parse(printable(JSON.stringify({ text })))).toEqual({ text })
      }),
    )
  })
})
