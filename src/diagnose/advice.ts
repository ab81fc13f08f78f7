/**
 * Whose side has to act, and what to look at first; `docs/errors.md` has more about each code.
 *
 * In:    where something went wrong, and the code.
 * Out:   a side of the table of statuses, seen from here; one or two sentences.
 * Fails: never.
 */
import { isSuccess, type Side, type Status, statuses } from '../errors.ts'
import type { JournalEvent } from '../operation/journal.ts'

/** `rules`: ours. `search`, `connect`: tried just now; `ours`: the way of others to us. The rest as the journal tells it. */
export type Stage = 'rules' | 'search' | 'connect' | 'ours' | JournalEvent['kind']

/** The table speaks of the one who asked and the one who answered: with a claim of ours that is us, and them. */
const seenFromHere: Readonly<Record<Side, Side>> = {
  none: 'none',
  network: 'network',
  sender: 'us',
  peer: 'us',
  us: 'peer',
}

export function sideOf(stage: Stage, cause: Status): Side {
  const { side } = statuses[cause]
  // Whose rules they are.
  if (cause === 'domain-refused') return stage === 'claim' || stage === 'dial' ? 'peer' : 'us'
  if (stage === 'claim') return seenFromHere[side]
  if (stage === 'ours') return side === 'none' || side === 'network' ? side : 'us'
  return (stage === 'proof' || stage === 'credential') && side === 'sender' ? 'peer' : side
}

type Advices = Readonly<Partial<Record<Status, string>>>

/** We cannot get there. */
const reaching: Advices = {
  'dns-failed': 'Our side first: the name servers in the table, and the way to them.',
  'address-blocked':
    'A peer in your own network: list its range in resolve.allowRanges. Else their DNS is wrong.',
  'remote-not-found': 'The domain is mistyped, or publishes nothing in DNS.',
  'remote-declines': 'Their side: the domain publishes that it does not offer this service.',
  'remote-unreachable':
    'Their side first: their DNS, their gateway, a firewall. If all domains fail, it is our network.',
  'remote-untrusted':
    'Their side first: a certificate that is valid, names the domain, and comes from an authority that is known here. A private one is named in resolve.trustedCertificates; a wrong clock here looks the same.',
  loop: 'Our side: DNS or resolve.routes leads from this gateway back to itself.',
}

/** They do not take us for our domain. */
const claiming: Advices = {
  'domain-refused': 'Their side: their rules bar our domain. Ask their operator to allow it.',
  'credential-unverifiable':
    'They cannot fetch our keys: our SRV records have to lead to this gateway, and its port has to be open to them. "gatehouse explain" with our domain, over there, shows the step that fails.',
  'credential-key':
    'They know other keys of our domain: is the file of domains[].key the one that is published, or did they pin another?',
  'credential-revoked': 'We published the key of domains[].key as revoked: sign with another.',
  'credential-time': 'The clocks of both gateways: here the signer is ours.',
  'credential-expired': 'The clocks of both gateways: here the signer is ours.',
  'credential-audience': 'They do not serve that domain: their DNS or our resolve.routes is wrong.',
  'credential-binding': 'Something between us and them opens the TLS connection.',
}

/** We do not take them for their domain. */
const proving: Advices = {
  'domain-refused': 'Our side: policy.default, policy.allow, policy.deny.',
  'credential-unverifiable':
    'Their keys cannot be fetched from here: their SRV records and their port, or our DNS. The steps above show which.',
  'credential-key':
    'Their side: signed with a key that they do not publish, or not with the one that we pinned (peers.<domain>.keys).',
  'credential-time': 'The clocks of both gateways: here the signer is theirs.',
  'credential-expired': 'The clocks of both gateways: here the signer is theirs.',
  'credential-audience': 'They take us for another domain: their routes, or our DNS.',
  'credential-signature': 'It was somebody else, or their gateway signs with the wrong key.',
  'credential-binding': 'It was somebody else, or something between us opens the TLS connection.',
}

/** Others do not find us: they cannot fetch our keys, and nothing of theirs gets here. */
const findingUs: Advices = {
  'remote-not-found':
    'Our side: publish the SRV records of our domain, _im._mitp and _pres._pitp, as "gatehouse init" printed them.',
  'remote-declines': 'Our side: our own SRV record says that we do not offer this service.',
  'remote-unreachable':
    'Our side: does the gateway run, is the port of the SRV record that of listen.peers, does a firewall let it in? A router that leads nobody inside back to itself looks the same from here.',
  'remote-untrusted':
    'Our side: the certificate that is shown there has to be valid, to name our domain, and to come from an authority that others trust.',
  'address-blocked':
    'Our side: our records lead to an address that others do not dial. Publish a public one; in a network of your own both sides list its range in resolve.allowRanges.',
  'dns-failed': 'The name servers of our domain, or those that this machine asks.',
  'credential-key':
    'Our side: our SRV records lead to another gateway, or to one that was not restarted since the keys changed.',
}

/** They cannot fetch our keys, though we find ourselves. */
export const foundFromHere =
  'Their side, or the way between: a firewall that lets us out and not them in, what their name servers say of our domain, or an authority that they do not trust (a private one has to stand in their resolve.trustedCertificates). After a failure they ask again within a minute, later within 15.'

const stages: Readonly<Record<Stage, Advices>> = {
  rules: proving,
  search: reaching,
  connect: reaching,
  dial: reaching,
  link: reaching,
  ours: findingUs,
  claim: claiming,
  proof: proving,
  credential: proving,
}

const usual: Readonly<Record<Side, string>> = {
  none: '',
  sender: 'The address.',
  peer: 'Their side.',
  network: 'The way between, then both ends.',
  us: 'Our side.',
}

export function adviceOn(stage: Stage, cause: Status): string {
  if (isSuccess(cause)) return ''
  const known = stages[stage][cause]
  return known ?? `${usual[sideOf(stage, cause)]} docs/errors.md has more under "${cause}".`.trim()
}
