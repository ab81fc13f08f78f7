/**
 * The far end of a client's link, bare: it records what a client asks and answers as it is told.
 *
 * In:    a clock; `reply`, asked for each request but PROVE, which is judged as a gateway judges it.
 * Out:   `requests` in the order in which they came, `links` one for each time the client dialled, and ways to ask.
 */
import { type Address, parseAddress } from '../../src/address/address.ts'
import { parseDomain } from '../../src/address/domain.ts'
import type { Connect } from '../../src/client/connection.ts'
import { encodeMessage } from '../../src/command/message.ts'
import { encodeNotify, type Notify } from '../../src/command/notify.ts'
import { readProve } from '../../src/command/prove.ts'
import { importPublicKey, verify } from '../../src/credential/ed25519.ts'
import { parseLinkToken } from '../../src/credential/token.ts'
import { isSuccess, type Status } from '../../src/errors.ts'
import { encodeBase64url } from '../../src/lib/base64url.ts'
import type { Clock } from '../../src/lib/clock.ts'
import type { Limits } from '../../src/limits.ts'
import type { Channel } from '../../src/link/channel.ts'
import { ownCounters } from '../../src/link/counters.ts'
import type { Hello } from '../../src/link/hello.ts'
import { Link, type LinkOwner, type RequestView } from '../../src/link/link.ts'
import type { AnswerView, Outgoing } from '../../src/link/outgoing.ts'
import { encodeFields, type FieldValue } from '../../src/wire/fields.ts'
import {
  type CommandName,
  commandOf,
  commands,
  fields,
  type TrafficClass,
} from '../../src/wire/registry.ts'
import { type MemoryPair, memoryChannelPair, plainFacts, tlsLikeFacts } from './memory-channel.ts'

/** A request, copied from its view. */
export type Recorded = {
  readonly link: ScriptedLink
  readonly command: CommandName | undefined
  readonly number: number
  readonly id: number
  readonly trafficClass: TrafficClass
  readonly reference: number
  /** Of a MESSAGE; zeros without a place. */
  readonly epoch: number
  readonly sequence: number
  readonly settled: number
  readonly fields: ReadonlyMap<number, Buffer>
  readonly to: string
  readonly body: string
  readonly at: number
}

export type Reply = {
  readonly status: Status
  readonly fields?: readonly (readonly [tag: number, value: FieldValue])[]
  readonly body?: Buffer
}

/** `later`: answered by `answer`, or never. */
export type Script = (request: Recorded) => Reply | 'later'

export type ScriptedOptions = {
  readonly clock: Clock
  readonly limits: Limits
  readonly plain: boolean
}

export class ScriptedGateway {
  readonly requests: Recorded[] = []
  readonly links: ScriptedLink[] = []
  /** Refusals of NOTIFY, which nobody waits for. */
  readonly orphans: Status[] = []
  reply: Script = () => ({ status: 'ok' })
  /** What PROVE is answered after it was found good. */
  attachAs: Status | 'never' = 'ok'
  /** Set: a dial fails with it, or never ends. */
  dialFault: Error | 'hangs' | undefined
  /** Nothing that it writes arrives on the links to come. */
  isMute = false
  dials = 0
  messageBytes: number
  readonly #options: ScriptedOptions

  constructor(options: ScriptedOptions) {
    this.#options = options
    this.messageBytes = options.limits.messageBytes
  }

