/**
 * How what arrives by a link gets to its inbox: at once, or in the turns that it shares with other links.
 *
 * In:    chunks of the channel.
 * Out:   the same bytes in the inbox, in the order in which they came.
 */
import type { Clock } from '../lib/clock.ts'
import type { Account } from '../shares/account.ts'
import type { Reader } from '../shares/turns.ts'
import type { Channel } from './channel.ts'
import type { Inbox } from './inbox.ts'
import type { KeepAlive } from './keep-alive.ts'
import type { Payer } from './payer.ts'

export class ChunkReader implements Reader {
  readonly #payer: Payer
  readonly #clock: Clock
  readonly #channel: Channel
  readonly #inbox: Inbox
  readonly #keepAlive: KeepAlive

  constructor(payer: Payer, clock: Clock, channel: Channel, inbox: Inbox, keepAlive: KeepAlive) {
    this.#payer = payer
    this.#clock = clock
    this.#channel = channel
    this.#inbox = inbox
    this.#keepAlive = keepAlive
  }

  /** For whom it is read, which can change. */
  get account(): Account {
    return this.#payer.account
  }

  take(chunk: Buffer): undefined {
    this.#keepAlive.heard()
    const { turns } = this.#payer
    if (turns === undefined) this.read(chunk, this.#clock.now())
    else turns.read(this, chunk)
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
