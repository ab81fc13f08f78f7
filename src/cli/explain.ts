/** `gatehouse explain user@domain`: how the domain is found and who answers there, step by step, with ages and reasons. */
import type { Command } from 'commander'
import type { Service } from '../address/address.ts'
import { type Domain, parseDomain } from '../address/domain.ts'
import { parseUri } from '../address/uri.ts'
import type { Config } from '../config/schema.ts'
import { GatewayError } from '../errors.ts'
import { Meter } from '../lib/meter.ts'
import { limitsWith } from '../limits.ts'
import { dialPlain, dialTls } from '../link/dial-socket.ts'
import { trustIn } from '../link/tls.ts'
import { DomainRules } from '../policy/domain-rules.ts'
import { type DnsServer, systemServers } from '../resolve/exchange.ts'
import { createResolver, type Explanation, type Resolver } from '../resolve/resolver.ts'
import { systemExchange } from '../resolve/system-exchange.ts'
import type { Fallback } from '../resolve/target.ts'
import { configOption, findConfigText, parsedConfig, readText } from './config-file.ts'
import { endpointOf } from './endpoint-option.ts'
import { exitCodes, exitOf } from './exit-codes.ts'
import { explanationText } from './explanation-text.ts'
import type { Host } from './host.ts'
import type { End } from './program.ts'
import { withProgress } from './progress.ts'
import { tryTargets, type Visit } from './try-targets.ts'

type Options = {
  readonly config?: string
  readonly service?: string
  readonly server?: readonly string[]
  readonly fallback?: string
  readonly connect: boolean
  readonly json?: boolean
}

export function addExplain(program: Command, host: Host, end: End): undefined {
  program
    .command('explain')
    .description('tell step by step how the gateway of an address is found, and whether it answers')
    .argument('<address>', 'user@domain, im:user@domain, pres:user@domain, or a domain alone')
    .option(...configOption)
    .option('-s, --service <name>', 'im or pres, where the address does not say (else im)')
    .option('--server <ip...>', 'name servers to ask, with :port if it is not 53')
    .option('--fallback <rule>', 'proven, draft or strict, instead of the configured one')
    .option('--no-connect', 'ask DNS only, without a connection to what was found')
    .option('--json', 'print one JSON object')
    .action(async (address: string, options: Options) => end(await explain(host, address, options)))
}

async function explain(host: Host, text: string, options: Options): Promise<number> {
  const { domain, service } = askedFor(text, options.service)
  const config = await configOf(host, options.config)
  const found = await withProgress(
    host,
    `looking up ${domain}`,
    resolverWith(host, config, options).explain(domain, service),
  )
  const explained = options.connect ? await connected(host, config, found) : found
  host.out(options.json === true ? jsonOf(explained) : explanationText(host, explained))
  return exitCodes[exitOf(explained.result)].number
}

function askedFor(text: string, named: string | undefined): { domain: Domain; service: Service } {
  const usual = named ?? 'im'
  if (usual !== 'im' && usual !== 'pres') {
    throw new GatewayError('usage', `expected --service im or pres, found "${usual}"`)
  }
  if (!text.includes('@')) return { domain: parseDomain(text), service: usual }
  const { service, address } = parseUri(text, usual)
  return { domain: address.domain, service }
}

/** Without a configuration: as a gateway with nothing but defaults would. */
async function configOf(host: Host, named: string | undefined): Promise<Config | undefined> {
  const found = await findConfigText(host, named)
  return found === undefined ? undefined : parsedConfig(found).config
}

function resolverWith(host: Host, config: Config | undefined, options: Options): Resolver {
  const { clock, random } = host
  const { resolve, limits = limitsWith() } = config ?? {}
  const meter = new Meter()
  return createResolver({
    exchange: systemExchange({ clock, limits, meter }),
    servers: serversOf(options, resolve),
    staticRoutes: resolve?.routes ?? new Map(),
    allowRanges: resolve?.allowRanges ?? [],
    fallback: fallbackOf(options.fallback) ?? resolve?.fallback ?? 'proven',
    defaultPort: 5279,
    isProven: () => false,
    ...{ clock, random, limits, meter },
  })
}

/** Whether our own rules let us, and then whether somebody is there. */
async function connected(
  host: Host,
  config: Config | undefined,
  found: Explanation,
): Promise<Explanation> {
  const domain = found.domain as Domain
  if (config !== undefined && !new DomainRules(config.policy).mayTalk(domain)) {
    const sentence = `${found.service}:${domain} is barred by the rules of the configuration.`
    return { ...found, result: 'domain-refused', sentence }
  }
  const { limits = limitsWith() } = config ?? {}
  const visit = await visitOf(host, config, found)
  return withProgress(
    host,
    `connecting to ${domain}`,
    tryTargets(found, visit, limits.dialAddresses),
  )
}

async function visitOf(
  { clock }: Host,
  config: Config | undefined,
  { domain: text, service }: Explanation,
): Promise<Visit> {
  const domain = text as Domain
  const { limits = limitsWith() } = config ?? {}
  const files = config?.resolve.trustedCertificates ?? []
  const trust = trustIn(await Promise.all(files.map(async (file) => (await readText(file)).text)))
  const { signal } = new AbortController()
  const isPlain = config?.peers.get(domain)?.plain === true
  return async (ip, port) => {
    const dial = { ip, port, limits, clock, signal }
    const channel = await (isPlain ? dialPlain(dial) : dialTls({ ...dial, domain, service, trust }))
    channel.destroy()
    return isPlain ? 'plain TCP, which proves nothing' : `with a certificate for ${domain}`
  }
}

function serversOf(
  { server }: Options,
  resolve: Config['resolve'] | undefined,
): readonly DnsServer[] {
  const named = server?.map((text) => endpointOf(text, '--server', 53)) ?? resolve?.servers ?? []
  return named.length > 0 ? named.map(({ host: ip, port }) => ({ ip, port })) : systemServers()
}

function fallbackOf(text: string | undefined): Fallback | undefined {
  if (text === undefined || text === 'proven' || text === 'draft' || text === 'strict') return text
  throw new GatewayError('usage', `expected --fallback proven, draft or strict, found "${text}"`)
}

const jsonOf = ({ targets, ...rest }: Explanation): string =>
  `${JSON.stringify({ ...rest, targets: targets.map(plainTarget) })}\n`

const plainTarget = ({ addresses, ...rest }: Explanation['targets'][number]) => ({
  ...rest,
  addresses: addresses.map(({ ip }) => ip),
})
