/**
 * Cold starts: the first message to a domain that the gateway has not met, DNS, TLS and proof included.
 *
 * Both processes are warm, the domains are cold: each gateway serves many, and each sample uses new ones. With keys
 * cached only the recipient's domain is new; without, the sender's is new to the far gateway, too.
 */
import { encodeMessage } from '../../src/command/message.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { startAuthority } from '../../src/resolve/authority.ts'
import type { ZoneRecord } from '../../src/resolve/zone.ts'
import type { Children } from './children.ts'
import type * as gateway from './gateway-process.ts'
import { makeSite, raised, type Site } from './gateway-site.ts'
import { monotonicUs, percentile, sleepMs } from './measure.ts'
import { ProbeUser } from './probe.ts'
import type { Figures } from './report.ts'
import type { OnStep } from './rounds.ts'

const samples = 9
/** The first ones make the code warm. */
const warm = 6
const port = 25_379

const zoneOf = (domains: readonly string[], gatewayPort: number): readonly ZoneRecord[] =>
  domains.flatMap((domain) => {
    const target = `gw.${domain}`
    const record = {
      type: 'SRV',
      priority: 0,
      weight: 0,
      port: gatewayPort,
      target,
      ttl: 300,
    } as const
    return [
      { name: domain, type: 'SOA', minimum: 60, ttl: 300 } as const,
      { ...record, name: `_im._mitp.${domain}` },
      { ...record, name: `_pres._pitp.${domain}` },
      { name: target, type: 'A', address: '127.0.0.1', ttl: 300 } as const,
    ]
  })

export async function probeCold(children: Children, onStep: OnStep): Promise<Figures> {
  const count = 2 * (samples + warm)
  const ours = Array.from({ length: count }, (_, i) => `a${i}.example`)
  const theirs = Array.from({ length: count }, (_, i) => `b${i}.example`)
  const authority = await startAuthority({
    address: '127.0.0.1',
    port: 0,
    zone: [...zoneOf(ours, port), ...zoneOf(theirs, port + 1)],
  })
  const site = await makeSite(1)
  try {
    onStep('cold: start')
    const dnsServer = `127.0.0.1:${authority.port}`
    const a = await start(children, site, 'a', ours, port, dnsServer)
    const b = await start(children, site, 'b', theirs, port + 1, dnsServer)
    const fetched: number[] = []
    const cached: number[] = []
    for (let i = 0; i < count; i += 2) {
      onStep(`cold: domain ${i / 2 + 1} of ${count / 2}`)
      const one = await first(site, a, b, ours[i] as string, theirs[i] as string)
      // The keys of the sender's domain are known by now; the recipient's domain is another.
      const two = await first(site, a, b, ours[i] as string, theirs[i + 1] as string)
      if (i / 2 < warm) continue
      fetched.push(one)
      cached.push(two)
    }
    return {
      'cold.keysFetchedMs': percentile(fetched, 50),
      'cold.keysFetchedMaxMs': percentile(fetched, 100),
      'cold.keysCachedMs': percentile(cached, 50),
      'cold.keysCachedMaxMs': percentile(cached, 100),
    }
  } finally {
    await authority.close()
    await site.remove()
  }
}

async function start(
  children: Children,
  site: Site,
  name: string,
  domains: readonly string[],
  ownPort: number,
  dnsServer: string,
): Promise<number> {
  const config = await site.configure(name, {
    domains,
    port: ownPort,
    routes: {},
    dnsServer,
    limits: {
      ...raised,
      strangerDialsPerSecond: 1000,
      strangerDialsPerNetwork: 1000,
      strangerDialsPerNetworkBurst: 1000,
    },
    pinned: {},
  })
  const { facts } = await children.start<gateway.Facts>(
    new URL('./gateway-process.ts', import.meta.url),
    {
      config,
    } satisfies gateway.Settings,
  )
  return facts.clientPort
}

/** Milliseconds from sending to the recipient's confirmation. */
async function first(site: Site, a: number, b: number, from: string, to: string): Promise<number> {
  const user = site.users[0] as Site['users'][number]
  const receiver = await ProbeUser.attach(b, user, to, () => undefined)
  const sender = await ProbeUser.attach(a, user, from, () => undefined)
  await sleepMs(50)
  const message = encodeMessage(`${user.name}@${to}`, systemRandom.bytes(16), 'text/plain')
  const startedUs = monotonicUs()
  const status = await sender.ask('message', message, Buffer.from('hello'))
  const tookMs = (monotonicUs() - startedUs) / 1000
  if (status !== 1) throw new Error(`the first message to ${to} was answered with status ${status}`)
  sender.close()
  receiver.close()
  return tookMs
}
