/**
 * Certificate: the one list of what can be wrong with it, our own or that of a far side.
 *
 * In:    a chain, who is trusted, the time; whom it has to name, and the key that it has to belong to.
 * Out:   faults, each a sentence that says which certificate of the chain; and when the first of them ends.
 * Fails: never.
 * Spec:  RFC 5280 §4.2.1.9, §4.2.1.12, §6.1; RFC 9325 §4.1, §4.2.1, §7.1; RFC 9525 §6; RFC 4985
 */
import type { KeyObject, X509Certificate } from 'node:crypto'
import type { Service } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import { isoTime } from '../lib/clock.ts'
import type { Authorities } from './authorities.ts'
import {
  type Chain,
  endOf,
  isSame,
  issuerOf,
  nameOf,
  type Step,
  startOf,
  type Way,
  wayUp,
} from './chain.ts'
import { bornBy, certificateFacts } from './identity.ts'

/**
 * `use`: nobody can use it. `time`: it passes, or did. `missing`: the leaf stands alone, and who issued it is known to nobody.
 * `unknown`: it rests on an authority that is not trusted here. `soon`, `order`, `keys`: it works and should not stay so.
 */
export type FaultKind = 'use' | 'time' | 'missing' | 'unknown' | 'soon' | 'order' | 'keys'

export type Fault = { readonly kind: FaultKind; readonly says: string }

/** With it a certificate of ours is refused; with the others it is used, and they are told. */
export const isFatal = ({ kind }: Fault): boolean => kind === 'use' || kind === 'missing'

export type Wish = {
  readonly authorities: Authorities
  readonly wallMs: number
  /** `undefined`: not looked at. */
  readonly holder: { readonly domain: Domain; readonly services: readonly Service[] } | undefined
  readonly key: KeyObject | undefined
}

/** Wall clock in ms: the time in which all certificates of the way are good, and which one ends it. */
export type Life = { readonly fromMs: number; readonly untilMs: number; readonly endsWith: string }

export type Judgement = {
  readonly faults: readonly Fault[]
  readonly life: Life
  readonly way: Way
}

export function judgeChain(chain: Chain, { authorities, wallMs, holder, key }: Wish): Judgement {
  const way = wayUp(chain, authorities, wallMs)
  const [leaf] = chain
  const faults = [
    ...way.steps.flatMap((step) => stepFaults(step, wallMs)),
    ...endFaults(way),
    ...(key === undefined ? [] : keyFaults(chain, key)),
    ...(holder === undefined ? [] : nameFaults(chain, holder)),
    ...way.steps.flatMap((step) => soonFaults(step, wallMs)),
    ...orderFaults(chain, way),
  ]
  const ends = way.steps.reduce((a, b) => (endOf(b.x509) < endOf(a.x509) ? b : a))
  const life = {
    fromMs: way.steps.reduce((most, { x509 }) => Math.max(most, startOf(x509)), startOf(leaf)),
    untilMs: endOf(ends.x509),
    endsWith: ends.place,
  }
  return { faults, life, way }
}

/** The first fault of a leaf whose chain OpenSSL has found good: the same list, without the way up. */
export const leafFault = (x509: X509Certificate, wallMs: number): string | undefined =>
  stepFaults({ x509, place: 'the leaf', isAuthority: false }, wallMs)[0]?.says

/** An authority that is to be trusted, the `index`th of its file from 0. A certificate that is trusted itself need be none. */
export function authorityFaults(
  x509: X509Certificate,
  index: number,
  wallMs: number,
): readonly Fault[] {
  const place = `authority ${index + 1}`
  const faults = stepFaults({ x509, place, isAuthority: true }, wallMs)
  return faults.filter(({ kind }) => kind === 'time' || x509.subject !== x509.issuer)
}

function stepFaults({ x509, place, isAuthority }: Step, wallMs: number): readonly Fault[] {
  const isLeaf = place === 'the leaf'
  const time = timeFault(x509, wallMs)
  const use = [
    isLeaf ? leafUseFault(x509) : x509.ca ? undefined : 'is not that of an authority (CA:FALSE)',
    // The word of an authority that is trusted does not rest on its own signature.
    !isAuthority && weakSignatures.includes(x509.signatureAlgorithmOid ?? '')
      ? 'is signed with a broken hash'
      : undefined,
    keyFault(x509),
  ]
  return [
    ...(time === undefined ? [] : [{ kind: 'time' as const, says: `${place} ${time}` }]),
    ...use.flatMap((what) =>
      what === undefined ? [] : [{ kind: 'use' as const, says: `${place} ${what}` }],
    ),
  ]
}

function timeFault(x509: X509Certificate, wallMs: number): string | undefined {
  if (wallMs < startOf(x509)) return `is not valid before ${isoTime(startOf(x509))}`
  return wallMs >= endOf(x509) ? `expired ${isoTime(endOf(x509))}` : undefined
}

