/**
 * Link: a door. Takes connections that the gate lets in, brings TLS to its end, and hands on channels.
 *
 * In:    address and port; the certificate for each name that is asked for.
 * Out:   `onChannel` for each channel, not started yet; counters by kind of refusal.
 * Fails: `port-unavailable` when it cannot listen. Nothing that comes in over the network throws.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { GatewayError } from '../errors.ts'
import type { Cancel, Clock } from '../lib/clock.ts'
import { formatEndpoint } from '../lib/ip.ts'
import type { Log } from '../lib/log.ts'
import type { Meter } from '../lib/meter.ts'
import { whyUnopened } from '../lib/why-unopened.ts'
import type { Limits } from '../limits.ts'
import { type AcceptGate, Admission } from './accept-gate.ts'
import type { Channel, ChannelFacts } from './channel.ts'
import { Handshake, type HandshakeOptions, type Refusal } from './handshake.ts'
import { SocketChannel } from './socket-channel.ts'
import { bindingOf, noCertificate, type ShownCertificate } from './tls.ts'

export type Listen = {
  /** An address literal; `::` takes both families. */
  readonly address: string
  /** 0: the system chooses. */
  readonly port: number
  /** Told of each channel in the tick in which it is ready; `admission.proven` is to be called once it has proved something. */
  readonly onChannel: (channel: Channel, admission: Admission) => undefined
  readonly gate: AcceptGate
  readonly limits: Limits
  readonly clock: Clock
  readonly meter: Meter
  readonly log: Log
}

export type TlsListen = Listen & {
  /** What to show to one who asks for this name (lower case); asked for each connection, so that a reload is seen. */
  readonly certificates: (serverName: string) => ShownCertificate | undefined
  /** Does work for a far side that has proven nothing, at once or when it is its turn. */
  readonly inTurn: HandshakeOptions['inTurn']
}

export type Listening = {
  readonly port: number
  /** Takes no more connections and drops those in the handshake; channels live on. */
  readonly close: () => Promise<undefined>
}

export const listenTls = (options: TlsListen): Promise<Listening> => {
  const { limits, clock, certificates, inTurn, log } = options
  const needs: HandshakeOptions = {
    limits,
    clock,
    nobody: noCertificate(),
    certificates,
    inTurn,
    fault: (error) => log.error('link.certificates', { message: String(error) }),
  }
  return new Door(options, (door, raw, admission) =>
    inTurn(remoteOf(raw), () => {
      if (!raw.destroyed) door.secure(needs, raw, admission)
    }),
  ).open()
}

export const listenPlain = (options: Listen): Promise<Listening> =>
  new Door(options, (door, raw, admission) => {
    const facts = { binding: undefined, showedFor: () => false }
    door.enter(raw, facts, remoteOf(raw), admission)
  }).open()

type Greet = (door: Door, raw: Socket, admission: Admission) => undefined

/** When the system has no more files for us, the door is shut this long. */
const shortageMs = 1000

class Door {
  readonly #handshakes = new Set<Handshake>()
  readonly #options: Listen
  readonly #greet: Greet
  readonly #server: Server
  #port: number
  #isOpen = false
  #reopen: Cancel = () => undefined

  constructor(options: Listen, greet: Greet) {
    this.#options = options
    this.#greet = greet
    this.#port = options.port
    this.#server = createServer({ allowHalfOpen: false, noDelay: true }, (raw) => this.#accept(raw))
  }

  open(): Promise<Listening> {
    const { address, port } = this.#options
    const server = this.#server
    return new Promise((resolve, reject) => {
      const refuse = (cause: Error) =>
        reject(
          new GatewayError('port-unavailable', whyUnopened(address, port, cause), {
            cause,
          }),
        )
      server.once('error', refuse)
      server.listen({ host: address, port }, () => {
        server.off('error', refuse)
        server.on('error', (error) => this.#shortage(error))
        this.#isOpen = true
        this.#port = (server.address() as AddressInfo).port
        resolve({ port: this.#port, close: () => this.#close() })
      })
    })
  }

  /** Begins TLS. */
  secure(needs: HandshakeOptions, raw: Socket, admission: Admission): undefined {
    const remote = remoteOf(raw)
    const handshake = new Handshake(needs, raw, remote, {
      secured: (socket, { showedFor }) => {
        this.#handshakes.delete(handshake)
        this.enter(socket, { binding: bindingOf(socket), showedFor }, remote, admission)
      },
      refused: (refusal, detail) => {
        this.#handshakes.delete(handshake)
        this.#refused(refusal, remote, detail)
      },
    })
    this.#handshakes.add(handshake)
  }

  /** The channel is ready. */
  enter(
    socket: Socket,
    facts: Pick<ChannelFacts, 'binding' | 'showedFor'>,
    remote: string,
    admission: Admission,
  ): undefined {
    const { clock, limits, onChannel } = this.#options
    const all = { ...facts, certificate: undefined, remote }
    this.#count('ok')
    admission.secured()
    onChannel(new SocketChannel(socket, all, clock, limits.lingerMs), admission)
  }

  /** One that did not come in. */
  #refused(result: Refusal, peer: string, detail: string): undefined {
    const { log, meter } = this.#options
    this.#count(result)
    if (result === 'timeout') meter.hit('tlsHandshakeMs')
    log.info('link.refused', { result, peer, detail })
  }

  #accept(raw: Socket): undefined {
    // First of all: an error that nobody listens to would end the process.
    raw.on('error', ignore)
    const ip = raw.remoteAddress
    if (ip === undefined) {
      raw.destroy()
      return this.#refused('closed', '', 'gone before it was looked at')
    }
    const { gate, clock } = this.#options
    if (!gate.admit(ip, clock.now())) {
      const remote = remoteOf(raw)
      // A reset costs the system no memory for the connection that was.
      raw.resetAndDestroy()
      return this.#refused('gate', remote, 'a limit is reached')
    }
    const admission = new Admission(gate, ip, () => {
      raw.resetAndDestroy()
    })
    raw.once('close', () => admission.gone())
    this.#greet(this, raw, admission)
  }

  /** Too many files, or no memory: without a pause, Node would report the same connection again and again. */
  #shortage(error: NodeJS.ErrnoException): undefined {
    const { log, clock } = this.#options
    this.#count('shortage')
    if (!this.#isOpen) return
    log.error('link.shortage', { code: error.code, port: this.#port, pauseMs: shortageMs })
    // Otherwise it could not be opened again.
    if (this.#server.listening) this.#server.close()
    this.#reopen()
    this.#reopen = clock.after(shortageMs, () => {
      this.#server.listen({ host: this.#options.address, port: this.#port })
    })
  }

  async #close(): Promise<undefined> {
    this.#isOpen = false
    this.#reopen()
    this.#server.close()
    for (const handshake of this.#handshakes) handshake.fail('closed', 'the door closes')
  }

  #count(result: 'ok' | Refusal): undefined {
    this.#options.meter.counter('link_accepts_total', { result }).n++
  }
}

const ignore = (): undefined => undefined

/** `::ffff:192.0.2.1` is how a socket of both families shows an IPv4 address. */
function remoteOf({ remoteAddress = '', remotePort = 0 }: Socket): string {
  const ip = remoteAddress.replace(/^::ffff:(?=[0-9.]+$)/i, '')
  return formatEndpoint(ip, remotePort)
}
