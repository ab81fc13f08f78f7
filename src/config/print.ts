/**
 * Config: the settings as a file would say them, every default included.
 *
 * In:    settings.
 * Out:   YAML that gives the same settings again, but for secrets, which are hidden; the JSON schema as text.
 * Fails: never.
 */
import { stringify } from 'yaml'
import { z } from 'zod'
import type { Parsed } from './check.ts'
import { hiddenText } from './mistakes.ts'
import { type Config, configSchema } from './schema.ts'
import { isSecret, jsonSchema, type Path } from './settings.ts'

/** Safe to send to somebody who helps. A hidden secret is refused if the text comes back as a file. */
export const printConfig = (config: Config): string =>
  stringify(hide(toInput(config), []), { lineWidth: 0 })

/** What a file would say: domains, endpoints and maps as text again. */
export const toInput = (config: Config): unknown => z.encode(configSchema, config as Parsed)

function hide(value: unknown, path: Path): unknown {
  if (value === null) return value
  if (isSecret(path)) return hiddenText
  if (Array.isArray(value)) return value.map((item, index) => hide(item, [...path, index]))
  if (typeof value !== 'object') return value
  const entries = Object.entries(value).map(([name, member]) => [
    name,
    hide(member, [...path, name]),
  ])
  return Object.fromEntries(entries)
}

const width = 100

/** `deploy/gatehouse.schema.json`, formatted as the rest of the project is. */
export const printJsonSchema = (): string => `${printJson(forEditors(jsonSchema()), '', 0)}\n`

/** A section with nothing behind it is no mistake here, so an editor should not mark it. */
function forEditors(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(forEditors)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([name, member]) =>
    name === 'type' && member === 'object'
      ? [name, ['object', 'null']]
      : [name, forEditors(member)],
  )
  return Object.fromEntries(entries)
}

/** A list of plain values stands on one line if it fits; a mapping never does. */
function printJson(value: unknown, indent: string, before: number): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const deeper = `${indent}  `
  const lines = (open: string, items: readonly string[], close: string) =>
    `${open}\n${items.map((item) => deeper + item).join(',\n')}\n${indent}${close}`
  if (Array.isArray(value)) {
    const items = value.map((item) => printJson(item, deeper, 0))
    const line = `[${items.join(', ')}]`
    const fits = before + indent.length + line.length < width && !line.includes('\n')
    return fits ? line : lines('[', items, ']')
  }
  const members = Object.entries(value).map(([name, member]) => {
    const label = `${JSON.stringify(name)}: `
    return label + printJson(member, deeper, label.length)
  })
  return members.length === 0 ? '{}' : lines('{', members, '}')
}
