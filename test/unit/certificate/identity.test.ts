import { createHash, X509Certificate } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Service } from '../../../src/address/address.ts'
import type { Domain } from '../../../src/address/domain.ts'
import { elements, extension } from '../../../src/certificate/der.ts'
import { certificateFacts } from '../../../src/certificate/identity.ts'
import { leafFault } from '../../../src/certificate/judge.ts'
import { dose } from '../../support/dose.ts'
import {
  clientAuth,
  dnsName,
  emailName,
  type Issued,
  ipName,
  issue,
  otherName,
  serverAuth,
  srvName,
  srvNameOid,
  subjectAltName,
  uriName,
  type Wish,
} from '../../support/pki.ts'

const domain = (text: string): Domain => text as Domain
const always = () => true
const { keys } = await issue({})
const x509 = ({ cert }: Issued): X509Certificate => new X509Certificate(cert)

const covers = async (wish: Wish, name: string, service: Service = 'im'): Promise<boolean> =>
  certificateFacts(x509(await issue({ keys, ...wish })), [], always).covers(domain(name), service)

describe('a name that is borne', () => {
  const cases: readonly (readonly [string, readonly Buffer[], string])[] = [
    ['a DNS-ID', [dnsName('a.example')], 'a.example'],
    [
      'one of several',
      [uriName('https://x.example'), dnsName('x.example'), dnsName('a.example')],
      'a.example',
    ],
    ['a DNS-ID in capitals', [dnsName('A.Example')], 'a.example'],
    ['a wildcard for one label', [dnsName('*.a.example')], 'im.a.example'],
    ['a wildcard over an A-label', [dnsName('*.a.example')], 'xn--bcher-kva.a.example'],
    ['an A-label', [dnsName('xn--bcher-kva.example')], 'xn--bcher-kva.example'],
  ]
  test.for(cases)('%s covers both services', async ([, names, name]) => {
    expect(await covers({ names }, name, 'im')).toBe(true)
    expect(await covers({ names }, name, 'pres')).toBe(true)
  })

  test('an SRV-ID covers its own service alone', async () => {
    const names = [srvName('_im.a.example'), srvName('_Pres.B.example')]
    expect(await covers({ names }, 'a.example', 'im')).toBe(true)
    expect(await covers({ names }, 'a.example', 'pres')).toBe(false)
    expect(await covers({ names }, 'b.example', 'pres')).toBe(true)
    expect(await covers({ names }, 'b.example', 'im')).toBe(false)
  })

  test('an SRV-ID counts only where it may', async () => {
    const certificate = x509(
      await issue({ names: [srvName('_im.a.example'), dnsName('b.example')] }),
    )
    const facts = certificateFacts(certificate, [], () => false)
    expect(facts.covers(domain('a.example'), 'im')).toBe(false)
    expect(facts.covers(domain('b.example'), 'im')).toBe(true)
  })
})

