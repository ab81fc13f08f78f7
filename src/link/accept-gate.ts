/**
 * Link: who may come in, decided when the system hands over a connection: before TLS, before any memory of ours.
 *
 * In:    the address of the far side and the time.
 * Out:   yes or no, and who makes room; what is counted is bounded by what is let in, and by `limits.networks`.
 * Fails: never.
 *
 * What comes from one host counts together: an IPv4 address, or an IPv6 /64, which every host has for itself. At its bound
 * its own oldest makes room, so that connections that say nothing cost nobody behind the same address its link.
 * New connections are paced by the network around it: an IPv4 /24 or an IPv6 /48. With every place for the unproven
 * taken, the network that has most of them makes room, so that few networks cannot keep the others out.
 */

import { TokenBucket } from '../lib/token-bucket.ts'
import type { LimitName, Limits } from '../limits.ts'
import { prefixesOf } from './network-prefix.ts'

export type GateLimits = Pick<
  Limits,
  | 'unprovenLinks'
  | 'unprovenLinksPerAddress'
  | 'handshakesPerAddress'
  | 'handshakesPerAddressBurst'
  | 'networks'
>

export type GateOptions = {
  readonly limits: GateLimits
  readonly meter: { readonly hit: (limit: LimitName) => undefined }
}

export class AcceptGate {
  readonly #options: GateOptions
  /** Per host. */
  readonly #unproven = new Map<string, number>()
  /** Per network, the one that is silent longest first. */
  readonly #paces = new Map<string, TokenBucket>()
  /** Unproven admissions per network, the oldest first. */
  readonly #crowds = new Map<string, Set<Admission>>()
  #unprovenTotal = 0
  #total = 0

  constructor(options: GateOptions) {
    this.#options = options
  }

  /**
   * Whether one more connection from `ip` is let in; then an `Admission` has to be made of it. Another one may be
   * dropped for it.
   */
  admit(ip: string, now: number): boolean {
    const { host, network } = prefixesOf(ip)
    const reached = this.#reached(host)
    const victim = this.#whoMakesRoom(reached, host, network)
    const isCrowded = reached !== undefined && victim === undefined
    const limit = (isCrowded ? reached : undefined) ?? this.#pace(network, now)
    const hit = limit ?? reached
    if (hit !== undefined) this.#options.meter.hit(hit)
    if (limit !== undefined) return false
    victim?.drop()
    this.#unproven.set(host, (this.#unproven.get(host) ?? 0) + 1)
    this.#unprovenTotal++
    this.#total++
    return true
  }

  /** An admission that may have to make room for another one. */
  enter(ip: string, admission: Admission): undefined {
    const { network } = prefixesOf(ip)
    const crowd = this.#crowds.get(network)
    if (crowd === undefined) this.#crowds.set(network, new Set([admission]))
    else crowd.add(admission)
  }

  /** It is proven or gone. */
  leave(ip: string, admission: Admission): undefined {
    const { network } = prefixesOf(ip)
    const crowd = this.#crowds.get(network)
    crowd?.delete(admission)
    if (crowd?.size === 0) this.#crowds.delete(network)
  }

  /** A link from `ip` proved a domain, or attached a client. */
  proven(ip: string): undefined {
    const { host } = prefixesOf(ip)
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

  /** The bound that one more from `host` goes beyond. */
  #reached(host: string): 'unprovenLinks' | 'unprovenLinksPerAddress' | undefined {
    const { limits } = this.#options
    const here = this.#unproven.get(host) ?? 0
    if (here >= limits.unprovenLinksPerAddress) return 'unprovenLinksPerAddress'
    return this.#unprovenTotal >= limits.unprovenLinks ? 'unprovenLinks' : undefined
  }

  #whoMakesRoom(
    reached: LimitName | undefined,
    host: string,
    network: string,
  ): Admission | undefined {
    if (reached === 'unprovenLinks') return this.#oldestOfBusiest(network)
    if (reached === undefined) return undefined
    let oldest: Admission | undefined
    for (const admission of this.#crowds.get(network) ?? []) {
      if (admission.host !== host) continue
      if (!admission.isSecured) return admission
      oldest ??= admission
    }
    return oldest
  }

  /** Who makes room for one of `network`; `undefined`: no other network has more inside. */
  #oldestOfBusiest(network: string): Admission | undefined {
    let most = this.#crowds.get(network)?.size ?? 0
    let oldest: Admission | undefined
    for (const crowd of this.#crowds.values()) {
      if (crowd.size <= most) continue
      most = crowd.size
      oldest = crowd.values().next().value
    }
    return oldest
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
  readonly host: string
  isSecured = false
  readonly #gate: AcceptGate
  readonly #ip: string
  readonly #close: () => undefined
  #state: 'unproven' | 'proven' | 'gone' = 'unproven'

  /** `close`: ends the connection when it has to make room. */
  constructor(gate: AcceptGate, ip: string, close: () => undefined) {
    this.host = prefixesOf(ip).host
    this.#gate = gate
    this.#ip = ip
    this.#close = close
    gate.enter(ip, this)
  }

  /** TLS has come to its end: those of its host that say nothing make room before it does. */
  secured(): undefined {
    this.isSecured = true
  }

  /** The link proved a domain, or attached a client. */
  proven(): undefined {
    if (this.#state !== 'unproven') return
    this.#state = 'proven'
    this.#gate.leave(this.#ip, this)
    this.#gate.proven(this.#ip)
  }

  /** The connection is closed. */
  gone(): undefined {
    if (this.#state === 'gone') return
    if (this.#state === 'unproven') this.#gate.leave(this.#ip, this)
    this.#gate.gone(this.#ip, this.#state === 'proven')
    this.#state = 'gone'
  }

  /** Makes room at once. */
  drop(): undefined {
    this.gone()
    this.#close()
  }
}