const serverAuth = '1.3.6.1.5.5.7.3.1'

function leafUseFault(leaf: X509Certificate): string | undefined {
  if (leaf.ca) return 'is that of an authority (CA:TRUE), not of a host'
  // Node calls the extended key usage `keyUsage`; without the extension every use is allowed.
  const usages: readonly string[] | undefined = leaf.keyUsage
  return usages === undefined || usages.includes(serverAuth)
    ? undefined
    : 'is not meant for TLS servers (extended key usage)'
}

/** MD5 and SHA-1 with RSA, SHA-1 with DSA and with ECDSA. */
const weakSignatures: readonly string[] = [
  '1.2.840.113549.1.1.4',
  '1.2.840.113549.1.1.5',
  '1.2.840.10040.4.3',
  '1.2.840.10045.4.1',
]

const leastRsaBits = 2048
const curves: readonly (string | undefined)[] = ['prime256v1', 'secp384r1', 'secp521r1']

function keyFault({ publicKey }: X509Certificate): string | undefined {
  const { modulusLength, namedCurve } = publicKey.asymmetricKeyDetails ?? {}
  switch (publicKey.asymmetricKeyType) {
    case 'rsa':
    case 'rsa-pss':
      return (modulusLength ?? 0) < leastRsaBits
        ? `has an RSA key of ${modulusLength} bits: ${leastRsaBits} are the least`
        : undefined
    case 'ec':
      return curves.includes(namedCurve) ? undefined : `has a key on the curve ${namedCurve}`
    case 'ed25519':
    case 'ed448':
      return undefined
    default:
      return `has a key of the kind ${publicKey.asymmetricKeyType}`
  }
}

function endFaults({ steps, end }: Way): readonly Fault[] {
  const { x509, place } = steps.at(-1) as Step
  if (end === 'trusted') return []
  if (end === 'unknown') {
    const says =
      steps.length === 1
        ? 'the leaf is signed by itself'
        : `the authority is unknown: ${place} is ${nameOf(x509)}, signed by itself`
    return [{ kind: 'unknown', says }]
  }
  const kind = steps.length === 1 ? 'missing' : 'unknown'
  const what = 'the authority is unknown, or an intermediate is missing'
  return [{ kind, says: `${what}: ${place} is signed by ${issuerOf(x509)}` }]
}

function keyFaults(chain: Chain, key: KeyObject): readonly Fault[] {
  if (chain[0].checkPrivateKey(key)) return []
  const at = chain.findIndex((one) => !one.ca && one.checkPrivateKey(key))
  const says =
    at === -1
      ? 'the leaf does not belong to the private key'
      : `the leaf stands at place ${at + 1} of the file: it has to be the first`
  return [{ kind: 'use', says }]
}

/** [LINK-5.4-12] [LINK-6.2-1] What the certificate names decides what it is good for. */
function nameFaults(
  [leaf, ...others]: Chain,
  { domain, services }: NonNullable<Wish['holder']>,
): readonly Fault[] {
  const { covers } = certificateFacts(leaf, others, () => true)
  const bare = services.filter((service) => !covers(domain, service))
  if (bare.length > 0) {
    const what = bare.length === services.length ? domain : `${domain} for ${bare.join(' and ')}`
    return [{ kind: 'use', says: doesNotName(leaf, what) }]
  }
  const isWhole = covers(domain, 'im') && covers(domain, 'pres')
  const says = `the leaf names ${domain} for ${services.join(' and ')} alone (SRV-ID): no peer takes the keys of the domain from it, so that each has to pin them`
  return isWhole ? [] : [{ kind: 'keys', says }]
}

export const doesNotName = (leaf: X509Certificate, what: string): string =>
  `the leaf does not name ${what} (${bornBy(leaf)})`

const dayMs = 86_400_000
const warnMs = 14 * dayMs

/** Short-lived certificates are renewed when a third of their life is left: not yet a reason to warn. */
function soonFaults({ x509, place }: Step, wallMs: number): readonly Fault[] {
  const left = endOf(x509) - wallMs
  const isSoon = left > 0 && left < Math.min(warnMs, (endOf(x509) - startOf(x509)) / 4)
  return isSoon ? [{ kind: 'soon', says: `${place} expires ${isoTime(endOf(x509))}` }] : []
}

/** TLS 1.3 takes any order behind the leaf; others do not. */
function orderFaults(chain: Chain, { steps }: Way): readonly Fault[] {
  const odd = chain.findIndex((one, i) => {
    const step = steps[i]
    return step === undefined || !isSame(one, step.x509)
  })
  if (odd === -1) return []
  const says = `number ${odd + 1} of the file is not where it belongs: the leaf, then whoever issued it, and so on`
  return [{ kind: 'order', says }]
}
