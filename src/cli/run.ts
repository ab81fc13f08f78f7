/** `gatehouse run`: the gateway itself, until a signal lets it drain. */
import type { Command } from 'commander'
import { type OpenedAdmin, openAdmin } from '../admin/admin.ts'
import type { Files } from '../config/files.ts'
import type { Config } from '../config/schema.ts'
import { GatewayError } from '../errors.ts'
import { sleep } from '../lib/clock.ts'
import { formatEndpoint } from '../lib/ip.ts'
import type { Log } from '../lib/log.ts'
import { Meter } from '../lib/meter.ts'
import { systemVitals } from '../lib/vitals.ts'
import type { Limits } from '../limits.ts'
import { systemExchange, systemServers } from '../resolve/system-exchange.ts'
import { type Running, startGateway } from '../run.ts'
import { configOption, readConfig } from './config-file.ts'
import { exitCodes } from './exit-codes.ts'
import { everyAddress, type Place, unavailable } from './free-ports.ts'
import { heapLimits, withinHeap } from './heap-room.ts'
import type { Host } from './host.ts'
import { withinOpenFiles } from './open-files.ts'
import type { End } from './program.ts'
import { Reloader } from './reload.ts'
import { ServiceManager } from './service-manager.ts'

type Options = { readonly config?: string; readonly exitWithParent?: boolean }

export function addRun(program: Command, host: Host, end: End): undefined {
  program
    .command('run')
    .description(
      'run the gateway; SIGTERM and Ctrl-C let it finish what is under way, twice they do not; SIGHUP reads its files again',
    )
    .option(...configOption)
    .option('--exit-with-parent', 'stop when standard input ends, as when the parent is gone')
    .action(async (options: Options) => end(await run(host, options)))
}

type Doors = { readonly running: Running; readonly admin: OpenedAdmin }

async function run(host: Host, { config: named, exitWithParent }: Options): Promise<number> {
  const { config: written, files, file, warnings } = await readConfig(host, named)
  const meter = new Meter()
  const { level } = written.log
  const log = await host.log({ level, limits: written.limits, meter })
  for (const { path, message } of warnings) log.warn('config.warning', { path, message })
  const config = await onFamilies(written, log)
  const busy = await unavailable(host.clock, placesOf(config))
  if (busy.length > 0) throw new GatewayError('port-unavailable', busy.join('\n'))
  // From here on: a signal that comes before the doors are open is not lost.
  const stop = new Stop(host, exitWithParent === true)
  const manager = new ServiceManager(host, log)
  const reloader = new Reloader(host, log, { config: written, files, file }, manager)
  const doors = await open(host, { config, files, meter, log, reloader })
  host.serving()
  log.info('gateway.started', { ...factsOf(doors, config), config: file, software: host.software })
  manager.ready(reloader.status)
  reloader.start(doors.running)
  await untilStopped(host, doors, { config, log, stop, manager })
  manager.forget()
  reloader.forget()
  return exitCodes.ok.number
}

/** The addresses to listen on, as far as this machine has them. */
async function onFamilies(config: Config, log: Log): Promise<Config> {
  const { peers, clients, admin } = config.listen
  const isEvery = ({ address }: { readonly address: string }) => address === '::'
  if (![...peers, ...clients, admin].some(isEvery)) return config
  const every = await everyAddress()
  if (every === '::') return config
  log.warn('listen.ipv4-only', { address: every })
  const on = <T extends { readonly address: string }>(place: T): T =>
    isEvery(place) ? { ...place, address: every } : place
  return { ...config, listen: { peers: peers.map(on), clients: clients.map(on), admin: on(admin) } }
}

function placesOf({ listen }: Config): readonly Place[] {
  const { peers, clients, admin } = listen
  return [
    ...peers.map((place, i) => ({ ...place, setting: `listen.peers[${i}]` })),
    ...clients.map((place, i) => ({ ...place, setting: `listen.clients[${i}]` })),
    { ...admin, setting: 'listen.admin' },
  ]
}

type Inside = {
  readonly config: Config
  readonly files: Files
  readonly meter: Meter
  readonly log: Log
  readonly reloader: Reloader
}

async function open(host: Host, { config, files, meter, log, reloader }: Inside): Promise<Doors> {
  const { clock, random, software } = host
  const limits = fitting(host, config, log)
  const running = await startGateway({
    ...{ config: { ...config, limits }, files, software, clock, random, meter, log },
    exchange: systemExchange,
    systemServers,
  })
  try {
    const listen = config.listen.admin
    const common = { software, meter, clock, limits, log, vitals: systemVitals }
    return { running, admin: await openAdmin({ ...common, running, config: reloader, listen }) }
  } catch (error) {
    await running.close()
    throw error
  }
}

/** The limits, lowered where this process may not open as many files, or have as much memory. */
function fitting(host: Host, { limits }: Config, log: Log): Limits {
  const [openFiles, heapBytes] = [systemVitals.mostFiles(), host.heapBytes()]
  const fit = withinHeap(withinOpenFiles(limits, openFiles), heapBytes)
  const lowered = [
    [{ openFiles }, ['unprovenLinks', 'links', 'clients']],
    [{ heapBytes }, heapLimits],
  ] as const
  for (const [cause, names] of lowered) {
    for (const limit of names) {
      if (fit[limit] === limits[limit]) continue
      log.warn('limits.lowered', { limit, from: limits[limit], to: fit[limit], ...cause })
    }
  }
  return fit
}

/** Where it listens; the ports may be chosen by the system. */
function factsOf({ running: { ports }, admin }: Doors, { domains, listen }: Config) {
  const peers = listen.peers.map(({ address }, i) =>
    formatEndpoint(address, ports.peers[i] as number),
  )
  const clients = listen.clients.map(({ address }, i) =>
    formatEndpoint(address, ports.clients[i] as number),
  )
  return {
    domains: domains.map(({ name }) => name).join(','),
    peers: peers.join(','),
    clients: clients.join(','),
    admin: formatEndpoint(listen.admin.address, admin.port),
  }
}

/** The first reason to stop lets the gateway drain, the second one ends that. */
class Stop {
  readonly first: Promise<string>
  readonly second: Promise<string>
  readonly say: (why: string) => undefined
  readonly forget: () => undefined

  constructor(host: Host, exitWithParent: boolean) {
    const first = Promise.withResolvers<string>()
    const second = Promise.withResolvers<string>()
    let asked = 0
    this.first = first.promise
    this.second = second.promise
    this.say = (why) => {
      asked++
      if (asked === 1) first.resolve(why)
      else second.resolve(why)
    }
    this.forget = host.onStop(this.say)
    if (exitWithParent) host.onInputEnd(() => this.say('parent'))
  }
}

type Stay = {
  readonly config: Config
  readonly log: Log
  readonly stop: Stop
  readonly manager: ServiceManager
}

async function untilStopped(
  { clock }: Host,
  { running, admin }: Doors,
  { config, log, stop, manager }: Stay,
): Promise<undefined> {
  const why = await stop.first
  log.info('gateway.draining', { cause: why })
  admin.draining()
  manager.stopping()
  // Whoever spreads load asks /readyz now and then, and sends nothing more once it has said no.
  if (why === 'SIGTERM')
    await Promise.race([sleep(clock, config.limits.drainNoticeMs), stop.second])
  const started = clock.now()
  const cancel = clock.after(config.limits.drainMs, () => stop.say('time'))
  await Promise.race([running.drain(), stop.second])
  cancel()
  await Promise.all([running.close(), admin.close()])
  stop.forget()
  log.info('gateway.stopped', { drainedMs: Math.round(clock.now() - started) })
}
