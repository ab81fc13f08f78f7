/**
 * The files of a new domain: its key, its certificate, its configuration.
 *
 * In:    the domain, and who issues its certificate: an authority of ours, or somebody else already did.
 * Out:   files to write, with paths that are relative to the configuration.
 * Fails: never.
 */
import { isAbsolute, join } from 'node:path'
import type { Domain } from '../address/domain.ts'
import { pemOf, readCertificates } from '../certificate/chain.ts'
import { createDevelopmentCa, createLeaf, type PemPair } from '../config/certificates.ts'
import { sampleConfig } from '../config/sample.ts'
import { generateKeyPair, type KeyPair, writePrivateKey } from '../credential/ed25519.ts'
import type { Clock } from '../lib/clock.ts'
import type { Random } from '../lib/random.ts'
import type { NewFile } from './write-new.ts'

/** Paths of a certificate that is there already, as the configuration is to name them. */
export type OwnCertificate = { readonly certificate: string; readonly certificateKey: string }

export type NewDomain = {
  readonly domain: Domain
  /** Where everything goes. */
  readonly folder: string
  /** `undefined`: one is issued, for development. */
  readonly own: OwnCertificate | undefined
  /** Issues it; `undefined`: an authority is made for the purpose. */
  readonly authority: PemPair | undefined
  /** Settings that are not to be the default: name to YAML on one line. */
  readonly settings: Readonly<Record<string, string>>
}

export type Domainware = {
  readonly configFile: string
  readonly key: KeyPair
  readonly files: readonly NewFile[]
  /** What others have to trust; `undefined` where `own` was given. */
  readonly authorityFile: string | undefined
  /** What was issued; `undefined` where `own` was given. */
  readonly issued: PemPair | undefined
}

const days = { authority: 3650, certificate: 365 }
const authorityPath = 'certificates/development-ca.pem'

type Ports = { readonly clock: Clock; readonly random: Random }

export async function newDomain(wish: NewDomain, { clock, random }: Ports): Promise<Domainware> {
  const { domain, folder, own, settings } = wish
  const key = generateKeyPair(random)
  const keyPath = `keys/${domain}.key.pem`
  const issued = own === undefined ? await issue(wish, clock) : undefined
  const { certificate, certificateKey } = own ?? pathsOf(domain)
  const sample = sampleConfig({ domain, key: keyPath, certificate, certificateKey })
  const configFile = join(folder, 'gatehouse.yaml')
  const inFolder = ([path, text, isPrivate]: Row): NewFile => ({
    file: isAbsolute(path) ? path : join(folder, path),
    text,
    isPrivate,
  })
  const rows: readonly Row[] = [
    [keyPath, writePrivateKey(key), true],
    ...(issued?.rows ?? []),
    [
      configFile,
      withSettings(sample, issued === undefined ? settings : { ...trust, ...settings }),
      false,
    ],
  ]
  const authorityFile = issued === undefined ? undefined : join(folder, authorityPath)
  const files = rows.map(inFolder)
  return { configFile, key, files, authorityFile, issued: issued?.pair }
}

type Row = readonly [path: string, text: string, isPrivate: boolean]

const pathsOf = (domain: Domain): OwnCertificate => ({
  certificate: `certificates/${domain}.pem`,
  certificateKey: `certificates/${domain}.key.pem`,
})

async function issue({ domain, authority }: NewDomain, clock: Clock) {
  const ca = authority ?? (await createDevelopmentCa({ days: days.authority, wall: clock.wall }))
  const leaf = await createLeaf(ca, [domain], { days: days.certificate, wall: clock.wall })
  const { certificate, certificateKey } = pathsOf(domain)
  const certificatePem = leaf.certificatePem + intermediatesIn(ca.certificatePem)
  const authorityKey: Row = ['certificates/development-ca.key.pem', ca.keyPem, true]
  const rows: readonly Row[] = [
    [certificate, certificatePem, false],
    [certificateKey, leaf.keyPem, true],
    [authorityPath, ca.certificatePem, false],
    // Whoever brought the authority has its key.
    ...(authority === undefined ? [authorityKey] : []),
  ]
  return { rows, pair: { certificatePem, keyPem: leaf.keyPem } }
}

/** Whoever trusts the root alone is shown the way up to it. */
function intermediatesIn(pem: string): string {
  const chain = readCertificates(pem)
  return typeof chain === 'string' ? '' : pemOf(chain.filter((one) => one.subject !== one.issuer))
}

/** Our own clients, and peers with a certificate of the same authority, are to be believed. */
const trust = { trustedCertificates: `[${authorityPath}]` }

/** Takes the `#` away before each setting. The first line that names it is the one that is meant. */
function withSettings(sample: string, settings: Readonly<Record<string, string>>): string {
  let text = sample
  for (const [name, value] of Object.entries(settings)) {
    const line = new RegExp(`^( *)#${name}: .*$`, 'm')
    if (!line.test(text)) throw new Error(`the sample file has no line for ${name}`)
    text = text.replace(line, (_, indent: string) => `${indent}${name}: ${value}`)
  }
  return text
}
