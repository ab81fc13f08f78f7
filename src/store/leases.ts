/**
 * Who holds what, and until when: leases with fencing.
 *
 * A holder lives by the lease of its node. What it holds ends with that, and it never gets it back: others may already
 * have taken over what it was at.
 */
export type Holder = { readonly node: string; hasBegun: boolean }

type Lease = { readonly holder: Holder; readonly until: number }

export class Leases {
  readonly #most: number
  readonly #byName = new Map<string, Lease>()

  constructor(most: number) {
    this.#most = most
  }

  isAlive(holder: Holder, now: number): boolean {
    const own = this.#byName.get(nameOf(holder))
    return own !== undefined && own.holder === holder && own.until > now
  }

  /** False: `name` is not free for `holder`, or there is no room. */
  take(name: string, holder: Holder, ms: number, now: number): boolean {
    const isFirst = name === nameOf(holder) && !holder.hasBegun
    if (!isFirst && !this.isAlive(holder, now)) return false
    const lease = this.#byName.get(name)
    if (lease !== undefined && lease.holder !== holder && this.#isHeld(lease, now)) return false
    if (lease === undefined && !this.#hasRoom(now)) return false
    this.#byName.set(name, { holder, until: now + ms })
    if (isFirst) holder.hasBegun = true
    return true
  }

  release(holder: Holder): undefined {
    for (const [name, lease] of this.#byName) {
      if (lease.holder === holder) this.#byName.delete(name)
    }
    holder.hasBegun = true
  }

  #isHeld({ holder, until }: Lease, now: number): boolean {
    return until > now && this.isAlive(holder, now)
  }

  #hasRoom(now: number): boolean {
    if (this.#byName.size < this.#most) return true
    for (const [name, lease] of this.#byName) {
      if (!this.#isHeld(lease, now)) this.#byName.delete(name)
    }
    return this.#byName.size < this.#most
  }
}

const nameOf = ({ node }: Holder): string => `node:${node}`
