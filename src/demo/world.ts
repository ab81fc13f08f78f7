/**
 * The world of the demo: three domains with keys, certificates and configurations, and one DNS server for all.
 *
 * In:    a folder.
 * Out:   files below it, a DNS server that answers.
 * Fails: `port-unavailable`; as the file system does.
 */
import { join } from 'node:path'
import { type Domain, parseDomain } from '../address/domain.ts'
import { newDomain } from '../cli/new-domain.ts'
import { writeNew } from '../cli/write-new.ts'
import { createDevelopmentCa, type PemPair } from '../config/certificates.ts'
import type { KeyPair } from '../credential/ed25519.ts'
import type { Clock } from '../lib/clock.ts'
import type { Random } from '../lib/random.ts'
import { type Authority, startAuthority } from '../resolve/authority.ts'
import type { ZoneRecord } from '../resolve/zone.ts'
import { freePorts, loopback } from './places.ts'

/** One domain of the demo and where its gateway listens. */
export type Place = {
  readonly domain: Domain
  readonly address: string
  readonly peerPort: number
  readonly clientPort: number
  readonly adminPort: number
  readonly configFile: string
  readonly key: KeyPair
}

export type World = {
  readonly folder: string
  readonly dns: Authority
  /** The authority's certificate, as text and where it lies. */
  readonly ca: string
  readonly caFile: string
  readonly a: Place
  readonly b: Place
  /** Of the attacker. */
  readonly c: Place
}

type Ports = { readonly clock: Clock; readonly random: Random }

export async function createWorld(folder: string, ports: Ports): Promise<World> {
  const { clock } = ports
  const authority = await createDevelopmentCa({ days: 30, wall: clock.wall })
  const caFile = join(folder, 'ca.pem')
  await writeNew([{ file: caFile, text: authority.certificatePem, isPrivate: false }])
  const dns = await startAuthority({ address: '127.0.0.1', port: 0, zone: [] })
  const make = (name: string, address: string) =>
    createPlace({ domain: parseDomain(name), address, folder: join(folder, name) }, authority, {
      ...ports,
      dns,
    })
  try {
    const a = await make('a.example', '127.0.0.2')
    const b = await make('b.example', '127.0.0.3')
    const c = await make('c.example', '127.0.0.4')
    dns.replace([a, b, c].flatMap(recordsOf))
    return { folder, dns, ca: authority.certificatePem, caFile, a, b, c }
  } catch (error) {
    await dns.close()
    throw error
  }
}

type Wanted = { readonly domain: Domain; readonly address: string; readonly folder: string }

async function createPlace(
  { domain, address: wanted, folder }: Wanted,
  authority: PemPair,
  { dns, ...ports }: Ports & { readonly dns: Authority },
): Promise<Place> {
  const address = await loopback(wanted)
  const [peerPort = 0, clientPort = 0, adminPort = 0] = await freePorts(address, 3)
  const made = await newDomain(
    {
      domain,
      folder,
      own: undefined,
      authority,
      settings: {
        peers: `[{address: ${address}, port: ${peerPort}}]`,
        clients: `[{address: ${address}, port: ${clientPort}}]`,
        address,
        port: String(adminPort),
        servers: `["127.0.0.1:${dns.port}"]`,
        // The demo's peers live on this machine.
        allowRanges: '[127.0.0.0/8]',
      },
    },
    ports,
  )
  await writeNew(made.files)
  const { configFile, key } = made
  return { domain, address, peerPort, clientPort, adminPort, configFile, key }
}

const ttl = 60

/** What `init` tells an operator to publish. */
function recordsOf({ domain, address, peerPort: port }: Place): readonly ZoneRecord[] {
  const target = `gw.${domain}`
  const srv = { ttl, type: 'SRV', priority: 0, weight: 0, port, target } as const
  return [
    { name: domain, ttl, type: 'SOA', minimum: ttl },
    { ...srv, name: `_im._mitp.${domain}` },
    { ...srv, name: `_pres._pitp.${domain}` },
    { name: target, ttl, type: 'A', address },
  ]
}
