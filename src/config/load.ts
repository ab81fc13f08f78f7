/**
 * Config: the text of the file becomes the settings of the program, or every mistake in it.
 *
 * In:    the text and the name of the file.
 * Out:   settings with all defaults, domains canonical, paths absolute; or mistakes with line and column, and what is
 *        left without them if files can be checked by it.
 * Fails: never; a mistake is a value.
 */
import { dirname, resolve as resolvePath } from 'node:path'
import { type Checked, checkSettings, type Parsed } from './check.ts'
import { findContradictions } from './contradictions.ts'
import { inOrder, type Mistake, type Problem, showPath, toMistake } from './mistakes.ts'
import type { Config } from './schema.ts'
import { readSource, type Source } from './source.ts'

export type Loaded = {
  readonly config: Config
  readonly file: string
  /** For what is found out later about a setting, such as a file that cannot be read. */
  readonly locate: Source['locate']
  /** Where in the file a setting of `config` stands, and whether something there was left out as wrong. */
  readonly placeOf: Checked['placeOf']
  readonly isCut: Checked['isCut']
}

export type Faulty = {
  readonly mistakes: readonly Mistake[]
  /** Good for a look at the files that it names, and for nothing else. */
  readonly rest: Loaded | undefined
}

/** `fileName` is shown in mistakes, and relative paths in the file start from its folder. */
export function parseConfig(text: string, fileName: string): Loaded | Faulty {
  const { data, faults, locate } = readSource(text)
  const checked = faults.some(({ fatal }) => fatal) ? undefined : checkSettings(data)
  const problems = checked === undefined ? [] : [...checked.problems, ...contradictions(checked)]
  const mistakes: Mistake[] = [
    ...faults.map(({ line, column, path, message }) => ({
      ...{ line, column, message, code: 'config-invalid' as const, file: fileName },
      ...{ path: showPath(path), value: '', expected: '' },
    })),
    ...problems.map((problem) => toMistake(problem, { file: fileName, locate })),
  ]
  const config =
    checked?.parsed === undefined ? undefined : withPaths(checked.parsed, dirname(fileName))
  const loaded = checked &&
    config && { config, file: fileName, locate, placeOf: checked.placeOf, isCut: checked.isCut }
  if (mistakes.length === 0 && loaded !== undefined) return loaded
  return { mistakes: inOrder(mistakes), rest: loaded }
}

function contradictions({ parsed, isCut, placeOf }: Checked): readonly Problem[] {
  if (parsed === undefined) return []
  return findContradictions(parsed)
    .filter(({ on }) => !on.some((path) => isCut(placeOf(path))))
    .map((problem) => ({ ...problem, path: placeOf(problem.path) }))
}

/** The paths of a file are relative to its folder, wherever the program is started. */
function withPaths(parsed: Parsed, folder: string): Config {
  const absolute = (path: string): string => resolvePath(folder, path)
  return {
    ...parsed,
    domains: parsed.domains.map((domain) => ({
      ...domain,
      key: absolute(domain.key),
      userKey: domain.userKey === null ? null : absolute(domain.userKey),
      otherKeys: domain.otherKeys.map(absolute),
      certificate: absolute(domain.certificate),
      certificateKey: absolute(domain.certificateKey),
    })),
    resolve: {
      ...parsed.resolve,
      trustedCertificates: parsed.resolve.trustedCertificates.map(absolute),
    },
  }
}
