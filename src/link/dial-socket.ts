/**
 * Link: one attempt to reach one address. Which addresses, in which order and how many at once is decided above.
 *
 * In:    an address literal that was checked, and for TLS the domain that has to be there.
 * Out:   a channel that nobody has started yet.
 * Fails: `link-refused` (nobody, or nobody in time), `tls-failed` (no link over TLS 1.3, or a certificate that nobody
 *        vouches for), `identity-mismatch` (a good certificate of somebody else), `link-stopped` (called off).
 * Spec:  RFC 9525 §6 (the domain, not the host of its SRV record), RFC 9325 §4, RFC 7301
 */
import type { KeyObject, X509Certificate } from 'node:crypto'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { Service } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import { nobody } from '../certificate/authorities.ts'
import type { Chain } from '../certificate/chain.ts'
import { certificateFacts } from '../certificate/identity.ts'
import { doesNotName, type FaultKind, judgeChain, leafFault } from '../certificate/judge.ts'
import { GatewayError, type Status } from '../errors.ts'
import type { Cancel, Clock } from '../lib/clock.ts'
import { formatEndpoint } from '../lib/ip.ts'
import type { Limits } from '../limits.ts'
import type { Channel, ChannelFacts } from './channel.ts'
import { SocketChannel } from './socket-channel.ts'
import { alpn, bindingOf, readAhead, type Trust } from './tls.ts'

export type Dial = {
  /** An address literal: a name here would be looked up by the system, past every check. */
  readonly ip: string
  readonly port: number
  readonly limits: Limits
  readonly clock: Clock
  readonly signal: AbortSignal
}

export type TlsDial = Dial & {
  /** Server name (SNI), and whom the certificate has to name. */
  readonly domain: Domain
  readonly service: Service
  readonly trust: Trust
}

export function dialTls(dial: TlsDial): Promise<Channel> {
  const { ip: host, port, domain: servername, trust } = dial
  let shown: Chain | undefined
  const open = () =>
    connectTls({
      host,
      port,
      servername,
      secureContext: trust.context,
      ALPNProtocols: [alpn],
      // The chain is judged by OpenSSL, the names by `identity.ts`. No session is ever offered.
      rejectUnauthorized: true,
      checkServerIdentity: () => undefined,
      ...readAhead,
    }).prependOnceListener('secure', function (this: TLSSocket) {
      // Before Node looks at the verdict of OpenSSL: whom it refuses, it forgets.
      shown = chainShown(this)
    })
  const words = (error: NodeJS.ErrnoException) => chainWords(error, shown, dial)
  return attempt(dial, open, 'secureConnect', (socket) => factsOf(socket, shown, dial), words)
}

/** [LINK-3.1-6] Without TLS, to a lab or a listed neighbour: nothing is proven by the channel. */
export function dialPlain(dial: Dial): Promise<Channel> {
  const { ip: host, port } = dial
  const open = () => connectTcp({ host, port })
  return attempt(dial, open, 'connect', () => ({
    binding: undefined,
    certificate: undefined,
    showedFor: () => false,
    remote: formatEndpoint(dial.ip, dial.port),
  }))
}

/** [LINK-3.1-4] RFC 9525 §6.1: judged in the order chain, protocol, certificate, name. */
function factsOf(socket: TLSSocket, chain: Chain | undefined, dial: TlsDial): ChannelFacts {
  const { domain, service, trust, clock } = dial
  if (!socket.authorized || socket.isSessionReused() || chain === undefined) {
    throw failure('tls-failed', dial, 'the certificate was not verified')
  }
  if (socket.alpnProtocol !== alpn) throw failure('tls-failed', dial, `does not speak ${alpn}`)
  const [leaf, ...others] = chain
  const fault = leafFault(leaf, clock.wall())
  if (fault !== undefined) throw failure('tls-failed', dial, fault)
  const certificate = certificateFacts(leaf, others, trust.srvIds)
  if (!certificate.covers(domain, service)) {
    throw failure('identity-mismatch', dial, doesNotName(leaf, domain))
  }
  return {
    binding: bindingOf(socket),
    certificate,
    // No certificate is shown by the side that dials.
    showedFor: () => false,
    remote: formatEndpoint(dial.ip, dial.port),
  }
}

/** All that the far side sent, as it sent it. OpenSSL tells it once. */
function chainShown(socket: TLSSocket): Chain | undefined {
  const leaf = socket.getPeerX509Certificate()
  if (leaf === undefined) return undefined
  const chain: [X509Certificate, ...X509Certificate[]] = [leaf]
  for (let next = leaf.issuerCertificate; next !== undefined; next = next.issuerCertificate) {
    chain.push(next)
  }
  return chain
}

