import { describe, expect, it } from 'vitest'
import { flagsOf, usage } from '../../bench/flags.ts'

const flags = (...words: readonly string[]) => {
  const found = flagsOf(words)
  if (typeof found === 'string') throw new Error(found)
  return found
}

describe('the flags of the bench', () => {
  it('measure the usual load without a word', () => {
    expect(flags()).toEqual({
      rounds: 8,
      seconds: 2,
      window: 1000,
      users: undefined,
      hostile: false,
      only: undefined,
      providers: undefined,
      json: false,
      help: false,
    })
  })

  it('take so many pairs of users, and leave all else', () => {
    expect(flags('--users', '20000')).toEqual({ ...flags(), users: 20_000 })
  })

  it('choose the floods, and one of them by its name', () => {
    expect(flags('--hostile')).toMatchObject({ hostile: true, only: undefined })
    expect(flags('--only', 'crowd')).toMatchObject({ hostile: true, only: 'crowd' })
    expect(flags('--hostile', '--only', 'claims')).toMatchObject({ hostile: true, only: 'claims' })
  })

  it('say which floods there are when one is asked for that is not', () => {
    expect(flagsOf(['--only', 'tulips'])).toMatch(/--only is tulips; one of busy, admin, .* wanted/)
  })

  it('take a rate between two providers', () => {
    expect(flags('--providers', '5000', '--seconds', '10')).toMatchObject({
      providers: 5000,
      seconds: 10,
    })
  })

  it.each([
    [['--users', '49'], '--users is 49; a whole number from 50 to 100000 is wanted.'],
    [['--users', 'many'], '--users is many; a whole number from 50 to 100000 is wanted.'],
    [['--providers', '0'], '--providers is 0; a whole number from 1 to 50000 is wanted.'],
    [['--rounds', '1.5'], '--rounds is 1.5; a whole number from 1 to 100 is wanted.'],
  ])('refuse %j', (words, text) => {
    expect(flagsOf(words)).toBe(text)
  })

  it('stand in the help, each', () => {
    const words = Object.keys(flags()).map((name) => `--${name}`)
    expect(words.filter((word) => !usage.includes(word))).toEqual([])
  })
})
