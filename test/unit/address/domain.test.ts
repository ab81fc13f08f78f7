import { describe, expect, test } from 'vitest'
import {
  displayDomain,
  isSubdomain,
  maxDomainBytes,
  parseDomain,
  readDomain,
} from '../../../src/address/domain.ts'
import { dose } from '../../support/dose.ts'

/** Of so many characters one is tried. */
const step = dose(1, 7)

describe('parseDomain', () => {
  test('says what it expected and what it found', () => {
    expect(() => parseDomain('a_b.example')).toThrow(
      'expected letters, digits, hyphens and dots in a domain, found U+005F in "a_b.example"',
    )
  })

  test('keeps line ends, escapes and hidden characters of the input out of its message', () => {
    const message = messageOf(() => parseDomain('a\r\n\u001b\u202e\u3164\u0301".example'))
    expect(message).toContain('"a\\u{d}\\u{a}\\u{1b}\\u{202e}\\u{3164}\\u{301}\\u{22}.example"')
  })

  test('cuts a long input short in its message', () => {
    expect(messageOf(() => parseDomain(`${'a'.repeat(900)}_`)).length).toBeLessThan(200)
  })

  test('takes a label of 63 bytes and refuses one of 64', () => {
    expect(parseDomain(`${'a'.repeat(63)}.example`)).toHaveLength(71)
    expect(() => parseDomain(`${'a'.repeat(64)}.example`)).toThrow('at most 63 bytes')
  })

  test('takes 253 bytes and refuses 254, a dot at the end not counted', () => {
    const longest = `${`${'a'.repeat(49)}.`.repeat(5)}abc`
    expect(longest).toHaveLength(maxDomainBytes)
    expect(parseDomain(`${longest}.`)).toBe(longest)
    expect(() => parseDomain(`${longest}d`)).toThrow('at most 253 bytes')
  })

  test('never makes another number of labels than was written', () => {
    const dots = /[.。．｡]/
    const letters = everyCharacter(/[\p{L}\p{M}\p{N}]/u).filter((letter) => !dots.test(letter))
    const torn = letters.filter((letter) => {
      const name = readDomain(`a${letter}b.example`)
      return name !== undefined && name.split('.').length !== 2
    })
    expect(letters.length).toBeGreaterThan(140_000 / step)
    expect(torn).toStrictEqual([])
  }, 60_000)
})

describe('displayDomain', () => {
  test('shows U-labels', () => {
    expect(displayDomain(parseDomain('im.xn--bcher-kva.example'))).toBe('im.bücher.example')
  })

  test('leaves a plain domain as it is', () => {
    expect(displayDomain(parseDomain('A.example.'))).toBe('a.example')
  })
})

describe('isSubdomain', () => {
  const below = (domain: string, parent: string) =>
    isSubdomain(parseDomain(domain), parseDomain(parent))

  test('is true below the parent, however deep', () => {
    expect(below('im.a.example', 'a.example')).toBe(true)
    expect(below('x.y.a.example', 'a.example')).toBe(true)
  })

  test('is false for the parent itself and for what is above it', () => {
    expect(below('a.example', 'a.example')).toBe(false)
    expect(below('a.example', 'im.a.example')).toBe(false)
  })

  test('is false for a domain that only ends in the same letters', () => {
    expect(below('nota.example', 'a.example')).toBe(false)
  })
})

function everyCharacter(kind: RegExp): readonly string[] {
  const all = Array.from({ length: 0x11_0000 / step }, (_, n) => String.fromCodePoint(n * step))
  return all.filter((character) => kind.test(character))
}

function messageOf(task: () => unknown): string {
  try {
    task()
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('nothing was thrown')
}
