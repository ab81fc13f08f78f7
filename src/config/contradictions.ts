/**
 * Config: settings that are right one by one and wrong together.
 *
 * In:    settings.
 * Out:   problems, each with the settings that it rests on.
 * Fails: never.
 * Spec:  design.md 5 (plain links), 12 (listeners).
 */
import { isLoopback } from '../lib/ip.ts'
import type { LimitName } from '../limits.ts'
import type { Parsed } from './check.ts'
import { isPrivate, overlap } from './ip.ts'
import { type Problem, showPath } from './mistakes.ts'
import type { Path } from './settings.ts'

/** `on`: if one of these places is wrong by itself, the contradiction says nothing new. */
export type Contradiction = Problem & { readonly on: readonly Path[] }

export const findContradictions = (config: Parsed): readonly Contradiction[] =>
  rules.flatMap((rule) => rule(config))

type Rule = (config: Parsed) => readonly Contradiction[]

type Wrong = { readonly expected: string; readonly value: unknown; readonly says?: string }

const wrong = (path: Path, { says = '', ...rest }: Wrong, on: readonly Path[] = [path]) => ({
  path,
  at: 'value' as const,
  says,
  ...rest,
  on,
})

const someDomain: Rule = ({ domains }) =>
  domains.length > 0
    ? []
    : [wrong(['domains'], { expected: 'at least one domain', value: undefined })]

const domainsDiffer: Rule = ({ domains }) =>
  domains.flatMap(({ name }, index) =>
    domains.findIndex((other) => other.name === name) === index
      ? []
      : [
          wrong(['domains', index, 'name'], {
            expected: 'a domain that is not in the list yet',
            value: name,
          }),
        ],
  )

/** A domain of ours is no peer of ours: requests between our own domains never leave the gateway. */
const peersAreOthers: Rule = ({ domains, peers, resolve }) => {
  const ours = new Set(domains.map(({ name }) => name))
  const places: Path[] = [
    ...[...peers.keys()].filter((name) => ours.has(name)).map((name) => ['peers', name]),
    ...[...resolve.routes.keys()]
      .filter((name) => ours.has(name))
      .map((name) => ['resolve', 'routes', name]),
  ]
  return places.map((path) => ({
    ...wrong(path, { expected: 'a domain that is not our own', value: path.at(-1) }),
    at: 'key' as const,
  }))
}

/** Plain TCP proves nothing and hides nothing: only keys that are known, only on networks that are ours. */
const plainPeers: Rule = ({ peers, resolve }) =>
  [...peers].flatMap(([name, { plain, keys }]) => {
    if (!plain) return []
    const path = ['peers', name, 'plain']
    const route = ['resolve', 'routes', name]
    const says = plainFault(keys, resolve.routes.get(name) ?? [])
    const on = [['peers', name], route]
    return says === undefined ? [] : [wrong(path, { expected: 'false', value: true, says }, on)]
  })

function plainFault(
  keys: readonly string[],
  hosts: readonly { host: string }[],
): string | undefined {
  if (keys.length === 0) return 'a plain peer needs pinned keys'
  if (hosts.length === 0) return 'a plain peer needs a static route in resolve.routes'
  const far = hosts.find(({ host }) => !isPrivate(host))?.host
  return far && `a plain peer needs a route to loopback or private IP addresses, ${far} is none`
}

/** A domain with pinned keys is proven by them alone. */
const proofsPossible: Rule = ({ peers }) =>
  [...peers].flatMap(([name, { keys, require }]) => {
    const impossible = keys.length === 0 ? 'pinned' : 'key'
    const index = require.indexOf(impossible)
    if (index === -1) return []
    const expected = keys.length === 0 ? 'pinned keys beside it' : 'pinned, as keys are pinned'
    const path = ['peers', name, 'require', index]
    return [wrong(path, { expected, value: impossible }, [path, ['peers', name, 'keys']])]
  })

