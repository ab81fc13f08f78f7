/**
 * The network between processes: hosts that listen, dials, and wires that can be delayed, held, throttled and cut.
 *
 * In:    listeners, by address and port; dials of processes; the state of each way, which faults change.
 * Out:   channels with the facts that TLS would give; every wire that is alive.
 * Fails: as `link/dial-socket.ts` does: `link-refused`, `tls-failed`, `identity-mismatch`, `link-stopped`.
 */
import type { Service } from '../../../src/address/address.ts'
import type { Domain } from '../../../src/address/domain.ts'
import type { CertificateFacts } from '../../../src/certificate/identity.ts'
import { GatewayError, type Status } from '../../../src/errors.ts'
import type { Random } from '../../../src/lib/random.ts'
import type { Channel } from '../../../src/link/channel.ts'
import { memoryChannelPair, tlsLikeFacts } from '../memory-channel.ts'
import type { Scheduler, SimClock } from './scheduler.ts'
import type { Trace } from './trace.ts'
import { Wire } from './wire.ts'

export type Listener = {
  /** Name of the process. */
  readonly owner: string
  readonly clock: SimClock
  /** By server name. */
  readonly certificate: (name: string) => CertificateFacts | undefined
  readonly accept: (channel: Channel) => undefined
}

export type NetworkDial = {
  readonly from: string
  readonly fromIp: string
  readonly ip: string
  readonly port: number
  readonly domain: Domain
  readonly service: Service
  readonly clock: SimClock
  readonly signal: AbortSignal
}

/** What a dial meets: nobody, silence, or somebody else's certificate. */
export type DialTrouble = 'refused' | 'silent' | { readonly certificateOf: string }

export class Network {
  readonly wires = new Set<Wire>()
  readonly thrown: unknown[]
  /** By `ip:port`, or `process ip:port` for one dialling process alone. */
  readonly troubles = new Map<string, DialTrouble>()
  /** Dials that were asked for, by place. */
  readonly dials: { readonly from: string; readonly place: string; readonly at: number }[] = []
  /** One way, in ms; each wire draws its own between these. */
  latencyMs: readonly [number, number] = [1, 15]
  /** Told of each new wire, before anything is written. */
  onWire: (wire: Wire) => undefined = () => undefined
  readonly #listeners = new Map<string, Listener>()
  readonly #clock: SimClock
  readonly #random: Random
  readonly #trace: Trace
  #count = 0

  constructor(scheduler: Scheduler, random: Random, trace: Trace) {
    this.#clock = scheduler.clock()
    this.#random = random
    this.#trace = trace
    this.thrown = scheduler.thrown
  }

  listen(ip: string, port: number, listener: Listener): undefined {
    this.#listeners.set(`${ip}:${port}`, listener)
  }

  /** Nobody of `owner` listens any more. */
  shut(owner: string): undefined {
    for (const [place, listener] of this.#listeners) {
      if (listener.owner === owner) this.#listeners.delete(place)
    }
  }

  wiresOf(process: string): readonly Wire[] {
    return [...this.wires].filter(({ from, to }) => from === process || to === process)
  }

  /** The system of `process` ends what it has left open. */
  sweep(wires: readonly Wire[], process: string): undefined {
    for (const wire of wires) {
      const end = wire.from === process ? 'initiating' : 'receiving'
      if (wire.isEndOpen(end)) wire.lose(end === 'initiating' ? 'receiving' : 'initiating', true)
    }
  }

  /** `process` is gone. Without `tell` nobody hears of it: its host is gone, too. */
  drop(process: string, tell: boolean): undefined {
    this.shut(process)
    for (const wire of this.wiresOf(process)) {
      wire.lose(wire.from === process ? 'receiving' : 'initiating', tell)
    }
  }

  dial(dial: NetworkDial): Promise<Channel> {
    const { ip, port, clock, signal, from } = dial
    const place = `${ip}:${port}`
    this.dials.push({ from, place, at: clock.now() })
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(failure('link-stopped', place, 'called off'))
      const trouble = this.#troubleOf(from, place)
      const latency = this.#draw()
      const settle = (act: () => undefined): undefined => {
        signal.removeEventListener('abort', stopped)
        cancel()
        act()
      }
      const stopped = () =>
        settle(() => reject(failure('link-stopped', place, 'called off')) as undefined)
      // Two round trips: TCP, then TLS.
      const cancel =
        trouble === 'silent'
          ? () => undefined
          : clock.after(4 * latency, () =>
              settle(() => {
                try {
                  resolve(this.#connect(dial, latency))
                } catch (error) {
                  reject(error)
                }
              }),
            )
      signal.addEventListener('abort', stopped)
    })
  }

  #troubleOf(from: string, place: string): DialTrouble | undefined {
    return this.troubles.get(`${from} ${place}`) ?? this.troubles.get(place)
  }

  #draw(): number {
    const [low, high] = this.latencyMs
    return low + this.#random.number() * (high - low)
  }

  #connect(dial: NetworkDial, latencyMs: number): Channel {
    const { from, ip, port, domain, service, fromIp } = dial
    const place = `${ip}:${port}`
    const trouble = this.#troubleOf(from, place)
    const listener = this.#listeners.get(place)
    if (trouble === 'refused' || listener === undefined) {
      throw failure('link-refused', place, 'connection refused')
    }
    const shown = typeof trouble === 'object' ? trouble.certificateOf : domain
    const certificate =
      typeof trouble === 'object' ? certificateFor(shown) : listener.certificate(domain)
    if (certificate === undefined) throw failure('tls-failed', place, 'does not serve this domain')
    if (!certificate.covers(domain, service)) {
      throw failure('identity-mismatch', place, `the certificate does not name ${domain}`)
    }
    const name = `wire ${++this.#count}`
    const facts = tlsLikeFacts(certificate, `${name} ${this.#random.number()}`)
    const pair = memoryChannelPair({
      clock: this.#clock,
      initiating: { ...facts.initiating, remote: place },
      receiving: { ...facts.receiving, remote: `${fromIp}:${40_000 + this.#count}` },
    })
    pair.toReceiving.latencyMs = latencyMs
    pair.toInitiating.latencyMs = latencyMs
    const wire = new Wire({
      name,
      from,
      to: listener.owner,
      isClient: port === clientPort,
      pair,
      gone: (gone) => {
        this.wires.delete(gone)
      },
      threw: (error) => {
        this.thrown.push(error)
      },
    })
    this.wires.add(wire)
    this.onWire(wire)
    this.#trace.add('network', `${name} ${from} -> ${listener.owner} for ${domain} ${service}`)
    this.#clock.after(latencyMs, () => {
      if (listener.clock.isKilled) wire.lose('initiating', true)
      else listener.clock.soon(() => listener.accept(wire.receiving))
    })
    return wire.initiating
  }
}

export const peerPort = 5279
export const clientPort = 5223

/** A certificate with the name of `domain` and no other. */
export const certificateFor = (...domains: readonly string[]): CertificateFacts => ({
  covers: (asked) => domains.includes(asked),
  fingerprint: domains.join('+'),
})

const failure = (code: Status, place: string, what: string): GatewayError =>
  new GatewayError(code, `${place}: ${what}`)
