/**
 * The far end of a link, bare: it sends the frames that a test tells it to, right or wrong, and keeps what comes.
 *
 * In:    a channel, its side, who it says it is.
 * Out:   `frames`, `requests` and `answers` of the gateway under test; `release` and `isClosed` at its end.
 */
import { createHash } from 'node:crypto'
import { type Status, statusNumber, statusOf } from '../../../src/errors.ts'
import type { Channel } from '../../../src/link/channel.ts'
import { b64, type ForgeKey, forge, forgeKey } from '../forge.ts'
import * as wire from './codec.ts'

export type Claims = Readonly<Record<string, unknown>>

export type PeerNeeds = {
  readonly channel: Channel
  readonly side: 'initiating' | 'receiving'
  readonly domain: string
  readonly seconds: () => number
  /** Lets everything run that can run now. */
  readonly settle: () => Promise<void>
}

export type Hello = Readonly<Record<string, unknown>>

/** What PROVE, CREDENTIAL and the like are made of, for tests that change one thing. */
export type Forgery = {
  readonly key?: ForgeKey
  readonly header?: Claims
  readonly claims?: Claims
}

export class ScriptedPeer {
  readonly frames: wire.Frame[] = []
  readonly channel: Channel
  readonly side: 'initiating' | 'receiving'
  readonly domain: string
  isClosed = false
  /** Signs for `domain`. */
  key: ForgeKey
  nonce: string
  boot: string
  readonly #needs: PeerNeeds
  #rest: Buffer = Buffer.alloc(0)
  #nextId: number
  #count = 0
  #pongs = 0

  constructor(needs: PeerNeeds) {
    const { channel, side, domain } = needs
    this.#needs = needs
    this.channel = channel
    this.side = side
    this.domain = domain
    this.key = forgeKey(`script: ${domain}`)
    this.#nextId = side === 'initiating' ? 1 : 2
    this.nonce = b64(createHash('sha256').update(`${domain} ${side}`).digest())
    this.boot = `boot of ${domain}`.slice(0, 64)
    channel.start({
      data: (chunk) => this.#take(chunk),
      drained: () => undefined,
      closed: () => {
        this.isClosed = true
      },
    })
  }

  // What came.

  get hello(): Record<string, unknown> {
    const first = this.frames.find(({ type }) => type === wire.type.hello)
    return JSON.parse(first?.payload.toString() ?? '{}') as Record<string, unknown>
  }

  get requests(): readonly wire.Request[] {
    return this.#of(wire.type.request).map(wire.readRequest)
  }

  requestsOf(command: number): readonly wire.Request[] {
    return this.requests.filter((request) => request.command === command)
  }

  get answers(): readonly wire.Response[] {
    const answers = this.#of(wire.type.response).map(wire.readResponse)
    // [LINK-4.3-3] The gateway answers no request with a reason of RELEASE.
    const wrong = answers.find(({ status }) => status >> 8 === 1)
    if (wrong !== undefined) throw new RangeError(`an answer with ${statusOf(wrong.status)}`)
    return answers
  }

  answer(id: number): wire.Response | undefined {
    return this.answers.find((answer) => answer.id === id)
  }

  /** The name of the status with which `id` was answered. */
  status(id: number): Status | 'no answer' {
    const answer = this.answer(id)
    return answer === undefined ? 'no answer' : this.#nameOf(answer)
  }

