/**
 * Starts the process: arguments, environment, signals, exit code. Nothing else touches `process`.
 *
 * In:    the command line.
 * Out:   the exit code of `cli/exit-codes.ts`.
 */
import { existsSync, readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { exitCodes } from './cli/exit-codes.ts'
import type { Host, LogLevel, StopSignal } from './cli/host.ts'
import { isTooOld } from './cli/node-version.ts'
import { runProgram } from './cli/program.ts'
import { type Cancel, systemClock } from './lib/clock.ts'
import type { Facts, Log } from './lib/log.ts'
import { systemRandom } from './lib/random.ts'

const { stdin, stdout, stderr, argv, env } = process
const script = argv[1] ?? ''
/** Linux alone has it. */
const boundsFile = '/proc/self/limits'

/**
 * What a start needs once only is neither optimised nor given room: an idle gateway would keep both, a fifth of the
 * memory that it takes.
 */
const thrifty = ['--no-opt', '--no-maglev', '--semi-space-growth-factor=1']
const fast = ['--opt', '--maglev', '--semi-space-growth-factor=2']
if (argv[2] === 'run') for (const flag of thrifty) setFlagsFromString(flag)

/** Gives back what the start left behind, and lets the engine do its best. Takes some 30 ms, before the first request. */
function serve(): undefined {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (how: object) => undefined
  collect({ type: 'major', flavor: 'last-resort' })
  for (const flag of fast) setFlagsFromString(flag)
}

/** The package file is one folder up, in a checkout as in an installed package. */
const { version, engines } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as { readonly version: string; readonly engines: { readonly node: string } }

const host: Host = {
  words: argv.slice(2),
  env,
  folder: process.cwd(),
  out: (text) => {
    stdout.write(text)
  },
  err: (text) => {
    stderr.write(text)
  },
  terminal: { in: stdin.isTTY === true, out: stdout.isTTY === true, err: stderr.isTTY === true },
  columns: stdout.columns ?? 100,
  readInput,
  onInputEnd: (task) => {
    stdin.once('end', task).once('error', task).resume()
  },
  onStop,
  onReload,
  serving: serve,
  bounds: () => (existsSync(boundsFile) ? readFileSync(boundsFile, 'utf8') : ''),
  again: [process.execPath, ...process.execArgv, script],
  typed: script.endsWith('.ts') ? 'npm run -s gatehouse --' : 'gatehouse',
  software: `gatehouse/${version}`,
  log: createLog,
  clock: systemClock,
  random: systemRandom,
}

async function readInput(): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stdin) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

function onStop(task: (signal: StopSignal) => undefined): Cancel {
  const listener = (signal: NodeJS.Signals): undefined => task(signal as StopSignal)
  process.on('SIGINT', listener).on('SIGTERM', listener)
  return () => {
    process.off('SIGINT', listener).off('SIGTERM', listener)
    return undefined
  }
}

function onReload(task: () => undefined): Cancel {
  process.on('SIGHUP', task)
  return () => {
    process.off('SIGHUP', task)
    return undefined
  }
}

/** JSON lines on standard output, each with its stable `event`. */
async function createLog(level: LogLevel): Promise<Log> {
  const { destination, pino, stdTimeFunctions } = await import('pino')
  const options = {
    level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  // Each line is out before the next one: the last lines before an exit keep their order.
  const logger = pino(options, destination({ fd: 1, sync: true }))
  const line =
    (weight: LogLevel) =>
    (event: string, facts?: Facts): undefined =>
      logger[weight]({ event, ...facts }) as undefined
  return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') }
}

/** What nobody caught leaves the program in a state that nobody knows: it says so and ends. */
process.on('uncaughtException', (error) => {
  const event = { level: 'error', event: 'process.crashed', message: String(error) }
  stderr.write(`${JSON.stringify({ ...event, stack: error.stack })}\n`)
  process.exit(exitCodes.internal.number)
})

// Whoever read our output has gone (`gatehouse … | head`): there is nobody left to tell.
for (const stream of [stdout, stderr]) stream.on('error', () => process.exit(exitCodes.ok.number))

/** Nothing is loaded for a command before: an old Node would stumble over what it does not have. */
async function start(): Promise<number> {
  if (!isTooOld(process.versions.node, engines.node)) return runProgram(host)
  const found = `found ${process.versions.node} in ${process.execPath}`
  host.err(`gatehouse: expected Node ${engines.node}, ${found}\n`)
  return exitCodes.config.number
}

const code = await start()
stdout.write('', () => stderr.write('', () => process.exit(code)))
