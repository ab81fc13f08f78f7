import { describe, expect, test } from 'vitest'
import { unicodeVersion } from '../../../src/address/precis-tables.ts'
import { judgeUser, maxUserBytes, parseUser } from '../../../src/address/user.ts'
import { dose } from '../../support/dose.ts'

/** Of so many characters one is tried. */
const step = dose(1, 7)

describe('parseUser', () => {
  test('says what it expected and what it found', () => {
    expect(() => parseUser('a\u200bb')).toThrow(
      'expected letters, digits and ASCII signs in a user part, found U+200B in "a\\u{200b}b"',
    )
  })

  test('counts 256 bytes after the preparation', () => {
    expect(parseUser('a'.repeat(256))).toHaveLength(maxUserBytes)
    expect(parseUser('e\u0301'.repeat(128))).toBe('\u00e9'.repeat(128))
    expect(() => parseUser('a'.repeat(257))).toThrow('at most 256 bytes')
    expect(() => parseUser(`${'\u00e9'.repeat(128)}a`)).toThrow('at most 256 bytes')
  })

  test('refuses half a surrogate pair', () => {
    expect(() => parseUser('\ud83d')).toThrow('U+D83D')
  })

  test('gives every letter, mark and digit that it takes back unchanged', () => {
    const taken = everyName().flatMap((name) => userOrNot(name) ?? [])
    expect(taken.length).toBeGreaterThan(140_000 / step)
    expect(taken.filter((user) => userOrNot(user) !== user)).toStrictEqual([])
  }, 60_000)
})

test('the tables are of the version of Unicode that this Node has', () => {
  const { unicode } = process.versions
  expect(unicode).toBe(unicodeVersion)
})

/** A name for each letter, mark and digit; between two `l`, where U+00B7 is in its context. */
function everyName(): readonly string[] {
  const all = Array.from(
    { length: 0x11_0000 / step },
    (_, n) => `l${String.fromCodePoint(n * step)}l`,
  )
  return all.filter((name) => /^l[\p{L}\p{M}\p{N}\u00b7]l$/u.test(name))
}

function userOrNot(text: string): string | undefined {
  const user = judgeUser(text)
  return typeof user === 'string' ? user : undefined
}
