/**
 * Link: what TLS means here, in one place: the version, the protocol name, the contexts, the channel binding.
 *
 * In:    PEM texts.
 * Out:   `shownCertificate` for listening, `trustIn` for dialling, `bindingOf` for both.
 * Fails: `certificate-unusable`, with what is wrong with which.
 * Spec:  RFC 8446, RFC 9325, RFC 7301, RFC 9266
 */
import { constants, hash, X509Certificate } from 'node:crypto'
import {
  createSecureContext,
  getCACertificates,
  type SecureContext,
  type SecureContextOptions,
  type TLSSocket,
} from 'node:tls'
import type { Domain } from '../address/domain.ts'
import { type Chain, pemOf, readCertificates } from '../certificate/chain.ts'
import { certificateFacts, isNameConstrained } from '../certificate/identity.ts'
import { GatewayError } from '../errors.ts'

/** RFC 7301: without it there is no link. [LINK-3.1-2] */
export const alpn = 'pitp-mitp/1'

/**
 * Of a link that waits for its turn nothing is read ahead: Node would go on until it has decrypted 64 KiB, which is much
 * work where records are short.
 */
export const readAhead = { highWaterMark: 1 } as const

/**
 * [LINK-3.1-1] TLS 1.3 only: the exporter of 1.2 is safe with the extended master secret alone, which Node does not show.
 * [LINK-3.1-5] No tickets: Node lets a session that was opened under one name go on under another.
 */
const settings: SecureContextOptions = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  secureOptions: constants.SSL_OP_NO_TICKET,
}

/** A certificate that a listener shows. A reload makes a new one. */
export type ShownCertificate = {
  readonly context: SecureContext
  /** Whether it names `domain`, for either service. */
  readonly showedFor: (domain: Domain) => boolean
  readonly fingerprint: string
}

/** `pem`: the chain, the leaf first. */
export function shownCertificate(pem: string, key: string): ShownCertificate {
  try {
    const [leaf, ...others] = chainIn(pem)
    const { covers, fingerprint } = certificateFacts(leaf, others, () => true)
    return {
      context: createSecureContext({ ...settings, cert: pemOf([leaf, ...others]), key }),
      showedFor: (domain) => covers(domain, 'im') || covers(domain, 'pres'),
      fingerprint,
    }
  } catch (cause) {
    throw unusable('a PEM certificate with its chain, and its key', cause)
  }
}

/** A context without a certificate: a handshake that names no domain of ours ends with an alert. */
export const noCertificate = (): SecureContext => createSecureContext(settings)

/** Who may vouch for the far side. A reload makes a new one. */
export type Trust = {
  readonly context: SecureContext
  /** Whether SRV-IDs count; the answer is looked for once. */
  readonly srvIds: () => boolean
}

/** The authorities of Node, and `further` ones as PEM texts, each with one or more certificates. */
export function trustIn(further: readonly string[]): Trust {
  try {
    const added = further.flatMap((pem) => chainIn(pem).map(String))
    const ca = [...getCACertificates('default'), ...added]
    // The store that Node builds without `ca` is shared by all contexts.
    const context = createSecureContext(added.length === 0 ? settings : { ...settings, ca })
    let answer: boolean | undefined
    return {
      context,
      srvIds: () => {
        answer ??= !ca.some((pem) => isNameConstrained(new X509Certificate(pem)))
        return answer
      },
    }
  } catch (cause) {
    throw unusable('PEM certificates of authorities', cause)
  }
}

/**
 * [LINK-5.3-1] RFC 9266 §2: the exporter with a context of no length; hashed, so that no log can hold the value
 * itself.
 */
export const bindingOf = (socket: TLSSocket): Buffer => hash('sha256', exported(socket), 'buffer')

const exported = (socket: TLSSocket): Buffer =>
  socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))

function chainIn(pem: string): Chain {
  const chain = readCertificates(pem)
  if (typeof chain === 'string') throw new TypeError(`found ${chain}`)
  return chain
}

const unusable = (expected: string, cause: unknown): GatewayError =>
  new GatewayError(
    'certificate-unusable',
    `expected ${expected}; ${cause instanceof Error ? cause.message : String(cause)}`,
    { cause },
  )
