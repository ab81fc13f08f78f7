/**
 * The compiled program as a process of its own, as it is installed: default limits but for the heap.
 *
 * In:    its configuration, and the file that it logs to.
 * Out:   its pid while it lives; how it ended.
 * Fails: `start` rejects when it is not ready in time.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sleepMs } from './measure.ts'

const root = join(import.meta.dirname, '../..')
const readyMs = 60_000
const heapMiB = 256

/** Compiles the program. */
export async function build(): Promise<undefined> {
  const words = [join(root, 'test/build.ts')]
  const compiler = spawn(process.execPath, words, { cwd: root, stdio: ['ignore', 2, 2] })
  const [code] = await once(compiler, 'exit')
  if (code !== 0) throw new Error(`the build ended with ${code}`)
}

export class Program {
  readonly pid: number
  /** How it ended; `undefined`: it lives. */
  ended: string | undefined
  readonly #child: ChildProcess
  readonly #exit: Promise<unknown>

  private constructor(child: ChildProcess) {
    this.pid = child.pid ?? 0
    this.#child = child
    this.#exit = once(child, 'exit').then(([code, signal]) => {
      this.ended = signal === null ? `exit ${code}` : String(signal)
    })
    process.once('exit', () => child.kill('SIGKILL'))
  }

  /** `ready`: the URL that says yes once it is. */
  static async start(config: string, log: string, ready: string): Promise<Program> {
    const words = [`--max-old-space-size=${heapMiB}`, join(root, 'dist/main.js')]
    const out = openSync(log, 'a')
    const child = spawn(process.execPath, [...words, 'run', '--config', config], {
      stdio: ['ignore', out, out],
    })
    const program = new Program(child)
    for (const end = performance.now() + readyMs; performance.now() < end; await sleepMs(50)) {
      if (program.ended !== undefined)
        throw new Error(`the program ended: ${program.ended}\n${readFileSync(log, 'utf8')}`)
      const answer = await fetch(ready).catch(() => undefined)
      if (answer?.ok === true) return program
    }
    child.kill('SIGKILL')
    throw new Error('the program is not ready')
  }

  async stop(): Promise<undefined> {
    if (this.ended === undefined) this.#child.kill('SIGKILL')
    await this.#exit
  }
}
