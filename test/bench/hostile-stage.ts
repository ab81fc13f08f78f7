/**
 * The stage of the hostile bench: two real gateways with default limits, an innocent pair between them, attackers before
 * one of them, and the DNS of all.
 *
 *   innocents ─TCP▶ gateway a.example ─TLS▶ gateway b.example ─TCP▶ innocents     b.example is attacked
 *   newcomers ─TLS────────────────────────────────▲      ▲
 *   attackers ─TLS, HTTP────────────────────────────────┘
 */
import { join } from 'node:path'
import { createLeaf } from '../../src/config/certificates.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { startAuthority } from '../../src/resolve/authority.ts'
import type { ZoneRecord } from '../../src/resolve/zone.ts'
import type { Child, Children } from './children.ts'
import { type GatewayPlan, makeSite } from './gateway-site.ts'
import type * as attacker from './hostile-attacker.ts'
import type * as innocents from './hostile-innocents.ts'
import { Program } from './hostile-program.ts'

export type Stage = {
  readonly a: Program
  readonly b: Program
  readonly innocents: Child
  readonly attacker: Child
  readonly stop: () => Promise<undefined>
}

/** Ports in a row, below those that the system gives out. */
const firstPort = 25_679
const ports = {
  peers: firstPort,
  clientsA: firstPort + 1,
  clientsB: firstPort + 2,
  adminA: firstPort + 3,
  adminB: firstPort + 4,
  attackers: firstPort + 5,
  newcomers: firstPort + 6,
}
const addressA = '127.1.0.1'
const addressB = '127.2.0.1'
const users = 10

/** Each in a network of its own. */
const found = (count: number, zone: string, first: number): attacker.Found[] =>
  Array.from({ length: count }, (_, i) => ({
    domain: `d${String(i).padStart(3, '0')}.${zone}`,
    address: `127.${first}.${i}.1`,
  }))

const hostile = found(8, 'hostile.example', 100)
/** So many that none is met twice in a run. */
const newcomers = found(250, 'newcomer.example', 120)
const networks = Array.from({ length: 60 }, (_, i) => `127.140.${i}.1`)

const recordsOf = (domain: string, address: string, port: number): readonly ZoneRecord[] => {
  const target = `gw.${domain}`
  const srv = { type: 'SRV', priority: 0, weight: 0, port, target, ttl: 300 } as const
  return [
    { ...srv, name: `_im._mitp.${domain}` },
    { ...srv, name: `_pres._pitp.${domain}` },
    { name: target, type: 'A', address, ttl: 300 },
  ]
}

const zone = (): readonly ZoneRecord[] => [
  { name: 'example', type: 'SOA', minimum: 60, ttl: 300 },
  ...recordsOf('a.example', addressA, ports.peers),
  ...recordsOf('b.example', addressB, ports.peers),
  ...hostile.flatMap(({ domain, address }) => recordsOf(domain, address, ports.attackers)),
  ...newcomers.flatMap(({ domain, address }) => recordsOf(domain, address, ports.newcomers)),
]

const file = (name: string): URL => new URL(`./${name}.ts`, import.meta.url)

export async function openStage(children: Children): Promise<Stage> {
  const site = await makeSite(users)
  const authority = await startAuthority({ address: '127.0.0.1', port: 0, zone: zone() })
  const plan = (
    domain: string,
    address: string,
    clientPort: number,
    port: number,
  ): GatewayPlan => ({
    ...{ domains: [domain], address, port: ports.peers, clientPort },
    admin: { address, port, token: 'not-known-to-the-attackers-0123456789' },
    ...{ routes: {}, dnsServer: `127.0.0.1:${authority.port}`, limits: {}, pinned: {} },
  })
  const run = async (name: string, { admin, ...rest }: GatewayPlan): Promise<Program> => {
    const ready = `http://${admin?.address}:${admin?.port}/readyz`
    const config = await site.configure(name, { ...rest, ...(admin && { admin }) })
    return Program.start(config, join(site.dir, `${name}.log`), ready)
  }
  const a = await run('a', plan('a.example', addressA, ports.clientsA, ports.adminA))
  const b = await run('b', plan('b.example', addressB, ports.clientsB, ports.adminB))
  const names = ['*.hostile.example', '*.newcomer.example']
  const leaf = await createLeaf(site.ca, names, { days: 2, wall: systemClock.wall })
  const common = {
    target: { domain: 'b.example', address: addressB, port: ports.peers },
    ca: site.ca.certificatePem,
    leaf: { cert: leaf.certificatePem, key: leaf.keyPem },
  }
  const innocent = await children.start(file('hostile-innocents'), {
    ...common,
    users: site.users,
    from: { domain: 'a.example', port: ports.clientsA },
    to: { domain: 'b.example', port: ports.clientsB },
    port: ports.newcomers,
    newcomers,
  } satisfies innocents.Settings)
  const attacking = await children.start(file('hostile-attacker'), {
    ...common,
    admin: { address: addressB, port: ports.adminB },
    presentity: `${site.users[0]?.name}@b.example`,
    port: ports.attackers,
    domains: hostile,
    networks,
  } satisfies attacker.Settings)
  return {
    a,
    b,
    innocents: innocent.child,
    attacker: attacking.child,
    stop: async () => {
      await Promise.all([innocent.child.stop(), attacking.child.stop(), a.stop(), b.stop()])
      await authority.close()
      return site.remove()
    },
  }
}