describe('a name that is not borne', () => {
  const cases: readonly (readonly [string, Wish, string])[] = [
    ['A016: a common name', { subject: 'CN=a.example' }, 'a.example'],
    [
      'a common name beside other names',
      { subject: 'CN=a.example', names: [dnsName('b.example')] },
      'a.example',
    ],
    ['A017: a URI', { subject: 'CN=a.example', names: [uriName('im:a.example')] }, 'a.example'],
    ['a URI that is nothing but the domain', { names: [uriName('a.example')] }, 'a.example'],
    ['a mail address', { names: [emailName('x@a.example')] }, 'a.example'],
    ['an IP address', { names: [ipName([192, 0, 2, 1])] }, '192.0.2.1'],
    ['A018: a partial wildcard', { names: [dnsName('a*.example')] }, 'a.example'],
    ['A018: a wildcard inside a label', { names: [dnsName('a*b.c.example')] }, 'aXb.c.example'],
    ['A018: a wildcard for a top-level domain', { names: [dnsName('*.example')] }, 'a.example'],
    ['A018: a wildcard alone', { names: [dnsName('*')] }, 'example'],
    ['A018: two wildcards', { names: [dnsName('*.*.example')] }, 'a.b.example'],
    ['A018: a wildcard further in', { names: [dnsName('a.*.example')] }, 'a.b.example'],
    [
      'A018: a label deeper than the wildcard',
      { names: [dnsName('*.b.example')] },
      'x.a.b.example',
    ],
    ['A018: the parent of a wildcard', { names: [dnsName('*.b.example')] }, 'b.example'],
    ['A019: an organisational unit', { subject: 'OU="CN=a.example,"' }, 'a.example'],
    ['A020: a NUL and more', { names: [dnsName('a.example\0.evil.example')] }, 'a.example'],
    ['A020: a NUL in front', { names: [dnsName('\0a.example')] }, 'a.example'],
    ['A020: a dot at the end', { names: [dnsName('a.example.')] }, 'a.example'],
    ['A020: a dot in front', { names: [dnsName('.a.example')] }, 'a.example'],
    ['A020: a blank at the end', { names: [dnsName('a.example ')] }, 'a.example'],
    [
      'A020: a U-label',
      { names: [dnsName(Buffer.from('bücher.example'))] },
      'xn--bcher-kva.example',
    ],
    ['A020: the Kelvin sign', { names: [dnsName(Buffer.from('\u212a.example'))] }, 'k.example'],
    ['A020: a newline', { names: [dnsName('b.example\na.example')] }, 'a.example'],
    ['names in one text', { names: [dnsName('b.example, DNS:a.example')] }, 'a.example'],
    ['an SRV-ID of another service', { names: [srvName('_xmpp-server.a.example')] }, 'a.example'],
    ['an SRV-ID with a wildcard', { names: [srvName('_im.*.example')] }, 'a.example'],
    ['an SRV-ID with a NUL', { names: [srvName('_im.a.example\0')] }, 'a.example'],
    ['an SRV-ID without the service', { names: [srvName('a.example')] }, 'a.example'],
    [
      'an SRV-ID that is no IA5String',
      { names: [otherName(srvNameOid, '_im.a.example', 0x0c)] },
      'a.example',
    ],
    [
      'an otherName of another type',
      { names: [otherName(Buffer.from('06082b06010505070805', 'hex'), '_im.a.example')] },
      'a.example',
    ],
    ['an SRV-ID as a DNS-ID', { names: [dnsName('_im.a.example')] }, 'a.example'],
    ['no name at all', {}, 'a.example'],
  ]
  test.for(cases)('%s covers nothing', async ([, wish, name]) => {
    expect(await covers(wish, name)).toBe(false)
  })

  test('what is no domain is not covered, though its type was forced', async () => {
    const names = [dnsName('*.a.example'), dnsName('b.example'), dnsName('')]
    for (const name of [
      '.a.example',
      '*.a.example',
      '',
      '.',
      'B.example',
      'b.example.',
      'example',
    ]) {
      expect([name, await covers({ names }, name)]).toEqual([name, false])
    }
  })

  test('a second list of names undoes both', async () => {
    const extensions = [subjectAltName(dnsName('b.example'))]
    const certificate = await issue({ names: [dnsName('a.example')], extensions })
    const facts = certificateFacts(x509(certificate), [], always)
    expect(facts.covers(domain('a.example'), 'im')).toBe(false)
    expect(facts.covers(domain('b.example'), 'im')).toBe(false)
  })

  const malformed: readonly (readonly [string, Buffer])[] = [
    ['a length beyond the end', Buffer.from([0x82, 0x20, 0x61])],
    ['an indefinite length', Buffer.concat([Buffer.from([0xa0, 0x80]), dnsName('x.example')])],
    ['a length of five bytes', Buffer.from([0x82, 0x85, 0, 0, 0, 0, 1, 0x61])],
    ['a tag of two bytes', Buffer.from([0x9f, 0x01, 0x01, 0x61])],
    ['half an element', Buffer.from([0x82])],
  ]
  test.for(malformed)('a list with %s covers nothing', async ([, garbage]) => {
    expect(await covers({ names: [dnsName('a.example'), garbage] }, 'a.example')).toBe(false)
  })
})

test('the fingerprint is that of the whole certificate', async () => {
  const certificate = x509(await issue({ names: [dnsName('a.example')] }))
  const { fingerprint } = certificateFacts(certificate, [], always)
  expect(fingerprint).toBe(createHash('sha256').update(certificate.raw).digest('hex'))
  expect(fingerprint).toBe(certificate.fingerprint256.replaceAll(':', '').toLowerCase())
})

const label = fc.constantFrom(
  'a',
  'b',
  'ab',
  'xn--bcher-kva',
  '*',
  'a*',
  '*b',
  '',
  'A',
  '_im',
  'a\0',
)
const presented = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'))
const asked = fc
  .array(fc.constantFrom('a', 'b', 'ab', 'xn--bcher-kva'), { minLength: 2, maxLength: 4 })
  .map((labels) => labels.join('.'))

