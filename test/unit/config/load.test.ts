import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../../src/config/load.ts'
import { formatMistakes } from '../../../src/config/mistakes.ts'
import { limitsWith } from '../../../src/limits.ts'
import { anyCharacter } from '../../support/any-character.ts'
import { dose } from '../../support/dose.ts'
import { configOf, domainText, fileName, mistakesIn, withDomain } from './support.ts'

const key = 'U3CXhc0Ssf0Eukat6Rjk9TgU4_zr3JRzKZts0xEOo3w'

describe('a file that is right', () => {
  test('needs no more than one domain with its files', () => {
    expect(configOf(domainText)).toMatchObject({
      domains: [
        { name: 'a.example', services: ['im', 'pres'], userKey: null, directory: { kind: 'any' } },
      ],
      listen: {
        peers: [{ address: '::', port: 5279, tls: true }],
        clients: [{ address: '127.0.0.1', port: 5280, tls: true }],
        admin: { address: '127.0.0.1', port: 9279, token: null },
      },
      resolve: {
        servers: [],
        fallback: 'proven',
        allowRanges: [],
        trustedCertificates: [],
        systemCertificates: false,
      },
      policy: { default: 'allow', allow: [], deny: [] },
      log: { level: 'info' },
      metrics: { watch: [] },
    })
    expect(configOf(domainText).limits).toEqual(limitsWith())
  })

  test('has paths that start from its folder', () => {
    const { domains, resolve } = configOf(
      withDomain(
        '    otherKeys: [next.pem, /var/last.pem]\nresolve: {trustedCertificates: [ca.pem]}\n',
      ),
    )
    expect(domains[0]).toMatchObject({
      key: '/etc/gatehouse/keys/a.pem',
      otherKeys: ['/etc/gatehouse/next.pem', '/var/last.pem'],
      certificate: '/etc/gatehouse/certificates/a.pem',
      certificateKey: '/etc/gatehouse/keys/a-tls.pem',
    })
    expect(resolve.trustedCertificates).toEqual(['/etc/gatehouse/ca.pem'])
  })

  test('gives domains, users, addresses and endpoints in their canonical form', () => {
    const config = configOf(
      withDomain(`    directory: {kind: static, users: {Alice: {keys: [${key}]}, bob: }}
listen: {peers: [{address: '0:0:0:0:0:0:0:1'}]}
resolve:
  servers: [192.0.2.53, '2001:DB8::53', '[2001:db8::54]:5353']
  routes: {BÜCHER.example: [GW.b.example, '192.0.2.7:5999', '[::1]:5279', gateway-b]}
  allowRanges: [10.0.0.0/8, '::1']
peers: {B.Example: {keys: [${key}]}}
policy: {allow: ['*.B.example'], deny: [c.example.]}
`),
    )
    expect(config.domains[0]?.directory).toEqual({
      kind: 'static',
      users: new Map([
        ['alice', { keys: [key] }],
        ['bob', { keys: [] }],
      ]),
    })
    expect(config.listen.peers[0]?.address).toBe('::1')
    expect(config.resolve.servers).toEqual([
      { host: '192.0.2.53', port: 53 },
      { host: '2001:db8::53', port: 53 },
      { host: '2001:db8::54', port: 5353 },
    ])
    expect([...config.resolve.routes]).toEqual([
      [
        'xn--bcher-kva.example',
        [
          { host: 'gw.b.example', port: 5279 },
          { host: '192.0.2.7', port: 5999 },
          { host: '::1', port: 5279 },
          { host: 'gateway-b', port: 5279 },
        ],
      ],
    ])
    expect(config.resolve.allowRanges).toEqual(['10.0.0.0/8', '::1/128'])
    expect([...config.peers]).toEqual([['b.example', { keys: [key], plain: false, require: [] }]])
    expect(config.policy).toEqual({ default: 'allow', allow: ['*.b.example'], deny: ['c.example'] })
  })

  test('may leave a section empty', () => {
    const empty = withDomain(
      'listen:\nresolve:\npeers:\n  b.example:\npolicy:\nlimits:\nlog:\nmetrics:\n',
    )
    const { peers, ...rest } = configOf(empty)
    const { peers: none, ...others } = configOf(domainText)
    expect(rest).toEqual(others)
    expect([[...peers.keys()], none.size]).toEqual([['b.example'], 0])
  })

  test('changes single limits and keeps the others', () => {
    const { limits } = configOf(withDomain('limits: {messageBytes: 1000, pingsPerSecond: 0.5}\n'))
    expect(limits).toEqual(limitsWith({ messageBytes: 1000, pingsPerSecond: 0.5 }))
  })

  test('keeps plain peers with pinned keys and a private route', () => {
    const { peers } = configOf(
      withDomain(`listen: {peers: [{}, {address: 10.0.0.1, port: 5289, tls: false}]}
resolve: {routes: {b.example: ['10.0.0.2:5279', '[fd00::2]:5279', 127.0.0.2]}}
peers: {b.example: {plain: true, keys: [${key}], require: [pinned]}}
`),
    )
    expect([...peers.values()]).toEqual([{ plain: true, keys: [key], require: ['pinned'] }])
  })

  test('may let the system choose every port', () => {
    const { listen } = configOf(
      withDomain('listen: {peers: [{port: 0}, {port: 0}], admin: {port: 0}}\n'),
    )
    expect(listen.peers.map(({ port }) => port)).toEqual([0, 0])
  })

  test('may open the admin port to others, with a token', () => {
    const token = 'X'.repeat(32)
    const { listen } = configOf(withDomain(`listen: {admin: {address: "::", token: ${token}}}\n`))
    expect(listen.admin).toEqual({ address: '::', port: 9279, token })
  })

  test('may have two limits of one order that are the same', () => {
    const { limits } = configOf(withDomain('limits: {leaseMinSeconds: 60, leaseSeconds: 60}\n'))
    expect([limits.leaseMinSeconds, limits.leaseSeconds]).toEqual([60, 60])
  })

  test('tells where each setting stands', () => {
    const result = parseConfig(withDomain('log:\n  level: warn\n'), fileName)
    if ('mistakes' in result) throw new Error('wrong')
    expect(result.locate(['log', 'level'], 'value')).toEqual({ line: 7, column: 10 })
    expect(result.locate(['log', 'level'], 'key')).toEqual({ line: 7, column: 3 })
    expect(result.locate(['domains', 0, 'certificate'], 'value')).toEqual({ line: 4, column: 18 })
    // A default stands nowhere: the place is the mapping that could hold it.
    expect(result.locate(['domains', 0, 'services'], 'value')).toEqual({ line: 2, column: 5 })
  })
})

