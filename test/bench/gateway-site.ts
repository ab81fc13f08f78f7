/**
 * The files of domains that federate on loopback: keys, certificates, configurations; removed at the end.
 *
 * Where limits are raised they are never switched off: what a single machine sends here is what many peers send
 * elsewhere.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDevelopmentCa, createLeaf, type PemPair } from '../../src/config/certificates.ts'
import { generateKeyPair, writePrivateKey } from '../../src/credential/ed25519.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import type { Limits } from '../../src/limits.ts'

/** Far above what a run reaches: a limit that is hit shows in the result. */
export const raised = {
  peerPerSecond: 10_000_000,
  peerBurst: 10_000_000,
  senderPerSecond: 10_000_000,
  watchesPerSecond: 10_000_000,
  watchesBurst: 10_000_000,
  senderBurst: 10_000_000,
  lanePerSecond: 10_000_000,
  laneBurst: 10_000_000,
  laneInFlight: 4096,
  windowRequests: 8192,
  recipientMessages: 8192,
  recipientBytes: 16_777_216,
  windowBytes: 16_777_216,
  unprovenLinksPerAddress: 4096,
  unprovenLinks: 4096,
  handshakesPerAddress: 10_000,
  handshakesPerAddressBurst: 10_000,
  unprovenClientsPerAddress: 4096,
  clientHandshakesPerAddress: 10_000,
  clientHandshakesPerAddressBurst: 10_000,
} as const satisfies Partial<Limits>

/** A user as a directory lists it: the public key. */
export type Listed = { readonly name: string; readonly x: string }
export type User = Listed & { readonly keyPem: string }

/** What one gateway of a site is told. */
export type GatewayPlan = {
  readonly domains: readonly string[]
  readonly port: number
  /** Address that peers find; 127.0.0.1 without it. */
  readonly address?: string
  /** 0 without it: the system chooses. */
  readonly clientPort?: number
  readonly admin?: { readonly address: string; readonly port: number; readonly token: string }
  /** Where other domains are: routes, or a DNS server to ask. */
  readonly routes: Readonly<Record<string, readonly string[]>>
  readonly dnsServer: string | undefined
  /** What differs from the defaults. */
  readonly limits: Partial<Limits>
  /** Whether the file lists the users; true without it. */
  readonly isListing?: boolean
  /** Pinned keys by domain. */
  readonly pinned: Readonly<Record<string, readonly string[]>>
}

export type Site = {
  readonly dir: string
  readonly users: readonly User[]
  readonly ca: PemPair
  /** Writes keys, certificates and configuration; returns the configuration's file. */
  readonly configure: (name: string, plan: GatewayPlan) => Promise<string>
  readonly remove: () => Promise<undefined>
}

/** Keys are dear to make, and what is measured does not look at those of users: many users share them. */
const mostKeys = 64

export const userName = (i: number): string => `user${i}.somebody`

export async function makeSite(userCount: number): Promise<Site> {
  const dir = await mkdtemp(join(tmpdir(), 'gatehouse-bench-'))
  const dates = { days: 2, wall: systemClock.wall }
  const ca = await createDevelopmentCa(dates)
  const keys = Array.from({ length: Math.min(userCount, mostKeys) }, () => {
    const pair = generateKeyPair(systemRandom)
    return { x: pair.publicKey.x, keyPem: writePrivateKey(pair) }
  })
  const listed = Array.from({ length: userCount }, (_, i): User => {
    return { name: userName(i), ...(keys[i % keys.length] as (typeof keys)[number]) }
  })
  const keep = (name: string, text: string) => writeFile(join(dir, name), text, { mode: 0o600 })
  await keep('ca.pem', ca.certificatePem)
  const users = Object.fromEntries(listed.map(({ name, x }) => [name, { keys: [x] }]))
  const makeDomain = async (domain: string, isListing: boolean) => {
    const leaf = await createLeaf(ca, [domain], dates)
    await keep(`${domain}.crt`, leaf.certificatePem)
    await keep(`${domain}.tls`, leaf.keyPem)
    await keep(`${domain}.key`, writePrivateKey(generateKeyPair(systemRandom)))
    return {
      name: domain,
      key: `${domain}.key`,
      certificate: `${domain}.crt`,
      certificateKey: `${domain}.tls`,
      directory: isListing ? { kind: 'static', users } : { kind: 'any' },
    }
  }
  return {
    dir,
    users: listed,
    ca,
    configure: async (name, plan) => {
      const domains: unknown[] = []
      for (const domain of plan.domains) {
        domains.push(await makeDomain(domain, plan.isListing ?? true))
      }
      const config = {
        domains,
        listen: {
          peers: [{ address: plan.address ?? '127.0.0.1', port: plan.port }],
          clients: [{ address: '127.0.0.1', port: plan.clientPort ?? 0, tls: false }],
          admin: plan.admin ?? { port: 0 },
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
        limits: plan.limits,
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
  limits: raised,
  pinned: {},
})
