/**
 * Link: one connection from accept to the end of its TLS handshake, on the side that is dialled.
 *
 * In:    a socket that the gate let in, and the certificate for each name that is asked for.
 * Out:   `secured` once TLS 1.3 stands, with a name that is served and our protocol; else `refused`. One of them, once.
 * Fails: never; every fault of the far side is a `Refusal`.
 * Spec:  RFC 8446, RFC 6066 §3 (an unknown name is answered with an alert), RFC 7301, RFC 9325 §3
 */
import type { Socket } from 'node:net'
import { type SecureContext, TLSSocket } from 'node:tls'
import type { Cancel, Clock } from '../lib/clock.ts'
import type { Limits } from '../limits.ts'
import { alpn, readAhead, type ShownCertificate } from './tls.ts'

/** Why an arrival did not become a channel. */
export type Refusal =
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

export type HandshakeOptions = {
  readonly limits: Limits
  readonly clock: Clock
  /** What is shown to one who names nobody: nothing. */
  readonly nobody: SecureContext
  readonly certificates: (serverName: string) => ShownCertificate | undefined
  /** Does what takes a while, at once or when it is the turn of `remote`. */
  readonly inTurn: (remote: string, work: () => undefined) => undefined
  /** `certificates` threw. */
  readonly fault: (error: unknown) => undefined
}

export type HandshakeEnd = {
  readonly secured: (socket: TLSSocket, shown: ShownCertificate) => undefined
  readonly refused: (refusal: Refusal, detail: string) => undefined
}

export class Handshake {
  readonly #options: HandshakeOptions
  readonly #end: HandshakeEnd
  readonly #raw: Socket
  readonly #remote: string
  readonly #socket: TLSSocket
  readonly #stopTimer: Cancel
  #shown: ShownCertificate | undefined
  #isOver = false

  constructor(options: HandshakeOptions, raw: Socket, remote: string, end: HandshakeEnd) {
    this.#remote = remote
    this.#options = options
    this.#end = end
    this.#raw = raw
    this.#socket = new TLSSocket(raw, {
      isServer: true,
      secureContext: options.nobody,
      SNICallback: (name, choose) => this.#choose(name, choose),
      ALPNProtocols: [alpn],
      requestCert: false,
      rejectUnauthorized: false,
      ...readAhead,
    })
    // Absolute: what trickles in does not lengthen it.
    this.#stopTimer = options.clock.after(options.limits.tlsHandshakeMs, () =>
      this.fail('timeout', 'no TLS in time'),
    )
    this.#listen()
  }

  #listen(): undefined {
    const socket = this.#socket
    socket.on('error', () => undefined)
    // Here Node tells of TLS errors of a socket that no `tls.Server` made, in the handshake and later.
    socket.on('_tlsError', (error: NodeJS.ErrnoException) => {
      if (this.#isOver) socket.destroy(error)
      else this.fail(this.#refusalOf(error), error.code ?? error.message)
    })
    socket.once('close', () => this.fail('closed', 'closed in the handshake'))
    socket.once('secure', () => this.#secure())
  }

  /** Ends it, if it is not over. */
  fail(refusal: Refusal, detail: string): undefined {
    if (this.#isOver) return
    this.#over()
    this.#socket.destroy()
    this.#raw.destroy()
    this.#end.refused(refusal, detail)
  }

  #over(): undefined {
    this.#isOver = true
    this.#stopTimer()
  }

  /**
   * [LINK-3.1-3] RFC 6066 §3: a name that is not served here is answered with `unrecognized_name`, not with
   * another's certificate.
   */
  #choose(name: string, choose: (error: Error | null, context?: SecureContext) => void): undefined {
    try {
      this.#shown = this.#options.certificates(lower(name))
    } catch (error) {
      this.#options.fault(error)
    }
    const { context } = this.#shown ?? {}
    if (context !== undefined) {
      // Now keys are exchanged and signed: milliseconds, where many come at once.
      return this.#options.inTurn(this.#remote, () => {
        if (!this.#isOver) choose(null, context)
      })
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
    this.#end.secured(this.#socket, shown)
  }

  #refusalOf({ code = '' }: NodeJS.ErrnoException): Refusal {
    const known = refusals.get(code)
    if (known !== undefined) return known
    if (noCertificateErrors.includes(code) && this.#shown === undefined) return 'name'
    return code.includes('_ALERT_') ? 'certificate' : 'tls'
  }
}

/** A TLS record with a fatal alert: `unrecognized_name` (112). */
const unrecognizedName = Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x70])

const refusals: ReadonlyMap<string, Refusal> = new Map([
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

/** ASCII only: other letters are in no name that is served, and must not become one that is. */
const lower = (name: string): string => name.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
