/**
 * Config: the files that the configuration names, read and looked at.
 *
 * In:    settings that are right by themselves, and ports to the file system and the clock.
 * Out:   keys and certificates ready for use; or mistakes that point at the setting; warnings in both cases.
 * Fails: never; `file-unreadable` and `certificate-unusable` are mistakes.
 */
import type { Domain } from '../address/domain.ts'
import { type Authorities, authoritiesOf } from '../certificate/authorities.ts'
import type { Life } from '../certificate/judge.ts'
import { systemAuthorities } from '../certificate/system.ts'
import { whyUnreadable } from '../lib/why-unreadable.ts'
import {
  type Note,
  type Notes,
  type OwnCertificate,
  ownCertificate,
  trustedCertificates,
} from './certificate-files.ts'
import { readPrivateKey, readSigningKey } from './keys.ts'
import type { Loaded } from './load.ts'
import { inOrder, type Mistake, showPath } from './mistakes.ts'
import { keySetFault } from './own-keys.ts'
import type { DomainConfig } from './schema.ts'
import type { Path } from './settings.ts'

export type FilePorts = {
  readonly readFile: (path: string) => Promise<Uint8Array>
  readonly stat: (path: string) => Promise<{ readonly mode: number }>
  readonly wall: () => number
}

/** PEM text that was looked at. Holds private keys: not for logs. */
export type DomainFiles = {
  readonly name: Domain
  /** Signs link assertions. */
  readonly key: string
  /** Signs user credentials; the same key unless the configuration names another. */
  readonly userKey: string
  /** Published, but do not sign. */
  readonly otherKeys: readonly string[]
  /** For TLS: the chain, our own certificate first, and its key. */
  readonly certificate: string
  readonly certificateKey: string
  /** Of that chain, up to the authority. */
  readonly life: Life
}

export type Files = {
  readonly domains: readonly DomainFiles[]
  /** PEM text, that of the system last; beside the authorities that Node brings along. */
  readonly trustedCertificates: readonly string[]
}

export type CheckedFiles = {
  /** `undefined` if there is a mistake. */
  readonly files: Files | undefined
  readonly mistakes: readonly Mistake[]
  readonly warnings: readonly Mistake[]
}

type Desk = {
  readonly ports: FilePorts
  readonly notesOn: (path: Path) => Notes
}

export async function checkFiles(loaded: Loaded, ports: FilePorts): Promise<CheckedFiles> {
  const { config, file, locate, placeOf, isCut } = loaded
  const mistakes: Mistake[] = []
  const warnings: Mistake[] = []
  const notesOn = (path: Path): Notes => {
    const place = placeOf(path)
    const at = { ...locate(place, 'value'), file, path: showPath(place) }
    const sayTo =
      (list: Mistake[]) =>
      (note: Note): undefined => {
        list.push({ ...at, ...note })
      }
    return { mistake: sayTo(mistakes), warning: sayTo(warnings) }
  }
  const desk = { ports, notesOn }
  const trusted: string[] = []
  for (const [index, path] of config.resolve.trustedCertificates.entries()) {
    const place = ['resolve', 'trustedCertificates', index]
    const pem = await text(desk, path, place)
    const read =
      pem === undefined ? undefined : trustedCertificates(path, pem, ports.wall(), notesOn(place))
    if (read !== undefined) trusted.push(read)
  }
  const isTrustKnown =
    trusted.length === config.resolve.trustedCertificates.length && !isCut(['resolve'])
  if (config.resolve.systemCertificates) trusted.push(...(await ofSystem(desk)))
  const authorities = isTrustKnown ? authoritiesOf(trusted) : undefined
  const domains: DomainFiles[] = []
  for (const [index, domain] of config.domains.entries()) {
    const path = ['domains', index]
    const services = isCut([...placeOf(path), 'services']) ? undefined : domain.services
    const read = await domainFiles(desk, { ...domain, services }, authorities, path)
    if (read !== undefined) domains.push(read)
  }
  const files = mistakes.length === 0 ? { domains, trustedCertificates: trusted } : undefined
  return { files, mistakes: inOrder(mistakes), warnings: inOrder(warnings) }
}

async function ofSystem({ ports, notesOn }: Desk): Promise<readonly string[]> {
  const found = await systemAuthorities(ports.readFile)
  if (found !== undefined) return [found]
  const expected = 'a store of authorities that can be read'
  const message = 'this system has no store of authorities that can be read'
  const note = { code: 'file-unreadable' as const, value: 'true', expected, message }
  notesOn(['resolve', 'systemCertificates']).warning(note)
  return []
}

