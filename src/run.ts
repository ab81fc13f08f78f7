/**
 * From a checked configuration to a gateway with open doors: sockets, TLS and DNS meet `gateway.ts` here.
 *
 * In:    settings, the PEM texts that they name, and the ports (clock, random, DNS exchange).
 * Out:   a running gateway, its listening ports, and how to stop it.
 * Fails: `port-unavailable`, `certificate-unusable`; nothing stays open then.
 */

import type { Service } from './address/address.ts'
import type { Domain } from './address/domain.ts'
import type { Files } from './config/files.ts'
import type { Config, DomainConfig, ListenerConfig } from './config/schema.ts'
import { connect } from './connect.ts'
import { readPrivateKey } from './credential/ed25519.ts'
import type { SetKey } from './credential/key-set.ts'
import { isPublishedTestKey } from './credential/known-keys.ts'
import { OwnKeySet } from './credential/own-key-set.ts'
import { pinKey } from './credential/pinned-keys.ts'
import { keySetOf } from './credential/publish-keys.ts'
import { createSigner } from './credential/sign.ts'
import { GatewayError } from './errors.ts'
import { createGateway, type Gateway, type HostedDomain } from './gateway.ts'
import { listDirectory, openDirectory } from './home/directory.ts'
import type { Clock } from './lib/clock.ts'
import type { Log } from './lib/log.ts'
import type { Meter } from './lib/meter.ts'
import type { Random } from './lib/random.ts'
import type { Limits } from './limits.ts'
import { AcceptGate, type Admission } from './link/accept-gate.ts'
import type { Channel } from './link/channel.ts'
import type { Role } from './link/hello.ts'
import { type Listening, listenPlain, listenTls } from './link/listen-socket.ts'
import { networkOf } from './link/network-prefix.ts'
import { Shown } from './link/shown.ts'
import type { Directory } from './operation/directory.ts'
import type { DnsExchange, DnsServer } from './resolve/exchange.ts'
import { QuestionLine } from './resolve/in-turn.ts'
import { NameServers } from './resolve/name-servers.ts'
import { createResolver, type Resolver } from './resolve/resolver.ts'

export type RunNeeds = {
  readonly config: Config
  readonly files: Files
  readonly software: string
  readonly exchange: DnsExchange
  /** Asked where the configuration names no server. */
  readonly systemServers: () => readonly DnsServer[]
  /** Who the users of our domains are, where the configuration is not to say it. */
  readonly directories?: ReadonlyMap<Domain, Directory>
  readonly clock: Clock
  readonly random: Random
  readonly meter: Meter
  readonly log: Log
}

/** A domain of ours, and what of it runs out: wall clock in ms. */
export type OwnDomain = {
  readonly name: Domain
  readonly services: readonly Service[]
  readonly certificateFrom: number
  readonly certificateUntil: number
  /** Which certificate of the chain ends it. */
  readonly certificateEndsWith: string
  readonly keysUntil: number
}

export type Running = {
  readonly gateway: Gateway
  readonly resolver: Resolver
  readonly domains: readonly OwnDomain[]
  readonly ports: { readonly peers: readonly number[]; readonly clients: readonly number[] }
  /**
   * Takes what can change while it runs: certificates of our domains, authorities, domain rules, peers to watch. Returns
   * the domains whose certificate is another one.
   */
  readonly reload: (config: Config, files: Files) => readonly Domain[]
  /** DNS is asked anew, and domains that could not be reached are tried again: of one domain, or of all. */
  readonly flush: (domain: Domain | undefined) => Flushed
  /** Takes no more connections, answers what is under way, closes; at most `limits.drainMs`. */
  readonly drain: () => Promise<undefined>
  readonly close: () => Promise<undefined>
}

/** Answers of DNS that count no more, and waits after failed dials and key fetches that are over. */
export type Flushed = { readonly answers: number; readonly waits: number }

const defaultPort = 5279

const serversOf = ({ resolve: { servers } }: Config): readonly DnsServer[] =>
  servers.map(({ host, port }) => ({ ip: host, port }))

