/**
 * Config: what a new configuration changes.
 *
 * In:    the settings in use and the new ones.
 * Out:   one row a setting that differs, and whether a running gateway takes it.
 * Fails: never.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Reload } from './marks.ts'
import { showPath, showValue } from './mistakes.ts'
import { toInput } from './print.ts'
import type { Config } from './schema.ts'
import { type Path, reloadAt } from './settings.ts'

export type Change = {
  readonly path: string
  /** Shown as in mistakes: secrets are hidden. */
  readonly before: string
  readonly after: string
  readonly reload: Reload
}

export const changesBetween = (before: Config, after: Config): readonly Change[] =>
  differences(toInput(before), toInput(after), [])

function differences(before: unknown, after: unknown, path: Path): readonly Change[] {
  if (isDeepStrictEqual(before, after)) return []
  if (isMapping(before) && isMapping(after)) {
    const names = new Set([...Object.keys(before), ...Object.keys(after)])
    return [...names].flatMap((name) => differences(before[name], after[name], [...path, name]))
  }
  if (isList(before) && isList(after) && before.length === after.length) {
    return before.flatMap((item, i) => differences(item, after[i], [...path, i]))
  }
  const shown = { before: show(before, path), after: show(after, path) }
  return [{ path: showPath(path), ...shown, reload: reloadAt(path) }]
}

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Of mappings; a list of plain values is told as a whole. */
const isList = (value: unknown): value is readonly unknown[] =>
  Array.isArray(value) && value.every(isMapping)

const show = (value: unknown, path: Path): string =>
  Array.isArray(value)
    ? value.map((item) => showValue(item, path)).join(', ')
    : showValue(value, path)