describe('mistakes', () => {
  test('are told all at once, in the order of the file', () => {
    const text = `domains:
  - name: a_b.example
    key: keys/a.pem
    cert: certificates/a.pem
    certificateKey: keys/a-tls.pem
  - name: b.example
    key: k.pem
    certificate: c.pem
    certificateKey: t.pem
  - name: B.example
    key: k.pem
    certificate: c.pem
    certificateKey: t.pem
listen:
  peers: [{port: 70000}]
  clients: [{address: 192.0.2.1, tls: false}]
  admin: {port: 5280, port: 9280}
policy: {default: allow, allow: [x.example], deny: [X.example]}
limits: {idleMs: soon, leaseMinSeconds: 7200}
`
    expect(mistakesIn(text)).toEqual([
      '2:5  domains[0].certificate: expected the path of a PEM file, found nothing',
      '2:11  domains[0].name: expected letters, digits, hyphens and dots in a domain, found U+005F in "a_b.example"',
      '4:5  domains[0].cert: unknown setting; did you mean certificate?',
      '10:11  domains[2].name: expected a domain that is not in the list yet, found "b.example"',
      '15:18  listen.peers[0].port: expected a port from 0 to 65535, found 70000',
      '16:39  listen.clients[0].tls: plain TCP needs a loopback address, 192.0.2.1 is none',
      '17:23  listen.admin.port: set twice',
      '18:53  policy.deny[0]: expected a domain that policy.allow does not name, found "x.example"',
      '19:18  limits.idleMs: expected a whole number of milliseconds from 1 to 2592000000, found "soon"',
      '19:41  limits.leaseMinSeconds: expected at most leaseSeconds (3600), found 7200',
    ])
  })

  test('carry the place, the value, what was expected and the code', () => {
    const result = parseConfig(withDomain('log: {level: loud}\n'), fileName)
    expect('mistakes' in result && result.mistakes).toEqual([
      {
        code: 'config-invalid',
        file: fileName,
        line: 6,
        column: 14,
        path: 'log.level',
        value: '"loud"',
        expected: 'one of debug, info, warn, error',
        message: 'expected one of debug, info, warn, error, found "loud"',
      },
    ])
  })

  test('are formatted so that an editor finds the place', () => {
    const result = parseConfig(withDomain('log: {level: loud}\n'), 'gatehouse.yaml')
    expect('mistakes' in result && formatMistakes(result.mistakes)).toBe(
      'gatehouse.yaml:6:14  log.level: expected one of debug, info, warn, error, found "loud"',
    )
  })

  test('in one part of a list leave the numbers of the other parts as they are', () => {
    const text = withDomain('policy: {allow: [4, 5, b.example], deny: [6, B.example]}\n')
    expect(mistakesIn(text).at(-1)).toBe(
      '6:46  policy.deny[1]: expected a domain that policy.allow does not name, found "b.example"',
    )
  })

  test('that follow from another mistake are not told', () => {
    // The only key is wrong: that there is then no key at all is no second mistake.
    const text = withDomain('peers: {b.example: {plain: true, keys: [short]}}\n')
    expect(mistakesIn(text)).toEqual([
      '6:41  peers[b.example].keys[0]: expected an Ed25519 public key: 32 bytes as 43 characters of base64url, found "short"',
    ])
  })

  test('never show a value that is or may be a secret', () => {
    const secret = 'MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g'
    const pem = `-----BEGIN PRIVATE KEY-----\\n${secret}\\n-----END PRIVATE KEY-----`
    const text = `domains:
  - name: "${pem}"
    key: ${secret}
    userKey: "${pem}"
    otherKeys: s3cret
    certificate: c.pem
    certificateKey: {pem: "${pem}"}
  - ${secret}
listen: {admin: {token: two words}}
`
    expect(mistakesIn(text)).toEqual([
      '2:11  domains[0].name: expected a domain such as b.example, found (hidden)',
      '3:10  domains[0].key: expected the path of a PEM file, not the key itself, found (hidden)',
      '4:14  domains[0].userKey: expected the path of a PEM file, not the key itself, found (hidden)',
      '5:16  domains[0].otherKeys: expected a list, found (hidden)',
      '7:21  domains[0].certificateKey: expected the path of a PEM file, not the key itself, found a mapping',
      '8:5  domains[1]: expected a mapping of settings, found (hidden)',
      '9:25  listen.admin.token: expected a token of 32 characters or more, without spaces, found (hidden)',
    ])
    const result = parseConfig(text, fileName)
    expect(JSON.stringify(result)).not.toContain(secret.slice(0, 12))
  })
})

