/**
 * Config: the table of settings as data, read off the schema.
 *
 * In:    `configSchema`.
 * Out:   its JSON schema, the node of a path, one row a setting.
 * Fails: never.
 * Spec:  JSON Schema 2020-12, with `reload`, `secret`, `file` and `sample` as words of our own.
 */
import { z } from 'zod'
import type { Reload } from './marks.ts'
import { configSchema } from './schema.ts'

export type Path = readonly (string | number)[]

/** The part of JSON Schema that the table uses. */
export type Node = {
  readonly title?: string
  readonly description?: string
  readonly type?: string
  readonly default?: unknown
  readonly sample?: unknown
  readonly enum?: readonly string[]
  readonly const?: string
  readonly properties?: Readonly<Record<string, Node>>
  readonly required?: readonly string[]
  readonly items?: Node
  readonly propertyNames?: Node
  readonly additionalProperties?: Node | false
  readonly oneOf?: readonly Node[]
  readonly anyOf?: readonly Node[]
  readonly reload?: Reload
  readonly secret?: boolean
  readonly file?: 'private'
}

export type Setting = {
  /** `domains[].name`, `peers.<domain>.plain`. */
  readonly path: string
  readonly kind: string
  /** `undefined`: there is none, the setting is required. */
  readonly default: unknown
  readonly description: string
  readonly reload: Reload
  readonly secret: boolean
}

/** For editors: what a file may say, not what the program makes of it. */
export function jsonSchema(): Node {
  return z.toJSONSchema(configSchema, { io: 'input' }) as Node
}

const root = jsonSchema()

/** The settings of a mapping; the variants of a union are laid over each other. */
export function membersOf(node: Node): Readonly<Record<string, Node>> {
  if (node.oneOf === undefined) return node.properties ?? {}
  const members: Record<string, Node> = {}
  for (const [name, member] of node.oneOf.flatMap(({ properties }) =>
    Object.entries(properties ?? {}),
  )) {
    const { const: ours, ...rest } = member
    const theirs = members[name]?.enum ?? []
    members[name] = ours === undefined ? member : { ...rest, enum: [...theirs, ours] }
  }
  return members
}

/** What the entries of a mapping with free keys look like; `undefined` for any other node. */
export const entryOf = (node: Node): Node | undefined =>
  typeof node.additionalProperties === 'object' ? node.additionalProperties : undefined

const own = <T>(members: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(members, name) ? members[name] : undefined

const child = (node: Node, step: string | number): Node | undefined =>
  typeof step === 'number' ? node.items : (own(membersOf(node), step) ?? entryOf(node))

/** The nodes from the root to `path`, as far as the table goes. */
function nodesOn(path: Path): readonly Node[] {
  const nodes = [root]
  for (const step of path) {
    const next = child(nodes.at(-1) as Node, step)
    if (next === undefined) break
    nodes.push(next)
  }
  return nodes
}

/** The names that a mapping at `path` may hold; none if its keys are free. */
export function namesAt(path: Path): readonly string[] {
  const nodes = nodesOn(path)
  return nodes.length === path.length + 1 ? Object.keys(membersOf(nodes.at(-1) as Node)) : []
}

/** The value itself is a secret. */
export const isSecret = (path: Path): boolean => nodesOn(path).some(({ secret }) => secret === true)

/** A secret, or the path of one: what stands there by mistake may be the secret itself. */
export const isHidden = (path: Path): boolean =>
  isSecret(path) || nodesOn(path).some((node) => namesSecretFile(reading(node)))

const namesSecretFile = ({ file, items }: Node): boolean =>
  file === 'private' || items?.file === 'private'

/** Whether a running gateway takes a new value at `path`. */
export const reloadAt = (path: Path): Reload =>
  nodesOn(path).findLast(({ reload }) => reload !== undefined)?.reload ?? 'restart'

/** A node that may be null is read as what it is otherwise. */
const reading = (node: Node): Node => {
  const other = node.anyOf?.find(({ type }) => type !== 'null')
  return other === undefined ? node : { ...other, ...node }
}

/** `list of domain`, `im or pres`, `port`: one phrase for the tables. */
function kindOf(node: Node): string {
  const { title, type, enum: values, items, oneOf } = reading(node)
  if (items !== undefined) return `list of ${kindOf(items)}`
  if (values !== undefined) return values.join(' | ')
  if (title !== undefined) return title
  if (oneOf !== undefined || type === 'object') return 'mapping'
  return type === 'boolean' ? 'true | false' : (type ?? 'text')
}

/** One row for every setting below `node` that holds a value. */
export function settings(node: Node = root, path = ''): readonly Setting[] {
  const rows = Object.entries(membersOf(node)).flatMap(([name, member]) =>
    settingsOf(member, path === '' ? name : `${path}.${name}`, isRequired(node, name)),
  )
  const entry = entryOf(node)
  const key = `${path}.<${node.propertyNames?.title ?? 'name'}>`
  return entry === undefined ? rows : [...rows, ...settingsOf(entry, key, false)]
}

function settingsOf(node: Node, path: string, required: boolean): readonly Setting[] {
  const row: Setting[] = []
  if (node.reload !== undefined && node.description !== undefined) {
    row.push({
      path,
      kind: kindOf(node),
      default: required ? undefined : (node.default ?? null),
      description: node.description,
      reload: node.reload,
      secret: node.secret === true,
    })
  }
  const items = node.items === undefined ? [] : settings(node.items, `${path}[]`)
  return [...row, ...settings(node, path), ...items]
}

const isRequired = (node: Node, name: string): boolean =>
  (node.oneOf ?? [node]).some(
    ({ required, properties }) =>
      required?.includes(name) === true && own(properties ?? {}, name) !== undefined,
  )
