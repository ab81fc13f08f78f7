/**
 * The files of two domains that federate on loopback: keys, certificates, configurations; removed at the end.
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
}

export type User = { readonly name: string; readonly keyPem: string }

export type Site = {
  readonly users: readonly User[]
  readonly caPem: string
  /** Configuration file of `domain`; the peer is found on `peerPort`. */
  readonly configure: (domain: Domain, peerPort: number) => Promise<string>
  readonly remove: () => Promise<undefined>
}

export type Domain = 'a.example' | 'b.example'

export const userName = (i: number): string => `user${i}.somebody`

export async function makeSite(userCount: number, peerPort: number): Promise<Site> {
  const dir = await mkdtemp(join(tmpdir(), 'gatehouse-bench-'))
  const dates = { days: 2, wall: systemClock.wall }
  const ca = await createDevelopmentCa(dates)
  const pairs = Array.from({ length: userCount }, (_, i) => ({
    name: userName(i),
    pair: generateKeyPair(systemRandom),
  }))
  const keep = (name: string, text: string) => writeFile(join(dir, name), text, { mode: 0o600 })
  await keep('ca.pem', ca.certificatePem)
  for (const domain of ['a.example', 'b.example']) {
    const leaf = await createLeaf(ca, [domain], dates)
    await keep(`${domain}.crt`, leaf.certificatePem)
    await keep(`${domain}.tls`, leaf.keyPem)
    await keep(`${domain}.key`, writePrivateKey(generateKeyPair(systemRandom)))
  }
  return {
    users: pairs.map(({ name, pair }) => ({ name, keyPem: writePrivateKey(pair) })),
    caPem: ca.certificatePem,
    configure: async (domain, ownPort) => {
      const config = {
        domains: [
          {
            name: domain,
            key: `${domain}.key`,
            certificate: `${domain}.crt`,
            certificateKey: `${domain}.tls`,
            directory: {
              kind: 'static',
              users: Object.fromEntries(
                pairs.map(({ name, pair }) => [name, { keys: [pair.publicKey.x] }]),
              ),
            },
          },
        ],
        listen: {
          peers: [{ address: '127.0.0.1', port: ownPort }],
          clients: [{ address: '127.0.0.1', port: 0, tls: false }],
          admin: { port: 0 },
        },
        resolve: {
          routes: {
            [domain === 'a.example' ? 'b.example' : 'a.example']: [
              `127.0.0.1:${domain === 'a.example' ? peerPort + 1 : peerPort}`,
            ],
          },
          allowRanges: ['127.0.0.0/8'],
          trustedCertificates: ['ca.pem'],
        },
        limits: raised,
      }
      await keep(`${domain}.yaml`, JSON.stringify(config, undefined, 1))
      return join(dir, `${domain}.yaml`)
    },
    remove: async () => {
      await rm(dir, { recursive: true, force: true })
      return undefined
    },
  }
}
