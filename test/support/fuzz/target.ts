/**
 * A whole gateway for `b.example` to throw bytes at, as fast as it takes them.
 *
 * In:    chunks, synchronously, on links in every state: fresh, greeted, proven, attached, dialled by the gateway.
 * Out:   what each link took, and whether it still lives.
 *
 * All channels have the same binding, and time hardly moves: proofs are made once and are good for every link.
 */
import { type Domain, parseDomain } from '../../../src/address/domain.ts'
import { pinKey } from '../../../src/credential/pinned-keys.ts'
import { createGateway, type Gateway } from '../../../src/gateway.ts'
import { Meter } from '../../../src/lib/meter.ts'
import { limitsWith } from '../../../src/limits.ts'
import type { Channel, ChannelEvents, ChannelFacts } from '../../../src/link/channel.ts'
import { faultLog } from '../fault-log.ts'
import { b64, forge } from '../forge.ts'
import * as wire from '../script/codec.ts'
import { seededRandom } from '../seeded-random.ts'
import { keyPairFor } from '../simulator/keys.ts'
import { certificateFor } from '../simulator/network.ts'
import { Operator } from '../simulator/operator.ts'
import { epochMs, Scheduler, settle } from '../simulator/scheduler.ts'

const [peer, home] = [parseDomain('a.example'), parseDomain('b.example')]
const binding = Buffer.alloc(32, 7)

/** How far a link is when the bytes come. */
export type Stage = 'fresh' | 'greeted' | 'proven' | 'attached' | 'dialled'

export const stages: readonly Stage[] = ['fresh', 'greeted', 'proven', 'attached', 'dialled']

export class Target {
  readonly gateway: Gateway
  readonly meter = new Meter()
  readonly #scheduler = new Scheduler()
  readonly #operator: Operator
  readonly #prologues: Readonly<Record<'greeted' | 'proven' | 'attached' | 'dialled', Buffer>>
  #dialled: FuzzChannel | undefined
  /** Channels that nobody closed: the gateway dialled them for reasons of its own. */
  readonly #open = new Set<FuzzChannel>()

  constructor() {
    const clock = this.#scheduler.clock()
    const random = seededRandom(1)
    // No rate stands between the bytes and what they mean.
    const plenty = { peerPerSecond: 1e9, peerBurst: 1e9, senderPerSecond: 1e9, senderBurst: 1e9 }
    const limits = limitsWith({
      ...plenty,
      lanePerSecond: 1e9,
      laneBurst: 1e9,
      claimsPerSecond: 1e9,
      claimsBurst: 1e9,
      sessionsPerUser: 1e9,
      // Everything that is watched is asked for again on each new link.
      subscriptionsPerWatcher: 20,
    })
    const users = ['alice', 'bob']
    this.#operator = new Operator({
      domain: home,
      users,
      services: ['im', 'pres'],
      limits,
      clock,
    })
    const pinned = pinKey(keyPairFor(`${peer} 1`).publicKey.x, 'both', undefined)
    this.gateway = createGateway({
      domains: [this.#operator.hosted(clock, random)],
      software: 'fuzzed',
      rules: { default: 'allow', allow: [], deny: [] },
      pinned: new Map(pinned === undefined ? [] : [[peer, [pinned]]]),
      discontinuity: 'accept',
      connect: async (domain) => ({
        channel: this.#dial(domain),
        host: `gw.${domain}`,
        port: 5279,
        needsKnownKey: false,
      }),
      foundBy: async () => 'im',
      required: () => [],
      provenChannel: () => undefined,
      clock,
      random,
      limits,
      meter: this.meter,
      log: faultLog((fault) => {
        throw fault
      }),
    })
    this.#prologues = prologues()
  }

  /** Tasks that threw. */
  get thrown(): readonly unknown[] {
    return this.#scheduler.thrown
  }

  /** Lets what is planned for now run. */
  async breathe(ms = 0): Promise<undefined> {
    await this.#scheduler.advance(ms)
  }

  closeAll(): undefined {
    for (const channel of this.#open) channel.close()
    this.#open.clear()
  }

  /** A link at `stage`. */
  async open(stage: Stage): Promise<FuzzChannel> {
    if (stage === 'dialled') return this.#openDialled()
    const isUser = stage === 'attached'
    const channel = new FuzzChannel(stage, acceptedFacts)
    this.gateway.accept(channel, isUser ? 'client' : 'gateway')
    if (stage !== 'fresh') channel.feed(this.#prologues[stage])
    return channel
  }

  /** A user of b.example sends to a.example, so that the gateway dials. */
  async #openDialled(): Promise<FuzzChannel> {
    const user = await this.open('attached')
    this.#dialled = undefined
    user.feed(
      request(3, wire.im, {
        command: wire.command.message,
        fields: [
          [wire.tag.to, 'alice@a.example'],
          [wire.tag.id, Buffer.alloc(16, 1)],
        ],
      }),
    )
    await settle()
    user.close()
    // A link that is there already serves as well: then this one is a peer that dialled.
    const channel = this.#dialled
    if (channel === undefined) return this.open('proven')
    this.#open.delete(channel)
    ;(channel as FuzzChannel).feed(this.#prologues.dialled)
    return channel
  }

  #dial(domain: Domain): Channel {
    const certificate = certificateFor(domain)
    this.#dialled = new FuzzChannel('dialled', {
      ...acceptedFacts,
      certificate,
      showedFor: () => false,
    })
    this.#open.add(this.#dialled)
    return this.#dialled
  }
}

