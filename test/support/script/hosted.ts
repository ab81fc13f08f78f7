/** A domain as a gateway hosts it: its keys follow from its name, so that a scripted far end knows them. */
import type { Service } from '../../../src/address/address.ts'
import type { Domain } from '../../../src/address/domain.ts'
import type { SetKey } from '../../../src/credential/key-set.ts'
import { pinKey } from '../../../src/credential/pinned-keys.ts'
import { createSigner } from '../../../src/credential/sign.ts'
import type { Env } from '../../../src/env.ts'
import type { HostedDomain } from '../../../src/peer/hosted.ts'
import { forgeKey } from '../forge.ts'
import { seededRandom } from '../seeded-random.ts'
import { keyPairFor } from '../simulator/keys.ts'

export function scriptHosted(
  name: string,
  { clock, limits }: Pick<Env, 'clock' | 'limits'>,
  services: readonly Service[] = ['im', 'pres'],
): HostedDomain {
  const pair = keyPairFor(`script: ${name}`)
  const random = seededRandom(8)
  const common = { linkKey: pair, userKey: pair, clock, random, limits }
  const signer = createSigner({ domain: name, ...common })
  const now = Math.floor(clock.wall() / 1000)
  const keySet = signer.signKeySet({
    ver: 1,
    seconds: 86_400 * 30,
    keys: [{ pair, use: 'both', nbf: now - 86_400, naf: now + 86_400 * 365 }],
    revoked: [],
  })
  return { domain: name as Domain, signer, keySet, keys: pinned(name), services }
}

/** What an operator pins for the domain. */
export function pinned(name: string): readonly SetKey[] {
  const key = pinKey(forgeKey(`script: ${name}`).x, 'both', undefined)
  return key === undefined ? [] : [key]
}