const strictly = { subject: 'never', partialWildcards: false } as const

test('DNS-IDs are matched as OpenSSL does it at its strictest', async () => {
  const names = fc.array(presented, { minLength: 1, maxLength: 3 })
  await fc.assert(
    fc.asyncProperty(names, asked, async (presentedNames, name) => {
      const certificate = x509(await issue({ keys, names: presentedNames.map(dnsName) }))
      const ours = certificateFacts(certificate, [], always).covers(domain(name), 'im')
      expect(ours).toBe(certificate.checkHost(name, strictly) !== undefined)
    }),
    { numRuns: dose(300, 50) },
  )
})

test('a damaged certificate throws nothing and covers nothing that OpenSSL does not see', async () => {
  const names = [dnsName('a.example'), srvName('_im.b.example'), uriName('im:c.example')]
  const { raw } = x509(await issue({ names, subject: 'CN=d.example' }))
  const damage = fc.array(fc.tuple(fc.nat(raw.length - 1), fc.nat(255)), {
    minLength: 1,
    maxLength: 3,
  })
  fc.assert(
    fc.property(damage, (changes) => {
      const bytes = Buffer.from(raw)
      for (const [at, value] of changes) bytes[at] = value
      extension(bytes, '551d11')
      const certificate = parsed(bytes)
      if (certificate === undefined) return
      const { covers } = certificateFacts(certificate, [], () => false)
      for (const name of ['a.example', 'b.example', 'c.example', 'd.example']) {
        if (!covers(domain(name), 'im')) continue
        expect(certificate.checkHost(name, strictly)).toBeDefined()
      }
    }),
    { numRuns: dose(3000, 500) },
  )
})

function parsed(bytes: Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(bytes)
  } catch {
    return undefined
  }
}

test('arbitrary bytes are elements or none, and never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const buffer = Buffer.from(bytes)
      const found = elements(buffer)
      expect(extension(buffer, '551d11')).toBeUndefined()
      const total = found?.reduce((sum, { value }) => sum + value.length, 0) ?? 0
      expect(total).toBeLessThanOrEqual(buffer.length)
    }),
    { numRuns: dose(3000, 500) },
  )
})

test('what reaches beyond the end is no element', () => {
  for (const bytes of ['82', '8220', '822061', '8201', '81', '828161']) {
    expect([bytes, elements(Buffer.from(bytes, 'hex')) ?? 'none']).toEqual([bytes, 'none'])
  }
  expect(elements(Buffer.from('820161', 'hex'))).toHaveLength(1)
  expect(elements(Buffer.alloc(0))).toEqual([])
})

describe('A014: what is wrong with a certificate beside its names', () => {
  const hour = 3_600_000
  const now = Date.now()
  const rsa = (modulusLength: number, hash: string) => ({
    name: 'RSASSA-PKCS1-v1_5',
    hash,
    modulusLength,
    publicExponent: new Uint8Array([1, 0, 1]),
  })
  const cases: readonly (readonly [string, Wish, RegExp])[] = [
    ['expired', { notBefore: new Date(now - 2 * hour), notAfter: new Date(now - hour) }, /expired/],
    ['not valid yet', { notBefore: new Date(now + hour) }, /not valid before/],
    ['CA:true', { ca: true, usages: [] }, /authority/],
    ['for clients only', { usages: [clientAuth] }, /not meant for TLS servers/],
    ['RSA of 1024 bits', { algorithm: rsa(1024, 'SHA-256') }, /1024 bits/],
    ['SHA-1', { algorithm: rsa(2048, 'SHA-1') }, /broken hash/],
  ]
  test.for(cases)('%s is a fault', async ([, wish, fault]) => {
    expect(leafFault(x509(await issue(wish)), now)).toMatch(fault)
  })

  const good: readonly (readonly [string, Wish])[] = [
    ['P-256 for servers', {}],
    ['for servers and clients', { usages: [clientAuth, serverAuth] }],
    ['no use stated', { usages: [] }],
    ['RSA of 2048 bits', { algorithm: rsa(2048, 'SHA-256') }],
  ]
  test.for(good)('%s is none', async ([, wish]) => {
    expect(leafFault(x509(await issue(wish)), now)).toBeUndefined()
  })
})
