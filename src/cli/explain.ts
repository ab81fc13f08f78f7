/** `gatehouse explain user@domain`: how the domain is found, step by step, with ages and reasons. */
import type { Command } from 'commander'
import type { Service } from '../address/address.ts'
import { type Domain, parseDomain } from '../address/domain.ts'
import { parseUri } from '../address/uri.ts'
import type { ResolveConfig } from '../config/schema.ts'
import { GatewayError } from '../errors.ts'
import { Meter } from '../lib/meter.ts'
import { type Limits, limitsWith } from '../limits.ts'
import { type DnsServer, systemServers } from '../resolve/exchange.ts'
import { createResolver, type Explanation, type Resolver } from '../resolve/resolver.ts'
import { systemExchange } from '../resolve/system-exchange.ts'
import type { Fallback } from '../resolve/target.ts'
import { configOption, findConfigText, parsedConfig } from './config-file.ts'
import { endpointOf } from './endpoint-option.ts'
import { exitCodes, exitOf } from './exit-codes.ts'
import { explanationText } from './explanation-text.ts'
import type { Host } from './host.ts'
import type { End } from './program.ts'
import { withProgress } from './progress.ts'

type Options = {
  readonly config?: string
  readonly service?: string
  readonly server?: readonly string[]
  readonly fallback?: string
  readonly json?: boolean
}

export function addExplain(program: Command, host: Host, end: End): undefined {
  program
    .command('explain')
    .description('tell step by step how the gateway of an address is found')
    .argument('<address>', 'user@domain, im:user@domain, pres:user@domain, or a domain alone')
    .option(...configOption)
    .option('-s, --service <name>', 'im or pres, where the address does not say (else im)')
    .option('--server <ip...>', 'name servers to ask, with :port if it is not 53')
    .option('--fallback <rule>', 'proven, draft or strict, instead of the configured one')
    .option('--json', 'print one JSON object')
    .action(async (address: string, options: Options) => end(await explain(host, address, options)))
}

async function explain(host: Host, text: string, options: Options): Promise<number> {
  const { domain, service } = askedFor(text, options.service)
  const resolver = await resolverOf(host, options)
  const explained = await withProgress(
    host,
    `looking up ${domain}`,
    resolver.explain(domain, service),
  )
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

type Rules = { readonly resolve: ResolveConfig | undefined; readonly limits: Limits }

/** Without a configuration: as a gateway with nothing but defaults would. */
async function rulesOf(host: Host, named: string | undefined): Promise<Rules> {
  const found = await findConfigText(host, named)
  if (found === undefined) return { resolve: undefined, limits: limitsWith() }
  const { resolve, limits } = parsedConfig(found).config
  return { resolve, limits }
}

async function resolverOf(host: Host, options: Options): Promise<Resolver> {
  const { clock, random } = host
  const { resolve, limits } = await rulesOf(host, options.config)
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

function serversOf({ server }: Options, resolve: ResolveConfig | undefined): readonly DnsServer[] {
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
