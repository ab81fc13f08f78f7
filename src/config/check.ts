/**
 * Config: plain data becomes settings, and every problem is found at once.
 *
 * In:    plain data from the file.
 * Out:   all problems, and the settings of the part that is right.
 * Fails: never.
 *
 * A validator stops below its first problem, and the rules over several settings want all of them. So what is
 * wrong is cut out and the rest is read again, until the rest is right; what is missing only because it was
 * cut out is no problem of its own.
 */
import type { z } from 'zod'
import { cutsOf, valueAt } from './cuts.ts'
import { type Problem, showPath } from './mistakes.ts'
import { configSchema } from './schema.ts'
import { namesAt, type Path } from './settings.ts'
import { nearest } from './suggest.ts'

export type Parsed = z.output<typeof configSchema>

export type Checked = {
  /** `undefined` if nothing of the file is right. */
  readonly parsed: Parsed | undefined
  readonly problems: readonly Problem[]
  /** Whether something at, above or below this path of the file was cut out. */
  readonly isCut: (path: Path) => boolean
  /** From a place in `parsed` to its place in the file. */
  readonly placeOf: (path: Path) => Path
}

/** Each round gets past one level of nesting at least. */
const mostRounds = 24

export function checkSettings(data: unknown): Checked {
  const cuts = cutsOf(data ?? {})
  const cutPaths: Path[] = []
  const problems: Problem[] = []
  const told = new Set<string>()
  const isCutBelow = (path: Path) => cutPaths.some((cut) => begins(path, cut))
  const isCut = (path: Path) => isCutBelow(path) || cutPaths.some((cut) => begins(cut, path))
  const checked = { problems, isCut, placeOf: cuts.placeOf }
  for (let round = 0; round < mostRounds; round++) {
    const rest = cuts.rest()
    const result = configSchema.safeParse(rest, { error: phrase })
    if (result.success) return { ...checked, parsed: result.data }
    const found = result.error.issues
      .flatMap((issue) => problemsOf(issue, rest))
      .map((problem) => ({ ...problem, path: cuts.placeOf(problem.path) }))
    for (const problem of found) {
      const { path, at } = problem
      const name = showPath(path)
      if (told.has(name) || (at !== 'key' && isCutBelow(path))) continue
      told.add(name)
      problems.push(problem)
    }
    // What is not there cannot be cut out: in the end, the mapping that misses it is.
    const there = found.filter(({ value }) => value !== undefined)
    const places =
      there.length > 0 ? there.map(({ path }) => path) : found.map(({ path }) => path.slice(0, -1))
    for (const place of places) cuts.add(place)
    cutPaths.push(...places)
    if (cuts.rest() === undefined) break
  }
  return { ...checked, parsed: undefined }
}

/** `start` is `path` or stands above it. */
const begins = (start: Path, path: Path): boolean =>
  start.length <= path.length && start.every((step, index) => step === path[index])

/** The phrase after "expected", for the issues to which the schema gives none. */
function phrase(issue: z.core.$ZodRawIssue): string {
  if (issue.code === 'invalid_value') return issue.values.map(String).join(' or ')
  return issue.code === 'invalid_type' && issue.expected === 'object'
    ? 'a mapping'
    : 'another value'
}

function problemsOf(issue: z.core.$ZodIssue, data: unknown): readonly Problem[] {
  const path = issue.path as Path
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknown([...path, key]))
  const params = issue.code === 'custom' ? (issue.params ?? {}) : {}
  const at = params['at'] === 'key' ? 'key' : 'value'
  const value = at === 'key' ? path.at(-1) : valueAt(data, path)
  return [{ path, at, expected: issue.message, value, says: String(params['says'] ?? '') }]
}

function unknown(path: Path): Problem {
  const value = String(path.at(-1))
  const meant = nearest(value, namesAt(path.slice(0, -1)))
  const says = meant === undefined ? 'unknown setting' : `unknown setting; did you mean ${meant}?`
  return { path, at: 'key', expected: meant ?? 'a setting', value, says }
}
