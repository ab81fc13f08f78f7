/**
 * The files of domains that federate on loopback: keys, certificates, configurations; removed at the end.
 *
 * Limits are raised, never switched off: what a single machine sends here is what many peers send elsewhere.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDevelopmentCa, createLeaf } from '../../src/config/certificates.ts'
import { generateKeyPair, writePrivateKey } from '../../src/credential/ed25519.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'

/** Far above what a run reaches: a limit that is hit shows in the result. */
const raised = {
  peerPerSecond: 10_000_000,
  peerBurst: 10_000_000,
  senderPerSecond: 10_000_000,
  senderBurst: 10_000_000,
  lanePerSecond: 10_000_000,
  laneBurst: 10_000_000,
  laneInFlight: 4096,
  windowRequests: 8192,
  windowBytes: 16_777_216,
  unprovenLinksPerAddress: 4096,
  unprovenLinks: 4096,
  handshakesPerAddress: 10_000,
  handshakesPerAddressBurst: 10_000,
  unprovenClientsPerAddress: 4096,
  clientHandshakesPerAddress: 10_000,
  clientHandshakesPerAddressBurst: 10_000,
  claimVerificationsPerNetwork: 10_000,
}

export type User = { readonly name: string; readonly keyPem: string }

/** What one gateway of a site is told. */
export type GatewayPlan = {
  readonly domains: readonly string[]
  readonly port: number
  /** Where other domains are: routes, or a DNS server to ask. */
  readonly routes: Readonly<Record<string, readonly string[]>>
  readonly dnsServer: string | undefined
  readonly limits: Readonly<Record<string, number>>
  /** Pinned keys by domain. */
  readonly pinned: Readonly<Record<string, readonly string[]>>
}

export type Site = {
  readonly dir: string
  readonly users: readonly User[]
  readonly caPem: string
  /** Writes keys, certificates and configuration; returns the configuration's file. */
  readonly configure: (name: string, plan: GatewayPlan) => Promise<string>
  readonly remove: () => Promise<undefined>
}

export const userName = (i: number): string => `user${i}.somebody`

export async function makeSite(userCount: number): Promise<Site> {
  const dir = await mkdtemp(join(tmpdir(), 'gatehouse-bench-'))
  const dates = { days: 2, wall: systemClock.wall }
  const ca = await createDevelopmentCa(dates)
  const pairs = Array.from({ length: userCount }, (_, i) => ({
    name: userName(i),
    pair: generateKeyPair(systemRandom),
  }))
  const keep = (name: string, text: string) => writeFile(join(dir, name), text, { mode: 0o600 })
  await keep('ca.pem', ca.certificatePem)
  const users = Object.fromEntries(
    pairs.map(({ name, pair }) => [name, { keys: [pair.publicKey.x] }]),
  )
  const makeDomain = async (domain: string) => {
    const leaf = await createLeaf(ca, [domain], dates)
    await keep(`${domain}.crt`, leaf.certificatePem)
    await keep(`${domain}.tls`, leaf.keyPem)
    await keep(`${domain}.key`, writePrivateKey(generateKeyPair(systemRandom)))
    return {
      name: domain,
      key: `${domain}.key`,
      certificate: `${domain}.crt`,
      certificateKey: `${domain}.tls`,
      directory: { kind: 'static', users },
    }
  }
  return {
    dir,
    users: pairs.map(({ name, pair }) => ({ name, keyPem: writePrivateKey(pair) })),
    caPem: ca.certificatePem,
    configure: async (name, plan) => {
      const domains: unknown[] = []
      for (const domain of plan.domains) domains.push(await makeDomain(domain))
      const config = {
        domains,
        listen: {
          peers: [{ address: '127.0.0.1', port: plan.port }],
          clients: [{ address: '127.0.0.1', port: 0, tls: false }],
          admin: { port: 0 },
        },
        resolve: {
          routes: plan.routes,
          servers: plan.dnsServer === undefined ? [] : [plan.dnsServer],
          allowRanges: ['127.0.0.0/8'],
          trustedCertificates: ['ca.pem'],
        },
        peers: Object.fromEntries(
          Object.entries(plan.pinned).map(([domain, keys]) => [domain, { keys }]),
        ),
        limits: { ...raised, ...plan.limits },
      }
      await keep(`${name}.yaml`, JSON.stringify(config, undefined, 1))
      return join(dir, `${name}.yaml`)
    },
    remove: async () => {
      await rm(dir, { recursive: true, force: true })
      return undefined
    },
  }
}

/** A plan for two domains that know where the other is. */
export const routed = (
  domain: string,
  port: number,
  peer: string,
  peerPort: number,
): GatewayPlan => ({
  domains: [domain],
  port,
  routes: { [peer]: [`127.0.0.1:${peerPort}`] },
  dnsServer: undefined,
  limits: {},
  pinned: {},
})
