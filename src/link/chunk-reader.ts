/**
 * How what arrives by a link gets to its inbox: at once, or in the turns that it shares with other links.
 *
 * In:    chunks of the channel.
 * Out:   the same bytes in the inbox, in the order in which they came.
 */
import type { Clock } from '../lib/clock.ts'
import { Account } from '../shares/account.ts'
import type { Shares } from '../shares/shares.ts'
import type { Reader } from '../shares/turns.ts'
import type { Channel } from './channel.ts'
import type { Inbox } from './inbox.ts'
import type { KeepAlive } from './keep-alive.ts'

/** In whose turns a link is read, and for whom. */
export type ReadShare = { readonly shares: Shares; readonly account: Account }

const nothing = (): undefined => undefined

/** A link that shares with nobody is read for nobody. */
const nobody = new Account('nobody', undefined, 1)

export class ChunkReader implements Reader {
  account: Account
  readonly #shares: Shares | undefined
  readonly #clock: Clock
  readonly #channel: Channel
  readonly #inbox: Inbox
  readonly #keepAlive: KeepAlive

  constructor(
    share: ReadShare | undefined,
    clock: Clock,
    channel: Channel,
    inbox: Inbox,
    keepAlive: KeepAlive,
  ) {
    this.#keepAlive = keepAlive
    this.account = share?.account ?? nobody
    this.#shares = share?.shares
    this.#clock = clock
    this.#channel = channel
    this.#inbox = inbox
  }

  /** Whether the far side uses more than its share of our time. */
  get isOver(): boolean {
    return this.#shares?.isOver(this.account, 'time') ?? false
  }

  /** `task` is done once, when it is known anew whether it is. */
  afterTurn(task: () => undefined): undefined {
    this.#shares?.afterTurn(task)
  }

  /** Bytes for a body in pieces, paid by whoever the link is read for now; nothing: there is no room for it. */
  reserve(bytes: number): (() => undefined) | undefined {
    const shares = this.#shares
    const { account } = this
    if (shares === undefined) return nothing
    return shares.take(account, 'bytes', bytes)
      ? () => shares.give(account, 'bytes', bytes)
      : undefined
  }

  take(chunk: Buffer): undefined {
    this.#keepAlive.heard()
    if (this.#shares === undefined) this.read(chunk, this.#clock.now())
    else this.#shares.turns.read(this, chunk)
  }

  read(chunk: Buffer, now: number): number {
    return this.#inbox.read(chunk, now)
  }

  pause(): undefined {
    this.#channel.pause()
  }

  resume(): undefined {
    this.#channel.resume()
  }
}
