/**
 * One whole gateway for `b.example`, in memory and under a manual clock, and scripted peers around it.
 *
 * In:    what a test wants to differ.
 * Out:   links into the gateway (`dialIn`), links that it dialled (`dialled`), and time that is moved by hand.
 */
import { sign as signBytes } from 'node:crypto'
import type { Service } from '../../../src/address/address.ts'
import type { Domain } from '../../../src/address/domain.ts'
import type { KeyUse } from '../../../src/credential/key-set.ts'
import { GatewayError, type Status } from '../../../src/errors.ts'
import { createGateway, type Gateway, type HostedDomain } from '../../../src/gateway.ts'
import { listDirectory } from '../../../src/home/directory.ts'
import type { Clock } from '../../../src/lib/clock.ts'
import type { Log } from '../../../src/lib/log.ts'
import { Meter } from '../../../src/lib/meter.ts'
import { type Limits, limitsWith } from '../../../src/limits.ts'
import type { Channel } from '../../../src/link/channel.ts'
import type { Directory } from '../../../src/operation/directory.ts'
import type { ProofKind } from '../../../src/peer/pair.ts'
import type { DomainRuleSet } from '../../../src/policy/domain-rules.ts'
import type { Account } from '../../../src/shares/account.ts'
import { faultLog } from '../fault-log.ts'
import { b64, forgeKey } from '../forge.ts'
import { ManualClock } from '../manual-clock.ts'
import { type MemoryPair, memoryChannelPair, plainFacts, tlsLikeFacts } from '../memory-channel.ts'
import { seededRandom } from '../seeded-random.ts'
import { keyPairFor } from '../simulator/keys.ts'
import * as wire from './codec.ts'
import { pinned as pinnedKeys, scriptHosted } from './hosted.ts'
import { ScriptedPeer } from './peer.ts'

export type WorldWish = {
  /** Default: one of its own. */
  readonly clock?: ManualClock
  /** Where chance begins: two gateways that meet must differ. Default: 7. */
  readonly seed?: number
  /** Whole gateways that it reaches by a dial; other domains are scripted. */
  readonly far?: (remote: Domain) => World | undefined
  readonly log?: Log
  readonly limits?: Partial<Limits>
  /** Domains whose keys are pinned. Default: `a.example`, so that no key has to be fetched. */
  readonly pinned?: readonly string[]
  readonly rules?: DomainRuleSet
  readonly required?: readonly ProofKind[]
  /** Of each of its domains. Default: both. */
  readonly services?: Readonly<Record<string, readonly Service[]>>
  /** What all its domains have in the place of a directory that lists `users` and answers at once. */
  readonly directory?: (listed: Directory, domain: string, clock: Clock) => Directory
  /** Domains of the gateway. Default: `b.example` alone. */
  readonly domains?: readonly string[]
  readonly discontinuity?: 'accept' | 'hold'
}

export class World {
  readonly clock: ManualClock
  readonly meter = new Meter()
  readonly limits: Limits
  readonly gateway: Gateway
  /** Peers that the gateway dialled, in order. */
  readonly dialled: ScriptedPeer[] = []
  readonly pairs = new Map<ScriptedPeer, MemoryPair>()
  /** What the next dials meet. */
  dialFault: Status | undefined
  needsKnownKey = false
  /** What a look into DNS says about a domain that is claimed. */
  foundBy: (
    domain: Domain,
    payer: Account,
    signal: AbortSignal,
  ) => Service | undefined | Promise<Service | undefined> = () => 'im'
  /** The services for which certificates of far sides name their domain, by SRV-IDs if it is not all. */
  certified: readonly Service[] = ['im', 'pres']
  /** Dials take until then. */
  dialsTake: Promise<undefined> = Promise.resolve(undefined)
  /** Whether dials are plain TCP. */
  isPlain = false
  /** The directory of its domains: user to listed keys. */
  readonly users = new Map<string, readonly string[]>()
  readonly #keySets = new Map<string, Buffer>()
  readonly #wish: WorldWish
  readonly #certificates: readonly string[]
  readonly #faults: Error[] = []
  #links = 0

