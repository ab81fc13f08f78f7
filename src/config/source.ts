/**
 * Config: the text of a YAML file becomes plain data that knows where it stands.
 *
 * In:    the text.
 * Out:   plain data, a function from a path to its line and column, and the faults of the YAML itself.
 * Fails: never; every fault is a `Fault` with its offset.
 * Spec:  YAML 1.2.2 without aliases, tags and keys that are not text: a file that anybody reads the same way.
 */
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
} from 'yaml'
import type { Path } from './settings.ts'

export type Position = { readonly line: number; readonly column: number }

/** `fatal`: the data cannot be trusted, what the settings say is not looked at. */
export type Fault = Position & {
  readonly path: Path
  readonly message: string
  readonly fatal: boolean
}

export type Source = {
  readonly data: unknown
  readonly faults: readonly Fault[]
  /** Of the value at `path`, or of its key; of what is nearest above if there is no such thing. */
  readonly locate: (path: Path, at: 'key' | 'value') => Position
}

/** A file that breaks the grammar more often is something else than a configuration. */
const mostFaults = 50

export function readSource(text: string): Source {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: '1.2' })
  const position = (offset: number): Position => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const faults = new Map<string, Fault>()
  const report = (offset: number, path: Path, message: string, fatal: boolean): undefined => {
    const at = position(offset)
    const key = `${at.line}:${at.column}`
    if ((!fatal || faults.size < mostFaults) && !faults.has(key))
      faults.set(key, { ...at, path, message, fatal })
  }
  for (const { code, message, pos } of [...document.errors, ...document.warnings]) {
    if (code !== 'DUPLICATE_KEY' && code !== 'TAG_RESOLVE_FAILED') {
      report(pos[0], [], `not YAML: ${firstSentence(message)}`, true)
    }
  }
  if (document.directives?.yaml.version !== '1.2') {
    report(0, [], 'not YAML 1.2, as its first line says', true)
  }
  const plain = toPlain((offset, path, message) => report(offset, path, message, false))
  const root = document.contents as Node | null
  const data = [...faults.values()].some(({ fatal }) => fatal) ? undefined : plain(root, [])
  const locate: Source['locate'] = (path, at) => position(offsetOf(root, path, at))
  return { data, faults: [...faults.values()], locate }
}

/** Some messages of the library go on with advice for its caller, or quote the text, which may be a secret. */
const firstSentence = (message: string): string => message.split(/[;\n]|: "/)[0] as string

type Report = (offset: number, path: Path, message: string) => undefined

/** What cannot be read becomes `undefined`, as a setting that is not there. */
function toPlain(report: Report): (node: Node | null, path: Path) => unknown {
  const plain = (node: Node | null, path: Path): unknown => {
    const offset = node?.range?.[0] ?? 0
    if (node === null) return undefined
    if (isAlias(node)) return report(offset, path, 'aliases (*) are not used in this file')
    if (node.tag?.startsWith('!') === true)
      report(offset, path, 'tags (!) are not used in this file')
    if (isMap(node)) return mapping(node.items as Pair<Node, Node | null>[], path)
    if (isSeq(node)) {
      return node.items.map((item, index) => plain(item as Node, [...path, index]) ?? null)
    }
    return isScalar(node) ? (node.value ?? undefined) : undefined
  }
  const mapping = (pairs: readonly Pair<Node, Node | null>[], path: Path): unknown => {
    const entries = new Map<string, unknown>()
    for (const { key, value } of pairs) {
      const name = nameOf(key)
      const offset = key.range?.[0] ?? 0
      if (name === undefined) report(offset, path, 'the name of a setting is plain text')
      else if (name === '__proto__') report(offset, [...path, name], 'unknown setting')
      else if (entries.has(name)) report(offset, [...path, name], 'set twice')
      else entries.set(name, plain(value, [...path, name]))
    }
    return Object.fromEntries(entries)
  }
  return plain
}

const nameOf = (key: Node): string | undefined =>
  isScalar(key) ? String(key.source ?? key.value) : undefined

function offsetOf(root: Node | null, path: Path, at: 'key' | 'value'): number {
  let node = root
  let offset = root?.range?.[0] ?? 0
  for (const [depth, step] of path.entries()) {
    const last = depth === path.length - 1
    const pair = isMap(node)
      ? (node.items as Pair<Node, Node | null>[]).find(({ key }) => nameOf(key) === String(step))
      : undefined
    const next: unknown = isSeq(node) ? node.items[Number(step)] : pair?.value
    if (pair !== undefined && ((last && at === 'key') || !hasText(pair.value))) {
      return pair.key.range?.[0] ?? offset
    }
    if (next === undefined || next === null) return offset
    node = next as Node
    offset = node.range?.[0] ?? offset
  }
  return offset
}

/** A value that is not written down has no place of its own: its key stands for it. */
const hasText = (node: Node | null): boolean =>
  node !== null && !(isScalar(node) && node.value === null && (node.source ?? '') === '')
