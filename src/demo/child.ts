/**
 * A process of the demo: this program again, with another command.
 *
 * In:    the words of its command line.
 * Out:   the JSON lines that it prints; its end.
 * Fails: `internal`, with what it said last, when it ends before it is asked to.
 *
 * Its standard input stays open as long as this process lives: when that closes, the child ends by itself, so none is
 * left behind even if this process is killed.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { GatewayError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'

export type Line = Readonly<Record<string, unknown>>

type Waiting = {
  readonly fits: (line: Line) => boolean
  readonly resolve: (line: Line) => void
  readonly reject: (error: Error) => void
}

/** From SIGINT to SIGKILL: the drain of a gateway, and a little more. */
const killMs = 35_000
const shownLines = 8

export class Child {
  readonly name: string
  readonly ended: Promise<number | undefined>
  readonly #process: ChildProcess
  readonly #clock: Clock
  readonly #lines: Line[] = []
  readonly #waiting = new Set<Waiting>()
  readonly #said: string[] = []
  #listener: (line: Line) => undefined = () => undefined
  #hasEnded = false

  constructor(name: string, again: readonly [string, ...string[]], words: string[], clock: Clock) {
    this.name = name
    this.#clock = clock
    const [program, ...before] = again
    this.#process = spawn(program, [...before, ...words], { stdio: ['pipe', 'pipe', 'pipe'] })
    const { promise, resolve } = Promise.withResolvers<number | undefined>()
    this.ended = promise
    this.#process.once('error', (error) => this.#end(error.message, undefined, resolve))
    this.#process.once('close', (code, signal) =>
      this.#end(`it ended with ${signal ?? code}`, code ?? undefined, resolve),
    )
    this.#process.stdin?.on('error', () => undefined)
    this.#read(this.#process)
  }

  get pid(): number {
    return this.#process.pid ?? 0
  }

  /** The first line, told already or to come, for which `fits` holds. */
  line(fits: (line: Line) => boolean): Promise<Line> {
    const told = this.#lines.find(fits)
    if (told !== undefined) return Promise.resolve(told)
    if (this.#hasEnded) return Promise.reject(this.failure('it has ended'))
    return new Promise((resolve, reject) => {
      this.#waiting.add({ fits, resolve, reject })
    })
  }

  /** Each line that it prints from now on. */
  onLine(listener: (line: Line) => undefined): undefined {
    this.#listener = listener
  }

  /** What it said last, for a person. */
  failure(why: string): GatewayError {
    const said = this.#said.map((text) => `\n  ${text}`).join('')
    return new GatewayError('internal', `${this.name}: ${why}; it said:${said}`)
  }

  /** Lets it finish; kills it if it does not. */
  async stop(): Promise<number | undefined> {
    if (!this.#hasEnded) this.#process.kill('SIGINT')
    const cancel = this.#clock.after(killMs, () => {
      this.#process.kill('SIGKILL')
    })
    const code = await this.ended
    cancel()
    return code
  }

  #read({ stdout, stderr }: ChildProcess): undefined {
    if (stdout === null || stderr === null) return
    createInterface({ input: stdout }).on('line', (text) => this.#hear(text))
    createInterface({ input: stderr }).on('line', (text) => this.#remember(text))
  }

  #hear(text: string): undefined {
    this.#remember(text)
    const line = lineOf(text)
    if (line === undefined) return
    this.#lines.push(line)
    this.#listener(line)
    for (const waiting of this.#waiting) {
      if (!waiting.fits(line)) continue
      this.#waiting.delete(waiting)
      waiting.resolve(line)
    }
  }

  #remember(text: string): undefined {
    this.#said.push(text)
    if (this.#said.length > shownLines) this.#said.shift()
  }

  #end(why: string, code: number | undefined, resolve: (code: number | undefined) => void) {
    this.#hasEnded = true
    for (const { reject } of this.#waiting) reject(this.failure(why))
    this.#waiting.clear()
    resolve(code)
  }
}

function lineOf(text: string): Line | undefined {
  try {
    const value = JSON.parse(text) as unknown
    return typeof value === 'object' && value !== null ? (value as Line) : undefined
  } catch {
    return undefined
  }
}
