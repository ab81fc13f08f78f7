/**
 * How many signatures are checked a second: each costs 0.1 ms, and links cost their opener little.
 *
 * Credentials count for their issuer, who is proven on the link, whatever the link. Claims count for the network that
 * they come from, since anybody may name any domain in one; they have a total of their own.
 */
import { BucketTable } from '../lib/bucket-table.ts'
import { TokenBucket } from '../lib/token-bucket.ts'
import type { LimitName, Limits } from '../limits.ts'

export class VerificationBudget {
  readonly #issuers: BucketTable
  readonly #credentials: TokenBucket
  readonly #networks: BucketTable
  readonly #claims: TokenBucket

  constructor(limits: Limits, now: number) {
    const { verificationsPerSecond, verificationsInAll, claimVerificationsPerNetwork } = limits
    this.#issuers = new BucketTable(verificationsPerSecond, verificationsPerSecond, limits.peers)
    this.#credentials = new TokenBucket(verificationsInAll, verificationsInAll, now)
    this.#networks = new BucketTable(
      claimVerificationsPerNetwork,
      claimVerificationsPerNetwork,
      limits.networks,
    )
    this.#claims = new TokenBucket(verificationsPerSecond, verificationsPerSecond, now)
  }

  /** One signature of a credential of `issuer`; else the limit that is reached. */
  takeCredential(issuer: string, now: number): LimitName | undefined {
    if (!this.#issuers.of(issuer, now).take(now)) return 'verificationsPerSecond'
    return this.#credentials.take(now) ? undefined : 'verificationsInAll'
  }

  /** One signature of a claim that comes from `network`. */
  takeClaim(network: string, now: number): LimitName | undefined {
    if (!this.#networks.of(network, now).take(now)) return 'claimVerificationsPerNetwork'
    return this.#claims.take(now) ? undefined : 'verificationsPerSecond'
  }
}
