/**
 * Which ways lead to other domains now: an adapter, from a domain of ours.
 *
 * In:    what adapters say, each of its own ways.
 * Out:   whether a way is there, and whether any leads to a domain.
 * Fails: never. It holds as much as there are ways: a domain without one is not remembered.
 */
import type { Domain } from '../address/domain.ts'
import { type Status, statusNumber } from '../errors.ts'

/** Names a way to some domain. No domain holds a blank. */
export const wayOf = (via: string, local: Domain): string => `${via} ${local}`

/** The codes 0x05.. are about the way to a domain, not about what was asked there. */
export const isAboutWay = (status: Status): boolean => statusNumber(status) >> 8 === 0x05

export class Ways {
  readonly #byDomain = new Map<Domain, Set<string>>()

  isUp(remote: Domain, way: string): boolean {
    return this.#byDomain.get(remote)?.has(way) === true
  }

  leadTo(remote: Domain): boolean {
    return this.#byDomain.has(remote)
  }

  add(remote: Domain, way: string): undefined {
    const ways = this.#byDomain.get(remote)
    if (ways === undefined) this.#byDomain.set(remote, new Set([way]))
    else ways.add(way)
  }

  remove(remote: Domain, way: string): undefined {
    const ways = this.#byDomain.get(remote)
    ways?.delete(way)
    if (ways?.size === 0) this.#byDomain.delete(remote)
  }
}
