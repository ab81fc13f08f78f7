/**
 * ABNF (RFC 5234): a grammar of octets, read from text; what it takes, and what it makes.
 *
 * In:    rules as they stand in a page; octets.
 * Out:   whether they match a rule as a whole; octets that do, drawn at random.
 * Fails: `RangeError` for text that is no ABNF, and for a rule that is not there.
 */
import type { Random } from '../../src/lib/random.ts'

type Node =
  | { readonly kind: 'rule'; readonly name: string }
  | { readonly kind: 'range'; readonly from: number; readonly to: number }
  | { readonly kind: 'all' | 'any'; readonly parts: readonly Node[] }
  | { readonly kind: 'repeat'; readonly least: number; readonly most: number; readonly part: Node }

/** RFC 5234 §B.1, as far as it is about octets. */
const core = `
ALPHA = %x41-5A / %x61-7A
DIGIT = %x30-39
OCTET = %x00-FF
SP    = %x20
`

const tokens =
  /\s*(?:(?<name>[A-Za-z][A-Za-z0-9-]*)|%x(?<hex>[0-9A-Fa-f]+(?:-[0-9A-Fa-f]+|(?:\.[0-9A-Fa-f]+)+)?)|"(?<text>[^"]*)"|(?<times>[0-9]*\*[0-9]*|[0-9]+)|(?<sign>[/()[\]]))/y

export class Abnf {
  readonly #rules: ReadonlyMap<string, Node>