const plainListeners: Rule = ({ listen }) => [
  ...listen.peers.flatMap((listener, index) =>
    isPrivate(listener.address)
      ? []
      : plainListener(['listen', 'peers', index], listener, 'a loopback or private address'),
  ),
  ...listen.clients.flatMap((listener, index) =>
    isLoopback(listener.address)
      ? []
      : plainListener(['listen', 'clients', index], listener, 'a loopback address'),
  ),
]

type Listener = Parsed['listen']['peers'][number]

function plainListener(path: Path, { address, tls }: Listener, where: string) {
  if (tls) return []
  const says = `plain TCP needs ${where}, ${address} is none`
  const on = [at(path, 'tls'), at(path, 'address')]
  return [wrong(at(path, 'tls'), { expected: `true, or ${where}`, value: tls, says }, on)]
}

const at = (path: Path, name: string): Path => [...path, name]

const adminToken: Rule = ({ listen: { admin } }) => {
  if (isLoopback(admin.address) || admin.token !== null) return []
  const expected = 'a loopback address, or listen.admin.token'
  const path = ['listen', 'admin']
  const on = [at(path, 'address'), at(path, 'token')]
  return [wrong(at(path, 'address'), { expected, value: admin.address }, on)]
}

const portsDiffer: Rule = ({ listen }) => {
  const all = [
    ...listen.peers.map((one, index) => ({ ...one, path: ['listen', 'peers', index] })),
    ...listen.clients.map((one, index) => ({ ...one, path: ['listen', 'clients', index] })),
    { ...listen.admin, path: ['listen', 'admin'] },
  ]
  return all.flatMap(({ address, port, path }, index) => {
    const clash = all
      .slice(0, index)
      .find((other) => port !== 0 && other.port === port && overlap(other.address, address))
    if (clash === undefined) return []
    const expected = `a port that ${showPath(clash.path)} does not use`
    const on = [path, clash.path].flatMap((place) => [at(place, 'port'), at(place, 'address')])
    return [wrong(at(path, 'port'), { expected, value: port }, on)]
  })
}

const allowedOrDenied: Rule = ({ policy: { allow, deny } }) =>
  deny.flatMap((pattern, index) => {
    const allowed = allow.indexOf(pattern)
    if (allowed === -1) return []
    const path = ['policy', 'deny', index]
    const expected = 'a domain that policy.allow does not name'
    return [wrong(path, { expected, value: pattern }, [path, ['policy', 'allow', allowed]])]
  })

/** The first may not be above the second. */
const ordered: readonly (readonly [LimitName, LimitName])[] = [
  ['tlsHandshakeMs', 'proofMs'],
  ['helloBytes', 'frameBytes'],
  ['fieldBytes', 'frameBytes'],
  ['fieldValueBytes', 'fieldBytes'],
  ['waitingOutBytes', 'mostOutBytes'],
  ['dialAddressMs', 'dialMs'],
  ['redialMs', 'redialLostCapMs'],
  ['redialLostCapMs', 'redialCapMs'],
  ['dnsTryMs', 'dnsTotalMs'],
  ['dnsMinTtlMs', 'dnsMaxTtlMs'],
  ['dnsMinNegativeMs', 'dnsMaxNegativeMs'],
  ['dnsMinFailureMs', 'dnsMaxFailureMs'],
  ['credentialSeconds', 'credentialMaxSeconds'],
  ['keySoftMs', 'keyHardMs'],
  ['keyFailureMs', 'keyFailureCapMs'],
  ['duplicateSettledMs', 'duplicateMs'],
  ['leaseMinSeconds', 'leaseSeconds'],
  ['leaseSeconds', 'leaseMaxSeconds'],
]

const limitsOrdered: Rule = ({ limits }) =>
  ordered.flatMap(([low, high]) => {
    if (limits[low] <= limits[high]) return []
    const expected = `at most ${high} (${limits[high]})`
    const on = [
      ['limits', low],
      ['limits', high],
    ]
    return [wrong(['limits', low], { expected, value: limits[low] }, on)]
  })

const rules: readonly Rule[] = [
  someDomain,
  domainsDiffer,
  peersAreOthers,
  plainPeers,
  proofsPossible,
  plainListeners,
  adminToken,
  portsDiffer,
  allowedOrDenied,
  limitsOrdered,
]
