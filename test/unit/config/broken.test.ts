/** Files as operators break them, each with the exact lines that they see. */
import { expect, test } from 'vitest'
import { mistakesIn, withDomain } from './support.ts'

const key = 'U3CXhc0Ssf0Eukat6Rjk9TgU4_zr3JRzKZts0xEOo3w'
const own = 'X'.repeat(32)

type Broken = readonly [title: string, text: string, ...lines: readonly string[]]

const files: readonly Broken[] = [
  ['an empty file', '', '1:1  domains: expected at least one domain, found nothing'],
  [
    'a file with comments only',
    '# nothing yet\n',
    '1:1  domains: expected at least one domain, found nothing',
  ],
  [
    'text that is no mapping',
    'a.example\n',
    '1:1  expected a mapping of settings, found "a.example"',
  ],
  [
    'a list of domains that is empty',
    'domains: []\n',
    '1:10  domains: expected at least one domain, found nothing',
  ],
  [
    'a domain without its files',
    'domains:\n  - name: a.example\n',
    '2:5  domains[0].key: expected the path of a PEM file, not the key itself, found nothing',
    '2:5  domains[0].certificate: expected the path of a PEM file, found nothing',
    '2:5  domains[0].certificateKey: expected the path of a PEM file, not the key itself, found nothing',
  ],
  [
    'settings whose value was forgotten',
    'domains:\n  - name: a.example\n    key:\n    certificate: ""\n    certificateKey: ~\n',
    '3:5  domains[0].key: expected the path of a PEM file, not the key itself, found nothing',
    '4:18  domains[0].certificate: expected the path of a PEM file, found ""',
    '5:21  domains[0].certificateKey: expected the path of a PEM file, not the key itself, found nothing',
  ],
  [
    'an unknown section',
    withDomain('polices: {default: deny}\n'),
    '6:1  polices: unknown setting; did you mean policy?',
  ],
  [
    'an unknown setting far from any other',
    withDomain('log: {colour: true}\n'),
    '6:7  log.colour: unknown setting',
  ],
  [
    'a limit with letters swapped',
    withDomain('limits:\n  frmaeBytes: 100\n'),
    '7:3  limits.frmaeBytes: unknown setting; did you mean frameBytes?',
  ],
  [
    'a limit of nothing, a negative one, a broken one and one beyond the protocol',
    withDomain(
      'limits: {links: 0, peers: -1, lanes: 1.5, hops: 256, pingsPerSecond: 0, messageBytes: 262145}\n',
    ),
    '6:17  limits.links: expected a whole number from 1 to 10000000, found 0',
    '6:27  limits.peers: expected a whole number from 1 to 10000000, found -1',
    '6:38  limits.lanes: expected a whole number from 1 to 10000000, found 1.5',
    '6:49  limits.hops: expected a whole number of hops from 1 to 255, found 256',
    '6:70  limits.pingsPerSecond: expected a number above 0 (per second), at most 10000000, found 0',
    '6:87  limits.messageBytes: expected a whole number of bytes from 1 to 262144, found 262145',
  ],
  [
    'limits that nobody can mean',
    withDomain(
      'limits: {links: 1e12, duplicateMs: 9007199254740993, heldBytes: 1e300, peerPerSecond: 1e9}\n',
    ),
    '6:17  limits.links: expected a whole number from 1 to 10000000, found 1000000000000',
    '6:36  limits.duplicateMs: expected a whole number of milliseconds from 1 to 2592000000, found 9007199254740992',
    '6:65  limits.heldBytes: expected a whole number of bytes from 1 to 1099511627776, found 1e+300',
    '6:87  limits.peerPerSecond: expected a number above 0 (per second), at most 10000000, found 1000000000',
  ],
  [
    'text without the quotes that YAML wants',
    withDomain(
      'listen: {admin: {token: 01234567890123456789012345678901}}\nresolve: {routes: {b.example: [5]}}\n',
    ),
    '6:25  listen.admin.token: expected a token of 32 characters or more, without spaces, in quotes (YAML reads it as a number), found (hidden)',
    '7:32  resolve.routes[b.example][0]: expected a host with or without a port, such as gw.b.example:5279, found 5',
  ],
  [
    'grammar that a far side does not know of',
    withDomain(
      'limits: {frameBytes: 8192, fieldBytes: 8191, fieldCount: 31, bodiesUnderWay: 15, presenceBytes: 8193}\n',
    ),
    '6:22  limits.frameBytes: expected a whole number of bytes from 16384 to 16384, found 8192',
    '6:40  limits.fieldBytes: expected a whole number of bytes from 8192 to 16384, found 8191',
    '6:58  limits.fieldCount: expected a whole number from 32 to 255, found 31',
    '6:78  limits.bodiesUnderWay: expected a whole number from 16 to 10000000, found 15',
    '6:97  limits.presenceBytes: expected a whole number of bytes from 1 to 8192, found 8193',
  ],
  [
    'limits that contradict a default',
    withDomain('limits: {dialAddressMs: 60000, keyHardMs: 1000}\n'),
    '6:9  limits.keySoftMs: expected at most keyHardMs (1000), found 3600000',
    '6:25  limits.dialAddressMs: expected at most dialMs (30000), found 60000',
  ],
  [
    'a port in quotes and a switch as YAML 1.1 had it',
    withDomain('listen:\n  peers:\n    - port: "5279"\n      tls: yes\n'),
    '8:13  listen.peers[0].port: expected a port from 0 to 65535, found "5279"',
    '9:12  listen.peers[0].tls: expected true or false, found "yes"',
  ],
  [
    'two listeners on one port',
    withDomain('listen:\n  peers: [{port: 5280}]\n  admin: {port: 5280}\n'),
    '7:3  listen.clients[0].port: expected a port that listen.peers[0] does not use, found 5280',
    '8:17  listen.admin.port: expected a port that listen.peers[0] does not use, found 5280',
  ],
  [
    'clients without TLS on every address',
    withDomain('listen: {clients: [{address: "0.0.0.0", tls: false}]}\n'),
    '6:46  listen.clients[0].tls: plain TCP needs a loopback address, 0.0.0.0 is none',
  ],
  [
    'peers without TLS on a public address',
    withDomain('listen: {peers: [{address: 192.0.2.1, tls: false}]}\n'),
    '6:44  listen.peers[0].tls: plain TCP needs a loopback or private address, 192.0.2.1 is none',
  ],
  [
    'an admin port for everybody',
    withDomain('listen: {admin: {address: "::"}}\n'),
    '6:27  listen.admin.address: expected a loopback address, or listen.admin.token, found "::"',
  ],
  [
    'a token that is too short',
    withDomain('listen: {admin: {address: "::", token: secret}}\n'),
    '6:40  listen.admin.token: expected a token of 32 characters or more, without spaces, found (hidden)',
  ],
  [
    'plain peers without keys, without route, on the internet, by name',
    withDomain(`peers:
  b.example: {plain: true}
  c.example: {plain: true, keys: [${key}]}
  d.example: {plain: true, keys: [${key}]}
  e.example: {plain: true, keys: [${key}]}
resolve: {routes: {d.example: [10.0.0.1, 192.0.2.1], e.example: [gw.e.example]}}
`),
    '7:22  peers[b.example].plain: a plain peer needs pinned keys',
    '8:22  peers[c.example].plain: a plain peer needs a static route in resolve.routes',
    '9:22  peers[d.example].plain: a plain peer needs a route to loopback or private IP addresses, 192.0.2.1 is none',
    '10:22  peers[e.example].plain: a plain peer needs a route to loopback or private IP addresses, gw.e.example is none',
  ],
  [
    'keys that no peer takes: of small order, and printed in a standard',
    withDomain(
      `peers:\n  b.example: {keys: [${'A'.repeat(43)}]}\n  c.example: {keys: [11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo]}\n`,
    ),
    `7:22  peers[b.example].keys[0]: expected an Ed25519 public key: 32 bytes as 43 characters of base64url, found "${'A'.repeat(43)}"`,
    '8:22  peers[c.example].keys[0]: this key is one that everybody knows: make another',
  ],
  [
    'proofs that cannot be had',
    withDomain(`peers:
  b.example: {require: [pinned]}
  c.example: {require: [certificate, key], keys: [${key}]}
  d.example: {require: [dialback, certificate, certificate]}
`),
    '7:25  peers[b.example].require[0]: expected pinned keys beside it, found "pinned"',
    '8:38  peers[c.example].require[1]: expected pinned, as keys are pinned, found "key"',
    '9:25  peers[d.example].require[0]: expected one of certificate, key, pinned, found "dialback"',
    '9:48  peers[d.example].require[2]: expected a value that is not in the list yet, found "certificate"',
  ],
  [
    'a domain of ours among the others',
    withDomain('peers: {A.example: {}}\nresolve:\n  routes: {a.example: [gw.a.example]}\n'),
    '6:9  peers[A.example]: expected a domain that is not our own, found "a.example"',
    '8:12  resolve.routes[a.example]: expected a domain that is not our own, found "a.example"',
  ],
  [
    'one domain in two spellings',
    withDomain('peers:\n  b.example: {}\n  B.example: {}\n'),
    '8:3  peers[B.example]: expected a domain that is not in the mapping yet, found "B.example"',
  ],
  [
    'domains that are none',
    withDomain('metrics: {watch: [localhost, 192.0.2.1, a..example, "*.b.example", 7]}\n'),
    '6:19  metrics.watch[0]: expected at least two labels in a domain, found "localhost"',
    '6:30  metrics.watch[1]: expected a domain, not an IP address, found a last label that is a number in "192.0.2.1"',
    '6:41  metrics.watch[2]: expected one dot between labels, found an empty label in "a..example"',
    '6:53  metrics.watch[3]: expected letters, digits, hyphens and dots in a domain, found U+002A in "*.b.example"',
    '6:68  metrics.watch[4]: expected a domain such as b.example, found 7',
  ],
  [
    'name servers by name, routes without port or host, ranges with bits too many',
    withDomain(`resolve:
  servers: [dns.example, "192.0.2.53:0", 192.0.2.53:5e3]
  routes: {b.example: ["gw.b.example:", ":5279", "[192.0.2.1]:1", "::1:5279:x", "1.2.3"], c.example: []}
  allowRanges: [10.0.0.0/33, 10.0.0.1/8, fd00::/7, "fe80::1%lo"]
`),
    '7:13  resolve.servers[0]: expected an IP address with or without a port, such as 192.0.2.53:53, found "dns.example"',
    '7:26  resolve.servers[1]: expected an IP address with or without a port, such as 192.0.2.53:53, found "192.0.2.53:0"',
    '7:42  resolve.servers[2]: expected an IP address with or without a port, such as 192.0.2.53:53, found "192.0.2.53:5e3"',
    '8:24  resolve.routes[b.example][0]: expected a host with or without a port, such as gw.b.example:5279, found "gw.b.example:"',
    '8:41  resolve.routes[b.example][1]: expected a host with or without a port, such as gw.b.example:5279, found ":5279"',
    '8:50  resolve.routes[b.example][2]: expected a host with or without a port, such as gw.b.example:5279, found "[192.0.2.1]:1"',
    '8:67  resolve.routes[b.example][3]: expected a host with or without a port, such as gw.b.example:5279, found "::1:5279:x"',
    '8:81  resolve.routes[b.example][4]: expected a host with or without a port, such as gw.b.example:5279, found "1.2.3"',
    '8:102  resolve.routes[c.example]: expected a list with at least one host, found an empty list',
    '9:17  resolve.allowRanges[0]: expected an IP range such as 10.0.0.0/8, found "10.0.0.0/33"',
    '9:30  resolve.allowRanges[1]: expected an IP range such as 10.0.0.0/8, found "10.0.0.1/8"',
    '9:42  resolve.allowRanges[2]: expected an IP range such as 10.0.0.0/8, found "fd00::/7"',
    '9:52  resolve.allowRanges[3]: expected an IP range such as 10.0.0.0/8, found "fe80::1%lo"',
  ],
  [
    'a directory of another kind, and users that are none',
    `domains:
  - {name: a.example, key: k, certificate: c, certificateKey: t, directory: {kind: ldap}}
  - {name: b.example, key: k, certificate: c, certificateKey: t, directory: static}
  - name: c.example
    key: k
    certificate: c
    certificateKey: t
    directory:
      kind: static
      users:
        al ice:
        Bob:
        bob: {key: ${key}}
`,
    '2:84  domains[0].directory.kind: expected any or static, found "ldap"',
    '3:77  domains[1].directory: expected a mapping, such as {kind: any}, found "static"',
    '11:9  domains[2].directory.users.al ice: expected letters, digits and ASCII signs in a user part, found U+0020 in "al ice"',
    '13:9  domains[2].directory.users.bob: expected a user that is not in the mapping yet, found "bob"',
    '13:15  domains[2].directory.users.bob.key: unknown setting; did you mean keys?',
  ],
  [
    'a static directory without users',
    withDomain('    directory: {kind: static}\n'),
    '6:16  domains[0].directory.users: expected a mapping of users, found nothing',
  ],
  [
    'keys that are none',
    withDomain(
      `    revokedKeys: [short, ${key}, ${key}]\npeers: {b.example: {keys: [${'A'.repeat(42)}B, ${key}=]}}\n`,
    ),
    '6:19  domains[0].revokedKeys[0]: expected a key id: 43 characters of base64url, found "short"',
    `6:71  domains[0].revokedKeys[2]: expected a value that is not in the list yet, found "${key}"`,
    `7:28  peers[b.example].keys[0]: expected an Ed25519 public key: 32 bytes as 43 characters of base64url, found "${'A'.repeat(42)}B"`,
    `7:73  peers[b.example].keys[1]: expected an Ed25519 public key: 32 bytes as 43 characters of base64url, found "${key}="`,
  ],
  [
    'a setting that stands there twice',
    withDomain(`listen: {admin: {token: ${own}}}\nlog: {level: info}\nlog: {level: debug}\n`),
    '8:1  log: set twice',
  ],
  [
    'a bracket that is not closed',
    withDomain('policy: {allow: [b.example}\n'),
    '6:27  not YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
    '6:28  not YAML: Flow map in block collection must be sufficiently indented and end with a }',
  ],
  ['tabs', 'domains:\n\t- name: a.example\n', '2:1  not YAML: Tabs are not allowed as indentation'],
  [
    'a quote that is not closed, with a secret in it',
    withDomain(`listen: {admin: {token: "${own}}}\n`),
    '7:1  not YAML: Missing closing "quote',
  ],
  [
    'two documents in one file',
    withDomain('---\nlog: {level: info}\n'),
    '6:1  not YAML: Source contains multiple documents',
  ],
  [
    'a file of YAML 1.1',
    '%YAML 1.1\n---\ndomains: []\n',
    '1:1  not YAML 1.2, as its first line says',
  ],
  [
    'aliases, tags and names that are no text',
    withDomain(
      'policy: &p {allow: !set [b.example], deny: []}\npeers: *p\n? {a: b}\n: c\n__proto__: {}\nresolve: {routes: {__proto__: {}}}\n',
    ),
    '6:25  policy.allow: tags (!) are not used in this file',
    '7:8  peers: aliases (*) are not used in this file',
    '8:3  the name of a setting is plain text',
    '10:1  __proto__: unknown setting',
    '11:20  resolve.routes.__proto__: unknown setting',
  ],
]

test.for(files)('%s is told with its line and column', ([, text, ...lines]) => {
  expect(mistakesIn(text)).toEqual(lines)
})