function attempt<S extends Socket>(
  dial: Dial,
  open: () => S,
  ready: 'connect' | 'secureConnect',
  judge: (socket: S) => ChannelFacts,
  words: (error: NodeJS.ErrnoException) => string | undefined = () => undefined,
): Promise<Channel> {
  const { ip, limits, clock, signal } = dial
  return new Promise((resolve, reject) => {
    if (isIP(ip) === 0) throw failure('internal', dial, 'not an address literal')
    if (signal.aborted) throw calledOff(dial)
    const socket = open().setNoDelay(true)
    let phase: Phase = 'connecting'
    const fail = (error: unknown): undefined => {
      settle()
      socket.destroy()
      reject(error)
    }
    const failed = (error: NodeJS.ErrnoException) => fail(faultOf(error, phase, dial, words(error)))
    const closed = () => fail(failure('link-refused', dial, `closed${during(phase)}`))
    const late = () => fail(failure('link-refused', dial, `no answer in time${during(phase)}`))
    const stopped = () => fail(calledOff(dial))
    const stopDial = clock.after(limits.dialAddressMs, late)
    let stopHandshake: Cancel = () => undefined
    const settle = () => {
      stopDial()
      stopHandshake()
      signal.removeEventListener('abort', stopped)
      socket.off('close', closed)
    }
    signal.addEventListener('abort', stopped)
    // Stays after a failure: an error that nobody listens to would end the process.
    socket.on('error', failed)
    socket.on('close', closed)
    socket.once('connect', () => {
      phase = 'in the TLS handshake'
      stopHandshake = clock.after(limits.tlsHandshakeMs, late)
    })
    socket.once(ready, () => {
      try {
        resolve(new SocketChannel(socket, judge(socket), clock, limits.lingerMs))
        socket.off('error', failed)
        settle()
      } catch (error) {
        fail(error)
      }
    })
  })
}

type Phase = 'connecting' | 'in the TLS handshake'

/** What comes before needs no word. */
const during = (phase: Phase): string => (phase === 'connecting' ? '' : `, ${phase}`)

const calledOff = (dial: Dial): GatewayError => failure('link-stopped', dial, 'called off')

const failure = (code: Status, dial: Dial, what: string, cause?: unknown): GatewayError =>
  new GatewayError(code, `${formatEndpoint(dial.ip, dial.port)}: ${what}`, { cause })

/** What the system says when nobody is there, or nobody wants to be. */
const refusals: ReadonlyMap<string | undefined, string> = new Map([
  ['ECONNREFUSED', 'connection refused'],
  ['ECONNRESET', 'closed by the far side'],
  ['EPIPE', 'closed by the far side'],
  ['ETIMEDOUT', 'no answer in time'],
  ['EHOSTUNREACH', 'no way to the host'],
  ['ENETUNREACH', 'no way to the network'],
  ['ENETDOWN', 'the network is down'],
  ['EADDRNOTAVAIL', 'no address of ours fits'],
  ['EAFNOSUPPORT', 'this machine does not speak that family of addresses'],
  ['EACCES', 'this system forbids it'],
  ['EPERM', 'this system forbids it'],
  ['EMFILE', 'this process has too many open files'],
  ['ENFILE', 'this system has too many open files'],
])

/** What an operator can act on; the others are told by their name. */
const tlsFaults: ReadonlyMap<string | undefined, string> = new Map([
  ['ERR_SSL_TLSV1_UNRECOGNIZED_NAME', 'does not serve this domain'],
  ['ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL', `does not speak ${alpn}`],
  ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'does not speak TLS 1.3'],
  ['ERR_SSL_UNSUPPORTED_PROTOCOL', 'does not speak TLS 1.3'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'does not speak TLS'],
  ['CERT_HAS_EXPIRED', 'an authority above the certificate has expired'],
  ['CERT_NOT_YET_VALID', 'an authority above the certificate is not valid yet'],
])

/** What OpenSSL has against the way up, and nothing else: its trust is not asked again. */
const untrusted: ReadonlySet<string | undefined> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])

/** OpenSSL has refused the chain: which certificate of it, by the list that our own is judged by. */
function chainWords(
  { code }: NodeJS.ErrnoException,
  shown: Chain | undefined,
  { clock }: TlsDial,
): string | undefined {
  if (shown === undefined) return undefined
  const wish = { authorities: nobody, wallMs: clock.wall(), holder: undefined, key: undefined }
  const told: readonly FaultKind[] = untrusted.has(code)
    ? ['use', 'time', 'missing', 'unknown']
    : ['use', 'time']
  const [leaf, ...others] = shown
  // A signature is verified for each pair of names that fit, and a stranger may send hundreds of one name, with slow keys.
  const looked: Chain = [leaf, ...others.slice(0, mostLookedAt)]
  if (looked.some(({ publicKey }) => isSlow(publicKey))) return undefined
  const says = judgeChain(looked, wish)
    .faults.filter(({ kind }) => told.includes(kind))
    .map((fault) => fault.says)
  return says.length === 0 ? undefined : says.slice(0, mostTold).join('; ')
}

const mostTold = 3
const mostLookedAt = 4
/** Whose verification takes many times that of a key in use. */
const mostBits = 8192
const mostExponent = 2n ** 32n

function isSlow({ asymmetricKeyDetails: details }: KeyObject): boolean {
  return (details?.modulusLength ?? 0) > mostBits || (details?.publicExponent ?? 0n) > mostExponent
}

function faultOf(
  error: NodeJS.ErrnoException,
  phase: Phase,
  dial: Dial,
  words: string | undefined,
): GatewayError {
  const refusal = refusals.get(error.code)
  if (refusal !== undefined)
    return failure('link-refused', dial, `${refusal}${during(phase)}`, error)
  const code = phase === 'connecting' ? 'link-refused' : 'tls-failed'
  return failure(code, dial, words ?? tlsFaults.get(error.code) ?? wordsOf(error), error)
}

/** Node has no name for some of what OpenSSL finds in a chain, only words. */
const wordsOf = ({ code, message }: NodeJS.ErrnoException): string =>
  code === undefined || code === 'UNSPECIFIED' ? message : code
