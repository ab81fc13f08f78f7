/**
 * The program as a process of its own, as an operator starts it.
 *
 * In:    the words of its command line.
 * Out:   what it printed and how it ended; or a process that runs, to be spoken to and stopped.
 * Fails: `line` rejects when the process ends first. Every process is killed by its id when the test is over.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

export const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

export type Ran = { readonly code: number | null; readonly out: string; readonly err: string }
type Line = Readonly<Record<string, unknown>>

/** The environment without what would change colours or find another configuration. */
const { FORCE_COLOR: _force, GATEHOUSE_CONFIG: _config, ...env } = process.env

export class Process {
  readonly ended: Promise<Ran>
  readonly child: ChildProcess
  #out = ''
  #err = ''
  #changed: (() => void)[] = []

  constructor(words: readonly string[], command: readonly [string, ...string[]]) {
    const [program, ...before] = command
    const child = spawn(program, [...before, ...words], { env, stdio: ['pipe', 'pipe', 'pipe'] })
    this.child = child
    child.stdin.on('error', () => undefined)
    child.stdout.on('data', (chunk: Buffer) => {
      this.#out += chunk
      this.#wake()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      this.#err += chunk
      this.#wake()
    })
    this.ended = once(child, 'close').then(([code]) => {
      this.#wake()
      return { code: code as number | null, out: this.#out, err: this.#err }
    })
  }

  get pid(): number {
    return this.child.pid as number
  }

  get out(): string {
    return this.#out
  }

  get err(): string {
    return this.#err
  }

  get lines(): readonly Line[] {
    return this.#out.split('\n').flatMap((text) => jsonOf(text))
  }

  /** The first JSON line for which `fits` holds. */
  async line(fits: (line: Line) => boolean): Promise<Line> {
    return this.until(() => this.lines.find(fits))
  }

  /** What `find` finds in the output, now or later. */
  async until<T>(find: () => T | undefined): Promise<T> {
    for (;;) {
      const found = find()
      if (found !== undefined) return found
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        const { code } = await this.ended
        const late = find()
        if (late !== undefined) return late
        throw new Error(`ended with ${code}\n${this.#out}${this.#err}`)
      }
      await new Promise<void>((resolve) => this.#changed.push(resolve))
    }
  }

  signal(signal: NodeJS.Signals): undefined {
    this.child.kill(signal)
  }

  #wake(): undefined {
    for (const resolve of this.#changed.splice(0)) resolve()
  }
}

const jsonOf = (text: string): readonly Line[] => {
  try {
    return [JSON.parse(text) as Line]
  } catch {
    return []
  }
}

export function start(
  words: readonly string[],
  command: readonly [string, ...string[]] = [process.execPath, main],
): Process {
  const started = new Process(words, command)
  onTestFinished(async () => {
    started.signal('SIGKILL')
    await started.ended
  })
  return started
}

/** Runs to the end; standard input is `input` and then closed. */
export function run(words: readonly string[], input = ''): Promise<Ran> {
  const started = start(words)
  started.child.stdin?.end(input)
  return started.ended
}

export const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
