/**
 * What a demo has to take back, whenever it ends.
 *
 * In:    how to undo each thing, once it is done.
 * Out:   all of it undone, the last thing first.
 * Fails: `add` rejects once the end has come, after the thing was undone at once: whoever is still at work goes no further.
 */
import { GatewayError } from '../errors.ts'

type Task = () => Promise<unknown>

export class Undo {
  readonly #tasks: Task[] = []
  #isOver = false

  async add(task: Task): Promise<undefined> {
    if (!this.#isOver) {
      this.#tasks.push(task)
      return
    }
    await task()
    throw new GatewayError('link-stopped', 'the demo has ended')
  }

  async all(): Promise<undefined> {
    this.#isOver = true
    for (let task = this.#tasks.pop(); task !== undefined; task = this.#tasks.pop()) await task()
  }
}
