/** `gatehouse run`: the gateway itself, until a signal lets it drain. */
import type { Command } from 'commander'
import { type OpenedAdmin, openAdmin } from '../admin/admin.ts'
import type { Files } from '../config/files.ts'
import type { Config } from '../config/schema.ts'
import { GatewayError } from '../errors.ts'
import { formatEndpoint } from '../lib/ip.ts'
import type { Log } from '../lib/log.ts'
import { Meter } from '../lib/meter.ts'
import { systemVitals } from '../lib/vitals.ts'
import type { Limits } from '../limits.ts'
import { systemExchange, systemServers } from '../resolve/system-exchange.ts'
import { type Running, startGateway } from '../run.ts'
import { configOption, readConfig } from './config-file.ts'
import { exitCodes } from './exit-codes.ts'
import { type Place, unavailable } from './free-ports.ts'
import { heapLimits, withinHeap } from './heap-room.ts'
import type { Host } from './host.ts'
import { withinOpenFiles } from './open-files.ts'
import type { End } from './program.ts'
import { Reloader } from './reload.ts'

type Options = { readonly config?: string; readonly exitWithParent?: boolean }

export function addRun(program: Command, host: Host, end: End): undefined {
  program
    .command('run')
    .description(
      'run the gateway; SIGTERM and Ctrl-C let it finish what is under way, SIGHUP reads its files again',
    )
    .option(...configOption)
    .option('--exit-with-parent', 'stop when standard input ends, as when the parent is gone')
    .action(async (options: Options) => end(await run(host, options)))
}

type Doors = { readonly running: Running; readonly admin: OpenedAdmin }

async function run(host: Host, { config: named, exitWithParent }: Options): Promise<number> {
  const { config, files, file, warnings } = await readConfig(host, named)
  const meter = new Meter()
  const log = await host.log({ level: config.log.level, limits: config.limits, meter })
  for (const { path, message } of warnings) log.warn('config.warning', { path, message })
  const busy = await unavailable(placesOf(config))
  if (busy.length > 0) throw new GatewayError('port-unavailable', busy.join('\n'))
  // From here on: a signal that comes before the doors are open is not lost.
  const stop = new Stop(host, exitWithParent === true)
  const reload = new Reloader(host, log, log.become)
  const doors = await open(host, { config, files, meter, log })
  host.serving()
  log.info('gateway.started', { ...factsOf(doors, config), config: file, software: host.software })
  reload.start({ config, files, file }, doors.running)
  await untilStopped(host, doors, { config, log, stop })
  reload.forget()
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

type Inside = {
  readonly config: Config
  readonly files: Files
  readonly meter: Meter
  readonly log: Log
}

async function open(host: Host, { config, files, meter, log }: Inside): Promise<Doors> {
  const { clock, random, software } = host
  const limits = fitting(host, config, log)
  const running = await startGateway({
    ...{ config: { ...config, limits }, files, software, clock, random, meter, log },
    exchange: systemExchange({ clock }),
    systemServers,
  })
  try {
    const listen = config.listen.admin
    const common = { software, meter, clock, limits, log, vitals: systemVitals }
    return { running, admin: await openAdmin({ ...common, running, listen }) }
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

type Stay = { readonly config: Config; readonly log: Log; readonly stop: Stop }

async function untilStopped(
  { clock }: Host,
  { running, admin }: Doors,
  { config, log, stop }: Stay,
): Promise<undefined> {
  const why = await stop.first
  log.info('gateway.draining', { cause: why })
  admin.draining()
  const started = clock.now()
  const cancel = clock.after(config.limits.drainMs, () => stop.say('time'))
  await Promise.race([running.drain(), stop.second])
  cancel()
  await Promise.all([running.close(), admin.close()])
  stop.forget()
  log.info('gateway.stopped', { drainedMs: Math.round(clock.now() - started) })
}
