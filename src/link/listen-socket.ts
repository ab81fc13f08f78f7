/**
 * Link: a door. Takes connections that the gate lets in, brings TLS to its end, and hands on channels.
 *
 * In:    address and port; the certificate for each name that is asked for.
 * Out:   `onChannel` for each channel, not started yet; counters by kind of refusal.
 * Fails: `port-unavailable` when it cannot listen. Nothing that comes in over the network throws.
 * Spec:  RFC 8446, RFC 6066 §3 (an unknown name is answered with an alert), RFC 7301, RFC 9325 §3
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { type SecureContext, TLSSocket } from 'node:tls'
import { GatewayError } from '../errors.ts'
import type { Cancel, Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import type { Meter } from '../lib/meter.ts'
import type { Limits } from '../limits.ts'
import { type AcceptGate, Admission } from './accept-gate.ts'
import type { Channel, ChannelFacts } from './channel.ts'
import { SocketChannel } from './socket-channel.ts'
import { alpn, bindingOf, noCertificate, type ShownCertificate } from './tls.ts'

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
}

export type Listening = {
  readonly port: number
  /** Takes no more connections and drops those in the handshake; channels live on. */
  readonly close: () => Promise<undefined>
}

/** How an arrival ended: the `result` label of `link_accepts_total`. */
type Result =
  | 'ok'
  | 'gate'
  | 'closed'
  | 'timeout'
  | 'not-tls'
  | 'version'
  | 'alpn'
  | 'name'
  | 'certificate'
  | 'tls'
  | 'shortage'

export const listenTls = (options: TlsListen): Promise<Listening> => {
  const nobody = noCertificate()
  return new Door(options, (door, raw, admission) =>
    new Handshake(door, options, nobody, raw, admission).begin(),
  ).open()
}

export const listenPlain = (options: Listen): Promise<Listening> =>
  new Door(options, (door, raw, admission) => {
    const facts = {
      binding: undefined,
      certificate: undefined,
      showedFor: () => false,
      remote: remoteOf(raw),
    }
    door.enter(raw, facts, admission)
  }).open()

type Greet = (door: Door, raw: Socket, admission: Admission) => undefined

/** When the system has no more files for us, the door is shut this long. */
const shortageMs = 1000
const sampleMs = 1000

class Door {
  /** In the handshake; what to call when the door closes. */
  readonly arrivals = new Set<Handshake>()
  readonly #options: Listen
  readonly #greet: Greet
  readonly #server: Server
  #port: number
  #isOpen = false
  #reopen: Cancel = () => undefined
  #loggedAt = Number.NEGATIVE_INFINITY
  #unlogged = 0

  constructor(options: Listen, greet: Greet) {
    this.#options = options
    this.#greet = greet
    this.#port = options.port
    this.#server = createServer({ allowHalfOpen: false, noDelay: true }, (raw) => this.#accept(raw))
  }

  open(): Promise<Listening> {
    const { address, port } = this.#options
    return new Promise((resolve, reject) => {
      this.#server.once('error', (cause) => {
        reject(
          new GatewayError('port-unavailable', `cannot listen on ${address} port ${port}`, {
            cause,
          }),
        )
      })
      this.#server.listen({ host: address, port }, () => {
        this.#server.removeAllListeners('error')
        this.#server.on('error', (error: NodeJS.ErrnoException) => this.#shortage(error))
        this.#isOpen = true
        this.#port = (this.#server.address() as AddressInfo).port
        resolve({ port: this.#port, close: () => this.#close() })
      })
    })
  }

  /** The channel is ready. */
  enter(socket: Socket, facts: ChannelFacts, admission: Admission): undefined {
    const { clock, onChannel } = this.#options
    this.#count('ok')
    onChannel(new SocketChannel(socket, facts, clock), admission)
  }

  /** Counts one that did not come in; a line in the log at most once a second. */
  refused(result: Result, remote: string, detail: string): undefined {
    const { clock, log } = this.#options
    this.#count(result)
    const now = clock.now()
    if (now - this.#loggedAt < sampleMs) {
      this.#unlogged++
      return
    }
    log.info('link.refused', { result, remote, detail, more: this.#unlogged })
    this.#loggedAt = now
    this.#unlogged = 0
  }

  #accept(raw: Socket): undefined {
    // First of all: an error that nobody listens to would end the process.
    raw.on('error', ignore)
    const ip = raw.remoteAddress
    if (ip === undefined) {
      raw.destroy()
      return this.refused('closed', '', 'gone before it was looked at')
    }
    const { gate, clock } = this.#options
    if (!gate.admit(ip, clock.now())) {
      const remote = remoteOf(raw)
      // A reset costs the system no memory for the connection that was.
      raw.resetAndDestroy()
      return this.refused('gate', remote, 'a limit is reached')
    }
    const admission = new Admission(gate, ip)
    raw.once('close', () => admission.gone())
    this.#greet(this, raw, admission)
  }

  /** Too many files, or no memory: without a pause, Node would report the same connection again and again. */
  #shortage(error: NodeJS.ErrnoException): undefined {
    const { log, clock } = this.#options
    this.#count('shortage')
    if (!this.#isOpen) return
    if (this.#server.listening) {
      log.error('link.shortage', { code: error.code, port: this.#port, pauseMs: shortageMs })
      this.#server.close()
    }
    this.#reopen()
    this.#reopen = clock.after(shortageMs, () => {
      this.#server.listen({ host: this.#options.address, port: this.#port })
    })
  }

  async #close(): Promise<undefined> {
    this.#isOpen = false
    this.#reopen()
    this.#server.close()
    for (const handshake of this.arrivals) handshake.fail('closed', 'the door closes')
  }

  #count(result: Result): undefined {
    this.#options.meter.counter('link_accepts_total', { result }).n++
  }
}

