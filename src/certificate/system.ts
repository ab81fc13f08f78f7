/**
 * Certificate: the authorities of the operating system.
 *
 * In:    a way to read files.
 * Out:   PEM text; `undefined` if the system has none that can be read.
 * Fails: never.
 *
 * The bundle is read as a file at each call: Node reads its store once in a process, so that a reload would not see what
 * the system has learnt meanwhile. Where there is no bundle (macOS, Windows), Node is asked.
 */
import { getCACertificates } from 'node:tls'
import { pemOf, readCertificates } from './chain.ts'

/** Debian, Alpine and Arch; Fedora and its kin; SUSE; the BSDs. */
const bundles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
]

export async function systemAuthorities(
  readFile: (path: string) => Promise<Uint8Array>,
): Promise<string | undefined> {
  for (const bundle of bundles) {
    const bytes = await readFile(bundle).catch(() => undefined)
    const found = bytes === undefined ? '' : readCertificates(Buffer.from(bytes).toString('utf8'))
    if (typeof found !== 'string') return pemOf(found)
  }
  const known = getCACertificates('system')
  return known.length === 0 ? undefined : known.join('\n')
}
