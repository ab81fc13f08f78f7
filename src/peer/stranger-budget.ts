/**
 * How many key fetches the claims of strangers may cause, and so how many dials.
 *
 * Each network of claiming links has a share of all. Domains that the operator names have a reserve besides: nobody can
 * use it up but by their names, and a name whose keys could not be had is not asked for again at once.
 */
import { BucketTable } from '../lib/bucket-table.ts'
import { TokenBucket } from '../lib/token-bucket.ts'
import type { LimitName, Limits } from '../limits.ts'

export class StrangerBudget {
  readonly #all: TokenBucket
  readonly #reserve: TokenBucket
  readonly #networks: BucketTable

  constructor(limits: Limits, now: number) {
    const { strangerDialsPerSecond, strangerDialsPerNetwork, strangerDialsPerNetworkBurst } = limits
    this.#all = new TokenBucket(strangerDialsPerSecond, strangerDialsPerSecond, now)
    this.#reserve = new TokenBucket(strangerDialsPerSecond, strangerDialsPerSecond, now)
    this.#networks = new BucketTable(
      strangerDialsPerNetwork,
      strangerDialsPerNetworkBurst,
      limits.networks,
    )
  }

  /** One fetch for a domain that is named. */
  takeReserve(now: number): boolean {
    return this.#reserve.take(now)
  }

  /** One fetch because of a link from `network`; else the limit that is reached. */
  take(network: string, now: number): LimitName | undefined {
    if (!this.#networks.of(network, now).take(now)) return 'strangerDialsPerNetwork'
    return this.#all.take(now) ? undefined : 'strangerDialsPerSecond'
  }
}
