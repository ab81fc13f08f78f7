/**
 * What the nodes of a domain share when the store is memory: the model of a database.
 *
 * Commits happen at once, unless `commit` says when and whether: so a test holds them back, or lets them fail.
 */

import type { Env } from '../env.ts'
import { ContentHash } from '../lib/content-hash.ts'
import type { Counter } from '../lib/meter.ts'
import type { LimitName } from '../limits.ts'
import { type Holder, Leases } from './leases.ts'
import { Queue } from './queue.ts'
import { Rooms } from './rooms.ts'
import { Rows } from './rows.ts'

/** Calls one of the two, once: `run` is the transaction of `node` together with what it tells. */
export type Commit = (node: string, run: () => undefined, fail: () => undefined) => undefined

type Listener = { readonly holder: Holder; readonly wake: () => undefined }

const atOnce: Commit = (_, run) => run()

export class MemoryBackend {
  readonly env: Env
  readonly commit: Commit
  readonly content: ContentHash
  readonly leases: Leases
  readonly rows: Rows
  readonly queue: Queue
  readonly rooms: Rooms
  readonly counters: Rooms
  readonly #listeners = new Map<string, Set<Listener>>()

  constructor(env: Env, commit: Commit = atOnce) {
    this.env = env
    this.commit = commit
    this.content = new ContentHash(env.random)
    const { storedRecords } = env.limits
    const isAlive = (holder: Holder): boolean => this.isAlive(holder)
    this.leases = new Leases(storedRecords)
    this.rows = new Rows(env.limits, isAlive)
    this.queue = new Queue(isAlive)
    this.rooms = new Rooms(storedRecords, this.hits('storedRecords'))
    this.counters = new Rooms(storedRecords, this.hits('storedRecords'))
  }

  get now(): number {
    return this.env.clock.now()
  }

  hits(limit: LimitName): Counter {
    return this.env.meter.counter('limit_hits_total', { limit })
  }

  isAlive(holder: Holder): boolean {
    return this.leases.isAlive(holder, this.now)
  }

  listen(topic: string, holder: Holder, wake: () => undefined): () => undefined {
    const listener = { holder, wake }
    const all = this.#listeners.get(topic) ?? new Set<Listener>()
    this.#listeners.set(topic, all.add(listener))
    return () => {
      all.delete(listener)
      if (all.size === 0 && this.#listeners.get(topic) === all) this.#listeners.delete(topic)
    }
  }

  /** Wakes the nodes but `by`: not inside its transaction, as another process would not be. */
  changed(topic: string, by: Holder): undefined {
    const all = this.#listeners.get(topic)
    for (const listener of all ?? []) {
      if (listener.holder === by) continue
      queueMicrotask(() => {
        if (all?.has(listener)) listener.wake()
      })
    }
  }
}
