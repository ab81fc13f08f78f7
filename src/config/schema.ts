/**
 * Config: every setting, in one table.
 *
 * In:    nothing; a setting is added here and nowhere else.
 * Out:   `configSchema`, from which the types, the checks, the sample file, the JSON schema and the manual are made.
 * Fails: as zod issues whose message is the phrase after "expected".
 *
 * Each setting has one sentence and a mark: `reload` says whether a running gateway takes a new value (`live`) or
 * wants a restart. Beside it, `secret`: its value is never shown; `sample`: what the sample file shows instead of an
 * empty default. Durations carry their unit in their name.
 */
import { z } from 'zod'
import { limitTable } from '../limits.ts'
import { flag, group, listOf, oneOf } from './codec.ts'
import { limitShape } from './limit-settings.ts'
import { live, restart } from './marks.ts'
import {
  byDomain,
  byUser,
  certificateFile,
  domain,
  domainPattern,
  ipAddress,
  ipRange,
  keyId,
  listenPort,
  nameServer,
  privateKeyFile,
  publicKey,
  target,
  token,
} from './values.ts'

const section = <T extends z.core.$ZodShape>(shape: T, description: string) =>
  group(shape)
    .prefault({} as never)
    .meta({ description })

const directory = z.discriminatedUnion(
  'kind',
  [
    group({ kind: z.literal('any') }),
    group({
      kind: z.literal('static'),
      users: byUser(
        group({
          keys: listOf(publicKey)
            .prefault([])
            .meta(
              restart(
                'Ed25519 public keys of the user; whoever holds one may attach as the user, and nobody else. A key taken out is shut out from the next start on (a reload is not enough). With no key listed, credentials of the domain let in: to shut out the last key, take the user out.',
              ),
            ),
        }).prefault({}),
      ).meta(restart('The users, by the part before the @; for kind: static only.')),
    }),
  ],
  {
    error: ({ code }) =>
      code === 'invalid_union' ? 'any or static' : 'a mapping, such as {kind: any}',
  },
)

const domainSettings = group({
  name: domain.meta(restart('The domain, as it stands behind the @.')),
  services: listOf(oneOf(['im', 'pres']))
    .default(['im', 'pres'])
    .meta(restart('Services that the domain offers: im (messages) and pres (presence).')),
  key: privateKeyFile.meta(
    restart(
      'PEM file (PKCS8) of the Ed25519 key that speaks for the domain on links and vouches for its users.',
    ),
  ),
  userKey: privateKeyFile
    .nullable()
    .default(null)
    .meta(restart('PEM file of another Ed25519 key that vouches for the users instead.')),
  otherKeys: listOf(privateKeyFile)
    .prefault([])
    .meta(
      restart(
        'PEM files of Ed25519 keys that are published and do not sign: the next one and the last one.',
      ),
    ),
  revokedKeys: listOf(keyId)
    .prefault([])
    .meta(restart('Ids of keys that are published as revoked: peers refuse what they sign.')),
  certificate: certificateFile.meta(
    live(
      'PEM file with the TLS certificate for the domain and its chain, the certificate itself first.',
    ),
  ),
  certificateKey: privateKeyFile.meta(live('PEM file with the private key of that certificate.')),
  directory: directory.prefault({ kind: 'any' }).meta({
    ...restart(
      'Who the users of the domain are: {kind: any} for any name, or {kind: static, users: …}.',
    ),
    sample: { kind: 'any' },
  }),
})

const listener = (defaultAddress: string, defaultPort: number, tls: string) =>
  group({
    address: ipAddress
      .prefault(defaultAddress)
      .meta(restart('Address to listen on; :: is every address of both families.')),
    port: listenPort
      .default(defaultPort)
      .meta(restart('Port to listen on; 0 lets the system choose.')),
    tls: flag.default(true).meta(restart(tls)),
  })

const listen = section(
  {
    peers: z
      .array(
        listener(
          '::',
          5279,
          'False takes plain TCP, from peers with plain: true, on a private address.',
        ),
        { error: 'a list' },
      )
      .prefault([{}])
      .meta(restart('Where the gateways of other domains connect.')),
    clients: z
      .array(listener('127.0.0.1', 5280, 'False takes plain TCP, on a loopback address.'), {
        error: 'a list',
      })
      .prefault([{}])
      .meta(restart('Where the clients of our own users connect.')),
    admin: section(
      {
        address: ipAddress.prefault('127.0.0.1').meta(restart('Address of the admin port.')),
        port: listenPort
          .default(9279)
          .meta(restart('Port of the admin port; 0 lets the system choose.')),
        token: token
          .nullable()
          .default(null)
          .meta({
            ...restart('Bearer token that the admin port asks for; needed off loopback.'),
            secret: true,
          }),
      },
      'HTTP for the operator: metrics, health, status, explanations.',
    ),
  },
  'Addresses and ports that this gateway opens.',
)

