/**
 * The command line: one table of commands, each in a file of its own that is loaded when it is asked for.
 *
 * In:    the words of the command line, by way of the host.
 * Out:   the number to exit with (`exit-codes.ts`).
 * Fails: never; a failure is one sentence on standard error, and its number.
 */
import { Command, CommanderError } from 'commander'
import { exitCodes, exitCodesText } from './exit-codes.ts'
import { tellFailure } from './failure.ts'
import type { Host } from './host.ts'
import { isColoured } from './paint.ts'
import { screened } from './screen.ts'

/** Says how the command ended. */
export type End = (code: number) => undefined
type Add = (program: Command, host: Host, end: End) => undefined

// biome-ignore format: one row a line
const commands: Readonly<Record<string, () => Promise<Add>>> = {
  demo: async () => (await import('./demo.ts')).addDemo,
  init: async () => (await import('./init.ts')).addInit,
  'check-config': async () => (await import('./check-config.ts')).addCheckConfig,
  'print-config': async () => (await import('./print-config.ts')).addPrintConfig,
  run: async () => (await import('./run.ts')).addRun,
  reload: async () => (await import('./reload-command.ts')).addReload,
  explain: async () => (await import('./explain.ts')).addExplain,
  dns: async () => (await import('./dns.ts')).addDns,
  send: async () => (await import('./send.ts')).addSend,
  publish: async () => (await import('./publish.ts')).addPublish,
  fetch: async () => (await import('./fetch.ts')).addFetch,
  watch: async () => (await import('./watch.ts')).addWatch,
  keys: async () => (await import('./keys.ts')).addKeys,
  credential: async () => (await import('./credential.ts')).addCredential,
  bench: async () => (await import('./bench.ts')).addBench,
}

/** Not for people: the demo starts it. */
const hidden: typeof commands = {
  'demo-attack': async () => (await import('./demo-attack.ts')).addDemoAttack,
}

export async function runProgram(real: Host): Promise<number> {
  const host = screened({ ...real, words: asked(real.words), env: given(real.env) })
  let code: number = exitCodes.ok.number
  const end: End = (number) => {
    code = number
  }
  try {
    const program = await buildProgram(host, end)
    await program.parseAsync(known(program, host.words), { from: 'user' })
    return code
  } catch (error) {
    // The library has told it already; `--help` and `--version` end this way, too.
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return exitCodes.ok.number
      const message = error.message.replace(/^error: /, '')
      if (host.words.includes('--json')) {
        host.out(`${JSON.stringify({ error: { code: 'usage', message } })}\n`)
      }
      return exitCodes.usage.number
    }
    return tellFailure(host, error)
  }
}

/** `help send` is `send --help`, and `help` alone `--help`. */
function asked(words: readonly string[]): readonly string[] {
  const at = words.findIndex((word) => !word.startsWith('-'))
  return words[at] === 'help' ? [...words.toSpliced(at, 1), '--help'] : words
}

/** A variable that is empty is not set: it counts by its value, not by being there. */
const given = (env: Host['env']): Host['env'] =>
  Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))

async function buildProgram(host: Host, end: End): Promise<Command> {
  const program = new Command('gatehouse')
  program
    .description('Instant messages and presence between domains: the gateway and its tools.')
    .version(host.software.split('/')[1] ?? '', '-V, --version', 'print the version')
    .option('--verbose', 'show where a fault of the program happened')
    .helpCommand('help [command...]', 'tell more of a command')
    .showHelpAfterError('"gatehouse <command> --help" tells more.')
    .addHelpText('after', `\n${exitCodesText()}`)
    .exitOverride()
    .configureOutput(outputOf(host))
    .configureHelp({ showGlobalOptions: false })
  for (const load of wanted(host.words)) (await load())(program, host, end)
  return program
}

/** Without a command that is known, all of them: for the help, and to say which one was meant. */
function wanted([first = '']: readonly string[]): readonly (() => Promise<Add>)[] {
  if (first === '-V' || first === '--version') return []
  const one = Object.hasOwn(hidden, first) ? hidden[first] : commands[first]
  return one !== undefined && !first.startsWith('-') ? [one] : Object.values(commands)
}

/** The words, up to the first one that should be a command and is none: help for it would hide that. */
function known(program: Command, words: readonly string[]): string[] {
  let group = program
  for (const [i, word] of words.entries()) {
    // For `--version` no command is loaded; groups have `help` from the library.
    if (group.commands.length === 0 || word === 'help') break
    if (word.startsWith('-')) continue
    const next = group.commands.find((command) => command.name() === word)
    if (next === undefined) return words.slice(0, i + 1).filter((each) => !each.startsWith('-'))
    group = next
  }
  return [...words]
}

const outputOf = (host: Host) => ({
  writeOut: host.out,
  writeErr: host.err,
  outputError: (text: string, write: (text: string) => void) =>
    write(text.replace(/^error: /, 'gatehouse: ')),
  getOutHelpWidth: () => host.columns,
  getErrHelpWidth: () => host.columns,
  getOutHasColors: () => isColoured(host, 'out'),
  getErrHasColors: () => isColoured(host, 'err'),
})
