/**
 * Remembers which signatures are good, so that a token shown twice is verified once.
 *
 * Only "this key signed these bytes" is remembered: it can never become false. Issuer, audience, times, scope,
 * binding and revocation are judged anew at each showing.
 */
import { boundedMap } from '../lib/bounded-map.ts'
import type { PublicKey } from './ed25519.ts'

export type SignatureCache = {
  readonly has: (digest: string, key: PublicKey) => boolean
  readonly add: (digest: string, key: PublicKey) => undefined
}

export function createSignatureCache(size: number): SignatureCache {
  const good = boundedMap<true>({ most: size })
  // The key stands in the name: a key set may give a known kid to another key.
  const name = (digest: string, key: PublicKey): string => `${digest}.${key.x}`
  return {
    has: (digest, key) => good.get(name(digest, key)) === true,
    add: (digest, key) => {
      good.set(name(digest, key), true)
    },
  }
}