describe('any text at all', () => {
  test('ends in settings or in mistakes that have a place', () => {
    const word = fc.constantFrom(
      ...['domains', 'name', 'peers', 'b.example', 'limits', 'frameBytes', '__proto__', 'listen'],
      ...[
        '- ',
        ': ',
        '\n',
        '\n  ',
        '\n    ',
        '{',
        '}',
        '[',
        ']',
        ', ',
        '"',
        "'",
        '&a ',
        '*a',
        '!x ',
        '#',
        '|',
        '>',
      ],
      ...['1', '-1', '0.5', 'null', 'true', '%YAML 1.1\n', '---', '...', '\t', '\u0000', 'ü', '?'],
    )
    const text = fc.oneof(
      fc.array(word, { maxLength: 60 }).map((words) => words.join('')),
      fc.string({ unit: anyCharacter, maxLength: 200 }),
      fc
        .tuple(fc.nat(domainText.length), fc.string({ maxLength: 8 }))
        .map(([at, wedge]) => domainText.slice(0, at) + wedge + domainText.slice(at)),
    )
    fc.assert(
      fc.property(text, (yaml) => {
        const result = parseConfig(yaml, fileName)
        if (!('mistakes' in result)) return true
        const lines = yaml.split(/\r\n|\n|\r/).length
        return (
          result.mistakes.length > 0 &&
          result.mistakes.every(
            ({ line, column, message }) =>
              line >= 1 && line <= lines + 1 && column >= 1 && message !== '',
          )
        )
      }),
      { numRuns: dose(500, 100), seed: 7 },
    )
  })

  test('deep nesting, many faults and circles end', () => {
    expect(mistakesIn('['.repeat(20_000)).length).toBeLessThanOrEqual(50)
    expect(mistakesIn('a: @\n'.repeat(60))).toHaveLength(50)
    expect(mistakesIn(domainText + 'log: {}\n'.repeat(61))).toHaveLength(60)
    expect(mistakesIn('a: &a [*a]')).toEqual([
      '1:1  a: unknown setting',
      '1:1  domains: expected at least one domain, found nothing',
      '1:8  a[0]: aliases (*) are not used in this file',
    ])
    const deep = `${'{a: '.repeat(300)}1${'}'.repeat(300)}`
    expect(mistakesIn(withDomain(`limits: ${deep}\n`))).toEqual(['6:10  limits.a: unknown setting'])
  })

  test('a configuration of thousands of entries is read', () => {
    const names = Array.from({ length: 5000 }, (_, index) => `d${index}.example`)
    expect(configOf(withDomain(`policy: {deny: [${names.join(', ')}]}\n`)).policy.deny).toEqual(
      names,
    )
  })
})
