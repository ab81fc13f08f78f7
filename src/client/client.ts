/**
 * The client library: a program attaches to the gateway of its own domain and speaks for one user.
 *
 *     import { connectClient } from 'gatehouse/client'
 *
 *     await using client = await connectClient({
 *       user: 'alice@a.example',
 *       key: await readFile('alice.key', 'utf8'),          // Ed25519, PKCS8 PEM
 *       host: 'gate.a.example',
 *       port: 5280,
 *       onMessage: ({ from, body }) => console.log(`${from.text}: ${body}`),
 *     })
 *     const { status } = await client.send({ to: 'bob@b.example', body: 'Hello' })
 *     // delivered, stored or queued; or why not. Repeated by itself while nobody knows.
 *
 *     await client.publish({ tuples: { laptop: { basic: 'open', note: 'at work' } } })
 *     const watch = client.subscribe('bob@b.example', ({ state, document }) => show(state, document))
 *
 * In:    who the user is, a key that the gateway knows (or a credential that names it), a way to dial.
 * Out:   a `Client` that stays attached: it dials again, sends again and subscribes again after every loss.
 * Fails: `connect` rejects with a `GatewayError`; afterwards what became of something is a value, its `status`.
 * Spec:  design 7, 8, 10; `docs/protocol.md` 5.4 and 6. A connection never implies presence (draft §5.5.1).
 */
