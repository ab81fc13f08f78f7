/**
 * Starts the process: arguments, environment, signals, exit code. Nothing else touches `process`.
 *
 * In:    the command line.
 * Out:   the exit code of `cli/exit-codes.ts`.
 */
import { fstatSync, readFileSync, writeSync } from 'node:fs'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { isFile, sinkOf, withoutWaiting, writeWhole } from './cli/descriptor.ts'
import { exitCodes } from './cli/exit-codes.ts'
import type { Host, StopSignal } from './cli/host.ts'
import { isTooOld } from './cli/node-version.ts'
import { painter } from './cli/paint.ts'
import type { LogOptions, ProcessLog } from './cli/process-log.ts'
import { GatewayError } from './errors.ts'
import { type Cancel, systemClock } from './lib/clock.ts'
import { systemRandom } from './lib/random.ts'
import { whyUnreadable } from './lib/why-unreadable.ts'

const { stdin, stdout, stderr, argv, env } = process
/** Options of the program may stand before the command; none of them takes a value. */
const isService = argv.slice(2).find((word) => !word.startsWith('-')) === 'run'

/** From here on SIGHUP does not end a service; one that nobody takes yet is kept for whoever does. */
let reload: (() => undefined) | undefined
let isReloadAsked = false
const hangUp = (): undefined => {
  isReloadAsked = true
  return reload?.()
}
if (isService) process.on('SIGHUP', hangUp)

const script = argv[1] ?? ''
/** The last lines have this long to leave. */
const lastLinesMs = 1000
const ignore = (): undefined => undefined

/**
 * What a start needs once only is neither optimised nor given room: an idle gateway would keep both, a fifth of the
 * memory that it takes.
 */
const thrifty = ['--no-opt', '--no-maglev', '--semi-space-growth-factor=1']
const fast = ['--opt', '--maglev', '--semi-space-growth-factor=2']
if (isService) for (const flag of thrifty) setFlagsFromString(flag)

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
  out: print,
  written,
  err: (text) => {
    stderr.write(text)
  },
  terminal: { in: stdin.isTTY === true, out: stdout.isTTY === true, err: stderr.isTTY === true },
  columns: stdout.columns ?? 100,
  readInput,
  onInputEnd: (task) => {
    stdin.once('end', task).once('error', task).on('error', ignore).resume()
  },
  onStop,
  onReload,
  serving: serve,
  heapBytes: () => getHeapStatistics().heap_size_limit,
  again: [process.execPath, ...process.execArgv, script],
  typed: script.endsWith('.ts') ? 'npm run -s gatehouse --' : 'gatehouse',
  software: `gatehouse/${version}`,
  log: createLog,
  clock: systemClock,
  random: systemRandom,
}

async function readInput(most: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    // Of a directory Node makes an input that is empty.
    if (fstatSync(stdin.fd).isDirectory()) throw Object.assign(new Error(), { code: 'EISDIR' })
    for await (const chunk of stdin) {
      bytes += (chunk as Buffer).length
      if (bytes > most) break
      chunks.push(chunk as Buffer)
    }
  } catch (cause) {
    throw new GatewayError('file-unreadable', whyUnreadable('standard input', cause), { cause })
  }
  if (bytes <= most) return Buffer.concat(chunks)
  throw new GatewayError('too-large', `standard input has more than ${most} bytes`)
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
  reload = task
  if (isReloadAsked) task()
  return () => {
    process.off('SIGHUP', hangUp)
    return undefined
  }
}

let logDescriptor: number = stdout.fd
let log: ProcessLog | undefined

async function createLog(options: LogOptions): Promise<ProcessLog> {
  const { openLog } = await import('./cli/process-log.ts')
  const paint = host.terminal.out ? painter(host, 'out') : undefined
  logDescriptor = withoutWaiting(stdout.fd)
  log = await openLog(options, { sink: sinkOf(logDescriptor), clock: systemClock, paint })
  return log
}

/**
 * What the system says of a socket or a file, or the TLS of a far side, is told where nobody took it, and the service goes
 * on. Any other error that nobody caught leaves the program in a state that nobody knows: it says so and ends.
 */
process.on('uncaughtException', (error: NodeJS.ErrnoException) => {
  const { stack, syscall, code = '' } = error
  const message = String(error)
  if (log !== undefined && (syscall !== undefined || code.startsWith('ERR_SSL_'))) {
    log.error('process.fault', { cause: code, message, stack })
    return
  }
  const line = { level: 'error', event: 'process.crashed', message, stack }
  writeNow(logDescriptor, log?.rest() ?? '')
  writeNow(stderr.fd, `${JSON.stringify(line)}\n`)
  process.exit(exitCodes.internal.number)
})

/** As much as the descriptor takes at once. */
function writeNow(fd: number, text: Buffer | string): undefined {
  try {
    writeSync(fd, text.toString())
  } catch {
    // There is nobody left to tell.
  }
}

/** Of the command, and of its output: a command that failed ends with its own number, whatever became of its output. */
const codes = { command: 0, output: 0 }
const end = (): undefined => process.exit(codes.command || codes.output)

// Whoever read our output may have enough of it (`gatehouse … | head`); with any other error what was asked for is lost.
function outputFailed({ code = 'it failed' }: NodeJS.ErrnoException): undefined {
  // A service prints nothing but its log; a terminal that has gone is no reason to end it.
  if (log !== undefined) return
  if (code !== 'EPIPE' && codes.output === 0) {
    codes.output = exitCodes.output.number
    stderr.write(`gatehouse: cannot write the output: ${code}\n`)
  }
  systemClock.soon(end)
}
stdout.on('error', outputFailed)
stderr.on('error', ignore)

/** A file may take a part alone, when the disk has room for no more; the stream of Node does not look. */
function print(text: string): undefined {
  if (!isFile(stdout.fd)) {
    stdout.write(text)
    return
  }
  try {
    writeWhole(stdout.fd, text)
  } catch (error) {
    outputFailed(error as NodeJS.ErrnoException)
  }
}

function written(): Promise<undefined> | undefined {
  if (stdout.writableLength === 0) return undefined
  return new Promise((resolve) => {
    stdout.write('', (error) => (error ? undefined : resolve(undefined)))
  })
}

/** Even nothing cannot be written to a device that is full. */
function whenWritten(stream: NodeJS.WriteStream, task: () => undefined): undefined {
  if (stream.writableLength > 0) stream.write('', task)
  else task()
}

/** Nothing is loaded for a command before: an old Node would stumble over what it does not have. */
async function start(): Promise<number> {
  if (!isTooOld(process.versions.node, engines.node)) {
    // After the engine was told to be thrifty, since loading is what a start does most.
    const { runProgram } = await import('./cli/program.ts')
    return runProgram(host)
  }
  const found = `found ${process.versions.node} in ${process.execPath}`
  host.err(`gatehouse: expected Node ${engines.node}, ${found}\n`)
  return exitCodes.config.number
}

codes.command = await start()
await log?.flush(lastLinesMs)
whenWritten(stdout, () => {
  // Whoever does not read why it failed is not waited for.
  systemClock.after(lastLinesMs, end)
  whenWritten(stderr, () => systemClock.soon(end))
})
