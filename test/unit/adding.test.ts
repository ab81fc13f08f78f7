/** `docs/adding.md`, `CONTRIBUTING.md` and `SECURITY.md` name files, functions, tests and scripts that are there. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { faultOf } from '../support/conformance-page.ts'

const root = resolve(import.meta.dirname, '../..')
const textOf = (file: string): string => readFileSync(join(root, file), 'utf8')
const isThere = (file: string): boolean => existsSync(join(root, file))
const { scripts } = JSON.parse(textOf('package.json')) as {
  readonly scripts: Readonly<Record<string, string>>
}

const commands = [
  ...textOf('src/cli/program.ts').matchAll(/^ {2}'?([a-z-]+)'?: async \(\) =>/gm),
].map(([, name]) => name)

const isFile = (code: string): boolean => /^[\w./<>-]+\.(?:ts|md|ya?ml|json)$/.test(code)
/** What stands before a part that is to be chosen: `src/command/<name>.ts` lies in `src/command`. */
const placeOf = (file: string): string => (file.includes('<') ? dirname(file) : file)

/** What is wrong with a name in code; `files`: those that are named beside it. */
function fault(code: string, files: readonly string[]): string | undefined {
  if (isFile(code) || code.endsWith('/')) return isThere(placeOf(code)) ? undefined : 'not there'
  if (code.includes(' › ')) return faultOfTest(code)
  const script = /^(?:\w+=1 )?npm (?:run (?:-s )?)?(\w+)/.exec(code)?.[1]
  if (script !== undefined) return script === 'ci' || script in scripts ? undefined : 'no script'
  const program = /^(?:node|npx \w+) (\S+)/.exec(code)?.[1]
  if (program !== undefined) return isThere(program) ? undefined : 'not there'
  const command = /^gatehouse ([a-z-]+)$/.exec(code)?.[1]
  if (command !== undefined) return commands.includes(command) ? undefined : 'no command'
  const word = /^#?[A-Za-z][\w-]*(?:\.\w+)*$/.exec(code)?.[0]
  if (word === undefined) return 'not understood'
  const pattern = new RegExp(`(?<![\\w#])${word.replaceAll('.', '\\.')}(?!\\w)`)
  const isNamed = files.some((file) => isThere(file) && pattern.test(codeOf(file)))
  return isNamed ? undefined : `in none of ${files.join(', ')}`
}

/** Without comments, which may speak of what is gone. */
const codeOf = (file: string): string =>
  file.endsWith('.ts')
    ? textOf(file).replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
    : textOf(file)

function faultOfTest(code: string): string | undefined {
  const [file = '', ...path] = code.split(' › ')
  const name = `test/${file}.test.ts`
  return isThere(name) ? faultOf({ text: code, file, path }, textOf(name)) : `${name} is not there`
}

const codeIn = (text: string): readonly string[] =>
  [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code.replaceAll(/\s+/g, ' '))

/** Names in code, each with the files that its step or paragraph names. */
function faultsOf(page: string): readonly string[] {
  return page
    .replaceAll(/^ {4}.*$/gm, '')
    .split(/\n\n|\n(?=\d+\. |- )/)
    .flatMap((part) => {
      const codes = codeIn(part)
      const files = codes.filter(isFile)
      return codes.map((code) => ({ code, why: fault(code, files) }))
    })
    .flatMap(({ code, why }) => (why === undefined ? [] : [`${code}: ${why}`]))
}

const linksIn = (text: string): readonly string[] =>
  [...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, target = '']) => target)

describe.each(['docs/adding.md', 'CONTRIBUTING.md', 'SECURITY.md'])('%s', (page) => {
  test('names nothing that is not there', () => {
    expect(faultsOf(textOf(page))).toEqual([])
  })

  test('links to pages that are there', () => {
    const links = linksIn(textOf(page))
    expect(links.filter((target) => !isThere(join(dirname(page), target)))).toEqual([])
  })
})

test('docs/adding.md numbers the steps of each section from 1 on', () => {
  const sections = textOf('docs/adding.md').split(/^## /m).slice(1)
  expect(sections.length).toBeGreaterThan(8)
  for (const section of sections) {
    const numbers = [...section.matchAll(/^(\d+)\. /gm)].map(([, number]) => Number(number))
    expect(numbers.length, section).toBeGreaterThan(2)
    expect(numbers, section).toEqual(numbers.map((_, i) => i + 1))
  }
})

test('a name that is not there is found', () => {
  const page =
    '1. `src/limits.ts`: `limitTable`, `noSuchTable`.\n2. `src/nowhere.ts`, `limitTable`, `npm run nothing`;\n   `unit/adding › a test that nobody wrote`.\n3. `src/nowhere/<name>.ts`, `src/command/<name>.ts`, `npm run bench`, `node test/run.ts`,\n   `gatehouse send`, `gatehouse sing`.'
  expect(faultsOf(page)).toEqual([
    'noSuchTable: in none of src/limits.ts',
    'src/nowhere.ts: not there',
    'limitTable: in none of src/nowhere.ts',
    'npm run nothing: no script',
    'unit/adding › a test that nobody wrote: unit/adding › a test that nobody wrote: not there',
    'src/nowhere/<name>.ts: not there',
    'gatehouse sing: no command',
  ])
})
