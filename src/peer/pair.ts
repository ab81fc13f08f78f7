import type { Service } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'

/** How a domain was proven on a link. `key`: a link assertion with its signing key; `pinned`: one the operator named. */
export type ProofKind = 'certificate' | 'key' | 'pinned'

/** What was found about a pair of domains: one of ours, one of theirs. */
export type Proof = {
  readonly local: Domain
  readonly remote: Domain
  readonly kinds: Set<ProofKind>
  /** Thumbprint of the key that proved it, whatever its id; empty if only a certificate did. */
  readonly key: string
}

/** [LINK-5.4-1] A pair that this link may speak for. */
export type Pair = Proof & {
  /** [LINK-5.4-12] What for. A later proof may add to it, and whoever holds the pair sees that. */
  services: readonly Service[]
}
