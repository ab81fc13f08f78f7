/** Keys that an operator wrote down: good for ever, and the only good ones of their domain. */
import { importPublicKey } from './ed25519.ts'
import { type Found, fitness, type Instant, type Purpose } from './key-entry.ts'
import type { KeyUse, SetKey } from './key-set.ts'
import { isPublishedTestKey } from './known-keys.ts'

/** `undefined` for what is no key or is known to everybody. Without a `kid` the key goes by its thumbprint. */
export function pinKey(x: string, use: KeyUse, kid: string | undefined): SetKey | undefined {
  const key = importPublicKey(x)
  if (key === undefined || isPublishedTestKey(key)) return undefined
  return { kid: kid ?? key.thumbprint, key, use, nbf: 0, naf: Number.POSITIVE_INFINITY }
}

export function findPinned(
  keys: readonly SetKey[],
  kid: string,
  purpose: Purpose,
  at: Instant,
): Found {
  const key = keys.find((pinned) => pinned.kid === kid)
  return key === undefined ? { state: 'unknown-kid' } : fitness(key, purpose, at)
}