type Known = Omit<DomainConfig, 'services'> & {
  /** `undefined`: what the file says of them is wrong. */
  readonly services: DomainConfig['services'] | undefined
}

async function domainFiles(
  desk: Desk,
  domain: Known,
  authorities: Authorities | undefined,
  path: Path,
): Promise<DomainFiles | undefined> {
  const key = await signingKey(desk, domain.key, [...path, 'key'])
  const userKey =
    domain.userKey === null ? key : await signingKey(desk, domain.userKey, [...path, 'userKey'])
  const otherKeys: (string | undefined)[] = []
  for (const [index, other] of domain.otherKeys.entries()) {
    otherKeys.push(await signingKey(desk, other, [...path, 'otherKeys', index]))
  }
  keysFit(desk, domain, { key, userKey, otherKeys }, path)
  const certificateKey = await tlsKey(desk, domain.certificateKey, [...path, 'certificateKey'])
  const own = await tlsCertificate(desk, domain, authorities, certificateKey, path)
  if (key === undefined || userKey === undefined || !otherKeys.every((one) => one !== undefined)) {
    return undefined
  }
  if (own === undefined || certificateKey === undefined) return undefined
  const { name } = domain
  return { name, key, userKey, otherKeys, ...own, certificateKey }
}

type ReadKeys = {
  readonly key: string | undefined
  readonly userKey: string | undefined
  readonly otherKeys: readonly (string | undefined)[]
}

function keysFit(
  { ports, notesOn }: Desk,
  { name, key: file, revokedKeys: revoked }: Known,
  { key, userKey, otherKeys }: ReadKeys,
  path: Path,
): undefined {
  const others = otherKeys.filter((one) => one !== undefined)
  if (key === undefined || userKey === undefined || others.length < otherKeys.length) return
  const keys = { domain: name, key, userKey, otherKeys: others, revoked }
  const message = keySetFault(keys, ports.wall())
  const expected = 'keys that peers take'
  if (message !== undefined) {
    notesOn([...path, 'key']).mistake({ code: 'config-invalid', value: file, expected, message })
  }
}

async function signingKey(desk: Desk, file: string, path: Path): Promise<string | undefined> {
  const pem = await privateText(desk, file, path)
  const key = pem === undefined ? undefined : readSigningKey(pem)
  if (typeof key !== 'string') return pem
  return unfit(desk, path, { file, expected: 'an Ed25519 private key in PEM (PKCS8)', found: key })
}

async function tlsKey(desk: Desk, file: string, path: Path): Promise<string | undefined> {
  const pem = await privateText(desk, file, path)
  const key = pem === undefined ? undefined : readPrivateKey(pem)
  if (typeof key !== 'string') return pem
  return unfit(desk, path, { file, expected: 'a private key in PEM', found: key })
}

async function tlsCertificate(
  desk: Desk,
  { name, services, certificate: file }: Known,
  authorities: Authorities | undefined,
  keyPem: string | undefined,
  domainPath: Path,
): Promise<OwnCertificate | undefined> {
  const path = [...domainPath, 'certificate']
  const pem = await text(desk, file, path)
  if (pem === undefined) return undefined
  const wallMs = desk.ports.wall()
  const purpose = { domain: name, services, keyPem, authorities, wallMs }
  return ownCertificate(file, pem, purpose, desk.notesOn(path))
}

type Unfit = { readonly file: string; readonly expected: string; readonly found: string }

function unfit({ notesOn }: Desk, path: Path, { file, expected, found }: Unfit): undefined {
  const message = `expected ${expected} in ${file}, found ${found}`
  notesOn(path).mistake({ code: 'file-unreadable', value: file, expected, message })
}

/** The bits of a file mode that let others than the owner in. */
const others = 0o077

async function privateText(desk: Desk, file: string, path: Path): Promise<string | undefined> {
  const content = await text(desk, file, path)
  const { mode } = await desk.ports.stat(file).catch(() => ({ mode: 0 }))
  if (content !== undefined && (mode & others) !== 0) {
    const found = (mode & 0o777).toString(8).padStart(4, '0')
    const message = `others can use the private key in ${file}: expected mode 0600, found ${found}`
    const note = { value: file, expected: 'mode 0600', message }
    desk.notesOn(path).warning({ code: 'file-unreadable', ...note })
  }
  return content
}

async function text(desk: Desk, file: string, path: Path): Promise<string | undefined> {
  try {
    return Buffer.from(await desk.ports.readFile(file)).toString('utf8')
  } catch (error) {
    desk.notesOn(path).mistake({
      code: 'file-unreadable',
      value: file,
      expected: 'a file that can be read',
      message: whyUnreadable(file, error),
    })
    return undefined
  }
}
