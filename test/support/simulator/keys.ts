/** Key pairs by name: the same name has the same pair in every run, and each is made once in a process. */
import { createHash } from 'node:crypto'
import { type KeyPair, keyPairOf } from '../../../src/credential/ed25519.ts'

const pairs = new Map<string, KeyPair>()

export function keyPairFor(name: string): KeyPair {
  const known = pairs.get(name)
  if (known !== undefined) return known
  const pair = keyPairOf(createHash('sha256').update(name).digest())
  pairs.set(name, pair)
  return pair
}
