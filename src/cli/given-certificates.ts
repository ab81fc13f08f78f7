/**
 * Certificates and authorities that the command line of `init` names, looked at before anything rests on them.
 *
 * In:    files; the domain that is to be named.
 * Out:   warnings; an authority that can sign.
 * Fails: `file-unreadable`; `certificate-unusable` with every fault on a line of its own.
 */
import { createPrivateKey } from 'node:crypto'
import type { Service } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import { authoritiesOf } from '../certificate/authorities.ts'
import { type Chain, pemOf, readCertificates } from '../certificate/chain.ts'
import { judgeOwn } from '../certificate/own.ts'
import { type Note, ownCertificate } from '../config/certificate-files.ts'
import type { PemPair } from '../config/certificates.ts'
import { readPrivateKey } from '../config/keys.ts'
import { GatewayError } from '../errors.ts'
import { readText } from './config-file.ts'

export type GivenFiles = { readonly certificate: string; readonly key: string }

type Purpose = { readonly domain: Domain; readonly wallMs: number }

const services: readonly Service[] = ['im', 'pres']

/** The certificate for the domain. Returns what is wrong with it that may pass. */
export async function lookAtCertificate(
  { certificate, key }: GivenFiles,
  { domain, wallMs }: Purpose,
): Promise<readonly string[]> {
  const mistakes: string[] = []
  const warnings: string[] = []
  const to =
    (list: string[]) =>
    ({ message }: Note): undefined => {
      list.push(message)
    }
  const { text } = await readText(certificate)
  const keyPem = await keyIn(key)
  const purpose = { domain, services, keyPem, authorities: authoritiesOf([]), wallMs }
  const notes = { mistake: to(mistakes), warning: to(warnings) }
  await ownCertificate(certificate, text, purpose, notes)
  if (mistakes.length > 0) throw unusable(mistakes.join('\n'))
  return warnings
}

/** The authority, as it is to sign. */
export async function authorityIn({ certificate, key }: GivenFiles): Promise<PemPair> {
  const [{ text }, keyPem] = [await readText(certificate), await keyIn(key)]
  const found = readCertificates(text)
  if (typeof found === 'string') {
    throw unusable(
      `expected the certificate of an authority in PEM in ${certificate}, found ${found}`,
    )
  }
  const [first] = found
  if (!first.ca) {
    throw unusable(`the certificate in ${certificate} is not that of an authority (CA:FALSE)`)
  }
  if (!first.checkPrivateKey(createPrivateKey(keyPem))) {
    throw unusable(`the key in ${key} is not that of the authority in ${certificate}`)
  }
  return { certificatePem: pemOf(found), keyPem }
}

/** What the authority has issued, as those will judge it who trust the authority. */
export async function lookAtIssued(
  { certificatePem, keyPem }: PemPair,
  { file, pem }: { readonly file: string; readonly pem: string },
  { domain, wallMs }: Purpose,
): Promise<readonly string[]> {
  const authorities = authoritiesOf([pem])
  const wish = { authorities, wallMs, holder: { domain, services } }
  const { faults } = await judgeOwn(readCertificates(certificatePem) as Chain, keyPem, wish)
  const said = (isSoon: boolean): readonly string[] =>
    faults.filter(({ kind }) => (kind === 'soon') === isSoon).map(({ says }) => says)
  if (said(false).length === 0) return said(true).map((says) => `with ${file}: ${says}`)
  throw unusable(`the authority in ${file} cannot vouch for ${domain}: ${said(false).join('; ')}`)
}

async function keyIn(file: string): Promise<string> {
  const { text } = await readText(file)
  const key = readPrivateKey(text)
  if (typeof key !== 'string') return text
  throw unusable(`expected a private key in PEM in ${file}, found ${key}`)
}

const unusable = (message: string): GatewayError =>
  new GatewayError('certificate-unusable', message)
