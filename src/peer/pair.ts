import type { Domain } from '../address/domain.ts'

/** How a domain was proven on a link. `key`: a link assertion with its signing key; `pinned`: one the operator named. */
export type ProofKind = 'certificate' | 'key' | 'pinned'

/** [LINK-5.4-1] A pair of domains that this link may speak for: one of ours, one of theirs. */
export type Pair = {
  readonly local: Domain
  readonly remote: Domain
  readonly kinds: Set<ProofKind>
  /** Id of the key that proved it; empty if only a certificate did. */
  readonly kid: string
}
