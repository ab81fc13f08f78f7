/**
 * Link: what TLS shows and believes. Made of files that were looked at, and made anew when those change.
 *
 * In:    the domains that are served; PEM texts for each, with the time in which they are good; authorities.
 * Out:   the certificate for a server name, who is trusted, how long each certificate lasts.
 * Fails: `certificate-unusable`; nothing is another one then.
 */
import type { Domain } from '../address/domain.ts'
import type { Life } from '../certificate/judge.ts'
import { type Clock, isoTime } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import { type ShownCertificate, shownCertificate, type Trust, trustIn } from './tls.ts'

export type ShownFiles = {
  readonly domains: readonly {
    readonly name: Domain
    readonly certificate: string
    readonly certificateKey: string
    readonly life: Life
  }[]
  readonly trustedCertificates: readonly string[]
}

export class Shown {
  /** By the server name that asks for it. */
  certificates: ReadonlyMap<string, ShownCertificate> = new Map()
  trust: Trust
  readonly #lives = new Map<string, Life>()
  readonly #names: readonly Domain[]
  readonly #clock: Clock
  readonly #log: Log

  constructor(
    names: readonly Domain[],
    files: ShownFiles,
    { clock, log }: { readonly clock: Clock; readonly log: Log },
  ) {
    this.#names = names
    this.#clock = clock
    this.#log = log
    this.trust = trustIn(files.trustedCertificates)
    this.replace(files)
  }

  /** Of the certificate that is shown for a domain of ours. */
  lifeOf(name: Domain): Life {
    return this.#lives.get(name) as Life
  }

  /** All or nothing; returns the domains whose certificate is another one. */
  replace({ domains, trustedCertificates }: ShownFiles): readonly Domain[] {
    const before = this.certificates
    const after = new Map(before)
    const taken = domains.filter(({ name, life }) => this.#isTaken(name, life))
    for (const { name, certificate, certificateKey } of taken) {
      after.set(name, shownCertificate(certificate, certificateKey))
    }
    this.trust = trustIn(trustedCertificates)
    this.certificates = after
    for (const { name, life } of taken) this.#lives.set(name, life)
    return this.#names.filter(
      (name) => before.get(name)?.fingerprint !== after.get(name)?.fingerprint,
    )
  }

  #isTaken(name: Domain, life: Life): boolean {
    // One that was not there at the start is not ours yet.
    if (!this.#names.includes(name)) return false
    const now = this.#clock.wall()
    const isCurrent = ({ fromMs, untilMs }: Life): boolean => now >= fromMs && now < untilMs
    const shown = this.#lives.get(name)
    // What is wrong in time does not take the place of what is not.
    if (shown === undefined || !isCurrent(shown) || isCurrent(life)) return true
    this.#log.warn('certificate.kept', { domain: name, until: isoTime(shown.untilMs) })
    return false
  }
}
