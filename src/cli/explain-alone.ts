/**
 * An explanation without a running gateway: the command is one for as long as it takes, without doors.
 *
 * In:    the configuration and its keys; what the admin port would be asked; why nobody was.
 * Out:   the diagnosis; nothing where the files are not fit to run with, or may not be read.
 * Fails: `usage` for what cannot be asked.
 *
 * Only while nobody listens: two processes that speak for one domain would take each other's links.
 */
import { createExplain } from '../admin/explaining.ts'
import type { Diagnosis } from '../diagnose/diagnosis.ts'
import { GatewayError } from '../errors.ts'
import { silentLog } from '../lib/log.ts'
import { Meter } from '../lib/meter.ts'
import { systemExchange, systemServers } from '../resolve/system-exchange.ts'
import { startGateway } from '../run.ts'
import { readConfig } from './config-file.ts'
import type { Host } from './host.ts'

export async function explainAlone(
  host: Host,
  named: { readonly config?: string },
  query: URLSearchParams,
  why: string,
): Promise<Diagnosis | undefined> {
  const read = await readConfig(host, named.config).catch(() => undefined)
  if (read === undefined) return undefined
  const { clock, random, software } = host
  const { config, files } = read
  const meter = new Meter()
  const running = await startGateway({
    ...{ files, software, clock, random, meter, log: silentLog },
    config: { ...config, listen: { ...config.listen, peers: [], clients: [] } },
    exchange: systemExchange,
    systemServers,
  })
  try {
    const by = () => ({ who: 'command', why, isProving: true }) as const
    const explain = createExplain({ running, by, clock, limits: config.limits, meter })
    const { status, value } = await explain(query)
    if (status === 200) return value as Diagnosis
    throw new GatewayError('usage', (value as { error: { message: string } }).error.message)
  } finally {
    await running.close()
  }
}
