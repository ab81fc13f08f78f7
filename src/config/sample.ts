/**
 * Config: the file that `init` writes, every setting in it explained.
 *
 * In:    what `init` knows: the domain and the files that it made.
 * Out:   YAML with those settings; all others stand behind `#`, with their default or an example.
 * Fails: never.
 */
import { stringify } from 'yaml'
import { entryOf, jsonSchema, membersOf, type Node } from './settings.ts'

export type Start = {
  readonly domain: string
  readonly key: string
  readonly certificate: string
  readonly certificateKey: string
}

const head = `# Settings of Gatehouse. What stands behind a # without a space is a default, or an example
# where the default is to have none: take the # away to change it. Paths are relative to this file.
# "gatehouse check-config" names every mistake; docs/configuration.md has the same in tables.
`

export function sampleConfig({ domain, ...files }: Start): string {
  const { domains, ...rest } = membersOf(jsonSchema())
  const known = { name: domain, ...files }
  const item = members(domains?.items ?? {}, '    ', known)
  item[firstSet(item)] = (item[firstSet(item)] ?? '').replace(/^ {4}/, '  - ')
  const ours = [...prose(domains?.description, ''), 'domains:', ...item]
  const others = Object.entries(rest).flatMap(([name, node]) => ['', ...setting(name, node, '')])
  return [head, ...ours, ...others, ''].join('\n')
}

/** The dash of the list stands before the first setting that is not behind `#`. */
const firstSet = (lines: readonly string[]): number =>
  lines.findIndex((line) => !/^\s*#/.test(line))

function members(node: Node, indent: string, known: Readonly<Record<string, unknown>>): string[] {
  const all = Object.entries(membersOf(node))
  const first = all.filter(([name]) => Object.hasOwn(known, name))
  const others = all.filter(([name]) => !Object.hasOwn(known, name))
  return [
    ...first.flatMap(([name, member]) => [
      ...prose(member.description, indent),
      `${indent}${name}: ${flow(known[name])}`,
    ]),
    ...others.flatMap(([name, member]) => setting(name, member, indent)),
  ]
}

/** A mapping whose settings are all behind `#` holds nothing, which is allowed. */
function setting(name: string, node: Node, indent: string): string[] {
  const lines = prose(node.description, indent)
  const inner = node.sample === undefined ? members(node, `${indent}  `, {}) : []
  const entry = node.sample === undefined ? entryOf(node) : undefined
  if (entry !== undefined) {
    const key = `${indent}  #b.example:`
    return [...lines, `${indent}${name}:`, key, ...members(entry, `${indent}    `, {})]
  }
  if (inner.length > 0) return [...lines, `${indent}${name}:`, ...inner]
  return [...lines, `${indent}#${name}: ${flow(shown(node))}`]
}

/** A default that holds something says more than an example. */
const shown = (node: Node): unknown => {
  const value = withDefaults(node)
  const empty = value === null || (typeof value === 'object' && Object.keys(value).length === 0)
  return empty ? (node.sample ?? value) : value
}

/** A list whose default is one mapping with nothing in it shows what that stands for. */
function withDefaults({ default: value, items }: Node): unknown {
  if (!Array.isArray(value) || items?.properties === undefined) return value ?? null
  const entries = Object.entries(items.properties).map(([name, node]) => [name, node.default])
  return value.map((item: object) => ({ ...Object.fromEntries(entries), ...item }))
}

/** On one line, as it would stand in a file. */
const flow = (value: unknown): string =>
  stringify(value, {
    collectionStyle: 'flow',
    lineWidth: 0,
    flowCollectionPadding: false,
  }).trimEnd()

const width = 100

function prose(text: string | undefined, indent: string): string[] {
  const lines: string[] = []
  let line = `${indent}#`
  for (const word of (text ?? '').split(' ')) {
    if (line.length + 1 + word.length > width) {
      lines.push(line)
      line = `${indent}#`
    }
    line += ` ${word}`
  }
  return text === undefined ? [] : [...lines, line]
}
