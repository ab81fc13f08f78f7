/** `gatehouse run`: the gateway itself, until a signal lets it drain. */
import type { Command } from 'commander'
import type { Files } from '../config/files.ts'
import type { Config } from '../config/schema.ts'
import { GatewayError } from '../errors.ts'
import type { Log } from '../lib/log.ts'
import { Meter } from '../lib/meter.ts'
import { systemServers } from '../resolve/exchange.ts'
import { systemExchange } from '../resolve/system-exchange.ts'
import { type Running, startGateway } from '../run.ts'
// The admin port: becomes `../admin/http.ts` with the same call.
import { type Admin, startAdmin } from './admin-stand-in.ts'
import { configOption, readConfig } from './config-file.ts'
import { exitCodes } from './exit-codes.ts'
import { type Place, unavailable } from './free-ports.ts'
import type { Host } from './host.ts'
import type { End } from './program.ts'

type Options = { readonly config?: string; readonly exitWithParent?: boolean }

export function addRun(program: Command, host: Host, end: End): undefined {
  program
    .command('run')
    .description('run the gateway; SIGTERM and Ctrl-C let it finish what is under way')
    .option(...configOption)
    .option('--exit-with-parent', 'stop when standard input ends, as when the parent is gone')
    .action(async (options: Options) => end(await run(host, options)))
}

type Doors = { readonly running: Running; readonly admin: Admin }

async function run(host: Host, { config: named, exitWithParent }: Options): Promise<number> {
  const { config, files, file, warnings } = await readConfig(host, named)
  const log = await host.log(config.log.level)
  for (const { path, message } of warnings) log.warn('config.warning', { path, message })
  const busy = await unavailable(placesOf(config))
  if (busy.length > 0) throw new GatewayError('port-unavailable', busy.join('\n'))
  const doors = await open(host, config, files, log)
  log.info('gateway.started', { ...factsOf(doors, config), config: file, software: host.software })
  await untilStopped(host, doors, { config, log, exitWithParent: exitWithParent === true })
  return exitCodes.ok.number
}

function placesOf({ listen }: Config): readonly Place[] {
  const { peers, clients, admin } = listen
  return [
    ...peers.map((place, i) => ({ ...place, setting: `listen.peers[${i}]` })),
    ...clients.map((place, i) => ({ ...place, setting: `listen.clients[${i}]` })),
    { ...admin, setting: 'listen.admin' },
  ]
}

async function open(host: Host, config: Config, files: Files, log: Log): Promise<Doors> {
  const { clock, random, software } = host
  const { limits } = config
  const meter = new Meter()
  const running = await startGateway({
    ...{ config, files, software, clock, random, meter, log },
    exchange: systemExchange({ clock, limits, meter }),
    systemServers,
  })
  try {
    return { running, admin: await startAdmin(running, meter, config.listen.admin) }
  } catch (error) {
    await running.close()
    throw error
  }
}

/** The ports that are open, chosen by the system or not. */
const factsOf = ({ running, admin }: Doors, { domains }: Config) => ({
  domains: domains.map(({ name }) => name).join(','),
  peers: running.ports.peers.join(','),
  clients: running.ports.clients.join(','),
  admin: admin.port,
})

type Stay = { readonly config: Config; readonly log: Log; readonly exitWithParent: boolean }

/** The first signal drains, the second one does not wait for it. */
async function untilStopped(
  host: Host,
  { running, admin }: Doors,
  { config, log, exitWithParent }: Stay,
): Promise<undefined> {
  const first = Promise.withResolvers<string>()
  const second = Promise.withResolvers<undefined>()
  let asked = 0
  const stop = (why: string): undefined => {
    asked++
    if (asked === 1) first.resolve(why)
    else second.resolve(undefined)
  }
  const forget = host.onStop(stop)
  if (exitWithParent) host.onInputEnd(() => stop('parent'))
  const why = await first.promise
  log.info('gateway.draining', { cause: why })
  const started = host.clock.now()
  const cancel = host.clock.after(config.limits.drainMs, () => stop('time'))
  await Promise.race([running.drain(), second.promise])
  cancel()
  await Promise.all([running.close(), admin.close()])
  forget()
  log.info('gateway.stopped', { drainedMs: Math.round(host.clock.now() - started) })
}
