/** A verifier over a fixed key set, as the vectors describe it, and what stands around one. */
import type { CredentialContext } from '../../src/credential/checks.ts'
import { importPublicKey } from '../../src/credential/ed25519.ts'
import { type Found, fitness, type Purpose } from '../../src/credential/key-entry.ts'
import type { SetKey } from '../../src/credential/key-set.ts'
import { createSignatureCache } from '../../src/credential/signature-cache.ts'
import { parseCredentialToken, parseLinkToken } from '../../src/credential/token.ts'
import type { Verdict } from '../../src/credential/verdict.ts'
import { createVerifier, type KeyLookup, type Spend } from '../../src/credential/verify.ts'
import { limitsWith } from '../../src/limits.ts'
import { ManualClock } from './manual-clock.ts'
import {
  audience,
  channel,
  issuer,
  type TokenCase,
  vectorKeys,
  vectorNow,
  vectorSet,
} from './token-vectors.ts'

export const limits = limitsWith()

const published: readonly SetKey[] = vectorSet.map(({ name, use, nbf, naf }) => {
  const key = importPublicKey(vectorKeys[name].x)
  if (key === undefined) throw new Error(`${name} is no key`)
  return { kid: vectorKeys[name].kid, key, use, nbf, naf }
})

export type Lookups = KeyLookup & { readonly asked: string[] }

/** The key set of the vectors, at hand; `asked` lists every look-up and fetch. */
export function vectorLookup(clock: ManualClock): Lookups {
  const asked: string[] = []
  const find = (domain: string, kid: string, purpose: Purpose): Found => {
    asked.push(domain)
    const at = { now: clock.now(), seconds: Math.floor(clock.wall() / 1000), limits }
    if (domain === issuer && kid === vectorKeys.revoked.kid) return { state: 'revoked' }
    const key = published.find((one) => domain === issuer && one.kid === kid)
    return key === undefined ? { state: 'unknown-kid' } : fitness(key, purpose, at)
  }
  return { asked, find, findSeen: find, ensure: () => Promise.resolve(undefined) }
}

export const plenty: Spend = () => true

export function vectorVerifier(keys?: KeyLookup) {
  const clock = new ManualClock(vectorNow * 1000)
  const lookup = keys ?? vectorLookup(clock)
  const signatures = createSignatureCache(100)
  const verifier = createVerifier({ keys: lookup, signatures, clock, limits })
  return { clock, verifier, keys: lookup, signatures }
}

export const linkContext = {
  mayClaim: (iss: string) => iss === issuer,
  isAudience: (aud: string) => aud === audience,
  channel,
  keys: 'any',
  mayFetch: () => true,
} as const

export function credentialContext(
  one: Pick<TokenCase, 'proven' | 'presenter'> = { proven: true, presenter: null },
): CredentialContext {
  return {
    mayVouch: (iss) => iss === issuer,
    isAudience: (aud) => aud === audience,
    isProven: (iss, aud) => one.proven && iss === issuer && aud === audience,
    presenterKey: one.presenter === null ? undefined : vectorKeys[one.presenter].kid,
  }
}

/** Gate and verification of one case, as one word. */
export async function judge(one: TokenCase, { verifier } = vectorVerifier()): Promise<string> {
  const bytes = Buffer.from(one.token)
  if (one.kind === 'link') {
    const token = parseLinkToken(bytes, limits)
    return word(token.ok ? await verifier.link(token.value, linkContext, plenty) : token)
  }
  const token = parseCredentialToken(bytes, limits, one.kind)
  const context = credentialContext(one)
  return word(token.ok ? await verifier.credential(token.value, context, plenty) : token)
}

/** Whom a good token for several users speaks for. */
export async function usersOf(one: TokenCase): Promise<readonly (string | null)[]> {
  const token = parseCredentialToken(Buffer.from(one.token), limits, 'credentials')
  if (!token.ok) throw new Error(token.detail)
  const { verifier } = vectorVerifier()
  const verdict = await verifier.credential(token.value, credentialContext(one), plenty)
  return verdict.ok ? verdict.value.senders.map((sender) => sender?.text ?? null) : []
}

export const word = (verdict: Verdict<unknown>): string => (verdict.ok ? 'ok' : verdict.code)
