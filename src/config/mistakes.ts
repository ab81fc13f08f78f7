/**
 * Config: a mistake, and how it is told.
 *
 * In:    what is wrong, where.
 * Out:   one line a mistake: `file:line:column  path: expected …, found …`; secrets never in it.
 * Fails: never.
 */
import type { Status } from '../errors.ts'
import { isHidden, type Path } from './settings.ts'
import type { Position, Source } from './source.ts'

/** What is wrong, before it is known where that stands in the text. */
export type Problem = {
  readonly path: Path
  /** Whether the name of the setting or its value is wrong. */
  readonly at: 'key' | 'value'
  readonly expected: string
  readonly value: unknown
  /** A whole sentence where "expected …, found …" would say less; otherwise empty. */
  readonly says: string
}

export type Mistake = Position & {
  readonly code: Extract<Status, 'config-invalid' | 'file-unreadable' | 'certificate-unusable'>
  readonly file: string
  /** `domains[0].name`; empty for the file as a whole. */
  readonly path: string
  /** As it may be shown: shortened, and hidden if it is a secret or may be one. */
  readonly value: string
  readonly expected: string
  readonly message: string
}

/** `peers[b.example].keys[0]`: a name with a point stands in brackets. */
export const showPath = (path: Path): string =>
  path.reduce<string>((text, step) => {
    if (typeof step === 'number' || step.includes('.')) return `${text}[${step}]`
    return text === '' ? step : `${text}.${step}`
  }, '')

export const hiddenText = '(hidden)'

const longestShown = 60

/** Whatever setting it stands at: PEM, or base64 that is longer than a public key. */
const looksSecret = (text: string): boolean =>
  text.includes('PRIVATE KEY') || /^(?![./])[A-Za-z0-9+/_-]{44,}={0,2}$/.test(text)

/** A value for a mistake: short, on one line, and no secret. */
export function showValue(value: unknown, path: Path): string {
  if (value === undefined || value === null) return 'nothing'
  if (typeof value === 'object') {
    const kind = Array.isArray(value) ? 'list' : 'mapping'
    return Object.keys(value).length === 0 ? `an empty ${kind}` : `a ${kind}`
  }
  const text = String(value)
  if (isHidden(path) || looksSecret(text)) return hiddenText
  const short = text.length > longestShown ? `${text.slice(0, longestShown)}…` : text
  return typeof value === 'string' ? JSON.stringify(short) : short
}

export function toMistake(
  problem: Problem,
  { file, locate }: { readonly file: string; readonly locate: Source['locate'] },
  code: Mistake['code'] = 'config-invalid',
): Mistake {
  const { path, at, expected } = problem
  const value = showValue(problem.value, path)
  // A whole sentence may quote the value too.
  const plain = problem.says === '' || value === hiddenText
  const message = plain ? `expected ${expected}, found ${value}` : problem.says
  return { ...locate(path, at), code, file, path: showPath(path), value, expected, message }
}

/** In the order of the file. */
export const inOrder = (mistakes: readonly Mistake[]): readonly Mistake[] =>
  mistakes.toSorted((a, b) => a.line - b.line || a.column - b.column)

/** One line a mistake, for people; an editor that is given such a line jumps to the place. */
export const formatMistakes = (mistakes: readonly Mistake[]): string =>
  mistakes
    .map(({ file, line, column, path, message }) => {
      const subject = path === '' ? '' : `${path}: `
      return `${file}:${line}:${column}  ${subject}${message}`
    })
    .join('\n')
