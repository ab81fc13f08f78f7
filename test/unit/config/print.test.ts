import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { changesBetween } from '../../../src/config/changes.ts'
import { printConfig } from '../../../src/config/print.ts'
import { limitsWith } from '../../../src/limits.ts'
import { configOf, domainText, mistakesIn, withDomain } from './support.ts'

const key = 'U3CXhc0Ssf0Eukat6Rjk9TgU4_zr3JRzKZts0xEOo3w'
const token = `${'t0ken-'.repeat(6)}`

const everything = withDomain(`    services: [im]
    userKey: keys/user.pem
    otherKeys: [keys/next.pem]
    revokedKeys: [${key}]
    directory: {kind: static, users: {alice: {keys: [${key}]}, bö: {}}}
listen:
  peers: [{address: 192.0.2.1, port: 5999}, {address: 10.0.0.1, port: 6000, tls: false}]
  clients: []
resolve:
  servers: [192.0.2.53, '[2001:db8::53]:5353']
  fallback: strict
  routes: {bücher.example: [gw.b.example, '[fd00::1]:1']}
  allowRanges: [10.0.0.0/8]
  trustedCertificates: [ca.pem]
peers: {bücher.example: {keys: [${key}], require: [pinned, certificate]}}
policy: {default: deny, allow: ['*.b.example'], deny: [c.b.example]}
limits: {messageBytes: 1000, pingsPerSecond: 0.25}
log: {level: debug}
metrics: {watch: [b.example]}
`)

describe('printing', () => {
  test.for([
    ['the shortest file', domainText],
    ['a file with everything', everything],
  ] as const)('%s, and reading that again, changes nothing', ([, text]) => {
    const config = configOf(text)
    expect(configOf(printConfig(config))).toEqual(config)
    expect(printConfig(configOf(printConfig(config)))).toBe(printConfig(config))
  })

  test('shows every default', () => {
    const printed = parse(printConfig(configOf(domainText)))
    expect(printed.limits).toEqual(limitsWith())
    expect(printed.listen).toEqual({
      peers: [{ address: '::', port: 5279, tls: true }],
      clients: [{ address: '127.0.0.1', port: 5280, tls: true }],
      admin: { address: '127.0.0.1', port: 9279, token: null },
    })
  })

  test('hides secrets, and what hides them is refused as a secret', () => {
    const printed = printConfig(configOf(withDomain(`listen: {admin: {token: ${token}}}\n`)))
    expect(printed).not.toContain(token)
    expect(parse(printed).listen.admin.token).toBe('(hidden)')
    expect(mistakesIn(printed)).toEqual([
      expect.stringMatching(/listen\.admin\.token: expected a token .*, found \(hidden\)$/),
    ])
  })
})

describe('what a new file changes', () => {
  test('is nothing for the same settings in other words', () => {
    expect(
      changesBetween(configOf(domainText), configOf(printConfig(configOf(domainText)))),
    ).toEqual([])
  })

  test('is told a setting at a time, with what a running gateway takes', () => {
    const after = configOf(
      withDomain(`listen: {admin: {token: ${token}}}
policy: {deny: [b.example, c.example]}
peers: {b.example: {require: [key]}}
limits: {links: 10}
`),
    )
    expect(changesBetween(configOf(domainText), after)).toEqual([
      { path: 'listen.admin.token', before: 'nothing', after: '(hidden)', reload: 'restart' },
      { path: 'peers[b.example]', before: 'nothing', after: 'a mapping', reload: 'restart' },
      { path: 'policy.deny', before: '', after: '"b.example", "c.example"', reload: 'live' },
      { path: 'limits.links', before: '4096', after: '10', reload: 'restart' },
    ])
  })
})
