/**
 * `docs/conformance.md` as rows, and the tests that its rows name: whether they are there, can run, and have passed.
 *
 * In:    the text of the page; the text of a test file, as the formatter leaves it; the report of a run.
 * Out:   rows; the tests of a file; what is wrong with a name.
 */

/** A test, as the page names it: `file › title`, or `file › group › title`. */
export type Citation = {
  readonly text: string
  /** Below `test/`, without `.test.ts`. */
  readonly file: string
  /** The last is the title. Groups come before it where the title alone would not say enough. */
  readonly path: readonly string[]
}

export type Row = {
  readonly id: string
  readonly answer: string
  readonly where: readonly string[]
  readonly tests: readonly Citation[]
  /** What would build it, or why it is n/a. */
  readonly rest: string
}

export type Page = {
  /** The cells of each line of a table. */
  readonly lines: readonly (readonly string[])[]
  readonly draft: readonly Row[]
  readonly numbered: readonly Row[]
  readonly unnumbered: readonly Row[]
  readonly rfcs: readonly Row[]
}

export const none = '–'

const listOf = (cell = '', separator = ', '): readonly string[] =>
  cell === none ? [] : cell.split(separator)

export function citationOf(text: string): Citation {
  const [file = '', ...path] = text.split(' › ')
  return { text, file, path }
}

export function readPage(text: string): Page {
  const lines = text
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    )
  /** The first cell is the number; the last four are answer, where, tests and rest. */
  const rowsWith = (number: RegExp): readonly Row[] =>
    lines
      .filter(([id = '']) => number.test(id))
      .map((cells) => {
        const [answer = '', where, tests, rest = ''] = cells.slice(-4)
        const cited = listOf(tests, '<br>').map(citationOf)
        return { id: cells[0] ?? '', answer, where: listOf(where), tests: cited, rest }
      })
  return {
    lines,
    draft: rowsWith(/^D\d+$/),
    numbered: rowsWith(/^\d\.\d\.\d+$/),
    unnumbered: rowsWith(/^[AP]-\d$/),
    rfcs: rowsWith(/^\d{4}$/),
  }
}

export type TestInFile = {
  /** Titles of its groups, then its own; tables of cases as they are written: `%s`, `$name`. */
  readonly path: readonly string[]
  /** Nothing on the way to it says `skip`, `todo`, `fails`, or makes it depend on the machine. */
  readonly canRun: boolean
}

type Open = TestInFile & { readonly indent: number }

const head = /^( *)(describe|test|it)((?:\.\w+)*)(?=[(<])/gm
const cannotRun = /\.(?:skip|skipIf|runIf|todo|fails)\b/

/** The tests of a file, in order. Groups are known by the indent that the formatter gives them. */
export function testsIn(source: string): readonly TestInFile[] {
  const found: TestInFile[] = []
  let open: readonly Open[] = []
  for (const match of source.matchAll(head)) {
    const [whole, { length: indent }, kind, options] = match as unknown as [
      string,
      string,
      string,
      string,
    ]
    const title = titleAfter(source.slice(match.index + whole.length), options)
    if (title === undefined) continue
    open = open.filter((group) => group.indent < indent)
    const around = open.at(-1)
    const one = {
      indent,
      path: [...(around?.path ?? []), title],
      canRun: around?.canRun !== false && !cannotRun.test(options),
    }
    if (kind === 'describe') open = [...open, one]
    else found.push({ path: one.path, canRun: one.canRun })
  }
  return found
}

/** The title is the first word in quotes: of the call itself, or of the call that follows the table of cases. */
function titleAfter(rest: string, options: string): string | undefined {
  const hasTable = /\.(?:each|for|skipIf|runIf)$/.test(options)
  const call = hasTable ? /\)\(\s*(['"`])/ : /^\(\s*(['"`])/
  const match = call.exec(rest)
  if (match === null) return undefined
  const [quote, from] = [match[1] as string, match.index + match[0].length]
  const text = new RegExp(`^((?:\\\\.|(?!${quote})[^\\\\])*)${quote}`).exec(rest.slice(from))?.[1]
  return text?.replaceAll(/\\(.)/g, '$1')
}

/** Whether the names of the page are the last ones on the way to a test. */
function meets(
  { path }: Citation,
  found: readonly string[],
  isSame: (cited: string, found: string) => boolean,
): boolean {
  const end = found.slice(-path.length)
  return end.length === path.length && path.every((name, i) => isSame(name, end[i] as string))
}

/** What is wrong with the name of a test, given the text of its file; `undefined`: nothing. */
export function faultOf(citation: Citation, source: string): string | undefined {
  const { path, text } = citation
  if (path.length === 0) return `${text}: names no test`
  const found = testsIn(source).filter((one) => meets(citation, one.path, (a, b) => a === b))
  if (found.length === 0) return `${text}: not there`
  if (found.length > 1) return `${text}: there are ${found.length}`
  return found.every(({ canRun }) => canRun) ? undefined : `${text}: may not run`
}

/** Of the JSON report of vitest, what is needed here. */
export type Report = {
  readonly testResults: readonly {
    readonly name: string
    readonly assertionResults: readonly {
      readonly ancestorTitles: readonly string[]
      readonly title: string
      readonly status: string
    }[]
  }[]
}

/** A title as it is written, and one of its cases: `%s`, `$name` and `${…}` stand for anything. */
export const isCaseOf = (written: string, ran: string): boolean => {
  const parts = written.split(/%[a-z]|\$\{[^}]*\}|\$[A-Za-z][\w.]*/)
  // Few begin the same: an expression is made for those alone.
  if (!ran.startsWith(parts[0] ?? '')) return false
  return new RegExp(`^${parts.map(escaped).join('[^]*')}$`).test(ran)
}

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** The tests named by the page that did not pass in a run: what is not in the report did not. */
export function unpassed(
  page: Page,
  report: Report,
  folders: readonly string[],
): readonly string[] {
  const byFile = new Map(report.testResults.map((file) => [file.name, file.assertionResults]))
  const resultsOf = (file: string) =>
    [...byFile].find(([name]) => name.endsWith(`/test/${file}.test.ts`))?.[1] ?? []
  const cited = [page.draft, page.numbered, page.unnumbered, page.rfcs]
    .flat()
    .flatMap(({ id, tests }) => tests.map((citation) => ({ id, citation })))
    .filter(({ citation }) => folders.includes(citation.file.split('/')[0] ?? ''))
  return cited.flatMap(({ id, citation }) => {
    const ran = resultsOf(citation.file).filter(({ ancestorTitles, title }) =>
      meets(citation, [...ancestorTitles, title], isCaseOf),
    )
    if (ran.length > 0 && ran.every(({ status }) => status === 'passed')) return []
    const how = ran.length === 0 ? 'did not run' : 'did not pass'
    return [`${id}: ${citation.text}: ${how}`]
  })
}
