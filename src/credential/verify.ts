/**
 * Verification of a token that passed the gate, in one fixed order.
 *
 * In:    the token and what the one who asks knows of the link.
 * Out:   at once where the key is at hand; else a promise, while the key is fetched. The fetch is the only side effect.
 * Fails: a Refusal with one code for each check: issuer, subject, audience, time, key, signature, binding;
 *        `credential-unverifiable` where the key cannot be had now.
 * Spec:  draft §5.3.3; RFC 8725 §3.
 */
import {
  type CheckNeeds,
  type CredentialContext,
  checkChannel,
  checkCredentialClaims,
  checkKey,
  checkLinkClaims,
  checkPresenter,
  type LinkContext,
  type Senders,
} from './checks.ts'
import type { CredentialClaims, LinkClaims } from './claims.ts'
import { type PublicKey, verify } from './ed25519.ts'
import type { Found, Purpose } from './key-entry.ts'
import type { SignatureCache } from './signature-cache.ts'
import type { CredentialToken, LinkToken } from './token.ts'
import { accept, refuse, type Verdict } from './verdict.ts'

/** `key`: the one that signed it. */
export type Spoken = { readonly claims: LinkClaims; readonly key: PublicKey }

export type Vouched = { readonly senders: Senders; readonly claims: CredentialClaims }

/** Without a fetch where the turn does not come in time. */
export type InTurn = (fetch: () => Promise<undefined>) => Promise<undefined>

type Soon<T> = Verdict<T> | Promise<Verdict<T>>

export type Verifier = {
  /** A domain speaks on this channel. */
  readonly link: (token: LinkToken, context: DomainContext) => Soon<Spoken>
  /** A user speaks on this channel, with a key that the one who asks knows to be theirs. */
  readonly holder: (token: LinkToken, context: HolderContext) => Verdict<LinkClaims>
  /** A domain vouches for a user, or for several, on this link. */
  readonly credential: (token: CredentialToken, context: CredentialContext) => Soon<Vouched>
}

export type DomainContext = LinkContext & {
  /** `seen`: only with a key that was known before, as a host that was found by fallback must. */
  readonly keys: 'any' | 'seen'
  /** Fetches the keys, now or when it is the turn of who asks; there is nothing else against the token. */
  readonly inTurn: InTurn
}

export type HolderContext = LinkContext & { readonly key: PublicKey }

export type KeyLookup = {
  readonly find: Find
  readonly findSeen: Find
  readonly ensure: (domain: string, kid: string | undefined) => Promise<undefined>
}

type Find = (domain: string, kid: string, purpose: Purpose) => Found

export type VerifierNeeds = CheckNeeds & {
  readonly keys: KeyLookup
  readonly signatures: SignatureCache
}

export function createVerifier(needs: VerifierNeeds): Verifier {
  return {
    link: (token, context) => verifyLink(token, context, needs),
    holder: (token, context) => verifyHolder(token, context, needs),
    credential: (token, context) => verifyCredential(token, context, needs),
  }
}

function verifyLink(token: LinkToken, context: DomainContext, needs: VerifierNeeds): Soon<Spoken> {
  // A user has no key set: nothing may be fetched for one.
  if (token.claims.iss.includes('@')) return refuse('credential-issuer', 'iss is not a domain')
  const { find, findSeen } = needs.keys
  return withKey(token, needs.keys, {
    before: () => checkLinkClaims(token, context, needs),
    find: context.keys === 'seen' ? findSeen : find,
    inTurn: context.inTurn,
    purpose: 'link',
    after: (key) => {
      const signed = checkSignature(token, key, needs.signatures)
      if (!signed.ok) return signed
      const claims = checkChannel(token, context.channel)
      return claims.ok ? accept({ claims: claims.value, key }) : claims
    },
  })
}

function verifyHolder(
  token: LinkToken,
  context: HolderContext,
  needs: VerifierNeeds,
): Verdict<LinkClaims> {
  const claims = checkLinkClaims(token, context, needs)
  if (!claims.ok) return claims
  if (token.header.kid !== context.key.thumbprint) {
    return refuse('credential-key', 'kid is not the thumbprint of the key')
  }
  const signed = checkSignature(token, context.key, needs.signatures)
  return signed.ok ? checkChannel(token, context.channel) : signed
}

function verifyCredential(
  token: CredentialToken,
  context: CredentialContext,
  needs: VerifierNeeds,
): Soon<Vouched> {
  return withKey(token, needs.keys, {
    before: () => checkCredentialClaims(token, context, needs),
    find: needs.keys.find,
    // The link is proven: its domain is no stranger.
    inTurn: (fetch) => fetch(),
    purpose: 'user',
    after: (key, senders) => {
      const signed = checkSignature(token, key, needs.signatures)
      if (!signed.ok) return signed
      const claims = checkPresenter(token, context)
      return claims.ok ? accept({ senders, claims: claims.value }) : claims
    },
  })
}

type Steps<Known, T> = {
  readonly before: () => Verdict<Known>
  readonly find: Find
  readonly inTurn: InTurn
  readonly purpose: Purpose
  readonly after: (key: PublicKey, known: Known) => Verdict<T>
}

/** After a fetch everything is judged again: time has passed, and the link may have changed. */
function withKey<Known, T>(
  { header, claims }: LinkToken | CredentialToken,
  keys: KeyLookup,
  { before, find, inTurn, purpose, after }: Steps<Known, T>,
): Soon<T> {
  const judge = (): Verdict<T> | undefined => {
    const known = before()
    if (!known.ok) return known
    const found = find(claims.iss, header.kid, purpose)
    if (found.state === 'absent') return undefined
    const key = checkKey(found)
    return key.ok ? after(key.value, known.value) : key
  }
  const fetched = () =>
    judge() ?? refuse('credential-unverifiable', 'no keys of the domain that signed came')
  const verdict = judge()
  if (verdict !== undefined) return verdict
  return inTurn(() => keys.ensure(claims.iss, header.kid)).then(fetched)
}

/** The dear step: 0.1 ms, once for each token and key. */
function checkSignature(
  token: LinkToken | CredentialToken,
  key: PublicKey,
  known: SignatureCache,
): Verdict<undefined> {
  if (known.has(token.digest, key)) return accept(undefined)
  if (!verify(token.signingInput, key, token.signature)) {
    return refuse('credential-signature', 'the signature does not fit the key')
  }
  known.add(token.digest, key)
  return accept(undefined)
}