const acceptedFacts: ChannelFacts = {
  binding,
  certificate: undefined,
  showedFor: (domain) => domain === home,
  remote: '192.0.2.1:40000',
}

const hello = (role: 'gateway' | 'client', domain: string): Buffer =>
  wire.frame(
    wire.type.hello,
    0,
    0,
    Buffer.from(
      JSON.stringify({
        version: 1,
        role,
        domain,
        software: 'fuzz',
        boot: `boot of ${domain}`,
        state: '',
        nonce: 'A'.repeat(43),
        services: ['im', 'pres'],
        limits: { messageBytes: 65_536, references: 16 },
        extensions: [],
      }),
    ),
  )

const request = (id: number, flags: number, shape: wire.RequestShape): Buffer =>
  wire.frame(wire.type.request, flags, id, wire.requestPayload(shape))

function prologues() {
  const domainKey = keyPairFor(`${peer} 1`)
  const userKey = keyPairFor(`bob@${home}`)
  const now = Math.floor(epochMs / 1000)
  const life = { iat: now, exp: now + 120, jti: 'jti'.padEnd(22, '_') }
  const assertion = (iss: string, key: typeof domainKey): string =>
    forge(
      { alg: 'Ed25519', typ: 'pitp-link+jwt', kid: key.publicKey.thumbprint },
      { iss, aud: home, ...life, cb: b64(binding) },
      key.privateKey,
    )
  const credential = (sub: string): string =>
    forge(
      { alg: 'Ed25519', typ: 'pitp-cred+jwt', kid: domainKey.publicKey.thumbprint },
      { iss: peer, sub, aud: home, ...life, scope: 'im.send pres.watch pres.notify' },
      domainKey.privateKey,
    )
  const prove = (id: number, iss: string, key: typeof domainKey): Buffer =>
    request(id, wire.control, {
      command: wire.command.prove,
      fields: [
        [wire.tag.token, assertion(iss, key)],
        ...(iss.includes('@')
          ? ([[wire.tag.publicKey, Buffer.from(key.publicKey.x, 'base64url')]] as const)
          : []),
      ],
    })
  const show = (id: number, reference: number, sub: string): Buffer =>
    request(id, wire.im, {
      command: wire.command.credential,
      reference,
      fields: [[wire.tag.token, credential(sub)]],
    })
  const greeted = hello('gateway', peer)
  const users = [show(5, 1, `alice@${peer}`), show(7, 2, `carol@${peer}`)]
  return {
    greeted,
    proven: Buffer.concat([greeted, prove(3, peer, domainKey), ...users]),
    attached: Buffer.concat([hello('client', home), prove(1, `bob@${home}`, userKey)]),
    dialled: Buffer.concat([
      greeted,
      prove(2, peer, domainKey),
      show(4, 1, `alice@${peer}`),
      show(6, 2, `carol@${peer}`),
    ]),
  }
}

/** Behind what was asked to get there. */
const firstIds: Readonly<Record<Stage, number>> = {
  fresh: 1,
  greeted: 1,
  proven: 9,
  attached: 3,
  dialled: 8,
}

/** What is written to it is gone; what is fed to it arrives at once. */
export class FuzzChannel implements Channel {
  /** How far its link is. */
  readonly stage: Stage
  readonly facts: ChannelFacts
  /** The id of the next request. */
  nextId: number
  isClosed = false
  #events: ChannelEvents | undefined

  constructor(stage: Stage, facts: ChannelFacts) {
    this.stage = stage
    this.nextId = firstIds[stage]
    this.facts = facts
  }

  start(events: ChannelEvents): undefined {
    if (!this.isClosed) this.#events = events
    // A close before start is told after it.
    else queueMicrotask(() => events.closed('fuzz'))
  }

  queued(): number {
    return 0
  }

  write(): undefined {}

  pause(): undefined {}

  resume(): undefined {}

  end(): undefined {
    this.isClosed = true
  }

  destroy(): undefined {
    this.isClosed = true
  }

  /** One chunk arrives. */
  feed(chunk: Buffer): undefined {
    if (!this.isClosed) this.#events?.data(chunk)
  }

  /** The connection is over. */
  close(): undefined {
    this.isClosed = true
    this.#events?.closed('fuzz')
    this.#events = undefined
  }
}
