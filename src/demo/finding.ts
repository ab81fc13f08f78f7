/** Act one: what DNS says about b.example, asked as the gateway of a.example asks. */
import type { Service } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import { Meter } from '../lib/meter.ts'
import { limitsWith } from '../limits.ts'
import { createResolver } from '../resolve/resolver.ts'
import { systemExchange } from '../resolve/system-exchange.ts'
import type { Stage } from './stage.ts'

export async function showFinding({ host, world, told }: Stage): Promise<undefined> {
  const { clock, random } = host
  const limits = limitsWith()
  const meter = new Meter()
  const resolver = createResolver({
    exchange: systemExchange,
    servers: [{ ip: world.dns.address, port: world.dns.port }],
    staticRoutes: new Map(),
    allowRanges: ['127.0.0.0/8'],
    fallback: 'proven',
    defaultPort: 5279,
    isProven: () => false,
    ...{ clock, random, limits, meter },
  })
  const rows = async (domain: Domain, service: Service) => {
    const { steps } = await resolver.explain(domain, service)
    return steps
      .filter(({ server, answer }) => server !== null && answer !== 'nodata')
      .map(({ asked, answer, leftMs }) => [
        asked,
        answer,
        `TTL ${Math.round((leftMs ?? 0) / 1000)} s`,
      ])
  }
  told.heading(`Where is ${world.b.domain}?  DNS at ${world.dns.address}:${world.dns.port} says:`)
  told.table([...(await rows(world.b.domain, 'im')), ...(await rows(world.b.domain, 'pres'))])
  told.line(told.paint('dim', 'SRV first, then addresses (draft 5.4.2.1.4; RFC 2782, RFC 3861)'))
}