  constructor(wish: WorldWish = {}) {
    const { pinned = ['a.example'], domains = ['b.example'], required = [] } = wish
    const { clock = new ManualClock(), seed = 7 } = wish
    const { meter } = this
    this.clock = clock
    this.#wish = wish
    this.#certificates = domains
    for (const name of domains) {
      for (const user of ['bob', 'carol', 'dave', 'erin']) {
        const own = user === 'dave' ? [] : [userKey(`${user}@${name}`).x]
        this.users.set(user, [...(this.users.get(user) ?? []), ...own])
      }
    }
    this.limits = limitsWith(wish.limits)
    this.gateway = createGateway({
      domains: domains.map((name) => this.#host(name)) as unknown as [HostedDomain],
      software: 'under test',
      rules: wish.rules ?? { default: 'allow', allow: [], deny: [] },
      pinned: new Map(pinned.map((name) => [name, pinnedKeys(name)])),
      discontinuity: wish.discontinuity ?? 'accept',
      connect: (remote, service) => this.#connect(remote, service),
      foundBy: async (domain, signal, payer) => this.foundBy(domain, payer, signal),
      required: () => required,
      provenChannel: () => undefined,
      clock,
      random: seededRandom(seed),
      limits: this.limits,
      meter,
      log: faultLog((fault) => {
        this.#faults.push(fault)
      }, wish.log),
    })
  }

  /** What KEYS of a domain of the gateway is answered from now on. */
  setKeySet(domain: string, keySet: Buffer): undefined {
    this.#keySets.set(domain, keySet)
  }

  /** Lets everything run that can run within `ms`. Rejects with what the gateway logs as a fault of its own. */
  async run(ms = 0): Promise<void> {
    await this.clock.advance(ms)
    const [fault] = this.#faults
    if (fault !== undefined) throw fault
  }

  /** A second in which the event loop lags, with work for `domain` and next to none for anybody else. */
  async overload(domain = 'a.example'): Promise<void> {
    await this.lag([[this.gateway.shares.domain(domain, 'elsewhere'), 140]])
  }

  /** The same, with work of so many ms a turn for each of these. */
  async lag(busy: readonly (readonly [account: Account, ms: number])[]): Promise<void> {
    const { shares } = this.gateway
    for (let n = 0; n < 6; n++) {
      for (const [account, ms] of busy) shares.charge(account, ms)
      shares.charge(shares.domain('small.example', 'elsewhere'), 1)
      this.clock.stall(167)
      await this.run()
    }
  }

  get seconds(): number {
    return Math.floor(this.clock.wall() / 1000)
  }

  /** A link into the gateway, by a peer of `domain` or by a client. Nothing is said yet. */
  dialIn(
    role: 'gateway' | 'client' = 'gateway',
    domain = 'a.example',
    plain = false,
    remote = '192.0.2.1:40000',
  ): ScriptedPeer {
    const names: readonly string[] = this.#certificates
    const certificate = { covers: (asked: Domain) => names.includes(asked), fingerprint: 'own' }
    const facts = plain ? plainFacts() : tlsLikeFacts(certificate, `in ${++this.#links}`)
    const receiving = { ...facts.receiving, remote }
    const pair = memoryChannelPair({ clock: this.clock, ...facts, receiving })
    const peer = this.#script(pair, pair.initiating, 'initiating', domain)
    this.gateway.accept(pair.receiving, role)
    return peer
  }

  /** A link into the gateway on which `domain` is proven for `b.example`. */
  async provenPeer(domain = 'a.example'): Promise<ScriptedPeer> {
    const peer = this.dialIn('gateway', domain)
    peer.sayHello()
    peer.prove()
    await this.run()
    // A stranger: its keys are asked for.
    const { pinned = ['a.example'] } = this.#wish
    const isAsked = this.dialled.at(-1)?.domain === domain
    if (!pinned.includes(domain) && isAsked) await this.tellKeys({ domain })
    this.answerClaims(peer)
    await this.run()
    return peer
  }

  /** A client that is attached as `user`, whose key the directory lists. */
  async attached(user = 'bob@b.example'): Promise<ScriptedPeer> {
    const client = this.dialIn('client', domainOf(user))
    client.sayHello({ role: 'client' })
    this.attach(client, user)
    await this.run()
    return client
  }

  attach(client: ScriptedPeer, user = 'bob@b.example'): number {
    const key = userKey(user)
    return client.prove({ key, claims: { iss: user, aud: domainOf(user) } }, [
      [wire.tag.publicKey, Buffer.from(key.x, 'base64url')],
    ])
  }

  /** Says yes to every PROVE that the gateway sent and nobody answered. */
  answerClaims(peer: ScriptedPeer): undefined {
    const done = new Set(this.#answered.get(peer) ?? [])
    for (const { id } of peer.requestsOf(wire.command.prove)) {
      if (!done.has(id)) peer.respond(id, 'ok')
      done.add(id)
    }
    this.#answered.set(peer, done)
  }

  readonly #answered = new Map<ScriptedPeer, Set<number>>()

  /** The last peer that the gateway dialled, which says HELLO and takes the claim. */
  async accepted(changes: Readonly<Record<string, unknown>> = {}): Promise<ScriptedPeer> {
    await this.run()
    const peer = this.dialled.at(-1)
    if (peer === undefined) throw new Error('the gateway did not dial')
    peer.sayHello(changes)
    await this.run()
    this.answerClaims(peer)
    await this.run()
    return peer
  }

  /** The last peer that the gateway dialled says HELLO and answers KEYS; nothing else. */
  async tellKeys(wish: Omit<SetWish, 'seconds'> = {}): Promise<ScriptedPeer> {
    await this.run()
    const peer = this.dialled.at(-1)
    if (peer === undefined) throw new Error('the gateway did not dial')
    peer.sayHello()
    await this.run()
    const asked = peer.requestsOf(wire.command.keys).at(-1)
    peer.respond(asked?.id ?? 0, 'ok', [], keySetOf({ ...wish, seconds: this.seconds }))
    await this.run()
    return peer
  }

  /** `peer` answers the KEYS that came on its link. */
  async tellKeysOn(peer: ScriptedPeer | undefined, domain: string): Promise<void> {
    await this.run()
    const asked = peer?.requestsOf(wire.command.keys).at(-1)
    peer?.respond(asked?.id ?? 0, 'ok', [], keySetOf({ domain, seconds: this.seconds }))
    await this.run()
  }

  async #connect(remote: Domain, service: Service) {
    await this.dialsTake
    if (this.dialFault !== undefined) {
      throw new GatewayError(this.dialFault, `no way to ${service}:${remote}`)
    }
    const { certified } = this
    const covers = (asked: Domain, of: Service) => asked === remote && certified.includes(of)
    const certificate = { covers, fingerprint: remote }
    const facts = this.isPlain ? plainFacts() : tlsLikeFacts(certificate, `out ${++this.#links}`)
    const pair = memoryChannelPair({ clock: this.clock, ...facts })
    const far = this.#wish.far?.(remote)
    if (far === undefined)
      this.dialled.push(this.#script(pair, pair.receiving, 'receiving', remote))
    else far.gateway.accept(pair.receiving, 'gateway')
    const host = `gate.${remote}`
    return { channel: pair.initiating, host, port: 5279, needsKnownKey: this.needsKnownKey }
  }

  #script(
    pair: MemoryPair,
    channel: Channel,
    side: 'initiating' | 'receiving',
    domain: string,
  ): ScriptedPeer {
    const peer = new ScriptedPeer({
      channel,
      side,
      domain,
      seconds: () => this.seconds,
      settle: () => this.run(),
    })
    this.pairs.set(peer, pair)
    return peer
  }

  #host(name: string): HostedDomain {
    const { services, directory = (listed) => listed } = this.#wish
    const host = scriptHosted(name, this, services?.[name])
    this.setKeySet(name, host.keySet)
    const keySet = (): Buffer => this.#keySets.get(name) as Buffer
    return {
      ...host,
      get keySet() {
        return keySet()
      },
      directory: directory(listDirectory(this.users), name, this.clock),
    }
  }
}

