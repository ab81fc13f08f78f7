/**
 * `gatehouse explain user@domain`: how the domain is found and who answers there, step by step, with ages and reasons.
 *
 * The running gateway is asked, since its caches, links and back-off are those that count, and proves itself to the far
 * side. Where there is none, the command is one without doors for as long as it takes; where another search is wanted
 * than a gateway makes, it searches itself and proves nothing. Each address is tried by the command.
 */
import { isIP } from 'node:net'
import type { Command } from 'commander'
import { type Domain, parseDomain } from '../address/domain.ts'
import type { Config } from '../config/schema.ts'
import { type Asked, askedFor } from '../diagnose/asked.ts'
import { conclude } from '../diagnose/conclude.ts'
import type { Diagnosis } from '../diagnose/diagnosis.ts'
import { gather } from '../diagnose/gather.ts'
import { GatewayError } from '../errors.ts'
import { Meter } from '../lib/meter.ts'
import { limitsWith } from '../limits.ts'
import { dialPlain, dialTls } from '../link/dial-socket.ts'
import { trustIn } from '../link/tls.ts'
import { DomainRules } from '../policy/domain-rules.ts'
import type { DnsServer } from '../resolve/exchange.ts'
import { createResolver, type Resolver } from '../resolve/resolver.ts'
import { systemExchange, systemServers } from '../resolve/system-exchange.ts'
import type { Fallback } from '../resolve/target.ts'
import { type Answered, askGateway } from './ask-gateway.ts'
import { configOption, findConfigText, parsedConfig, trustedBy } from './config-file.ts'
import { type Endpoint, endpointOf } from './endpoint-option.ts'
import { exitCodes, exitOf } from './exit-codes.ts'
import { explainAlone } from './explain-alone.ts'
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
  readonly offline?: boolean
  readonly connect: boolean
  readonly from?: string
  readonly json?: boolean
}

export function addExplain(program: Command, host: Host, end: End): undefined {
  program
    .command('explain')
    .description(
      'tell step by step how the gateway of an address is found, whether it answers, whether it takes us for our domain, and whether it can find us',
    )
    .argument('<address>', 'user@domain, im:user@domain, pres:user@domain, or a domain alone')
    .option(...configOption)
    .option('-s, --service <name>', 'im or pres, where the address does not say (else im)')
    .option('--offline', 'do not ask the running gateway; the search starts with empty caches')
    .option('--server <ip...>', 'name servers to ask, with :port if it is not 53; offline')
    .option('--fallback <rule>', 'proven, draft or strict, instead of the configured one; offline')
    .option('--from <domain>', 'the domain of ours that is to be proven, if there are several')
    .option('--no-connect', 'try no connection to what was found, and prove nothing')
    .option('--json', 'print one JSON object')
    .action(async (address: string, options: Options) => end(await explain(host, address, options)))
}

async function explain(host: Host, text: string, options: Options): Promise<number> {
  const asked = askedFor(text, options.service)
  const config = await configOf(host, options.config)
  const looking = diagnosed(host, config, asked, options)
  const found = await withProgress(host, `looking up ${asked.domain}`, looking)
  const explained = options.connect ? await connected(host, config, found) : found
  host.out(
    options.json === true ? `${JSON.stringify(explained)}\n` : explanationText(host, explained),
  )
  return exitCodes[exitOf(explained.result)].number
}

/** Without a configuration: as a gateway with nothing but defaults would. */
async function configOf(host: Host, named: string | undefined): Promise<Config | undefined> {
  const found = await findConfigText(host, named)
  return found === undefined ? undefined : parsedConfig(found).config
}

async function diagnosed(
  host: Host,
  config: Config | undefined,
  asked: Asked,
  options: Options,
): Promise<Diagnosis> {
  const answered = await answerOf(host, config, asked, options)
  if ('diagnosis' in answered) return answered.diagnosis
  if (answered.isDown === true && options.connect) {
    const alone = await explainAlone(host, options, queryOf(asked, options), answered.why)
    if (alone !== undefined) return alone
  }
  const resolver = resolverWith(host, config, options)
  const { domain, service } = asked
  return conclude(
    gather({
      by: { who: 'command', why: answered.why },
      explanation: await resolver.explain(domain, service),
      ruling: config === undefined ? undefined : new DomainRules(config.policy).ruling(domain),
      ...{ isKnown: false, destinations: [], links: [], events: [], now: host.clock.now() },
    }),
  )
}

async function answerOf(
  { clock }: Host,
  config: Config | undefined,
  asked: Asked,
  options: Options,
): Promise<Answered> {
  const { offline, server, fallback } = options
  if (offline === true) return { why: 'As --offline wants it' }
  if (server !== undefined) return { why: 'As --server wants it' }
  if (fallback !== undefined) return { why: 'As --fallback wants it' }
  if (config === undefined) return { why: 'No configuration says where a gateway could be asked' }
  return askGateway(clock, config, queryOf(asked, options))
}

/** What the admin port is asked; the user of the address stays here. */
const queryOf = ({ domain, service }: Asked, { connect, from }: Options): URLSearchParams =>
  new URLSearchParams({
    ...{ address: domain, service },
    ...(connect ? { prove: 'yes' } : {}),
    ...(from === undefined ? {} : { from: parseDomain(from) }),
  })

function resolverWith(host: Host, config: Config | undefined, options: Options): Resolver {
  const { clock, random } = host
  const { resolve, limits = limitsWith() } = config ?? {}
  const meter = new Meter()
  return createResolver({
    exchange: systemExchange,
    servers: serversOf(options, resolve),
    staticRoutes: resolve?.routes ?? new Map(),
    allowRanges: resolve?.allowRanges ?? [],
    fallback: fallbackOf(options.fallback) ?? resolve?.fallback ?? 'proven',
    defaultPort: 5279,
    isProven: () => false,
    ...{ clock, random, limits, meter },
  })
}

/** Where our rules let us and there is somebody to connect to: whether that works. */
async function connected(
  host: Host,
  config: Config | undefined,
  found: Diagnosis,
): Promise<Diagnosis> {
  if (found.rules?.verdict === 'deny' || found.search.result !== 'ok') return found
  const { limits = limitsWith() } = config ?? {}
  const visit = await visitOf(host, config, found)
  const trying = tryTargets(found, visit, limits.dialAddresses)
  const { steps, connect } = await withProgress(host, `connecting to ${found.domain}`, trying)
  return conclude({ ...found, connect, steps: [...found.steps, ...steps] })
}

async function visitOf(
  { clock }: Host,
  config: Config | undefined,
  { domain: text, service }: Diagnosis,
): Promise<Visit> {
  const domain = text as Domain
  const { limits = limitsWith() } = config ?? {}
  const trust = trustIn(await trustedBy(config))
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
  const named = server?.map(serverOf) ?? resolve?.servers ?? []
  return named.length > 0 ? named.map(({ host: ip, port }) => ({ ip, port })) : systemServers()
}

/** A name would have to be looked up first, and where is the question. */
function serverOf(text: string): Endpoint {
  const endpoint = endpointOf(text, '--server', 53)
  if (isIP(endpoint.host) !== 0) return endpoint
  throw new GatewayError('usage', `expected an IP address behind --server, found "${text}"`)
}

function fallbackOf(text: string | undefined): Fallback | undefined {
  if (text === undefined || text === 'proven' || text === 'draft' || text === 'strict') return text
  throw new GatewayError('usage', `expected --fallback proven, draft or strict, found "${text}"`)
}
