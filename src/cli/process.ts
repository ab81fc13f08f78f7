/**
 * The process that a command runs in: arguments, environment, signals, exit code. But for `main.ts` nothing else touches
 * `process`.
 *
 * In:    the command line; the signals that came before.
 * Out:   the exit code of `exit-codes.ts`.
 */
import { spawn } from 'node:child_process'
import { fstatSync, readFileSync, writeSync } from 'node:fs'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { GatewayError } from '../errors.ts'
import { type Cancel, systemClock } from '../lib/clock.ts'
import { systemRandom } from '../lib/random.ts'
import { whyUnreadable } from '../lib/why-unreadable.ts'
import { isFile, sinkOf, withoutWaiting, writeWhole } from './descriptor.ts'
import { exitCodes } from './exit-codes.ts'
import type { Host, Signals, StopSignal } from './host.ts'
import { isTooOld, tooOld } from './node-version.ts'
import { painter } from './paint.ts'
import type { LogOptions, ProcessLog } from './process-log.ts'

const { stdin, stdout, stderr, argv, env } = process

const script = argv[1] ?? ''
/** The last lines have this long to leave. */
const lastLinesMs = 1000
const ignore = (): undefined => undefined

/** What `main.ts` has withheld. */
const fast = ['--opt', '--maglev', '--semi-space-growth-factor=2']
/** Gives back what the start left behind, and lets the engine do its best. Takes some 30 ms, before the first request. */
function serve(): undefined {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (how: object) => undefined
  collect({ type: 'major', flavor: 'last-resort' })
  for (const flag of fast) setFlagsFromString(flag)
}

/** The package file is two folders up, in a checkout as in an installed package. */
const { version, engines } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { readonly version: string; readonly engines: { readonly node: string } }

const hostOf = (signals: Signals): Host => {
  const host: Host = {
    words: argv.slice(2),
    env,
    folder: startFolder(),
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
    onStop: (task) => (signals.isService ? onServiceStop(signals, task) : onStop(task)),
    onReload: (task) => onReload(signals, task),
    serving: serve,
    heapBytes: () => getHeapStatistics().heap_size_limit,
    pid: process.pid,
    monotonicUs: () => process.hrtime.bigint() / 1000n,
    notify,
    again: [process.execPath, ...process.execArgv, script],
    typed: script.endsWith('.ts') ? 'npm run -s gatehouse --' : 'gatehouse',
    software: `gatehouse/${version}`,
    log: (options) => createLog(host, options),
    clock: systemClock,
    random: systemRandom,
  }
  return host
}

/** npm runs a script in the folder of its package, and tells where it was called itself. */
function startFolder(): string {
  const { INIT_CWD: called, npm_lifecycle_script: line } = env
  const isOurs = /^node (?:--\S+ )*src\/main\.ts\b/.test(line ?? '')
  if (called && isOurs && script.endsWith('/src/main.ts')) return called
  try {
    return process.cwd()
  } catch {
    // It is gone: names that do not rest on it still work.
    return '/'
  }
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

/** What a command does that leaves more behind than its output, when nobody takes that. */
let whenLost: (() => undefined) | undefined

function onStop(task: (signal: StopSignal) => undefined): Cancel {
  const listener = (signal: NodeJS.Signals): undefined => task(signal as StopSignal)
  // The terminal may go as well as its user.
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const name of names) process.on(name, listener)
  whenLost = () => task('output')
  return () => {
    whenLost = undefined
    for (const name of names) process.off(name, listener)
    return undefined
  }
}

/** Its signals are never given back to the system: one that comes when all is done would be deadly. */
function onServiceStop(signals: Signals, task: (signal: StopSignal) => undefined): Cancel {
  signals.stop = task
  return () => {
    signals.stop = ignore
  }
}

function onReload(signals: Signals, task: () => undefined): Cancel {
  signals.reload = task
  if (signals.isReloadAsked) task()
  return () => {
    signals.reload = ignore
  }
}

/** The tool of systemd gives up by itself after 5 s; one of another name may not. */
const notifyMs = 6000

function notify(lines: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const options = { stdio: 'ignore', timeout: notifyMs, killSignal: 'SIGKILL' } as const
    try {
      const child = spawn('systemd-notify', lines, options)
      child.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      child.on('exit', (code, signal) =>
        resolve(code === 0 ? undefined : `ended with ${code ?? signal}`),
      )
    } catch (error) {
      resolve(String(error))
    }
  })
}

let logDescriptor: number = stdout.fd
let log: ProcessLog | undefined

async function createLog(host: Host, options: LogOptions): Promise<ProcessLog> {
  const { openLog } = await import('./process-log.ts')
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
  if (whenLost === undefined) systemClock.soon(end)
  else whenLost()
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
async function run(host: Host): Promise<number> {
  if (!isTooOld(process.versions.node, engines.node)) {
    // After the engine was told to be thrifty, since loading is what a start does most.
    const { runProgram } = await import('./program.ts')
    return runProgram(host)
  }
  host.err(`gatehouse: ${tooOld(engines.node, process.versions.node, process.execPath)}\n`)
  return exitCodes.config.number
}

/** Runs the command, and ends the process once its output has left. */
export async function startProcess(signals: Signals): Promise<undefined> {
  codes.command = await run(hostOf(signals))
  await log?.flush(lastLinesMs)
  whenWritten(stdout, () => {
    // Whoever does not read why it failed is not waited for.
    systemClock.after(lastLinesMs, end)
    whenWritten(stderr, () => systemClock.soon(end))
  })
}
