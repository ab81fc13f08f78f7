/**
 * What a link needs of the thing that carries its bytes: TLS, a lab's plain TCP, or memory in the tests.
 */
import type { Domain } from '../address/domain.ts'
import type { CertificateFacts } from '../certificate/identity.ts'

export type ChannelFacts = {
  /** SHA-256 of the RFC 9266 exporter; `undefined` on plain TCP, where the nonces of both HELLOs take its place. */
  readonly binding: Buffer | undefined
  /** The verified certificate of the far side; `undefined` if it showed none. */
  readonly certificate: CertificateFacts | undefined
  /** Whether the certificate that this side showed names `domain`: only then are its keys told (KEYS). */
  readonly showedFor: (domain: Domain) => boolean
  /** Address and port of the far side, for logs. */
  readonly remote: string
}

export type ChannelEvents = {
  readonly data: (chunk: Buffer) => undefined
  /** Everything that was written has left. */
  readonly drained: () => undefined
  /** Called once, last. `detail` is for the log. */
  readonly closed: (detail: string) => undefined
}

export type Channel = {
  readonly facts: ChannelFacts
  /** Hands the channel its listeners; no event comes before. */
  readonly start: (events: ChannelEvents) => undefined
  /** Bytes written and not yet taken by the far side's system. */
  readonly queued: () => number
  readonly write: (parts: readonly Buffer[]) => undefined
  /** No chunk comes until `resume`; what the far side sends waits in the system, then at the far side. */
  readonly pause: () => undefined
  readonly resume: () => undefined
  /** Sends what is written, then closes. */
  readonly end: () => undefined
  /** Closes at once. */
  readonly destroy: () => undefined
}