export async function startGateway(needs: RunNeeds): Promise<Running> {
  const { config, clock, random, meter, log } = needs
  const { limits } = config
  const admissions = new WeakMap<Channel, Admission>()
  const gateWith = (own: Partial<Limits>): AcceptGate =>
    new AcceptGate({
      limits: { ...limits, ...own },
      meter,
    })
  // The clients of a domain come from few addresses, often one.
  const gates: Readonly<Record<Role, AcceptGate>> = {
    gateway: gateWith({}),
    client: gateWith({
      unprovenLinksPerAddress: limits.unprovenClientsPerAddress,
      handshakesPerAddress: limits.clientHandshakesPerAddress,
      handshakesPerAddressBurst: limits.clientHandshakesPerAddressBurst,
    }),
  }
  const shown = new Shown(
    config.domains.map(({ name }) => name),
    needs.files,
    { clock, log },
  )
  const hosted = hostedDomains(needs)
  const gateway: Gateway = createGateway({
    domains: hosted as unknown as [HostedDomain, ...HostedDomain[]],
    software: needs.software,
    rules: config.policy,
    pinned: pinnedKeys(config),
    required: (domain) => config.peers.get(domain as Domain)?.require ?? [],
    discontinuity: 'accept',
    connect: (domain, service, signal, payer) =>
      connect(needs, resolver, shown.trust, { domain, service, signal, payer }),
    foundBy: (domain, signal, payer) => resolver.foundBy(domain, signal, payer),
    provenChannel: (channel) => admissions.get(channel)?.proven(),
    clock,
    random,
    limits,
    meter,
    log,
  })
  const nameServers = new NameServers({ ...needs, limits, configured: serversOf(config) })
  const resolver = createResolver({
    exchange: needs.exchange,
    servers: nameServers.now,
    clock,
    random,
    limits,
    meter,
    staticRoutes: config.resolve.routes,
    allowRanges: config.resolve.allowRanges,
    fallback: config.resolve.fallback,
    defaultPort,
    isProven: (domain) => gateway.isProven(domain),
    line: new QuestionLine(gateway.shares, limits, meter),
    explainer: gateway.shares.tree.admin,
  })
  const flush = (domain: Domain | undefined): Flushed => {
    const flushed = { answers: resolver.flush(domain), waits: gateway.sessions.tryAgain(domain) }
    log.info('dns.flushed', { remote: domain, ...flushed })
    return flushed
  }
  const unfollow = nameServers.follow((servers) => {
    resolver.ask(servers)
    gateway.sessions.tryAgain(undefined)
  })
  gateway.peers.watch(config.metrics.watch)
  const open = (listener: ListenerConfig, role: Role): Promise<Listening> => {
    const { address, port } = listener
    const { shares } = gateway
    const onChannel = (channel: Channel, admission: Admission): undefined => {
      admissions.set(channel, admission)
      return gateway.accept(channel, role)
    }
    const common = { address, port, onChannel, gate: gates[role], limits, clock, meter, log }
    return listener.tls
      ? listenTls({
          ...common,
          certificates: (name) => shown.certificates.get(name),
          inTurn: (remote, work) => shares.turns.work(shares.tree.network(networkOf(remote)), work),
        })
      : listenPlain(common)
  }
  const doors: Listening[] = []
  const shut = async (): Promise<undefined> => {
    for (const door of doors) await door.close()
  }
  const ports: { peers: number[]; clients: number[] } = { peers: [], clients: [] }
  try {
    for (const listener of config.listen.peers) {
      doors.push(await open(listener, 'gateway'))
      ports.peers.push((doors.at(-1) as Listening).port)
    }
    for (const listener of config.listen.clients) {
      doors.push(await open(listener, 'client'))
      ports.clients.push((doors.at(-1) as Listening).port)
    }
  } catch (error) {
    unfollow()
    gateway.close()
    await shut()
    throw error
  }
  return {
    gateway,
    resolver,
    domains: ownDomains(needs, shown, hosted),
    ports,
    reload: (next, nextFiles) => {
      const renewed = shown.replace(nextFiles)
      gateway.obey(next.policy)
      gateway.peers.watch(next.metrics.watch)
      if (nameServers.take(serversOf(next))) resolver.ask(nameServers.now)
      flush(undefined)
      return renewed
    },
    flush,
    drain: async () => {
      unfollow()
      await Promise.all([shut(), gateway.drain()])
      return undefined
    },
    close: async () => {
      unfollow()
      gateway.close()
      return shut()
    },
  }
}

function ownDomains(
  { config }: RunNeeds,
  shown: Shown,
  hosted: readonly Published[],
): readonly OwnDomain[] {
  return config.domains.map(({ name, services }, index) => ({
    name,
    services,
    get certificateFrom() {
      return shown.lifeOf(name).fromMs
    },
    get certificateUntil() {
      return shown.lifeOf(name).untilMs
    },
    get certificateEndsWith() {
      return shown.lifeOf(name).endsWith
    },
    get keysUntil() {
      return (hosted[index] as Published).keysUntil
    },
  }))
}

/** `keysUntil`: when what it publishes ends, wall clock in ms. */
type Published = HostedDomain & { readonly keysUntil: number }

function hostedDomains(needs: RunNeeds): readonly Published[] {
  const { config, files, clock, random, directories } = needs
  return config.domains.map((settings, index) => {
    const pem = files.domains[index]
    if (pem === undefined) throw new GatewayError('config-invalid', `no files for ${settings.name}`)
    const linkKey = keyOf(pem.key)
    const userKey = keyOf(pem.userKey)
    const signer = createSigner({
      domain: settings.name,
      linkKey,
      userKey,
      clock,
      random,
      limits: config.limits,
    })
    const keys = { link: linkKey, user: userKey, others: pem.otherKeys.map(keyOf) }
    const keySet = new OwnKeySet(
      clock,
      (seconds) => keySetOf(keys, settings.revokedKeys, seconds),
      signer.signKeySet,
    )
    const own = pinKey(userKey.publicKey.x, 'both', undefined)
    return {
      domain: settings.name,
      signer,
      get keySet() {
        return keySet.bytes
      },
      get keysUntil() {
        return keySet.untilMs
      },
      keys: own === undefined ? [] : [own],
      directory: directories?.get(settings.name) ?? directoryOf(settings),
      services: settings.services,
    }
  })
}

function keyOf(pem: string) {
  const pair = readPrivateKey(pem)
  if (pair === undefined) throw new GatewayError('config-invalid', 'not an Ed25519 private key')
  if (isPublishedTestKey(pair.publicKey)) {
    throw new GatewayError(
      'config-invalid',
      'a signing key is one that everybody knows: make another',
    )
  }
  return pair
}

function directoryOf({ directory }: DomainConfig): Directory {
  if (directory.kind === 'any') return openDirectory
  const users = new Map([...directory.users].map(([name, { keys }]) => [name, keys]))
  return listDirectory(users)
}

function pinnedKeys(config: Config): ReadonlyMap<string, readonly SetKey[]> {
  const pinned = new Map<string, readonly SetKey[]>()
  for (const [domain, { keys }] of config.peers) {
    const usable = keys
      .map((key) => pinKey(key, 'both', undefined))
      .filter((key) => key !== undefined)
    if (usable.length > 0) pinned.set(domain, usable)
  }
  return pinned
}
