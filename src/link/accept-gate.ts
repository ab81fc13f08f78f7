/**
 * Link: who may come in, decided when the system hands over a connection: before TLS, before any memory of ours.
 *
 * In:    the address of the far side and the time.
 * Out:   yes or no; what is counted is bounded by what is let in, and by `limits.networks`.
 * Fails: never.
 *
 * What comes from one host counts together: an IPv4 address, or an IPv6 /64, which every host has for itself.
 * New connections are paced by the network around it: an IPv4 /24 or an IPv6 /48.
 */

import { TokenBucket } from '../lib/token-bucket.ts'
import type { LimitName, Limits } from '../limits.ts'

export type GateLimits = Pick<
  Limits,
  | 'links'
  | 'unprovenLinks'
  | 'unprovenLinksPerAddress'
  | 'handshakesPerAddress'
  | 'handshakesPerAddressBurst'
  | 'networks'
>

export type GateOptions = {
  readonly limits: GateLimits
  /** Links that did not come in here: they count for `links` too. */
  readonly otherLinks: () => number
  readonly limitHit: (limit: LimitName) => undefined
}

export class AcceptGate {
  readonly #options: GateOptions
  /** Per host. */
  readonly #unproven = new Map<string, number>()
  /** Per network, the one that is silent longest first. */
  readonly #paces = new Map<string, TokenBucket>()
  #unprovenTotal = 0
  #total = 0

  constructor(options: GateOptions) {
    this.#options = options
  }

  /** Whether one more connection from `ip` is let in; then `gone` has to follow, once. */
  admit(ip: string, now: number): boolean {
    const { host, network } = placeOf(ip)
    const limit = this.#barrier(host) ?? this.#pace(network, now)
    if (limit !== undefined) {
      this.#options.limitHit(limit)
      return false
    }
    this.#unproven.set(host, (this.#unproven.get(host) ?? 0) + 1)
    this.#unprovenTotal++
    this.#total++
    return true
  }

  /** A link from `ip` proved a domain, or attached a client. */
  proven(ip: string): undefined {
    const { host } = placeOf(ip)
    const left = (this.#unproven.get(host) ?? 0) - 1
    if (left > 0) this.#unproven.set(host, left)
    else this.#unproven.delete(host)
    this.#unprovenTotal--
  }

  /** A connection from `ip` is closed. */
  gone(ip: string, wasProven: boolean): undefined {
    if (!wasProven) this.proven(ip)
    this.#total--
  }

  /** Connections inside, and how many of them have proved nothing. */
  get inside(): { readonly total: number; readonly unproven: number } {
    return { total: this.#total, unproven: this.#unprovenTotal }
  }

  /** Entries kept. */
  get size(): number {
    return this.#unproven.size + this.#paces.size
  }

  #barrier(host: string): LimitName | undefined {
    const { limits, otherLinks } = this.#options
    if (this.#total + otherLinks() >= limits.links) return 'links'
    if (this.#unprovenTotal >= limits.unprovenLinks) return 'unprovenLinks'
    const here = this.#unproven.get(host) ?? 0
    return here >= limits.unprovenLinksPerAddress ? 'unprovenLinksPerAddress' : undefined
  }

  #pace(network: string, now: number): LimitName | undefined {
    this.#forget(now)
    const { handshakesPerAddress, handshakesPerAddressBurst } = this.#options.limits
    const pace =
      this.#paces.get(network) ??
      new TokenBucket(handshakesPerAddress, handshakesPerAddressBurst, now)
    // Set anew, so that the map stays in the order of last use.
    this.#paces.delete(network)
    this.#paces.set(network, pace)
    return pace.take(now) ? undefined : 'handshakesPerAddress'
  }

  /** One comes, so two may go: a full bucket is as good as none. */
  #forget(now: number): undefined {
    let turns = 2
    for (const [network, pace] of this.#paces) {
      if (turns-- === 0) return
      if (!pace.isFull(now) && this.#paces.size < this.#options.limits.networks) return
      this.#paces.delete(network)
    }
  }
}

/** One connection that was let in: tells the gate each thing once, whoever asks. */
export class Admission {
  readonly #gate: AcceptGate
  readonly #ip: string
  #state: 'unproven' | 'proven' | 'gone' = 'unproven'

  constructor(gate: AcceptGate, ip: string) {
    this.#gate = gate
    this.#ip = ip
  }

  /** The link proved a domain, or attached a client. */
  proven(): undefined {
    if (this.#state !== 'unproven') return
    this.#state = 'proven'
    this.#gate.proven(this.#ip)
  }

  /** The connection is closed. */
  gone(): undefined {
    if (this.#state === 'gone') return
    this.#gate.gone(this.#ip, this.#state === 'proven')
    this.#state = 'gone'
  }
}

type Place = { readonly host: string; readonly network: string }

/** `::ffff:192.0.2.1` is how a socket of both families shows an IPv4 address. */
function placeOf(ip: string): Place {
  if (!ip.includes(':')) return { host: ip, network: ip.slice(0, ip.lastIndexOf('.')) }
  const mapped = ip.toLowerCase().startsWith('::ffff:') && ip.includes('.')
  if (mapped) return placeOf(ip.slice(7))
  const groups = firstGroups(ip)
  return { host: groups.join(':'), network: groups.slice(0, 3).join(':') }
}

/** The first four of the eight groups of an IPv6 address. */
function firstGroups(ip: string): readonly string[] {
  const gap = ip.indexOf('::')
  const head = gap < 0 ? ip : ip.slice(0, gap)
  const groups = head === '' ? [] : head.split(':')
  if (gap < 0) return groups.slice(0, 4)
  const tail = ip.slice(gap + 2)
  const after = tail === '' ? [] : tail.split(':')
  const zeros = Math.max(0, 8 - groups.length - after.length - (tail.includes('.') ? 1 : 0))
  return [...groups, ...new Array<string>(zeros).fill('0'), ...after].slice(0, 4)
}