import type { Address } from '../address/address.ts'
import type { KeyPair } from '../credential/ed25519.ts'
import type { GatewayError } from '../errors.ts'
import { type Clock, systemClock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import type { Random } from '../lib/random.ts'
import { type Limits, limitsWith } from '../limits.ts'
import type { LinkCounters } from '../link/counters.ts'
import type { Scope, SubscriptionState } from '../wire/registry.ts'
import type { Version } from '../wire/version.ts'
import type { ClientState, Connect } from './connection.ts'
import { dialer, lookupHost } from './dial.ts'
import type { OnMessage, OnRawMessage } from './incoming.ts'
import { addressOf } from './input.ts'
import type { Done } from './message-lane.ts'
import type { Outcome } from './outcome.ts'
import type { OnPresence, PresenceDocument } from './presence.ts'
import type { PublishResult } from './publication.ts'
import { ClientSession } from './session.ts'

export type { ClientState, Connect } from './connection.ts'
export type { OnMessage, OnRawMessage, ReceivedMessage } from './incoming.ts'
export type { OnPresence, PresenceDocument, PresenceNotice, Tuple } from './presence.ts'
export type { PublishResult } from './publication.ts'

export type ClientOptions = {
  readonly user: Address | string
  /** The user's own key: a pair, or PKCS8 PEM. */
  readonly key: KeyPair | string
  /**
   * Names the key, where the directory of the domain lists none of the user: one credential, which the client then renews
   * at the gateway, or a function that is asked at each attempt to attach.
   */
  readonly credential?: string | (() => Promise<string>) | undefined
  /** Dials the door for clients; called again after each loss. */
  readonly connect: Connect
  /**
   * How long a message waits for a link and for its answer, and is repeated while nobody knows what became of it; a fetch
   * and a publication likewise. Default 30 s.
   */
  readonly lifeMs?: number | undefined
  /** How long `connect` waits until it is attached. Default: as long as a dial and a proof may take. */
  readonly attachMs?: number | undefined
  /** False: `unknown-outcome` is told at once instead of repeating the message. Default true. */
  readonly repeat?: boolean | undefined
  /** As `client.onMessage` and `client.onState`, from the first moment on. */
  readonly onMessage?: OnMessage | undefined
  readonly onState?: OnState | undefined
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
  readonly limits?: Limits | undefined
  readonly log?: Log | undefined
  /** A bound of `limits` was hit. */
  readonly limitHit?: ((limit: string) => undefined) | undefined
}

/** `reason`: why it is not attached. */
export type OnState = (state: ClientState, reason: GatewayError | undefined) => unknown

export type SendOptions = {
  readonly to: Address | string
  readonly body: string | Uint8Array
  /** Default `text/plain;charset=utf-8`. */
  readonly contentType?: string | undefined
  /** 32 hexadecimal digits. To repeat a message, give its id and everything else as it was. Default: a new one. */
  readonly id?: string | undefined
  /** For this message instead of that of the client. */
  readonly lifeMs?: number | undefined
  readonly repeat?: boolean | undefined
}

export type SendResult = Outcome & { readonly id: string }

export type PublishOptions = {
  /** Wanted seconds. */
  readonly lease?: number | undefined
  /**
   * The `entityTag` that another client was told: its publication is replaced, or taken back with `null`. Counts while
   * this client has published nothing itself.
   */
  readonly replaces?: string | undefined
  /** For this change instead of that of the client. */
  readonly lifeMs?: number | undefined
}

export type FetchResult = Outcome & {
  readonly document: PresenceDocument | undefined
  readonly version: Version | undefined
}

export type Subscription = {
  readonly presentity: Address
  /** What was told last; `undefined`: nothing yet. */
  readonly state: SubscriptionState | undefined
  /** Nothing is told any more. */
  readonly end: () => undefined
}

/** For load generators: no promise and one object for each message. */
export type RawClient = {
  /**
   * Sends the fields (`to`, `id`, `contentType`, as `encodeMessage` makes them) and the body of a message: `buffer`
   * from `fieldsAt` over `bodyAt` to `end`. The bytes are free again when this returns. `done` is called once.
   */
  readonly send: (
    recipient: string,
    buffer: Buffer,
    fieldsAt: number,
    bodyAt: number,
    end: number,
    done: Done,
  ) => undefined
  /** Takes messages instead of `onMessage`: repetitions too. `undefined`: no more. */
  readonly onMessage: (handler: OnRawMessage | undefined) => undefined
}

export type Client = {
  readonly user: Address
  readonly state: ClientState
  readonly onState: (listener: OnState | undefined) => undefined
  /**
   * Sends a message. Messages to one recipient arrive in the order of the calls; at most 16 are under way, more wait
   * here. Never rejects: `delivered`, `stored`, `queued`, or a failure; `unknown-outcome` means that it may have
   * arrived, and that a repetition with the same id is safe.
   */
  readonly send: (message: SendOptions) => Promise<SendResult>
  /**
   * Says how the user is, in the place of what this client published before; `null`: nothing any more. Kept alive
   * while the client lives, and not ended by closing it. What fails for a time is told and tried again.
   */
  readonly publish: (
    document: PresenceDocument | null,
    options?: PublishOptions,
  ) => Promise<PublishResult>
  /** Asks for presence once. */
  readonly fetch: (
    presentity: Address | string,
    options?: { readonly lifeMs?: number | undefined },
  ) => Promise<FetchResult>
  /** Watches somebody until it is ended here or there. Throws `bad-address`. `lease` in seconds. */
  readonly subscribe: (
    presentity: Address | string,
    onPresence: OnPresence,
    options?: { readonly lease?: number | undefined },
  ) => Subscription
  /**
   * Takes messages. Each is confirmed to its sender when the handler is done, which should be within 5 s, and refused
   * when it throws; repetitions are confirmed without asking again. Without a handler messages are refused for now.
   */
  readonly onMessage: (handler: OnMessage | undefined) => undefined
  /** A credential of the user for another domain, bound to the user's key. Rejects with a `GatewayError`. */
  readonly issue: (wish: {
    readonly audience: string
    readonly scope: readonly Scope[]
  }) => Promise<string>
  readonly raw: RawClient
  readonly counters: LinkCounters
  /**
   * Gives up what waits, takes its subscriptions back, lets what is under way be answered, and resolves when the link is
   * closed.
   */
  readonly close: () => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

export type PlaceOptions = Omit<ClientOptions, 'connect'> & {
  /** A name or an IP address. */
  readonly host: string
  readonly port: number
  /** False: plain TCP, for a gateway on the same machine. Default true. */
  readonly tls?: boolean | undefined
  /** PEM texts of authorities beside those of the system. */
  readonly ca?: readonly string[] | undefined
}

/** Attaches by way of a host and port: TLS 1.3, with a certificate for the user's domain. */
export async function connectClient(options: PlaceOptions): Promise<Client> {
  const user = addressOf(options.user)
  const { host, port, tls = true, ca = [], clock = systemClock, limits = limitsWith() } = options
  const place = { host, port, domain: user.domain, tls, ca, clock, limits }
  return connect({ ...options, user, connect: dialer(place, lookupHost) })
}

/** Resolves when attached; rejects with the `GatewayError` of the first attempt. */
export async function connect(options: ClientOptions): Promise<Client> {
  const client = new ClientSession(options)
  await client.open()
  return client
}
