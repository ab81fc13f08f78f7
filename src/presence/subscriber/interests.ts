/**
 * What our users want to see elsewhere: each wish has the id that a client gave it, and a lease of its own. It belongs
 * to the user and not to a session: one that is gone says nothing, and its wishes end with their leases.
 */
import type { Address } from '../../address/address.ts'
import type { Clock } from '../../lib/clock.ts'
import { nowhere, TimerWheel } from '../../lib/timer-wheel.ts'
import type { LimitName, Limits } from '../../limits.ts'
import { grantLease, subscriptionEnd } from '../lease.ts'

/** `id` is 16 bytes as text, one character a byte, scoped under the watcher. */
export type Interest = {
  readonly id: string
  readonly watcher: Address
  readonly presentity: Address
}

/** One address for all wishes of a watcher. */
type Watcher = { readonly address: Address; count: number }

type Held = Interest & { leaseSlot: number }

export class Interests {
  readonly #clock: Clock
  readonly #limits: Limits
  readonly #byKey = new Map<string, Held>()
  readonly #watchers = new Map<string, Watcher>()
  readonly #leases: TimerWheel<'leaseSlot', Held>

  constructor(clock: Clock, limits: Limits, lapsed: (interest: Interest) => undefined) {
    this.#clock = clock
    this.#limits = limits
    this.#leases = new TimerWheel({
      clock,
      tickMs: 1000,
      field: 'leaseSlot',
      due: (held) => {
        this.delete(held)
        lapsed(held)
      },
    })
  }

  get size(): number {
    return this.#byKey.size
  }

  find(watcher: Address, id: string): Interest | undefined {
    return this.#byKey.get(keyOf(watcher, id))
  }

  /** The limit that is in the way of one more for `watcher`. */
  limitFor(watcher: Address): LimitName | undefined {
    if (this.#byKey.size >= this.#limits.subscriptions) return 'subscriptions'
    const own = this.#watchers.get(watcher.text)?.count ?? 0
    return own >= this.#limits.subscriptionsPerWatcher ? 'subscriptionsPerWatcher' : undefined
  }

  add({ id, watcher, presentity }: Interest): Interest {
    const { text } = watcher
    const known = this.#watchers.get(text) ?? { address: watcher, count: 0 }
    this.#watchers.set(text, known)
    known.count++
    const held = { id, watcher: known.address, presentity, leaseSlot: nowhere }
    this.#byKey.set(keyOf(known.address, id), held)
    return held
  }

  /** Grants a lease from now on; 0: there is no such wish. */
  lease(watcher: Address, id: string, wantedSeconds: number | undefined): number {
    const held = this.#byKey.get(keyOf(watcher, id))
    if (held === undefined) return 0
    const seconds = grantLease(wantedSeconds, this.#limits)
    this.#leases.set(held, subscriptionEnd(this.#clock.now(), seconds, this.#limits))
    return seconds
  }

  delete({ watcher, id }: Interest): undefined {
    const key = keyOf(watcher, id)
    const held = this.#byKey.get(key)
    if (held === undefined) return
    this.#leases.delete(held)
    this.#byKey.delete(key)
    const own = this.#watchers.get(watcher.text)
    if (own !== undefined && --own.count === 0) this.#watchers.delete(watcher.text)
  }

  stop(): undefined {
    this.#leases.stop()
  }
}

const keyOf = (watcher: Address, id: string): string => `${watcher.text} ${id}`
