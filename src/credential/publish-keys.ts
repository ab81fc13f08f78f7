/**
 * Our own key set, as it is answered to KEYS.
 *
 * In:    the keys of our domain with their private halves, and the facts of the set.
 * Out:   the body of the answer. The same content gives the same bytes, on every node of the domain.
 * Fails: never.
 * Spec:  as `key-set.ts` reads it. A change of content needs a higher `ver`, or peers refuse the set.
 */
import { encodeBase64url } from '../lib/base64url.ts'
import { type KeyPair, sign } from './ed25519.ts'
import { type KeyUse, signingInput } from './key-set.ts'

/** A key of ours with the seconds between which others may use it. */
export type OwnKey = {
  readonly pair: KeyPair
  readonly use: KeyUse
  readonly nbf: number
  readonly naf: number
}

/** The keys of a domain of ours. */
export type DomainKeys = {
  readonly link: KeyPair
  /** The same key again where one does both. */
  readonly user: KeyPair
  /** Published, but do not sign. */
  readonly others: readonly KeyPair[]
}

const daySeconds = 86_400

/** How long a set holds that is signed now. */
const keySetSeconds = 30 * daySeconds

/** What stands in the key set of a domain that is signed at the second `now`: that is its version, so it rises. */
export function keySetOf(
  { link, user, others }: DomainKeys,
  revoked: readonly string[],
  now: number,
) {
  const window = { nbf: now - daySeconds, naf: now + 365 * daySeconds }
  const own = (pair: KeyPair, use: KeyUse): OwnKey => ({ pair, use, ...window })
  const isOne = link.publicKey.thumbprint === user.publicKey.thumbprint
  const signing = isOne ? [own(link, 'both')] : [own(link, 'link'), own(user, 'user')]
  const keys = [...signing, ...others.map((pair) => own(pair, 'both'))]
  return { ver: now, seconds: keySetSeconds, keys, revoked }
}

export type KeySetContent = {
  readonly domain: string
  readonly ver: number
  readonly iat: number
  readonly exp: number
  readonly keys: readonly OwnKey[]
  readonly revoked: readonly string[]
}

export function writeKeySet(content: KeySetContent): Buffer {
  const { domain, ver, iat, exp, keys, revoked } = content
  const set = { domain, ver, iat, exp, keys: keys.map(publish), revoked }
  const text = encodeBase64url(Buffer.from(JSON.stringify(set)))
  const signatures = keys.map(({ pair }) => {
    const kid = pair.publicKey.thumbprint
    return { kid, sig: encodeBase64url(sign(signingInput(text, kid), pair)) }
  })
  return Buffer.from(JSON.stringify({ set: text, signatures }))
}

const publish = ({ pair: { publicKey }, use, nbf, naf }: OwnKey) => ({
  kid: publicKey.thumbprint,
  kty: 'OKP',
  crv: 'Ed25519',
  x: publicKey.x,
  use,
  nbf,
  naf,
})
