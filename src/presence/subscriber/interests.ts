/**
 * What our users want to see elsewhere: each wish has the id that a client gave it, and a lease of its own. It belongs
 * to the user and not to a session: one that is gone says nothing, and its wishes end with their leases.
 */
import type { Address } from '../../address/address.ts'
import type { Clock } from '../../lib/clock.ts'
import { nowhere, TimerWheel } from '../../lib/timer-wheel.ts'
import type { Limits } from '../../limits.ts'
import type { Caller } from '../../operation/call.ts'
import { grantLease, subscriptionEnd } from '../lease.ts'

/** `id` is 16 bytes as text, one character a byte, scoped under the watcher. */
export type Interest = {
  readonly id: string
  readonly watcher: Address
  readonly presentity: Address
}

type Held = Interest & {
  leaseSlot: number
  /** Who asked for it or renewed it last. */
  session: Caller | undefined
}

/** A watcher and its wishes by id, in the order in which they were asked for or renewed. */
type Watcher = { readonly address: Address; readonly wishes: Map<string, Held> }

export class Interests {
  readonly #clock: Clock
  readonly #limits: Limits
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
    return this.#leases.size
  }

  find(watcher: Address, id: string): Interest | undefined {
    return this.#watchers.get(watcher.text)?.wishes.get(id)
  }

  /** Of the user called `name`: the wish that was asked for longest ago, by a session that `isMeant`. */
  oldest(name: string, isMeant?: (session: Caller) => boolean): Interest | undefined {
    for (const held of this.#watchers.get(name)?.wishes.values() ?? []) {
      const { session } = held
      if (isMeant === undefined || (session !== undefined && isMeant(session))) return held
    }
    return undefined
  }

  /** Whether `watcher` has as many as it may. */
  isFull({ text }: Address): boolean {
    const own = this.#watchers.get(text)?.wishes.size ?? 0
    return own >= this.#limits.subscriptionsPerWatcher
  }

  add({ id, watcher, presentity }: Interest): Interest {
    const { text } = watcher
    const known = this.#watchers.get(text) ?? { address: watcher, wishes: new Map<string, Held>() }
    this.#watchers.set(text, known)
    const held = { id, watcher: known.address, presentity, leaseSlot: nowhere, session: undefined }
    known.wishes.set(id, held)
    return held
  }

  /** Grants a lease from now on; 0: there is no such wish. */
  lease(
    { text }: Address,
    id: string,
    wantedSeconds: number | undefined,
    session: Caller | undefined,
  ): number {
    const wishes = this.#watchers.get(text)?.wishes
    const held = wishes?.get(id)
    if (held === undefined) return 0
    const seconds = grantLease(wantedSeconds, this.#limits)
    this.#leases.set(held, subscriptionEnd(this.#clock.now(), seconds, this.#limits))
    held.session = session
    wishes?.delete(id)
    wishes?.set(id, held)
    return seconds
  }

  delete({ watcher: { text }, id }: Interest): undefined {
    const wishes = this.#watchers.get(text)?.wishes
    const held = wishes?.get(id)
    if (held === undefined) return
    this.#leases.delete(held)
    wishes?.delete(id)
    if (wishes?.size === 0) this.#watchers.delete(text)
  }

  stop(): undefined {
    this.#leases.stop()
    this.#watchers.clear()
  }
}
