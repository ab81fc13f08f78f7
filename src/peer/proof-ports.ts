/**
 * What the judges of proofs need of the rooms around them, and what they have in common.
 */
import type { Address } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import type { PublicKey } from '../credential/ed25519.ts'
import type { Verifier } from '../credential/verify.ts'
import type { Env } from '../env.ts'
import type { Status } from '../errors.ts'
import type { Core } from '../operation/ports.ts'
import type { Hosted } from './hosted.ts'
import type { Proof } from './pair.ts'
import type { Session } from './session.ts'

type Fetch = () => Promise<undefined>

/** Who is told what was found. */
export type ProofSteps = {
  readonly proven: (session: Session, proof: Proof) => undefined
  /** `userKey`: the key that the user showed. Rejects if the directory cannot say whether there is such a user. */
  readonly attached: (session: Session, user: Address, userKey: PublicKey) => Promise<Status>
  /** A claim of the far side. */
  readonly refused: (
    session: Session,
    code: Status,
    detail: string,
    claimed: Domain | undefined,
  ) => undefined
  /** A user of ours could not attach. */
  readonly notAttached: (
    session: Session,
    code: Status,
    detail: string,
    domain: Domain | undefined,
  ) => undefined
  /** A claim of ours: its local and its remote domain. */
  readonly claimAccepted: (session: Session, local: Domain, remote: Domain) => undefined
  readonly claimRefused: (
    session: Session,
    claim: readonly [local: Domain, remote: Domain],
    code: Status,
    detail: string,
  ) => undefined
}

export type ProofPorts = {
  readonly core: () => Core
  readonly verifier: Verifier
  readonly hosted: Hosted
  /** Whether keys of the domain are pinned or were taken before: its keys are fetched at once. */
  readonly isKnown: (domain: Domain) => boolean
  readonly isPinned: (domain: Domain) => boolean
  /** Fetches for the claim of one that nobody knows, when its turn comes. */
  readonly inTurn: (session: Session, domain: Domain, fetch: Fetch) => Promise<undefined>
  readonly steps: ProofSteps
}

/** What is needed to judge. */
export type ProofNeeds = ProofPorts & { readonly env: Env }

/**
 * Answers the PROVE whose place is kept here. `named`: the domain that it is meant for, as far as it was read; `text`: for
 * the log of the one who asked.
 */
export type Answer = (code: Status, named?: string, text?: string) => undefined

/** [LINK-5.4-11] A refusal takes nothing away that was proven, and waits for claims that are still under way. */
export function markRefused(session: Session, code: Status): undefined {
  if (session.standing === 'proven') return
  session.standing = session.claimsUnderWay > 0 ? 'pending' : 'refused'
  session.refusal = code
}

export function count({ env }: ProofNeeds, proof: 'key' | 'client', result: Status): undefined {
  env.meter.counter('proof_checks_total', { proof, result }).n++
}
