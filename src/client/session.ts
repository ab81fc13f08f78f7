/**
 * A `Client` at work: its parts, each told of every link that comes and goes, and of every second.
 *
 * In:    the options of the program.
 * Out:   what `client.ts` promises.
 * Fails: `bad-address` and `credential-key` for options that cannot be used.
 */
import type { Address } from '../address/address.ts'
import { encodeFetch } from '../command/fetch.ts'
import { encodeIssue } from '../command/issue.ts'
import { defaultContentType, encodeMessage } from '../command/message.ts'
import { GatewayError, isSuccess, type Status } from '../errors.ts'
import { encodeBase64url } from '../lib/base64url.ts'
import { every, systemClock } from '../lib/clock.ts'
import { type Log, silentLog } from '../lib/log.ts'
import { systemRandom } from '../lib/random.ts'
import { type Limits, limitsWith } from '../limits.ts'
import { ownCounters } from '../link/counters.ts'
import type { AnswerView } from '../link/outgoing.ts'
import { fields, type Scope } from '../wire/registry.ts'
import { readVersion } from '../wire/version.ts'
import type {
  Client,
  ClientOptions,
  FetchResult,
  OnState,
  PublishOptions,
  RawClient,
  SendOptions,
  SendResult,
  Subscription,
} from './client.ts'
import { type ClientState, Connection } from './connection.ts'
import { Incoming, type OnMessage } from './incoming.ts'
import { addressOf, addressOrFault, bytesOf, idBytesOf, isContentType, keyOf } from './input.ts'
import { MessageIds } from './message-ids.ts'
import type { Done } from './message-lane.ts'
import { Messages } from './messages.ts'
import { localOutcome, outcomeFrom, outcomeOf } from './outcome.ts'
import { OwnCredential } from './own-credential.ts'
import {
  documentFault,
  type OnPresence,
  type PresenceDocument,
  readDocument,
  writeDocument,
} from './presence.ts'
import { Publication, type PublishResult } from './publication.ts'
import { Requests } from './request.ts'
import { Subscriptions } from './subscriptions.ts'

export class ClientSession implements Client {
  readonly user: Address
  readonly raw: RawClient
  readonly counters = ownCounters()
  readonly #limits: Limits
  readonly #attachMs: number | undefined
  readonly #lifeMs: number
  readonly #repeats: boolean
  readonly #ids: MessageIds
  readonly #log: Log
  readonly #connection: Connection
  readonly #messages: Messages
  readonly #requests: Requests
  readonly #publication: Publication
  readonly #subscriptions: Subscriptions
  readonly #credential: OwnCredential
  readonly #incoming: Incoming
  readonly #stopTicking: () => undefined
  #onState: OnState | undefined

