/**
 * Config: the files that the configuration names, read and looked at.
 *
 * In:    settings that are right by themselves, and ports to the file system and the clock.
 * Out:   keys and certificates ready for use; or mistakes that point at the setting; warnings in both cases.
 * Fails: never; `file-unreadable` and `certificate-unusable` are mistakes.
 */
import { createPrivateKey } from 'node:crypto'
import type { Domain } from '../address/domain.ts'
import { whyUnreadable } from '../lib/why-unreadable.ts'
import { checkCertificate, readCertificates } from './certificate-check.ts'
import { readPrivateKey, readSigningKey } from './keys.ts'
import type { Loaded } from './load.ts'
import { inOrder, type Mistake, showPath } from './mistakes.ts'
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
}

export type Files = {
  readonly domains: readonly DomainFiles[]
  /** PEM text; beside the authorities that Node brings along. */
  readonly trustedCertificates: readonly string[]
}

export type CheckedFiles = {
  /** `undefined` if there is a mistake. */
  readonly files: Files | undefined
  readonly mistakes: readonly Mistake[]
  readonly warnings: readonly Mistake[]
}

type Say = (path: Path, fault: Fault) => undefined
type Fault = Pick<Mistake, 'code' | 'value' | 'expected' | 'message'>
type Desk = { readonly ports: FilePorts; readonly mistake: Say; readonly warning: Say }

export async function checkFiles(
  { config, file, locate }: Loaded,
  ports: FilePorts,
): Promise<CheckedFiles> {
  const mistakes: Mistake[] = []
  const warnings: Mistake[] = []
  const sayTo =
    (list: Mistake[]): Say =>
    (path, fault) => {
      list.push({ ...locate(path, 'value'), ...fault, file, path: showPath(path) })
    }
  const desk = { ports, mistake: sayTo(mistakes), warning: sayTo(warnings) }
  const domains: DomainFiles[] = []
  for (const [index, domain] of config.domains.entries()) {
    const read = await domainFiles(desk, domain, ['domains', index])
    if (read !== undefined) domains.push(read)
  }
  const trustedCertificates: string[] = []
  for (const [index, path] of config.resolve.trustedCertificates.entries()) {
    const pem = await authorities(desk, path, ['resolve', 'trustedCertificates', index])
    if (pem !== undefined) trustedCertificates.push(pem)
  }
  const files = mistakes.length === 0 ? { domains, trustedCertificates } : undefined
  return { files, mistakes: inOrder(mistakes), warnings: inOrder(warnings) }
}

async function domainFiles(
  desk: Desk,
  domain: DomainConfig,
  path: Path,
): Promise<DomainFiles | undefined> {
  const key = await signingKey(desk, domain.key, [...path, 'key'])
  const userKey =
    domain.userKey === null ? key : await signingKey(desk, domain.userKey, [...path, 'userKey'])
  const otherKeys: (string | undefined)[] = []
  for (const [index, other] of domain.otherKeys.entries()) {
    otherKeys.push(await signingKey(desk, other, [...path, 'otherKeys', index]))
  }
  const certificateKey = await tlsKey(desk, domain.certificateKey, [...path, 'certificateKey'])
  const certificate = await ownCertificate(desk, domain, certificateKey, path)
  if (key === undefined || userKey === undefined || !otherKeys.every((one) => one !== undefined)) {
    return undefined
  }
  if (certificate === undefined || certificateKey === undefined) return undefined
  const { name } = domain
  return { name, key, userKey, otherKeys, certificate, certificateKey }
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

async function ownCertificate(
  desk: Desk,
  { name, services, certificate: file }: DomainConfig,
  keyPem: string | undefined,
  domainPath: Path,
): Promise<string | undefined> {
  const path = [...domainPath, 'certificate']
  const pem = await text(desk, file, path)
  if (pem === undefined) return undefined
  const chain = readCertificates(pem)
  if (chain === undefined) {
    return unfit(desk, path, { file, expected: 'a certificate in PEM', found: 'none' })
  }
  const key = keyPem === undefined ? undefined : createPrivateKey(keyPem)
  const purpose = { domain: name, services, key, wallMs: desk.ports.wall() }
  const { faults, warnings } = checkCertificate(chain, purpose)
  const say = (to: Say) => (what: string) =>
    to(path, {
      ...{ code: 'certificate-unusable', value: file, expected: `a certificate for ${name}` },
      message: `the certificate in ${file} ${what}`,
    })
  faults.forEach(say(desk.mistake))
  warnings.forEach(say(desk.warning))
  return pem
}

async function authorities(desk: Desk, file: string, path: Path): Promise<string | undefined> {
  const pem = await text(desk, file, path)
  if (pem === undefined || readCertificates(pem) !== undefined) return pem
  return unfit(desk, path, { file, expected: 'certificates in PEM', found: 'none' })
}

type Unfit = { readonly file: string; readonly expected: string; readonly found: string }

function unfit({ mistake }: Desk, path: Path, { file, expected, found }: Unfit): undefined {
  const message = `expected ${expected} in ${file}, found ${found}`
  mistake(path, { code: 'file-unreadable', value: file, expected, message })
}

/** The bits of a file mode that let others than the owner in. */
const others = 0o077

async function privateText(desk: Desk, file: string, path: Path): Promise<string | undefined> {
  const content = await text(desk, file, path)
  const { mode } = await desk.ports.stat(file).catch(() => ({ mode: 0 }))
  if (content !== undefined && (mode & others) !== 0) {
    const found = (mode & 0o777).toString(8).padStart(4, '0')
    const message = `others can use the private key in ${file}: expected mode 0600, found ${found}`
    desk.warning(path, { code: 'file-unreadable', value: file, expected: 'mode 0600', message })
  }
  return content
}

async function text(
  { ports, mistake }: Desk,
  file: string,
  path: Path,
): Promise<string | undefined> {
  try {
    return Buffer.from(await ports.readFile(file)).toString('utf8')
  } catch (error) {
    mistake(path, {
      code: 'file-unreadable',
      value: file,
      expected: 'a file that can be read',
      message: whyUnreadable(file, error),
    })
    return undefined
  }
}