  constructor(text: string) {
    const bare = `${core}\n${text}`.replace(/;.*$/gm, '')
    const rules = bare.split(/^(?=[A-Za-z][A-Za-z0-9-]*\s*=)/m).filter((rule) => /\S/.test(rule))
    const read = rules.map((rule) => {
      const at = rule.indexOf('=')
      return [
        rule.slice(0, at).trim().toLowerCase(),
        new Reader(rule.slice(at + 1)).rule(),
      ] as const
    })
    this.#rules = new Map(read)
    if (this.#rules.size < read.length) throw new RangeError('a rule stands twice')
  }

  get names(): readonly string[] {
    return [...this.#rules.keys()]
  }

  /** The names of rules that `name` is made of, itself among them. */
  uses(name: string, found = new Set<string>()): ReadonlySet<string> {
    if (found.has(name.toLowerCase())) return found
    found.add(name.toLowerCase())
    const walk = (node: Node): undefined => {
      if (node.kind === 'rule') this.uses(node.name, found)
      else if (node.kind === 'repeat') walk(node.part)
      else if (node.kind !== 'range') for (const part of node.parts) walk(part)
    }
    walk(this.#rule(name))
    return found
  }

  matches(name: string, bytes: Uint8Array): boolean {
    return new Matcher(bytes, (of) => this.#rule(of)).ends(this.#rule(name), 0).has(bytes.length)
  }

  /** Octets of the rule; what has no upper bound is repeated 8 times at most more than it has to be. */
  make(name: string, random: Pick<Random, 'number'>): Buffer {
    const out: number[] = []
    const below = (count: number): number => Math.floor(random.number() * count)
    const walk = (node: Node): undefined => {
      switch (node.kind) {
        case 'rule':
          return walk(this.#rule(node.name))
        case 'range':
          out.push(node.from + below(node.to - node.from + 1))
          return
        case 'all':
          for (const part of node.parts) walk(part)
          return
        case 'any':
          return walk(node.parts[below(node.parts.length)] as Node)
        case 'repeat': {
          const most = Math.min(node.most, node.least + (below(4) === 0 ? 64 : 8))
          for (let left = node.least + below(most - node.least + 1); left > 0; left--)
            walk(node.part)
        }
      }
    }
    walk(this.#rule(name))
    return Buffer.from(out)
  }

  #rule(name: string): Node {
    const rule = this.#rules.get(name.toLowerCase())
    if (rule === undefined) throw new RangeError(`no rule ${name}`)
    return rule
  }
}

/** Reads the right side of one rule. */
class Reader {
  readonly #text: string
  #at = 0
  #next: Readonly<Record<string, string | undefined>> | undefined

  constructor(text: string) {
    this.#text = text.trimEnd()
    this.#advance()
  }

  rule(): Node {
    const node = this.#alternation()
    if (this.#next !== undefined) throw new RangeError(`not ABNF: ${this.#text}`)
    return node
  }

  #alternation(): Node {
    const parts = [this.#concatenation()]
    while (this.#takes('/')) parts.push(this.#concatenation())
    return parts.length === 1 ? (parts[0] as Node) : { kind: 'any', parts }
  }

  #concatenation(): Node {
    const parts: Node[] = []
    while (this.#next !== undefined && !['/', ')', ']'].includes(this.#next['sign'] ?? '')) {
      parts.push(this.#repetition())
    }
    return parts.length === 1 ? (parts[0] as Node) : { kind: 'all', parts }
  }

  #repetition(): Node {
    const times = this.#next?.['times']
    if (times === undefined) return this.#element()
    this.#advance()
    const [low = '', high = low] = times.split('*')
    const least = low === '' ? 0 : Number(low)
    const most = high === '' ? Number.POSITIVE_INFINITY : Number(high)
    return { kind: 'repeat', least, most, part: this.#element() }
  }

  #element(): Node {
    const { name, hex, text } = this.#next ?? {}
    if (this.#takes('(')) return this.#closed(this.#alternation(), ')')
    if (this.#takes('[')) {
      const part = this.#closed(this.#alternation(), ']')
      return { kind: 'repeat', least: 0, most: 1, part }
    }
    this.#advance()
    if (name !== undefined) return { kind: 'rule', name }
    if (text !== undefined) return { kind: 'all', parts: [...text].map(characterOf) }
    if (hex === undefined) throw new RangeError(`not ABNF: ${this.#text}`)
    const [from = 0, to] = hex.split('-').map((number) => Number.parseInt(number, 16))
    if (to !== undefined) return { kind: 'range', from, to }
    const octets = hex.split('.').map((number) => Number.parseInt(number, 16))
    return {
      kind: 'all',
      parts: octets.map((octet) => ({ kind: 'range', from: octet, to: octet })),
    }
  }

  #closed(node: Node, sign: string): Node {
    if (!this.#takes(sign)) throw new RangeError(`not ABNF: ${this.#text}`)
    return node
  }

  #takes(sign: string): boolean {
    if (this.#next?.['sign'] !== sign) return false
    this.#advance()
    return true
  }

  #advance(): undefined {
    if (this.#at >= this.#text.length) {
      this.#next = undefined
      return
    }
    tokens.lastIndex = this.#at
    const found = tokens.exec(this.#text)
    if (found?.groups === undefined) throw new RangeError(`not ABNF: ${this.#text.slice(this.#at)}`)
    this.#at = tokens.lastIndex
    this.#next = found.groups
  }
}

/** RFC 5234 §2.3: letters in quotes have no case. */
function characterOf(character: string): Node {
  const octets = new Set(
    [character.toLowerCase(), character.toUpperCase()].map((c) => c.charCodeAt(0)),
  )
  return {
    kind: 'any',
    parts: [...octets].map((octet) => ({ kind: 'range', from: octet, to: octet })),
  }
}

/** Where a node may end that begins at an offset: all ways at once, so that nothing is tried twice. */
class Matcher {
  readonly #bytes: Uint8Array
  readonly #rule: (name: string) => Node
  readonly #known = new Map<Node, Map<number, ReadonlySet<number>>>()

  constructor(bytes: Uint8Array, rule: (name: string) => Node) {
    this.#bytes = bytes
    this.#rule = rule
  }

  ends(node: Node, at: number): ReadonlySet<number> {
    const byStart = this.#known.get(node) ?? new Map<number, ReadonlySet<number>>()
    this.#known.set(node, byStart)
    const ends = byStart.get(at) ?? this.#find(node, at)
    byStart.set(at, ends)
    return ends
  }

  #find(node: Node, at: number): ReadonlySet<number> {
    switch (node.kind) {
      case 'rule':
        return this.ends(this.#rule(node.name), at)
      case 'range': {
        const octet = this.#bytes[at]
        const fits = octet !== undefined && octet >= node.from && octet <= node.to
        return new Set(fits ? [at + 1] : [])
      }
      case 'any':
        return new Set(node.parts.flatMap((part) => [...this.ends(part, at)]))
      case 'all': {
        let starts: ReadonlySet<number> = new Set([at])
        for (const part of node.parts) starts = this.#step(part, starts)
        return starts
      }
      case 'repeat': {
        const found = new Set<number>(node.least === 0 ? [at] : [])
        let starts: ReadonlySet<number> = new Set([at])
        for (let count = 1; count <= node.most && starts.size > 0; count++) {
          starts = this.#step(node.part, starts)
          if (count >= node.least) for (const end of starts) found.add(end)
        }
        return found
      }
    }
  }

  #step(part: Node, starts: ReadonlySet<number>): ReadonlySet<number> {
    return new Set([...starts].flatMap((start) => [...this.ends(part, start)]))
  }
}