const domainOf = (user: string): string => user.slice(user.lastIndexOf('@') + 1)

export const userKey = (user: string) => forgeKey(`script: ${user}`)

export type SetWish = {
  readonly domain?: string
  readonly ver?: number
  /** `kid`: of its own, not the thumbprint. */
  readonly keys?: readonly { readonly name: string; readonly use?: KeyUse; readonly kid?: string }[]
  readonly revoked?: readonly string[]
  readonly seconds: number
}

/** The key set of a scripted domain, signed by all of its keys. */
export function keySetOf(wish: SetWish): Buffer {
  const { domain = 'a.example', ver = 1, revoked = [], seconds } = wish
  const named: NonNullable<SetWish['keys']> = wish.keys ?? [{ name: `script: ${domain}` }]
  const keys = named.map(({ name, kid = forgeKey(name).kid, use = 'both' }) => ({
    pair: keyPairFor(name),
    kid,
    use,
    nbf: seconds - 86_400,
    naf: seconds + 86_400,
  }))
  const set = {
    domain,
    ver,
    iat: seconds,
    exp: seconds + 86_400,
    keys: keys.map(({ pair, kid, use, nbf, naf }) => ({
      kid,
      kty: 'OKP',
      crv: 'Ed25519',
      x: pair.publicKey.x,
      use,
      nbf,
      naf,
    })),
    revoked,
  }
  const text = b64(JSON.stringify(set))
  return Buffer.from(
    JSON.stringify({
      set: text,
      signatures: named.map(({ name, kid = forgeKey(name).kid }) => {
        const { privateKey } = forgeKey(name)
        const header = b64(`{"alg":"Ed25519","typ":"pitp-keys+jws","kid":"${kid}"}`)
        return { kid, sig: b64(signBytes(null, Buffer.from(`${header}.${text}`), privateKey)) }
      }),
    }),
  )
}
