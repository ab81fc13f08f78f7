/**
 * Config: the keys of a domain of ours, judged as every peer will: by the set that they are published in.
 *
 * In:    PEM texts that hold Ed25519 keys, the ids of revoked keys, the time.
 * Out:   why peers would refuse the set, in a sentence; `undefined`: they would not.
 * Fails: never.
 * Spec:  as `credential/key-set.ts` reads it.
 */
import type { Domain } from '../address/domain.ts'
import { type KeyPair, readPrivateKey } from '../credential/ed25519.ts'
import { parseKeySet } from '../credential/key-set.ts'
import { isPublishedTestKey } from '../credential/known-keys.ts'
import { keySetOf, writeKeySet } from '../credential/publish-keys.ts'
import { limitsWith } from '../limits.ts'

export type OwnKeys = {
  readonly domain: Domain
  /** They are what signs. */
  readonly key: string
  readonly userKey: string
  readonly otherKeys: readonly string[]
  readonly revoked: readonly string[]
}

/** `undefined`: some of them are no keys. */
export function keySetFault(
  { domain, key, userKey, otherKeys, revoked }: OwnKeys,
  wallMs: number,
): string | undefined {
  const [link, user, ...others] = [key, userKey, ...otherKeys].map(readPrivateKey)
  if (link === undefined || user === undefined || !others.every((one) => one !== undefined)) {
    return undefined
  }
  const signing = [link, user].find(({ publicKey }) => revoked.includes(publicKey.thumbprint))
  if (signing !== undefined) return 'the key that signs stands in revokedKeys'
  const verdict = judged(domain, { link, user, others }, revoked, Math.floor(wallMs / 1000))
  return verdict.ok ? undefined : `peers refuse the keys of the domain: ${verdict.detail}`
}

function judged(
  domain: Domain,
  keys: Parameters<typeof keySetOf>[0] & { readonly others: readonly KeyPair[] },
  revoked: readonly string[],
  now: number,
) {
  const { seconds, ...set } = keySetOf(keys, revoked, now)
  const body = writeKeySet({ domain, ...set, iat: now, exp: now + seconds })
  // The bounds of this gateway are not those of its peers.
  const limits = limitsWith()
  return parseKeySet(body, { domain, now, limits, isForbidden: isPublishedTestKey })
}