/** One connection from accept to the end of its TLS handshake. */
class Handshake {
  readonly #door: Door
  readonly #options: TlsListen
  readonly #raw: Socket
  readonly #socket: TLSSocket
  readonly #admission: Admission
  readonly #remote: string
  readonly #stopTimer: Cancel
  #shown: ShownCertificate | undefined
  #isOver = false

  constructor(
    door: Door,
    options: TlsListen,
    nobody: SecureContext,
    raw: Socket,
    admission: Admission,
  ) {
    this.#door = door
    this.#options = options
    this.#raw = raw
    this.#admission = admission
    this.#remote = remoteOf(raw)
    this.#socket = new TLSSocket(raw, {
      isServer: true,
      secureContext: nobody,
      SNICallback: (name, choose) => this.#choose(name, choose),
      ALPNProtocols: [alpn],
      requestCert: false,
      rejectUnauthorized: false,
    })
    // Absolute: what trickles in does not lengthen it.
    this.#stopTimer = options.clock.after(options.limits.tlsHandshakeMs, () =>
      this.fail('timeout', 'no TLS in time'),
    )
  }

  begin(): undefined {
    const socket = this.#socket
    this.#door.arrivals.add(this)
    socket.on('error', ignore)
    // Node tells here of TLS errors of a socket that no `tls.Server` made, in the handshake and later.
    socket.on('_tlsError', (error: NodeJS.ErrnoException) => {
      if (this.#isOver) socket.destroy(error)
      else this.fail(this.#resultOf(error), error.code ?? error.message)
    })
    socket.once('close', () => this.fail('closed', 'closed in the handshake'))
    socket.once('secure', () => this.#secure())
  }

  fail(result: Result, detail: string): undefined {
    if (this.#isOver) return
    this.#over()
    this.#socket.destroy()
    this.#raw.destroy()
    this.#door.refused(result, this.#remote, detail)
  }

  #over(): undefined {
    this.#isOver = true
    this.#stopTimer()
    this.#door.arrivals.delete(this)
  }

  /** RFC 6066 §3: a name that is not served here is answered with `unrecognized_name`, not with another's certificate. */
  #choose(name: string, choose: (error: Error | null, context?: SecureContext) => void): undefined {
    try {
      this.#shown = this.#options.certificates(lower(name))
    } catch (error) {
      this.#options.log.error('link.certificates', { message: String(error) })
    }
    if (this.#shown !== undefined) {
      choose(null, this.#shown.context)
      return
    }
    // Node has no call for this alert. Nothing is encrypted yet, so that its seven bytes are the whole of it.
    this.#raw.write(unrecognizedName)
    this.fail('name', 'asks for a name that is not served')
  }

  #secure(): undefined {
    const shown = this.#shown
    if (this.#isOver) return
    if (shown === undefined) return this.fail('name', 'asks for no name')
    if (this.#socket.alpnProtocol !== alpn) return this.fail('alpn', `does not offer ${alpn}`)
    if (this.#socket.isSessionReused()) return this.fail('tls', 'a session was resumed')
    this.#over()
    const facts = {
      binding: bindingOf(this.#socket),
      certificate: undefined,
      showedFor: shown.showedFor,
      remote: this.#remote,
    }
    this.#door.enter(this.#socket, facts, this.#admission)
  }

  #resultOf({ code = '' }: NodeJS.ErrnoException): Result {
    const known = results.get(code)
    if (known !== undefined) return known
    if (noCertificateErrors.includes(code) && this.#shown === undefined) return 'name'
    return code.includes('_ALERT_') ? 'certificate' : 'tls'
  }
}

/** A TLS record with a fatal alert: `unrecognized_name` (112). */
const unrecognizedName = Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x70])

const results: ReadonlyMap<string, Result> = new Map([
  ['ECONNRESET', 'closed'],
  ['EPIPE', 'closed'],
  ['ERR_SSL_HTTP_REQUEST', 'not-tls'],
  ['ERR_SSL_HTTPS_PROXY_REQUEST', 'not-tls'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'not-tls'],
  ['ERR_SSL_PACKET_LENGTH_TOO_LONG', 'not-tls'],
  ['ERR_SSL_UNSUPPORTED_PROTOCOL', 'version'],
  ['ERR_SSL_NO_APPLICATION_PROTOCOL', 'alpn'],
])

const noCertificateErrors = ['ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM', 'ERR_SSL_NO_SHARED_CIPHER']

const ignore = (): undefined => undefined

/** ASCII only: other letters are in no name that is served, and must not become one that is. */
const lower = (name: string): string => name.replace(/[A-Z]/g, (letter) => letter.toLowerCase())

/** `::ffff:192.0.2.1` is how a socket of both families shows an IPv4 address. */
function remoteOf({ remoteAddress = '', remotePort = 0 }: Socket): string {
  const ip = remoteAddress.replace(/^::ffff:(?=[0-9.]+$)/i, '')
  return ip.includes(':') ? `[${ip}]:${remotePort}` : `${ip}:${remotePort}`
}
