/**
 * How much a peer, a sender and a lane may ask for: token buckets, bounded in number.
 *
 * A bucket that is full again says nothing and is forgotten.
 */
import { TokenBucket } from '../lib/token-bucket.ts'
import type { Limits } from '../limits.ts'

/** Which bucket is empty, and for how long. */
export type Excess = {
  readonly limit: 'peerPerSecond' | 'senderPerSecond' | 'lanePerSecond'
  readonly waitMs: number
}

type Sender = { readonly bucket: TokenBucket; readonly lanes: Map<string, TokenBucket> }

export class Rates {
  readonly #limits: Limits
  readonly #peers = new Map<string, TokenBucket>()
  readonly #senders = new Map<string, Sender>()

  constructor(limits: Limits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#senders.size
  }

  /** One request of `peer` (a domain). `undefined`: it may pass. */
  takePeer(peer: string, now: number): Excess | undefined {
    let bucket = this.#peers.get(peer)
    if (bucket === undefined) {
      if (this.#peers.size >= this.#limits.peers) forgetFull(this.#peers, now)
      bucket = new TokenBucket(this.#limits.peerPerSecond, this.#limits.peerBurst, now)
      this.#peers.set(peer, bucket)
    }
    return bucket.take(now) ? undefined : { limit: 'peerPerSecond', waitMs: bucket.waitMs() }
  }

  /** One request of `sender`; of a message also its lane. */
  takeSender(sender: string, recipient: string | undefined, now: number): Excess | undefined {
    let own = this.#senders.get(sender)
    if (own === undefined) {
      const { senderPerSecond, senderBurst, lanes } = this.#limits
      if (this.#senders.size >= lanes) this.sweep(now)
      own = { bucket: new TokenBucket(senderPerSecond, senderBurst, now), lanes: new Map() }
      this.#senders.set(sender, own)
    }
    if (!own.bucket.take(now)) return { limit: 'senderPerSecond', waitMs: own.bucket.waitMs() }
    if (recipient === undefined) return undefined
    let lane = own.lanes.get(recipient)
    if (lane === undefined) {
      lane = new TokenBucket(this.#limits.lanePerSecond, this.#limits.laneBurst, now)
      own.lanes.set(recipient, lane)
    }
    return lane.take(now) ? undefined : { limit: 'lanePerSecond', waitMs: lane.waitMs() }
  }

  /** Once a minute. */
  sweep(now: number): undefined {
    forgetFull(this.#peers, now)
    for (const [sender, { bucket, lanes }] of this.#senders) {
      forgetFull(lanes, now)
      if (lanes.size === 0 && bucket.isFull(now)) this.#senders.delete(sender)
    }
  }
}

function forgetFull(buckets: Map<string, TokenBucket>, now: number): undefined {
  for (const [name, bucket] of buckets) if (bucket.isFull(now)) buckets.delete(name)
}
