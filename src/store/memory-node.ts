/**
 * One node at a backend in memory: what every store does that is not about messages.
 *
 * Fails: promises of writes reject with `internal` if the commit fails or the lease of the node has ended.
 */
import { GatewayError } from '../errors.ts'
import type { Records } from '../operation/store.ts'
import { topics } from '../operation/store.ts'
import type { Holder } from './leases.ts'
import type { MemoryBackend } from './memory-backend.ts'

export class MemoryNode {
  protected readonly backend: MemoryBackend
  protected readonly holder: Holder
  readonly #stops = new Set<() => undefined>()

  constructor(backend: MemoryBackend, node: string) {
    this.backend = backend
    this.holder = { node, hasBegun: false }
  }

  lease(name: string, ms: number): Promise<boolean> {
    const { leases } = this.backend
    return this.commit(() => leases.take(name, this.holder, ms, this.backend.now))
  }

  reserve(counter: string, count: number): Promise<number> {
    const { counters } = this.backend
    return this.write(() => {
      const first = Number(counters.get('', counter) ?? 1)
      counters.put('', counter, String(first + count))
      return first
    })
  }

  records<T>(room: string): Records<T> {
    const { rooms } = this.backend
    const change = (act: () => undefined): Promise<undefined> =>
      this.write(() => {
        act()
        return this.backend.changed(topics.records(room), this.holder)
      })
    return {
      get: async (key) => {
        const text = rooms.get(room, key)
        return text === undefined ? undefined : (JSON.parse(text) as T)
      },
      put: (key, value) => {
        const text = JSON.stringify(value)
        return change(() => rooms.put(room, key, text))
      },
      delete: (key) => change(() => rooms.delete(room, key)),
      scan: async (after, most) =>
        rooms.scan(room, after, most).map(([key, text]) => [key, JSON.parse(text) as T]),
    }
  }

  onWake(topic: string, wake: () => undefined): () => undefined {
    const stop = this.backend.listen(topic, this.holder, wake)
    this.#stops.add(stop)
    return () => {
      this.#stops.delete(stop)
      return stop()
    }
  }

  async close(): Promise<undefined> {
    for (const stop of this.#stops) stop()
    await this.commit(() => this.backend.leases.release(this.holder))
  }

  protected get isAlive(): boolean {
    return this.backend.isAlive(this.holder)
  }

  protected write<T>(run: () => T): Promise<T> {
    return this.commit(() => {
      if (this.isAlive) return run()
      throw new GatewayError('internal', `the lease of the node ${this.holder.node} has ended`)
    })
  }

  protected commit<T>(run: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const attempt = (): undefined => {
        try {
          resolve(run())
        } catch (cause) {
          reject(cause)
        }
      }
      this.backend.commit(this.holder.node, attempt, () => {
        reject(new GatewayError('internal', 'the commit failed'))
      })
    })
  }
}
