/** One gateway of the bench, in a process of its own: the real one, from a configuration file. */
import { readFile, stat } from 'node:fs/promises'
import type { Domain } from '../../src/address/domain.ts'
import { checkFiles } from '../../src/config/files.ts'
import { parseConfig } from '../../src/config/load.ts'
import type { Config } from '../../src/config/schema.ts'
import { listDirectory } from '../../src/home/directory.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { silentLog } from '../../src/lib/log.ts'
import { Meter } from '../../src/lib/meter.ts'
import { systemRandom } from '../../src/lib/random.ts'
import type { Directory } from '../../src/operation/directory.ts'
import { systemExchange } from '../../src/resolve/system-exchange.ts'
import { startGateway } from '../../src/run.ts'
import { serveParent } from './children.ts'
import type { Listed } from './gateway-site.ts'

export type Settings = {
  readonly config: string
  /** Who the users of its domains are, where the file does not say it. */
  readonly users?: readonly Listed[]
}
export type Facts = { readonly peerPort: number; readonly clientPort: number }

/** What Node keeps of the TCP connection below a TLS socket: its counters are those of the kernel. */
type Handle = { readonly _parent?: { readonly bytesRead: number; readonly bytesWritten: number } }
type Active = {
  readonly encrypted?: boolean
  readonly _handle?: Handle | null
  readonly destroy: () => void
}

/** The TLS connections that are open. */
function tlsSockets(): readonly Active[] {
  const active = (process as unknown as { _getActiveHandles(): Active[] })._getActiveHandles()
  return active.filter(({ encrypted }) => encrypted === true)
}

/** Bytes of all TLS connections that are open, both directions, with all that TLS adds. */
function tlsBytes(): number {
  let bytes = 0
  for (const { _handle } of tlsSockets()) {
    if (_handle?._parent !== undefined) {
      bytes += _handle._parent.bytesRead + _handle._parent.bytesWritten
    }
  }
  return bytes
}

function directoriesOf(config: Config, users: readonly Listed[]): ReadonlyMap<Domain, Directory> {
  const directory = listDirectory(new Map(users.map(({ name, x }) => [name, [x]])))
  return new Map(config.domains.map(({ name }) => [name, directory]))
}

serveParent(async ({ config: file, users }: Settings) => {
  const loaded = parseConfig(await readFile(file, 'utf8'), file)
  if ('mistakes' in loaded) throw new Error(JSON.stringify(loaded.mistakes))
  const { files, mistakes } = await checkFiles(loaded, { readFile, stat, wall: systemClock.wall })
  if (files === undefined) throw new Error(JSON.stringify(mistakes))
  const meter = new Meter()
  const running = await startGateway({
    config: loaded.config,
    files,
    software: 'gatehouse/bench',
    exchange: systemExchange,
    systemServers: () => [],
    ...(users === undefined ? {} : { directories: directoriesOf(loaded.config, users) }),
    clock: systemClock,
    random: systemRandom,
    meter,
    log: silentLog,
  })
  return {
    facts: {
      peerPort: running.ports.peers[0] ?? 0,
      clientPort: running.ports.clients[0] ?? 0,
    } satisfies Facts,
    tasks: {
      linkBytes: () => tlsBytes(),
      /** As when the network between the gateways breaks. */
      cut: () => {
        for (const socket of tlsSockets()) socket.destroy()
      },
      counters: () =>
        Object.fromEntries(
          [...meter.counters].flatMap(([name, series]) =>
            [...series].map(([labels, { value }]) => [`${name}{${labels}}`, value.n]),
          ),
        ),
    },
  }
})