  constructor(options: ClientOptions) {
    const { clock = systemClock, random = systemRandom, limits = limitsWith() } = options
    const { log = silentLog, limitHit = () => undefined } = options
    const common = { clock, random, limits, log, limitHit }
    const { user, key } = { user: addressOf(options.user), key: keyOf(options.key) }
    this.user = user
    this.#ids = new MessageIds(random)
    this.#log = log
    this.#limits = limits
    this.#attachMs = options.attachMs
    this.#lifeMs = options.lifeMs ?? limits.requestMs
    this.#repeats = options.repeat ?? true
    this.#onState = options.onState
    this.#messages = new Messages(common)
    this.#requests = new Requests(clock, limits)
    this.#publication = new Publication(common)
    this.#subscriptions = new Subscriptions(common)
    this.#credential = new OwnCredential({
      ...common,
      domain: user.domain,
      source: options.credential,
    })
    this.#incoming = new Incoming({
      log,
      notified: (presentity, notify) => this.#subscriptions.notified(presentity, notify),
    })
    this.#incoming.onMessage = options.onMessage
    const boot = encodeBase64url(random.bytes(16))
    this.#connection = new Connection({
      ...common,
      user,
      key,
      connect: options.connect,
      credential: () => this.#credential.current(),
      hello: () => ({
        role: 'client',
        domain: user.domain,
        software: 'gatehouse-client',
        boot,
        state: '',
        nonce: encodeBase64url(random.bytes(32)),
        services: ['im', 'pres'],
        messageBytes: limits.messageBytes,
        references: limits.references,
        subjects: 0,
      }),
      counters: this.counters,
      request: (link, request) => this.#incoming.request(link, request),
      up: (link) => {
        this.#messages.up(link, link.hello?.messageBytes ?? limits.messageBytes)
        for (const part of this.#others) part.up(link)
      },
      down: () => {
        this.#messages.down()
        for (const part of this.#others) part.down()
      },
      gone: () => {
        this.#stopTicking()
        this.#messages.gone()
      },
      changed: (state, reason) => {
        safely(log, () => this.#onState?.(state, reason))
        if (state === 'closed') this.#stop()
      },
    })
    this.raw = {
      send: (recipient, buffer, fieldsAt, bodyAt, end, done) =>
        this.#messages.send(
          recipient,
          buffer,
          fieldsAt,
          bodyAt,
          end,
          done,
          this.#lifeMs,
          this.#repeats,
        ),
      onMessage: (handler) => {
        this.#incoming.onRawMessage = handler
      },
    }
    this.#stopTicking = every(clock, 1000, () => this.#tick(clock.now()))
  }

  open(): Promise<void> {
    return this.#connection.open(this.#attachMs)
  }

  get state(): ClientState {
    return this.#connection.state
  }

  onState(listener: OnState | undefined): undefined {
    this.#onState = listener
  }

  onMessage(handler: OnMessage | undefined): undefined {
    this.#incoming.onMessage = handler
  }

  async send(message: SendOptions): Promise<SendResult> {
    const { contentType = defaultContentType, lifeMs = this.#lifeMs } = message
    const repeats = message.repeat ?? this.#repeats
    const bytes = message.id === undefined ? this.#ids.next() : idBytesOf(message.id)
    const id = bytes?.toString('hex') ?? message.id ?? ''
    const to = addressOrFault(message.to)
    if (typeof to === 'string') return { ...localOutcome('bad-address', to), id }
    if (bytes === undefined || !isContentType(contentType)) {
      const expected =
        bytes === undefined
          ? `an id of 32 hexadecimal digits, found "${message.id}"`
          : `a media type such as ${defaultContentType}, found "${contentType}"`
      return { ...localOutcome('bad-request', `expected ${expected}`), id }
    }
    const head = encodeMessage(to.text, bytes, contentType)
    const whole = Buffer.concat([head, bytesOf(message.body)])
    return new Promise((resolve) => {
      const done: Done = (status, retryAfterMs, answer) => {
        const outcome = outcomeFrom(status, retryAfterMs, answer)
        const text =
          status === 'too-large' ? this.#tooLarge(whole.length - head.length) : outcome.text
        resolve({ ...outcome, text, id })
      }
      this.#messages.send(to.text, whole, 0, head.length, whole.length, done, lifeMs, repeats)
    })
  }

  async publish(
    document: PresenceDocument | null,
    { lease: leaseSeconds, replaces: tag, lifeMs = this.#lifeMs }: PublishOptions = {},
  ): Promise<PublishResult> {
    const { standing } = this.#publication
    const replaces = tag === undefined ? undefined : idBytesOf(tag)?.toString('latin1')
    if (tag !== undefined && replaces === undefined) {
      const expected = `expected an entity-tag of 32 hexadecimal digits, found "${tag}"`
      return { ...localOutcome('bad-request', expected), ...standing }
    }
    const fault = document === null ? undefined : documentFault(document, this.#limits)
    if (fault !== undefined) return { ...localOutcome(fault.status, fault.detail), ...standing }
    const bytes = document === null ? undefined : writeDocument(document)
    const wish = { document: bytes, leaseSeconds, replaces, lifeMs }
    return new Promise((resolve) => this.#publication.publish(wish, resolve))
  }

  async fetch(
    presentity: Address | string,
    { lifeMs }: { readonly lifeMs?: number | undefined } = {},
  ): Promise<FetchResult> {
    const address = addressOrFault(presentity)
    const nothing = { document: undefined, version: undefined }
    if (typeof address === 'string') {
      return { ...localOutcome('bad-address', address), ...nothing }
    }
    const read = (answer: AnswerView): FetchResult => ({
      ...outcomeOf(answer),
      document: isSuccess(answer.status) ? readDocument(bodyOf(answer)) : undefined,
      version: readVersion(answer.fields),
    })
    return this.#ask('fetch', encodeFetch(address.text), read, lifeMs).catch(
      (error: GatewayError) => ({
        ...localOutcome(error.code, undefined),
        ...nothing,
      }),
    )
  }

  subscribe(
    presentity: Address | string,
    onPresence: OnPresence,
    options: { readonly lease?: number | undefined } = {},
  ): Subscription {
    const address = addressOf(presentity)
    const row = this.#subscriptions.subscribe(address, options.lease, (notice) =>
      safely(this.#log, () => onPresence(notice)),
    )
    const end = () => this.#subscriptions.end(row)
    return {
      presentity: address,
      end,
      get state() {
        return row.shown
      },
    }
  }

  issue({
    audience,
    scope,
  }: {
    readonly audience: string
    readonly scope: readonly Scope[]
  }): Promise<string> {
    return this.#ask('issue', encodeIssue(audience, scope), (answer) => {
      const token = answer.fields.latin1(fields.token.tag)
      if (isSuccess(answer.status) && token !== undefined) return token
      const { status, text, retryAfterMs } = outcomeOf(answer)
      const code = isSuccess(status) ? 'bad-request' : status
      throw new GatewayError(code, text ?? `no credential for ${audience}`, { retryAfterMs })
    })
  }

  close(): Promise<void> {
    this.#subscriptions.leave()
    return this.#connection.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #tooLarge(bytes: number): string {
    const { mostBytes } = this.#messages
    return bytes > mostBytes
      ? `the body has ${bytes} bytes, and the gateway takes at most ${mostBytes} (limits.messageBytes)`
      : `the body has ${bytes} bytes, more than the gateway of the recipient takes`
  }

  /** Rejects with the code where no answer came, or with what `read` throws. */
  #ask<T>(
    command: 'fetch' | 'issue',
    bytes: Buffer,
    read: (answer: AnswerView) => T,
    lifeMs = this.#lifeMs,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const asked = {
        command,
        fields: bytes,
        body: Buffer.alloc(0),
        answered: (answer: AnswerView): undefined => {
          try {
            resolve(read(answer))
          } catch (error) {
            reject(error)
          }
        },
        failed: (code: Status): undefined => {
          reject(new GatewayError(code, `${command} got no answer`))
        },
      }
      this.#requests.ask(asked, lifeMs)
    })
  }

  get #others() {
    return [this.#requests, this.#publication, this.#subscriptions, this.#credential]
  }

  #tick(now: number): undefined {
    this.#connection.tick(now)
    this.#messages.tick(now)
    for (const part of [this.#publication, this.#subscriptions, this.#credential]) part.tick(now)
  }

  #stop(): undefined {
    this.#messages.stop()
    this.#requests.stop()
    this.#publication.stop()
    this.#subscriptions.stop()
  }
}

const bodyOf = ({ buffer, bodyAt, end }: AnswerView): Buffer => buffer.subarray(bodyAt, end)

/** A fault of the program's own listener stays there. */
function safely(log: Log, listener: () => unknown): undefined {
  const fault = (error: unknown) => log.error('client.listener-failed', { detail: String(error) })
  try {
    const result = listener()
    if (result instanceof Promise) result.catch(fault)
  } catch (error) {
    fault(error)
  }
}
