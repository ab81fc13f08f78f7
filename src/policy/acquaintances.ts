/**
 * Domains that our users know: those that took what our users sent. Only what our own users do makes a stranger known,
 * since names, certificates and networks can be had by anybody.
 *
 * In:    messages of our users that ended well, clock time in ms.
 * Out:   whether a domain is known.
 * Fails: never. Bounded: the domain that was written to longest ago is forgotten.
 */

const dayMs = 86_400_000
/** So many of our users within a day, */
const enoughUsers = 20
/** or one of them on two days of so many; and it ends after so many days of nothing. */
const rememberedMs = 30 * dayMs

/** Until it is known: who wrote to it, since when. Afterwards only when last. */
type Acquaintance = {
  lastAt: number
  isKnown: boolean
  /** Users of ours, each with the time of its first good answer. */
  users: Map<string, number> | undefined
}

export class Acquaintances {
  readonly #most: number
  /** The one that was written to last is the last. */
  readonly #domains = new Map<string, Acquaintance>()

  constructor(most: number) {
    this.#most = most
  }

  isKnown(domain: string, now: number): boolean {
    const known = this.#domains.get(domain)
    return known?.isKnown === true && now - known.lastAt < rememberedMs
  }

  /** A message of `user`, one of ours, was delivered or stored at `domain`. True: from now on it is known. */
  met(domain: string, user: string, now: number): boolean {
    const before = this.#domains.get(domain)
    if (before?.isKnown === true && now - before.lastAt < dayMs) return false
    const found = this.#enter(domain, before, now)
    if (found.isKnown) {
      found.lastAt = now
      return false
    }
    found.lastAt = now
    const users = found.users ?? new Map<string, number>()
    found.users = users
    const first = users.get(user)
    const isOtherDay = first !== undefined && Math.floor(first / dayMs) !== Math.floor(now / dayMs)
    if (isOtherDay && now - first < rememberedMs) return this.#know(found)
    if (first === undefined || isOtherDay) users.set(user, now)
    if (users.size < enoughUsers) return false
    for (const [name, at] of users) if (now - at >= rememberedMs) users.delete(name)
    let recent = 0
    for (const at of users.values()) if (now - at < dayMs) recent++
    if (recent >= enoughUsers) return this.#know(found)
    // Those that are kept for another day are few: the oldest goes.
    if (users.size > 2 * enoughUsers) users.delete(users.keys().next().value as string)
    return false
  }

  #know(found: Acquaintance): true {
    found.isKnown = true
    found.users = undefined
    return true
  }

  /** At the end of the line, once a day at most for one that is known. */
  #enter(domain: string, before: Acquaintance | undefined, now: number): Acquaintance {
    const isOld = before === undefined || now - before.lastAt >= rememberedMs
    const found = isOld ? { lastAt: now, isKnown: false, users: undefined } : before
    this.#domains.delete(domain)
    this.#domains.set(domain, found)
    if (this.#domains.size > this.#most) {
      this.#domains.delete(this.#domains.keys().next().value as string)
    }
    return found
  }
}