  /** For the client. */
  readonly connect: Connect = (signal) => {
    this.dials++
    if (this.dialFault === 'hangs') {
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(new Error('called off')))
      })
    }
    if (this.dialFault !== undefined) return Promise.reject(this.dialFault)
    const { clock, plain } = this.#options
    const facts = plain ? plainFacts() : tlsLikeFacts(undefined, `channel ${this.dials}`)
    const pair = memoryChannelPair({ clock, ...facts })
    pair.toInitiating.isHeld = this.isMute
    this.accept(pair.receiving, pair)
    return Promise.resolve(pair.initiating)
  }

  /** A channel that somebody opened; in memory with its two ends. */
  accept(channel: Channel, pair?: MemoryPair): undefined {
    this.links.push(new ScriptedLink(this, channel, pair, this.#options))
  }

  /** The newest link. */
  get link(): ScriptedLink {
    const link = this.links.at(-1)
    if (link === undefined) throw new Error('nobody has dialled')
    return link
  }

  /** All requests of one command. */
  asked(command: CommandName): readonly Recorded[] {
    return this.requests.filter((request) => request.command === command)
  }

  answer(request: Recorded, { status, fields: values = [], body = nothing }: Reply): undefined {
    const { link, id, trafficClass, number } = request
    const head = encodeFields(values)
    const bytes = Buffer.concat([head, body])
    link.link.answerWith(id, trafficClass, number, status, bytes, 0, head.length, bytes.length)
  }

  /** Once a second, if a test needs it. */
  tick(now: number): undefined {
    for (const { link } of this.links) link.tick(now)
  }
}

const nothing = Buffer.alloc(0)

export class ScriptedLink implements LinkOwner {
  readonly link: Link
  /** Who attached, with which credential. */
  user: Address | undefined
  credential: string | undefined
  closedWith: Status | undefined
  releasedWith: Status | undefined
  readonly #gateway: ScriptedGateway
  readonly #limits: Limits
  readonly #clock: Clock
  readonly #pair: MemoryPair | undefined

  constructor(
    gateway: ScriptedGateway,
    channel: Channel,
    pair: MemoryPair | undefined,
    { clock, limits }: ScriptedOptions,
  ) {
    this.#gateway = gateway
    this.#limits = limits
    this.#clock = clock
    this.#pair = pair
    this.link = new Link({
      channel,
      side: 'receiving',
      hello: helloOf(gateway.dials, gateway.messageBytes),
      owner: this,
      limits,
      clock,
      answerMs: limits.confirmMs,
      ageMs: 2 * limits.linkAgeMs,
      counters: ownCounters(),
      limitHit: () => undefined,
    })
    this.link.start()
  }

  /** The two ends, in memory. */
  get pair(): MemoryPair {
    if (this.#pair === undefined) throw new Error('not in memory')
    return this.#pair
  }

  /** Hands the client a message; the status of its answer comes by `answered`, `undefined` if none will. */
  deliver(
    message: Delivery,
    answered: (status: Status | undefined) => undefined = () => undefined,
  ): undefined {
    const { from, to, id, contentType = 'text/plain;charset=utf-8', extra = [] } = message
    const head = encodeMessage(to, Buffer.from(id, 'hex'), contentType)
    const more = encodeFields(extra)
    this.ask('message', from, Buffer.concat([head, more]), Buffer.from(message.body), true, {
      answered: ({ status }) => answered(status),
      failed: () => answered(undefined),
    })
  }

  notify(presentity: string, notify: Omit<Notify, 'document'>, document: string): undefined {
    const ends = { answered: () => undefined, failed: () => undefined }
    this.ask('notify', presentity, encodeNotify(notify), Buffer.from(document), false, ends)
  }

  greeted(): undefined {}
  opened(): undefined {}

  request(_link: Link, view: RequestView): undefined {
    const request = record(this, view, this.#clock.now())
    this.#gateway.requests.push(request)
    if (request.command === 'prove') {
      const status = this.#judge(view)
      if (status === 'never') return
      if (isSuccess(status)) this.link.proven()
      return this.#gateway.answer(request, { status })
    }
    const reply = this.#gateway.reply(request)
    if (reply !== 'later') this.#gateway.answer(request, reply)
  }

  orphan(_link: Link, { status }: AnswerView): undefined {
    this.#gateway.orphans.push(status)
  }

  draining(_link: Link, reason: Status): undefined {
    this.releasedWith = reason
  }

  closed(_link: Link, reason: Status): undefined {
    this.closedWith = reason
  }

  isUsed(): boolean {
    return true
  }

  /** As `peer/proofs.ts` judges a client. */
  #judge(view: RequestView): Status | 'never' {
    const prove = readProve(view)
    if (typeof prove === 'string') return prove
    const token = parseLinkToken(prove.token, this.#limits)
    if (!token.ok) return token.code
    const { iss, aud, cb } = token.value.claims
    const user = parseAddress(iss)
    const { binding } = this.link
    if (binding === undefined) return 'proof-pending'
    if (aud !== user.domain) return 'credential-audience'
    if (cb !== encodeBase64url(binding)) return 'credential-binding'
    const key = importPublicKey(encodeBase64url(prove.publicKey ?? nothing))
    if (key === undefined) return 'credential-key'
    const { signingInput, signature } = token.value
    if (!verify(signingInput, key, signature)) return 'credential-signature'
    this.user = user
    this.credential = prove.userCredential?.toString()
    return this.#gateway.attachAs
  }

  /** Any request. */
  ask(
    command: CommandName,
    from: string,
    head: Buffer,
    body: Buffer,
    expectsAnswer: boolean,
    ends: Pick<Outgoing, 'answered' | 'failed'>,
  ): undefined {
    this.link.ask({
      command: commands[command].number,
      trafficClass: commands[command].trafficClass,
      hops: 1,
      reference: undefined,
      laneEpoch: 0,
      laneSequence: 0,
      settled: 0,
      from,
      answerCredit: 0,
      expectsAnswer,
      user: from,
      buffer: Buffer.concat([head, body]),
      fieldsAt: 0,
      bodyAt: head.length,
      end: head.length + body.length,
      since: -1,
      sentAt: -1,
      freshen: undefined,
      failed: ends.failed,
      answered: (answer) =>
        expectsAnswer ? ends.answered(answer) : this.orphan(this.link, answer),
    })
  }
}

export type Delivery = {
  readonly from: string
  readonly to: string
  /** Hexadecimal. */
  readonly id: string
  readonly body: string
  readonly contentType?: string
  /** Fields above those of a message. */
  readonly extra?: readonly (readonly [tag: number, value: FieldValue])[]
}

const helloOf = (number: number, messageBytes: number): Hello => ({
  role: 'gateway',
  domain: parseDomain('a.example'),
  software: 'scripted',
  boot: `scripted ${number}`,
  state: 'scripted',
  nonce: encodeBase64url(Buffer.alloc(32, number)),
  services: ['im', 'pres'],
  messageBytes,
  references: 16,
  subjects: 0,
})

function record(link: ScriptedLink, view: RequestView, at: number): Recorded {
  const { command, id, trafficClass, reference, buffer, bodyAt, end, fields: table } = view
  const values = new Map<number, Buffer>()
  for (let tag = 1; tag < 256; tag++) {
    const value = table.bytes(tag)
    if (value !== undefined) values.set(tag, value)
  }
  const lane = values.get(fields.lane.tag)
  return {
    link,
    command: commandOf(command),
    number: command,
    id,
    trafficClass,
    reference,
    epoch: lane?.readUInt32BE(0) ?? 0,
    sequence: lane?.readUInt32BE(4) ?? 0,
    settled: values.get(fields.settled.tag)?.readUInt32BE() ?? 0,
    fields: values,
    to: values.get(fields.to.tag)?.toString() ?? '',
    body: buffer.toString('utf8', bodyAt, end),
    at,
  }
}
