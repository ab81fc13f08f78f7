/**
 * The road of ISSUE: an attached user gets its next credential, bound to the key that it attached with.
 *
 *   client ─▶ read ─▶ standing of its key ─▶ scope ─▶ rate ─▶ signer of its domain
 *
 * In:    requests of clients that are attached.
 * Out:   a credential, or one code.
 * Spec:  [LINK-6.6-1] to [LINK-6.6-3]
 */
import type { Address } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import { encodeIssued, readIssue } from '../command/issue.ts'
import type { PublicKey } from '../credential/ed25519.ts'
import type { Signer } from '../credential/sign.ts'
import type { Status } from '../errors.ts'
import type { Senders } from '../lane.ts'
import type { Clock } from '../lib/clock.ts'
import type { Limits } from '../limits.ts'
import type { RequestView } from '../link/link.ts'
import type { Session } from '../peer/session.ts'
import { type Scope, scopes } from '../wire/registry.ts'
import type { Checks } from './checks.ts'
import type { SessionOrigin } from './origin.ts'

export type IssuingNeeds = {
  readonly checks: Checks
  readonly senders: Senders
  readonly originOf: (session: Session) => SessionOrigin
  readonly readDomain: (text: string) => Domain | undefined
  /** Whether the directory of the user's domain lists the key; `undefined`: it has no such user. */
  readonly standingOfKey: (
    user: Address,
    key: PublicKey,
  ) => 'listed' | 'not-listed' | 'none-listed' | undefined
  readonly signerOf: (domain: Domain) => Signer
  readonly clock: Clock
  readonly limits: Limits
}

export class Issuing {
  readonly #needs: IssuingNeeds

  constructor(needs: IssuingNeeds) {
    this.#needs = needs
  }

  issue(session: Session, request: RequestView): undefined {
    const { id, trafficClass, command } = request
    const no = (code: Status, waitMs = -1): undefined =>
      this.#needs.originOf(session).answer(id, trafficClass, command, code, waitMs)
    const { checks, senders, readDomain, clock } = this.#needs
    const { user, userKey } = session
    const read = readIssue(request)
    if (typeof read === 'string' || user === undefined || userKey === undefined) {
      return no('bad-request')
    }
    const audience = readDomain(read.audience)
    if (audience === undefined || audience !== read.audience) return no('bad-request')
    const refusal = this.#refusalOf(user, userKey)
    if (refusal !== undefined) return no(refusal)
    // [LINK-6.6-2]
    const scope = scopes.filter((name): name is Scope => read.scope.includes(name))
    if (scope.length === 0) return no('credential-scope')
    const waitMs = checks.waitOfSender(senders.sender(user, clock.now()), clock.now())
    if (waitMs >= 0) return no('rate-limited', waitMs)
    const bytes = encodeIssued(this.#sign(user, userKey, audience, scope))
    session.link.answerWith(id, trafficClass, command, 'ok', bytes, 0, bytes.length, bytes.length)
  }

  /** [LINK-6.6-3] A key that was taken out of the directory gets nothing more. */
  #refusalOf(user: Address, key: PublicKey): Status | undefined {
    switch (this.#needs.standingOfKey(user, key)) {
      case undefined:
        return 'refused'
      case 'not-listed':
        return 'credential-key'
      default:
        return undefined
    }
  }

  #sign(user: Address, key: PublicKey, audience: Domain, scope: readonly Scope[]): string {
    const { signerOf, limits } = this.#needs
    const seconds = limits.credentialSeconds
    const jkt = key.thumbprint
    return signerOf(user.domain).signCredential({ sub: user, aud: audience, scope, seconds, jkt })
  }
}
