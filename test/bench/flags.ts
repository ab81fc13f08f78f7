/**
 * The flags of the bench.
 *
 * In:    the words of the command line.
 * Out:   the flags with their defaults, or one sentence that says what is wrong.
 * Fails: never.
 */
import { parseArgs } from 'node:util'
import { floods } from './hostile-floods.ts'

export type Flags = {
  readonly rounds: number
  readonly seconds: number
  readonly window: number
  /** So many pairs of users instead of the usual ones, and no probes but the return of the link. */
  readonly users: number | undefined
  /** The floods instead of the load; of one name only, if there is one. */
  readonly hostile: boolean
  readonly only: string | undefined
  /** Messages a second between two providers with default limits, instead of the load. */
  readonly providers: number | undefined
  readonly json: boolean
  readonly help: boolean
}

export const usage = `Usage: npm run bench -- [flags]

  --rounds N    how often each subject is measured (default 8)
  --seconds N   length of one flood and of one light load (default 2)
  --window N    messages without an answer, of all users together (default 1000)
  --users N     so many pairs of users, and the return of a link that all of them use
  --hostile     an innocent pair of domains under one flood after the other, default limits
  --only NAME   of these floods only one
  --providers N N messages a second between two providers with default limits: what passes, what is refused
  --quick       2 rounds of 1 second, for a first look
  --json        only the line of JSON
  --help        this text`

/** Pairs of users without `--users`. */
export const usualUsers = 50

const bounds = {
  rounds: { least: 1, most: 100, usual: 8, quick: 2 },
  seconds: { least: 1, most: 60, usual: 2, quick: 1 },
  window: { least: 50, most: 20_000, usual: 1000, quick: 1000 },
  users: { least: 50, most: 100_000, usual: usualUsers, quick: usualUsers },
  providers: { least: 1, most: 50_000, usual: 0, quick: 0 },
} as const

const options = {
  rounds: { type: 'string' },
  seconds: { type: 'string' },
  window: { type: 'string' },
  users: { type: 'string' },
  hostile: { type: 'boolean', default: false },
  only: { type: 'string' },
  providers: { type: 'string' },
  quick: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const

export function flagsOf(words: readonly string[]): Flags | string {
  try {
    const { values } = parseArgs({ args: [...words], options, strict: true })
    const { hostile, only, quick, json, help } = values
    if (only !== undefined && !floods.some(({ name }) => name === only)) {
      const names = floods.map(({ name }) => name).join(', ')
      throw new RangeError(`--only is ${only}; one of ${names} is wanted.`)
    }
    const number = (name: keyof typeof bounds): number => {
      const { least, most, usual, quick: short } = bounds[name]
      const word = values[name]
      if (word === undefined) return quick ? short : usual
      const value = Number(word)
      if (Number.isInteger(value) && value >= least && value <= most) return value
      throw new RangeError(
        `--${name} is ${word}; a whole number from ${least} to ${most} is wanted.`,
      )
    }
    return {
      rounds: number('rounds'),
      seconds: number('seconds'),
      window: number('window'),
      users: values.users === undefined ? undefined : number('users'),
      hostile: hostile || only !== undefined,
      only,
      providers: values.providers === undefined ? undefined : number('providers'),
      json,
      help,
    }
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause)
  }
}
