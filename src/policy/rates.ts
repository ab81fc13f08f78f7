/**
 * How much a peer, a sender and a lane may ask for: token buckets, kept with what is remembered of each.
 *
 * A bucket that is full again says nothing, so it can be forgotten.
 */
import { BucketTable } from '../lib/bucket-table.ts'
import { TokenBucket } from '../lib/token-bucket.ts'
import type { Limits } from '../limits.ts'
import type { Lane, Sender } from '../operation/lane.ts'

/** Which bucket is empty, and for how long. */
export type Excess = {
  readonly limit:
    | 'peerPerSecond'
    | 'peerNotifyPerSecond'
    | 'senderPerSecond'
    | 'watchesPerSecond'
    | 'lanePerSecond'
  readonly waitMs: number
}

export class Rates {
  readonly #limits: Limits
  readonly #peers: BucketTable
  readonly #notifiers: BucketTable

  constructor(limits: Limits) {
    const { peers, peerPerSecond, peerBurst, peerNotifyPerSecond, peerNotifyBurst } = limits
    this.#limits = limits
    this.#peers = new BucketTable(peerPerSecond, peerBurst, peers)
    this.#notifiers = new BucketTable(peerNotifyPerSecond, peerNotifyBurst, peers)
  }

  /** One request of `peer` (a domain). `undefined`: it may pass. */
  takePeer(peer: string, now: number): Excess | undefined {
    const bucket = this.#peers.of(peer, now)
    return bucket.take(now) ? undefined : { limit: 'peerPerSecond', waitMs: bucket.waitMs() }
  }

  /** One NOTIFY of `peer`: what we asked for ourselves, so that a busy evening there stops no message. */
  takeNotify(peer: string, now: number): Excess | undefined {
    const bucket = this.#notifiers.of(peer, now)
    return bucket.take(now) ? undefined : { limit: 'peerNotifyPerSecond', waitMs: bucket.waitMs() }
  }

  takeSender(sender: Sender, now: number): Excess | undefined {
    sender.bucket ??= new TokenBucket(this.#limits.senderPerSecond, this.#limits.senderBurst, now)
    const { bucket } = sender
    return bucket.take(now) ? undefined : { limit: 'senderPerSecond', waitMs: bucket.waitMs() }
  }

  /** One SUBSCRIBE or UNSUBSCRIBE: whoever logs on sends one for each contact. */
  takeWatch(sender: Sender, now: number): Excess | undefined {
    const { watchesPerSecond, watchesBurst } = this.#limits
    sender.watches ??= new TokenBucket(watchesPerSecond, watchesBurst, now)
    const { watches } = sender
    return watches.take(now) ? undefined : { limit: 'watchesPerSecond', waitMs: watches.waitMs() }
  }

  takeLane(lane: Lane, now: number): Excess | undefined {
    lane.bucket ??= new TokenBucket(this.#limits.lanePerSecond, this.#limits.laneBurst, now)
    const { bucket } = lane
    return bucket.take(now) ? undefined : { limit: 'lanePerSecond', waitMs: bucket.waitMs() }
  }

  /** Once a minute. */
  sweep(now: number): undefined {
    this.#peers.sweep(now)
    this.#notifiers.sweep(now)
  }
}
