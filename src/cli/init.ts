/** `gatehouse init <domain>`: keys, certificate and configuration of a domain, and the DNS records to publish. */
import { isIP } from 'node:net'
import { relative, resolve } from 'node:path'
import type { Command } from 'commander'
import { type Domain, parseDomain } from '../address/domain.ts'
import { canonicalIp } from '../config/ip.ts'
import { dnsRecords, type ZoneRecord, zoneText } from '../config/records.ts'
import { GatewayError } from '../errors.ts'
import { isLoopback } from '../lib/ip.ts'
import { exitCodes } from './exit-codes.ts'
import {
  authorityIn,
  type GivenFiles,
  lookAtCertificate,
  lookAtIssued,
} from './given-certificates.ts'
import type { Host } from './host.ts'
import { type Domainware, newDomain } from './new-domain.ts'
import { painter } from './paint.ts'
import type { End } from './program.ts'
import { withProgress } from './progress.ts'
import { alreadyThere, writeNew } from './write-new.ts'

type Options = {
  readonly directory: string
  readonly host?: string
  readonly port: string
  readonly listen?: string
  readonly address?: readonly string[]
  readonly certificate?: string
  readonly certificateKey?: string
  readonly ca?: string
  readonly caKey?: string
  readonly json?: boolean
}

export function addInit(program: Command, host: Host, end: End): undefined {
  program
    .command('init')
    .description('write keys, certificate and configuration of a domain; print its DNS records')
    .argument('<domain>', 'the domain, as it stands behind the @')
    .option('-d, --directory <folder>', 'where the files go', '.')
    .option('--host <name>', 'host that the gateway runs on, for the SRV records (else the domain)')
    .option('--port <number>', 'port for other gateways, for the SRV records', '5279')
    .option('--listen <ip>', 'address to listen on; of loopback, clients and the admin port, too')
    .option('--address <ip...>', 'addresses of the host, for its A and AAAA records')
    .option('--certificate <file>', 'a certificate for the domain that you have (PEM, with chain)')
    .option('--certificate-key <file>', 'its private key (PEM)')
    .option('--ca <file>', 'issue a development certificate with this authority (PEM)')
    .option('--ca-key <file>', 'the private key of that authority (PEM)')
    .option('--json', 'print one JSON object')
    .action(async (domain: string, options: Options) => end(await init(host, domain, options)))
}

async function init(host: Host, text: string, options: Options): Promise<number> {
  const domain = parseDomain(text)
  const records = recordsOf(domain, options)
  const folder = resolve(host.folder, options.directory)
  const own = pairOf(host, options.certificate, options.certificateKey, '--certificate')
  const given = pairOf(host, options.ca, options.caKey, '--ca')
  if (own !== undefined && given !== undefined) {
    throw new GatewayError('usage', 'expected --certificate or --ca, found both')
  }
  const purpose = { domain, wallMs: host.clock.wall() }
  const warnings = own === undefined ? [] : [...(await lookAtCertificate(own, purpose))]
  const authority = given && (await authorityIn(given))
  const wish = {
    domain,
    folder,
    own: own && {
      certificate: pathFrom(folder, own.certificate),
      certificateKey: pathFrom(folder, own.key),
    },
    authority,
    settings: settingsOf(options),
  }
  const made = await withProgress(host, 'making keys', newDomain(wish, host))
  if (given !== undefined && authority !== undefined && made.issued !== undefined) {
    const source = { file: given.certificate, pem: authority.certificatePem }
    warnings.push(...(await lookAtIssued(made.issued, source, purpose)))
  }
  const there = await alreadyThere(made.files.map(({ file }) => file))
  if (there.length > 0) {
    host.err(`gatehouse: expected a folder without these files: ${there.join(', ')}\n`)
    return exitCodes.output.number
  }
  await writeNew(made.files)
  const paint = painter(host, 'err')
  for (const warning of warnings) host.err(`gatehouse: ${paint('yellow', 'warning')} ${warning}\n`)
  host.out(
    options.json === true
      ? jsonOf(domain, made, records, warnings)
      : report(host, made, records, options),
  )
  return exitCodes.ok.number
}