  /** Everything with which `id` was answered: one status, if all is well. */
  statuses(id: number): readonly Status[] {
    return this.answers.flatMap((answer) => (answer.id === id ? [this.#nameOf(answer)] : []))
  }

  /** With what the gateway let go of the link. */
  get release():
    | { readonly reason: Status; readonly retryMs: number; readonly last: number }
    | undefined {
    const found = this.#of(wire.type.release)[0]
    if (found === undefined) return undefined
    const { payload } = found
    return {
      reason: statusOf(payload.readUInt16BE(0)) ?? 'internal',
      retryMs: payload.readUInt32BE(2),
      last: payload.readUInt32BE(6),
    }
  }

  /** Credit that was granted so far, as [requests, bytes] of each class. */
  get granted(): readonly (readonly [number, number])[] {
    const sums = [0, 1, 2].map(() => [0, 0] as [number, number])
    for (const { payload } of this.#of(wire.type.credit)) {
      const sum = sums[payload[0] as number] as [number, number]
      sum[0] += payload.readUInt32BE(1)
      sum[1] += payload.readUInt32BE(5)
    }
    return sums
  }

  // What goes out.

  /** Answers each PING that was not answered. */
  pong(): undefined {
    const pings = this.#of(wire.type.ping).filter(({ flags }) => (flags & wire.ack) === 0)
    for (const { payload } of pings.slice(this.#pongs)) {
      this.write(wire.type.ping, wire.ack, 0, payload)
    }
    this.#pongs = pings.length
  }

  get nextId(): number {
    return this.#nextId
  }

  /** Lets the gateway send more of a class. */
  grant(trafficClass: number, requests: number, bytes: number): undefined {
    const payload = Buffer.concat([Buffer.of(trafficClass), wire.u32(requests, bytes)])
    this.write(wire.type.credit, 0, 0, payload)
  }

  raw(...parts: readonly Uint8Array[]): undefined {
    this.channel.write(parts.map((part) => Buffer.from(part)))
  }

  write(type: number, flags: number, id: number, payload: Uint8Array = Buffer.alloc(0)): undefined {
    this.raw(wire.frame(type, flags, id, payload))
  }

  /** Members as in the page; `changes` with `undefined` leaves one out. */
  sayHello(changes: Hello = {}): undefined {
    const members = {
      version: 1,
      role: 'gateway',
      domain: this.domain,
      software: 'script',
      boot: this.boot,
      state: '',
      nonce: this.nonce,
      services: ['im', 'pres'],
      limits: { messageBytes: 65_536, references: 16_384 },
      extensions: [],
      ...changes,
    }
    this.write(wire.type.hello, 0, 0, Buffer.from(JSON.stringify(members)))
  }

  /** Sends a request with the next id of this side, and returns the id. */
  ask(flags: number, shape: wire.RequestShape): number {
    const id = this.#nextId
    this.#nextId += 2
    this.write(wire.type.request, flags, id, wire.requestPayload(shape))
    return id
  }

  respond(
    id: number,
    status: Status,
    list: wire.FieldList = [],
    body: Uint8Array = Buffer.alloc(0),
  ): undefined {
    this.write(wire.type.response, 0, id, wire.responsePayload(statusNumber(status), list, body))
  }

  /** The value that binds a proof to this channel. */
  get binding(): string {
    const { binding } = this.channel.facts
    if (binding !== undefined) return b64(binding)
    const theirs = String(this.hello['nonce'])
    const [first, second] = this.side === 'initiating' ? [this.nonce, theirs] : [theirs, this.nonce]
    return b64(createHash('sha256').update(`pitp-mitp/1 plain ${first} ${second}`).digest())
  }

  assertion(changes: Forgery = {}): string {
    const { key = this.key, header = {}, claims = {} } = changes
    const now = this.#needs.seconds()
    return forge(
      { alg: 'Ed25519', typ: 'pitp-link+jwt', kid: key.kid, ...header },
      {
        iss: this.domain,
        aud: 'b.example',
        iat: now,
        exp: now + 120,
        jti: this.#unique(),
        cb: this.binding,
        ...claims,
      },
      key.privateKey,
    )
  }

  prove(changes: Forgery = {}, more: wire.FieldList = []): number {
    return this.ask(wire.control, {
      command: wire.command.prove,
      fields: [[wire.tag.token, this.assertion(changes)], ...more],
    })
  }

  credentialOf(sub: string, changes: Forgery = {}): string {
    const { key = this.key, header = {}, claims = {} } = changes
    const now = this.#needs.seconds()
    return forge(
      { alg: 'Ed25519', typ: 'pitp-cred+jwt', kid: key.kid, ...header },
      {
        iss: this.domain,
        sub,
        aud: 'b.example',
        iat: now,
        exp: now + 600,
        jti: this.#unique(),
        scope: 'im.send pres.watch pres.notify',
        ...claims,
      },
      key.privateKey,
    )
  }

  /** Shows a credential under `number`. */
  show(number: number, sub: string, changes: Forgery & { readonly flags?: number } = {}): number {
    return this.ask(changes.flags ?? wire.im, {
      command: wire.command.credential,
      reference: number,
      fields: [[wire.tag.token, this.credentialOf(sub, changes)]],
    })
  }

  /** A token for several users. */
  credentialOfAll(users: readonly string[], changes: Forgery = {}): string {
    const header = { typ: 'pitp-creds+jwt', ...changes.header }
    const claims = { sub: undefined, subs: users, ...changes.claims }
    return this.credentialOf('', { ...changes, header, claims })
  }

  /** Shows `users` under `numbers`, which need not be as many. */
  showAll(
    numbers: readonly number[],
    users: readonly string[],
    changes: Forgery & { readonly flags?: number; readonly reference?: number } = {},
  ): number {
    const { flags = wire.im, reference = 0 } = changes
    return this.ask(flags, {
      ...{ command: wire.command.credential, reference },
      fields: [
        [wire.tag.token, this.credentialOfAll(users, changes)],
        [wire.tag.references, wire.u32(...numbers)],
      ],
    })
  }

  /** MESSAGE with place (1, `sequence`) and an id that is made of it, unless told otherwise. */
  message(wish: MessageWish): number {
    const {
      reference = 1,
      epoch = 1,
      sequence = 1,
      settled,
      to = 'bob@b.example',
      body = 'Hello',
    } = wish
    const lane: wire.FieldList = sequence === 0 ? [] : [[wire.tag.lane, wire.u32(epoch, sequence)]]
    return this.ask(wire.im | (wish.flags ?? 0), {
      command: wire.command.message,
      hops: wish.hops ?? 1,
      reference,
      fields: [
        ...lane,
        ...(settled === undefined ? [] : ([[wire.tag.settled, settled]] as const)),
        [wire.tag.to, to],
        [wire.tag.id, wish.id ?? messageId(`${epoch} ${sequence}`)],
        ...(wish.more ?? []),
      ],
      body: Buffer.from(body),
    })
  }

  async settle(): Promise<void> {
    await this.#needs.settle()
  }

  #of(type: number): readonly wire.Frame[] {
    return this.frames.filter((frame) => frame.type === type)
  }

  #nameOf({ status }: wire.Response): Status {
    return statusOf(status) ?? 'internal'
  }

  #unique(): string {
    return `jti-${++this.#count}-`.padEnd(22, '_')
  }

  #take(chunk: Buffer): undefined {
    const { frames, rest } = wire.readFrames(Buffer.concat([this.#rest, chunk]))
    this.frames.push(...frames)
    this.#rest = rest
  }
}

export type MessageWish = {
  readonly reference?: number
  readonly epoch?: number
  /** 0: without a lane. */
  readonly sequence?: number
  readonly settled?: number
  readonly to?: string
  readonly id?: Uint8Array
  readonly hops?: number
  readonly flags?: number
  readonly body?: string
  /** Further fields, with tags above that of `id`. */
  readonly more?: wire.FieldList
}

/** Sixteen bytes that are told apart by `name`. */
export const messageId = (name: string): Buffer =>
  createHash('sha256').update(name).digest().subarray(0, 16)