const resolve = section(
  {
    servers: listOf(nameServer)
      .prefault([])
      .meta({
        ...live('Name servers to ask; none means those of the system, as they are now.'),
        sample: ['192.0.2.53'],
      }),
    fallback: oneOf(['proven', 'draft', 'strict'])
      .default('proven')
      .meta(
        restart(
          'When no host of the SRV records can be reached: proven uses the addresses of the domain if a known key answers there, draft uses them if the certificate fits, strict never does.',
        ),
      ),
    routes: byDomain(
      z
        .array(target, { error: 'a list of hosts, such as [gw.b.example:5279]' })
        .min(1, { error: 'a list with at least one host' }),
    )
      .prefault({})
      .meta({
        ...restart('Hosts of a domain, in the order to try them; DNS is not asked for it.'),
        sample: { 'b.example': ['192.0.2.7:5279'] },
      }),
    allowRanges: listOf(ipRange)
      .prefault([])
      .meta({
        ...restart(
          'Private address ranges that may be dialled; without this no private address is.',
        ),
        sample: ['10.0.0.0/8'],
      }),
    trustedCertificates: listOf(certificateFile)
      .prefault([])
      .meta({
        ...live('PEM files with further authorities that may vouch for the certificates of peers.'),
        sample: ['private-ca.pem'],
      }),
    systemCertificates: flag
      .default(false)
      .meta(
        live(
          'True trusts the authorities of the operating system as well; a reload reads them again.',
        ),
      ),
  },
  'How other domains are found and trusted.',
)

const peer = group({
  keys: listOf(publicKey)
    .prefault([])
    .meta(
      restart(
        'Pinned Ed25519 public keys of the domain, each the base64url of its 32 bytes (43 characters); with any, no other key proves it.',
      ),
    ),
  plain: flag
    .default(false)
    .meta(
      restart(
        'True speaks plain TCP with this peer; wants pinned keys and a route to private addresses.',
      ),
    ),
  require: listOf(oneOf(['certificate', 'key', 'pinned']))
    .prefault([])
    .meta(
      restart(
        'Proofs that every link with this domain must have, whoever dialled: certificate (TLS, for the domain), key (an assertion signed with a key of the domain), pinned (the same with a pinned key).',
      ),
    ),
}).prefault({})

const policy = section(
  {
    default: oneOf(['allow', 'deny'])
      .default('allow')
      .meta(live('What holds for a domain that neither list names.')),
    allow: listOf(domainPattern)
      .prefault([])
      .meta({
        ...live('Domains that may talk with ours; the most exact entry of both lists wins.'),
        sample: ['b.example', '*.c.example'],
      }),
    deny: listOf(domainPattern)
      .prefault([])
      .meta({ ...live('Domains that may not.'), sample: ['*.d.example'] }),
  },
  'Which domains may talk with ours.',
)

export const configSchema = group({
  domains: z
    .array(domainSettings, { error: 'a list of domains' })
    .prefault([])
    .meta({ description: 'Our own domains; at least one.' }),
  listen,
  resolve,
  peers: byDomain(peer)
    .prefault({})
    .meta({ description: 'What holds for single peers, by their domain.' }),
  policy,
  limits: section(limitShape, 'Bounds; docs/limits.md lists them all.').meta({
    sample: { messageBytes: limitTable.messageBytes.value },
  }),
  log: section(
    {
      level: oneOf(['debug', 'info', 'warn', 'error'])
        .default('info')
        .meta(live('The least weight of a line that is written.')),
    },
    'What is written to the log.',
  ),
  metrics: section(
    {
      watch: listOf(domain)
        .prefault([])
        .meta({
          ...live('Peer domains that always have metric labels of their own.'),
          sample: ['b.example'],
        }),
    },
    'What is measured.',
  ),
}).meta({ title: 'Gatehouse configuration' })

type Deep<T> = T extends string | number | boolean | null | undefined
  ? T
  : T extends ReadonlyMap<infer K, infer V>
    ? ReadonlyMap<K, Deep<V>>
    : T extends readonly (infer V)[]
      ? readonly Deep<V>[]
      : { readonly [K in keyof T]: Deep<T[K]> }

/** All settings, with their defaults; domains and addresses canonical, paths absolute. */
export type Config = Deep<z.output<typeof configSchema>>
export type DomainConfig = Config['domains'][number]
export type ListenerConfig = Config['listen']['peers'][number]
