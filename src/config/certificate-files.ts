/**
 * Config: the certificates that the configuration names, ours and those of authorities.
 *
 * In:    the text of a file; what it has to be good for; where to tell what is wrong with it.
 * Out:   PEM text for TLS, and how long it lasts; `undefined` if it cannot be used.
 * Fails: never; what nobody can use is a mistake; what is wrong in time, or unknown to this gateway alone, a warning.
 */
import type { Service } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import { type Authorities, nobody } from '../certificate/authorities.ts'
import { pemOf, readCertificates } from '../certificate/chain.ts'
import { authorityFaults, type Fault, isFatal, type Life } from '../certificate/judge.ts'
import { judgeOwn } from '../certificate/own.ts'
import type { Mistake } from './mistakes.ts'

/** What is said of a file. */
export type Note = Pick<Mistake, 'code' | 'value' | 'expected' | 'message'>

export type Notes = {
  readonly mistake: (note: Note) => undefined
  readonly warning: (note: Note) => undefined
}

export type OwnCertificate = { readonly certificate: string; readonly life: Life }

export type Purpose = {
  readonly domain: Domain
  /** `undefined`: it is not known which, so that names are not looked at. */
  readonly services: readonly Service[] | undefined
  /** `undefined` if it could not be read: then it is not compared. */
  readonly keyPem: string | undefined
  /** `undefined`: it is not known who is trusted, so that nothing is said about it. */
  readonly authorities: Authorities | undefined
  readonly wallMs: number
}

export async function ownCertificate(
  file: string,
  text: string,
  { domain, services, keyPem, authorities, wallMs }: Purpose,
  notes: Notes,
): Promise<OwnCertificate | undefined> {
  const chain = readCertificates(text)
  if (typeof chain === 'string') return unreadable(file, 'certificates in PEM', chain, notes)
  const { faults, life } = await judgeOwn(chain, keyPem, {
    authorities: authorities ?? nobody,
    wallMs,
    holder: services && { domain, services },
  })
  for (const fault of faults) {
    if (authorities === undefined && (fault.kind === 'missing' || fault.kind === 'unknown'))
      continue
    const note = {
      ...{ code: 'certificate-unusable' as const, value: file },
      expected: `a certificate for ${domain}`,
      message: `the certificate in ${file}: ${fault.says}${adviceOn(fault)}`,
    }
    if (isFatal(fault)) notes.mistake(note)
    else notes.warning(note)
  }
  return { certificate: pemOf(chain), life }
}

export function trustedCertificates(
  file: string,
  text: string,
  wallMs: number,
  notes: Notes,
): string | undefined {
  const found = readCertificates(text)
  if (typeof found === 'string') return unreadable(file, 'certificates in PEM', found, notes)
  const faults = found.flatMap((one, index) => authorityFaults(one, index, wallMs))
  for (const { says } of faults.slice(0, mostTold)) {
    const message = `in ${file}: ${says}: nobody can be trusted by it`
    const expected = 'certificates of authorities'
    notes.warning({ code: 'certificate-unusable', value: file, expected, message })
  }
  return pemOf(found)
}

/** Of one file, which may be a bundle of hundreds. */
const mostTold = 3

function adviceOn({ kind }: Fault): string {
  switch (kind) {
    case 'missing':
      return '; put its intermediate certificates behind it, or the root of an authority of your own'
    case 'unknown':
      return '; peers and clients take it only if they trust it by resolve.trustedCertificates'
    case 'time':
      return '; until it is renewed no peer takes it'
    default:
      return ''
  }
}

function unreadable(file: string, expected: string, found: string, { mistake }: Notes): undefined {
  const message = `expected ${expected} in ${file}, found ${found}`
  mistake({ code: 'file-unreadable', value: file, expected, message })
}