/** The gateway listens where DNS says that it does, and on loopback as a whole, so that several fit on one machine. */
function settingsOf({ port, listen }: Options): Readonly<Record<string, string>> {
  const ip = listen === undefined ? '::' : canonicalIp(listen)
  if (ip === undefined) {
    throw new GatewayError('usage', `expected an IP address behind --listen, found "${listen}"`)
  }
  const at = (place: string): string => `[{address: "${ip}", port: ${place}}]`
  const peers = port === '5279' && listen === undefined ? {} : { peers: at(port) }
  return listen !== undefined && isLoopback(ip)
    ? { ...peers, clients: at('5280'), address: `"${ip}"` }
    : peers
}

/** Relative where the file lies below, so that the folder can be moved as a whole. */
const pathFrom = (folder: string, file: string): string => {
  const path = relative(folder, file)
  return path.startsWith('..') ? file : path
}

function recordsOf(domain: Domain, options: Options): readonly ZoneRecord[] {
  const port = Number(options.port)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new GatewayError('usage', `expected --port from 1 to 65535, found ${options.port}`)
  }
  const wrong = options.address?.find((address) => isIP(address) === 0)
  if (wrong !== undefined) {
    throw new GatewayError('usage', `expected an IP address behind --address, found "${wrong}"`)
  }
  return dnsRecords({
    domain,
    host: options.host === undefined ? domain : parseDomain(options.host),
    port,
    addresses: options.address ?? [],
    services: ['im', 'pres'],
    ttlSeconds: 3600,
  })
}

/** Both or none. */
function pairOf(
  { folder }: Host,
  certificate: string | undefined,
  key: string | undefined,
  option: string,
): GivenFiles | undefined {
  if (certificate === undefined && key === undefined) return undefined
  if (certificate !== undefined && key !== undefined) {
    return { certificate: resolve(folder, certificate), key: resolve(folder, key) }
  }
  throw new GatewayError(
    'usage',
    `expected ${option} and ${option}-key together, found one of them`,
  )
}

const jsonOf = (
  domain: Domain,
  { configFile, key, files, authorityFile }: Domainware,
  records: readonly ZoneRecord[],
  warnings: readonly string[],
): string =>
  `${JSON.stringify({
    domain,
    config: configFile,
    files: files.map(({ file }) => file),
    authority: authorityFile ?? null,
    publicKey: key.publicKey.x,
    kid: key.publicKey.thumbprint,
    records,
    warnings,
  })}\n`

function report(
  host: Host,
  { files, configFile, authorityFile }: Domainware,
  records: readonly ZoneRecord[],
  { listen }: Options,
): string {
  const paint = painter(host, 'out')
  const lines = [
    paint('bold', 'Written'),
    ...files.map(({ file, isPrivate }) => `  ${file}${isPrivate ? '  (secret: mode 0600)' : ''}`),
    '',
    paint('bold', 'Publish in DNS'),
    ...zoneText(records)
      .trimEnd()
      .split('\n')
      .map((line) => `  ${line}`),
    ...(records.some(({ type }) => type !== 'SRV') ? [] : hostHint(records)),
    '',
    ...(authorityFile === undefined ? [] : developmentHint(authorityFile)),
    paint('bold', 'Then'),
    `  ${host.typed} check-config --config ${configFile}`,
    `  ${host.typed} run --config ${configFile}`,
    ...(listen === undefined ? neighbourHint : []),
  ]
  return `${lines.join('\n')}\n`
}

const neighbourHint = [
  '  A second gateway on this machine needs addresses of its own, such as init --listen 127.0.0.2;',
  '  or one gateway serves both domains: a second entry under domains.',
]

const hostHint = ([first]: readonly ZoneRecord[]): readonly string[] => [
  `  and the A and AAAA records of ${first?.data.split(' ').at(-1)}, if they are not there yet.`,
]

const developmentHint = (authorityFile: string): readonly string[] => [
  'The certificate is for development: peers accept it only with',
  `  resolve.trustedCertificates: [${authorityFile}]`,
  'For the internet, get one for the domain from a public authority and name it in the configuration.',
  '',
]
