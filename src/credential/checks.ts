/**
 * The checks of a token, one function each, in the order in which they are made: cheap first. [LINK-10.4-1]
 *
 * In:    a token that passed the gate, and what the one who asks knows of the link.
 * Out:   a Verdict. Nothing is changed, fetched or counted here.
 * Fails: one code for each check.
 * Spec:  RFC 7519 §4.1; draft §5.3.3.
 */
import { type Address, addressFromBytes } from '../address/address.ts'
import type { Clock } from '../lib/clock.ts'
import type { Limits } from '../limits.ts'
import type { Scope } from '../wire/registry.ts'
import type { CredentialClaims, LinkClaims } from './claims.ts'
import type { PublicKey } from './ed25519.ts'
import type { Found } from './key-entry.ts'
import type { CredentialToken, LinkToken } from './token.ts'
import { accept, refuse, type Verdict } from './verdict.ts'

export type LinkContext = {
  /** Whether `iss` may speak here at all: canonical, let in by the domain rules, the one that was dialled. */
  readonly mayClaim: (iss: string) => boolean
  /** Whether `aud`, byte for byte, is a domain that is served on this link. */
  readonly isAudience: (aud: string) => boolean
  /** The `cb` of this channel. */
  readonly channel: string
}

export type CredentialContext = {
  /** Whether `iss` is proven on this link for some domain of ours, or may show credentials with `cnf` on it. */
  readonly mayVouch: (iss: string) => boolean
  /** Whether `aud`, byte for byte, is a domain that is served on this link. */
  readonly isAudience: (aud: string) => boolean
  /** Whether the pair is proven on this link, or its gateway is delegated to by `iss`. */
  readonly isProven: (iss: string, aud: string) => boolean
  /** Thumbprint of the key whose possession was proven on this channel. */
  readonly presenterKey: string | undefined
}

export type CheckNeeds = {
  readonly clock: Clock
  readonly limits: Limits
}

/** Everything that comes before the key of a link assertion. */
export function checkLinkClaims(
  { claims }: LinkToken,
  context: LinkContext,
  needs: CheckNeeds,
): Verdict<LinkClaims> {
  if (!context.mayClaim(claims.iss)) return refuse('credential-issuer', 'iss may not speak here')
  if (!context.isAudience(claims.aud)) {
    return refuse('credential-audience', 'aud is not a domain that is served here')
  }
  return checkTimes(claims, needs.limits.linkTokenSeconds, needs)
}

/** Whom a credential speaks for, in the order in which it names them; nothing for who is no user of its issuer. */
export type Senders = readonly (Address | undefined)[]

/** Everything that comes before the key of a user credential. */
export function checkCredentialClaims(
  { claims }: CredentialToken,
  context: CredentialContext,
  needs: CheckNeeds,
): Verdict<Senders> {
  if (!context.mayVouch(claims.iss)) {
    return refuse('credential-issuer', 'iss is not proven on this link')
  }
  // [LINK-10.3-1] Of several users each stands for itself.
  const senders = claims.subjects.map((subject) => senderOf(subject, claims.iss))
  if (senders.every((sender) => sender === undefined)) {
    return refuse('credential-subject', 'no subject is a canonical address of iss')
  }
  if (!context.isAudience(claims.aud)) {
    return refuse('credential-audience', 'aud is not a domain that is served here')
  }
  const times = checkTimes(claims, needs.limits.credentialMaxSeconds, needs)
  return times.ok ? accept(senders) : times
}

function senderOf(subject: string, iss: string): Address | undefined {
  const bytes = Buffer.from(subject)
  const sender = addressFromBytes(bytes, 0, bytes.length)
  return sender?.domain === iss ? sender : undefined
}

type Times = { readonly iat: number; readonly nbf: number | undefined; readonly exp: number }

/** [LINK-10.1-6] */
function checkTimes<Claims extends Times>(
  claims: Claims,
  maxSeconds: number,
  { clock, limits }: CheckNeeds,
): Verdict<Claims> {
  const { iat, nbf, exp } = claims
  const now = Math.floor(clock.wall() / 1000)
  const skew = limits.clockSkewSeconds
  if (exp <= iat || exp - iat > maxSeconds) {
    return refuse('credential-time', `life of ${exp - iat} s, not 1 to ${maxSeconds}`)
  }
  if (Math.max(iat, nbf ?? iat) > now + skew) {
    const ahead = Math.max(iat, nbf ?? iat) - now
    return refuse('credential-time', `the signer's clock is ${ahead} s ahead of the verifier's`)
  }
  if (now > exp + skew) {
    const late = `expired ${now - exp} s ago`
    return refuse(
      'credential-expired',
      `${late}: the signer's clock is up to ${now - iat} s behind the verifier's`,
    )
  }
  return accept(claims)
}

/** What a look-up of the key means for the token. */
export function checkKey(found: Found): Verdict<PublicKey> {
  switch (found.state) {
    case 'found':
      return accept(found.key.key)
    case 'unknown-kid':
      return refuse('credential-key', 'the domain that signed does not publish this key (kid)')
    case 'unfit':
      return refuse('credential-key', 'the key is not for this use, or not for now')
    case 'revoked':
      return refuse('credential-revoked', 'the key was revoked')
    // [LINK-10.4-2] Never open, and never for good.
    case 'absent':
    case 'unavailable':
      return refuse(
        'credential-unverifiable',
        'the keys of the domain that signed cannot be fetched now',
      )
  }
}

/** [LINK-5.3-3] The exporter value is part of the signed claims: no other channel has the same one. */
export const checkChannel = ({ claims }: LinkToken, channel: string): Verdict<LinkClaims> =>
  claims.cb === channel
    ? accept(claims)
    : refuse('credential-binding', 'cb is not the one of this channel')

/** A credential is only as good as the link, or as the presenter's own key. */
export function checkPresenter(
  { claims }: CredentialToken,
  { isProven, presenterKey }: CredentialContext,
): Verdict<CredentialClaims> {
  const isPresenter = claims.jkt !== undefined && claims.jkt === presenterKey
  return isPresenter || isProven(claims.iss, claims.aud)
    ? accept(claims)
    : refuse('credential-binding', 'neither the pair nor the key of cnf is proven on this link')
}

/** Asked for each command that refers to the credential. */
export const checkScope = (claims: CredentialClaims, scope: Scope): Verdict<CredentialClaims> =>
  claims.scope.has(scope)
    ? accept(claims)
    : refuse('credential-scope', `the credential does not allow ${scope}`)
