/**
 * Children: the processes of a bench, and the questions they are asked.
 *
 * In:    the file of a child and its settings.
 * Out:   a `Child` that does tasks by name; `serveParent` is the other end, in the child.
 * Fails: a question rejects when its time is over or the child ends. No child outlives the parent: it is killed by
 *        its id when the parent ends in any orderly way, and leaves by itself when the channel to the parent breaks.
 */
import { type ChildProcess, fork, type StdioOptions } from 'node:child_process'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'

type Question = { readonly id: number; readonly task: string; readonly args: unknown }
type Answer = { readonly id: number; readonly value: unknown; readonly error: string | undefined }
type Waiting = {
  readonly resolve: (value: unknown) => void
  readonly reject: (cause: Error) => void
}

const startMs = 20_000
const stopMs = 1_000
/** What a child prints goes to standard error: standard output belongs to the result. */
const stdio: StdioOptions = ['ignore', 2, 2, 'ipc']

/** Owns every child it started, until the child has ended. */
export class Children {
  readonly #alive = new Set<Child>()
  readonly #failure = Promise.withResolvers<never>()

  constructor() {
    this.#failure.promise.catch(() => undefined)
    process.once('exit', () => {
      for (const child of this.#alive) child.kill()
    })
    process.once('SIGINT', () => process.exit(130))
    process.once('SIGTERM', () => process.exit(143))
    process.once('SIGHUP', () => process.exit(129))
  }

  /** Starts `file` and waits until it is ready; `facts` is what it has to say about itself (ports, say). */
  async start<Facts>(
    file: URL,
    settings: unknown,
    withinMs = startMs,
  ): Promise<{ child: Child; facts: Facts }> {
    const path = fileURLToPath(file)
    const forked = fork(path, [], { execArgv: [], serialization: 'advanced', stdio })
    const child: Child = new Child(forked, basename(path), (why) => {
      this.#alive.delete(child)
      if (!child.isStopping) this.#failure.reject(new Error(why))
    })
    this.#alive.add(child)
    return { child, facts: await child.ask<Facts>('start', settings, withinMs) }
  }

  /** As `work`, but rejects as soon as a child ends that nobody asked to stop: what is measured then is worth nothing. */
  guard<Result>(work: Promise<Result>): Promise<Result> {
    return Promise.race([work, this.#failure.promise])
  }

  async stop(): Promise<undefined> {
    await Promise.all([...this.#alive].map((child) => child.stop()))
  }
}

export class Child {
  readonly pid: number
  isStopping = false
  readonly #process: ChildProcess
  readonly #name: string
  readonly #waiting = new Map<number, Waiting>()
  readonly #ended = Promise.withResolvers<undefined>()
  #lastId = 0
  #hasEnded = false

  constructor(forked: ChildProcess, name: string, onEnd: (why: string) => undefined) {
    this.#process = forked
    this.#name = name
    this.pid = forked.pid ?? 0
    const end = (why: string): undefined => {
      this.#hasEnded = true
      this.#giveUp(`ended: ${why}`)
      this.#ended.resolve(undefined)
      onEnd(`${name} ended: ${why}`)
    }
    forked.once('exit', (code, signal) => end(`${signal ?? code}`))
    // Without an id it never started; with one only the channel is broken, and it is still ours to end.
    forked.on('error', (cause) =>
      forked.pid === undefined ? end(cause.message) : this.#giveUp(cause.message),
    )
    forked.on('message', (message) => this.#settle(message as Answer))
  }

  ask<Result>(task: string, args: unknown, withinMs: number): Promise<Result> {
    if (this.#hasEnded) return Promise.reject(new Error(`${this.#name} has ended`))
    const id = ++this.#lastId
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const timer = setTimeout(() => {
      this.#settle({ id, value: undefined, error: `no answer to ${task} in ${withinMs} ms` })
    }, withinMs)
    this.#waiting.set(id, { resolve, reject })
    this.#process.send({ id, task, args } satisfies Question)
    return promise.finally(() => clearTimeout(timer)) as Promise<Result>
  }

  /** Lets the child leave by itself, then kills it. */
  async stop(): Promise<undefined> {
    this.isStopping = true
    if (this.#hasEnded) return
    if (this.#process.connected) this.#process.disconnect()
    const timer = setTimeout(() => this.kill(), stopMs)
    await this.#ended.promise
    clearTimeout(timer)
  }

  kill(): undefined {
    if (!this.#hasEnded) this.#process.kill('SIGKILL')
  }

  #giveUp(why: string): undefined {
    for (const { reject } of this.#waiting.values()) reject(new Error(`${this.#name} ${why}`))
    this.#waiting.clear()
  }

  #settle({ id, value, error }: Answer): undefined {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (error === undefined) waiting?.resolve(value)
    else waiting?.reject(new Error(`${this.#name}: ${error}`))
  }
}

export type Tasks = Readonly<Record<string, (args: never) => unknown>>

/** What a child is once it has started: facts for the parent, and the tasks it does. */
export type Started = { readonly facts: unknown; readonly tasks: Tasks }

/** In a child: `start` runs once, with the settings that the parent sent. */
export function serveParent<Settings>(start: (settings: Settings) => Promise<Started>): undefined {
  let tasks: Tasks = {}
  const run = async ({ task, args }: Question): Promise<unknown> => {
    if (task !== 'start') {
      const known = tasks[task]
      if (known === undefined) throw new Error(`no task ${task}`)
      return known(args as never)
    }
    const started = await start(args as Settings)
    tasks = started.tasks
    return started.facts
  }
  const reply = (answer: Answer): undefined => {
    if (process.connected) process.send?.(answer)
  }
  process.on('message', (message) => {
    const question = message as Question
    const { id } = question
    run(question).then(
      (value) => reply({ id, value, error: undefined }),
      (cause: unknown) => reply({ id, value: undefined, error: String(cause) }),
    )
  })
  process.once('disconnect', () => process.exit(0))
}
