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
import { GatewayError } from '../errors.ts'
import { certificateFacts, isNameConstrained } from './identity.ts'

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
  /** Milliseconds since 1970. */
  readonly notBeforeMs: number
  readonly notAfterMs: number
  readonly fingerprint: string
}

/** `chain`: PEM, the certificate itself first. */
export function shownCertificate(chain: string, key: string): ShownCertificate {
  try {
    const x509 = new X509Certificate(chain)
    const { covers, fingerprint } = certificateFacts(x509, () => true)
    return {
      context: createSecureContext({ ...settings, cert: chain, key }),
      showedFor: (domain) => covers(domain, 'im') || covers(domain, 'pres'),
      notBeforeMs: x509.validFromDate.getTime(),
      notAfterMs: x509.validToDate.getTime(),
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
    const added = further.flatMap(certificatesIn)
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

function certificatesIn(pem: string): readonly string[] {
  const found =
    pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g)?.map(String) ?? []
  if (found.length === 0) throw new TypeError('no certificate in the text')
  // Node takes what is no certificate for one without saying so.
  for (const one of found) new X509Certificate(one)
  return found
}

const unusable = (expected: string, cause: unknown): GatewayError =>
  new GatewayError(
    'certificate-unusable',
    `expected ${expected}; ${cause instanceof Error ? cause.message : String(cause)}`,
    { cause },
  )
