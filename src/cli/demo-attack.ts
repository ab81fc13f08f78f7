/** The attacker's process of the demo: its own gateway, so that its keys can be asked for, and a link full of lies. */
import type { Command } from 'commander'
import { parseAddress } from '../address/address.ts'
import { parseDomain } from '../address/domain.ts'
import { readPrivateKey } from '../credential/ed25519.ts'
import { attack } from '../demo/attack.ts'
import { openBareLink } from '../demo/attack-link.ts'
import { GatewayError } from '../errors.ts'
import { silentLog } from '../lib/log.ts'
import { Meter } from '../lib/meter.ts'
import { systemExchange, systemServers } from '../resolve/system-exchange.ts'
import { startGateway } from '../run.ts'
import { configOption, readConfig, readText } from './config-file.ts'
import { endpointOf } from './endpoint-option.ts'
import { exitCodes } from './exit-codes.ts'
import type { Host } from './host.ts'
import type { End } from './program.ts'

type Options = {
  readonly config: string
  readonly gateway: string
  readonly victim: string
  readonly alice: string
  readonly stolen: string
}

export function addDemoAttack(program: Command, host: Host, end: End): undefined {
  program
    .command('demo-attack', { hidden: true })
    .description('lie to a gateway of the demo and tell what it answers')
    .requiredOption(...configOption)
    .requiredOption('--gateway <host:port>', 'the gateway that is lied to')
    .requiredOption('--victim <address>', 'its user')
    .requiredOption('--alice <address>', 'whose name is used')
    .requiredOption('--stolen <file>', 'a credential of hers')
    .action(async (options: Options) => end(await run(host, options)))
}

async function run(host: Host, options: Options): Promise<number> {
  const { clock, random, software } = host
  const { config, files } = await readConfig(host, options.config)
  const { limits } = config
  const meter = new Meter()
  const ports = {
    software,
    exchange: systemExchange,
    systemServers,
    clock,
    random,
    meter,
    log: silentLog,
  }
  const running = await startGateway({ config, files, ...ports })
  const domain = config.domains[0]?.name ?? parseDomain('c.example')
  const key = readPrivateKey(files.domains[0]?.key ?? '')
  if (key === undefined) throw new GatewayError('internal', 'the key was checked before')
  const [victim, alice] = [parseAddress(options.victim), parseAddress(options.alice)]
  const { host: ip, port } = endpointOf(options.gateway, '--gateway', 5279)
  const ca = files.trustedCertificates
  const common = { domain, clock, random, limits }
  const link = await openBareLink({ ip, port, remote: victim.domain, ca, ...common })
  const stolen = (await readText(options.stolen)).text.trim()
  const mallory = parseAddress(`mallory@${domain}`)
  for await (const told of attack({ link, key, mallory, victim, alice, stolen, ...common })) {
    host.out(`${JSON.stringify(told)}\n`)
  }
  link.release('idle-release')
  await running.close()
  return exitCodes.ok.number
}
