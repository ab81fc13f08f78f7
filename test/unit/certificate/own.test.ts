/** Our own certificate, with each fault that peers, TLS or this program would find: where it is, in one set of words. */
import { X509Certificate } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Service } from '../../../src/address/address.ts'
import type { Domain } from '../../../src/address/domain.ts'
import { authoritiesOf } from '../../../src/certificate/authorities.ts'
import { type Chain, readCertificates } from '../../../src/certificate/chain.ts'
import { type FaultKind, isFatal } from '../../../src/certificate/judge.ts'
import { judgeOwn } from '../../../src/certificate/own.ts'
import {
  clientAuth,
  dnsName,
  type Issued,
  issue,
  onlyUnder,
  srvName,
  type Wish,
} from '../../support/pki.ts'

const now = Date.now()
const dayMs = 86_400_000
const days = (count: number) => new Date(now + count * dayMs)
const iso = '\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z'

let root: Issued
let middle: Issued
beforeAll(async () => {
  root = await issue({ subject: 'CN=test root', ca: true, notAfter: days(90) })
  middle = await authority()
})

const authority = (wish: Wish = {}): Promise<Issued> =>
  issue({ subject: 'CN=middle', ca: true, issuer: root, notAfter: days(40), ...wish })

const leafOf = (issuer: Issued, wish: Wish = {}): Promise<Issued> =>
  issue({ issuer, names: [dnsName('a.example')], notAfter: days(30), ...wish })

type Case = {
  readonly chain: string
  readonly key: string
  readonly services?: readonly Service[]
  readonly trusted?: readonly string[]
}

async function judged({ chain, key, services = ['im', 'pres'], trusted = [root.cert] }: Case) {
  const read = readCertificates(chain)
  if (typeof read === 'string') throw new Error(read)
  return judgeOwn(read, key, {
    authorities: authoritiesOf(trusted),
    wallMs: now,
    holder: { domain: 'a.example' as Domain, services },
  })
}

const saysOf = async (given: Case): Promise<readonly (readonly [FaultKind, string])[]> =>
  (await judged(given)).faults.map(({ kind, says }) => [kind, says] as const)

const rsa = (modulusLength: number, hash = 'SHA-256') => ({
  name: 'RSASSA-PKCS1-v1_5',
  hash,
  modulusLength,
  publicExponent: new Uint8Array([1, 0, 1]),
})

describe('nothing is said', () => {
  const good: readonly (readonly [string, () => Promise<Case>])[] = [
    ['of a leaf of an authority', () => leafOf(root)],
    ['of a leaf and its intermediate', () => leafOf(middle)],
    [
      'of a chain with its root',
      async () => {
        const leaf = await leafOf(middle)
        return { ...leaf, chain: leaf.chain + root.cert }
      },
    ],
    [
      'where the intermediate is trusted together with its root',
      async () => {
        const leaf = await leafOf(middle)
        return { ...leaf, chain: leaf.cert, trusted: [root.cert, middle.cert] }
      },
    ],
    [
      'of SRV-IDs for both services',
      () => leafOf(root, { names: [srvName('_im.a.example'), srvName('_pres.a.example')] }),
    ],
    ['of an intermediate for this domain alone', limited('a.example')],
    [
      'of the other way up, if an intermediate of the same name has expired',
      async () => {
        const keep = await leafOf(middle)
        const old = await authority({ notBefore: days(-9), notAfter: days(-1) })
        return { ...keep, chain: keep.cert + middle.cert + old.cert }
      },
    ],
  ]
  test.for(good)('%s', async ([, make]) => {
    const said = await saysOf(await make())
    expect(said.filter(([kind]) => kind !== 'order')).toEqual([])
  })
})

function limited(name: string) {
  return async (): Promise<Case> => leafOf(await authority({ extensions: [onlyUnder(name)] }))
}

describe('it is said, and where,', () => {
  const bad: readonly (readonly [string, () => Promise<Case>, FaultKind, string])[] = [
    [
      'that the leaf is that of an authority',
      () => leafOf(root, { ca: true, usages: [] }),
      'use',
      'the leaf is that of an authority \\(CA:TRUE\\), not of a host',
    ],
    [
      'that its key is too small',
      () => leafOf(root, { algorithm: rsa(1024) }),
      'use',
      'the leaf has an RSA key of 1024 bits: 2048 are the least',
    ],
    [
      'that the key of an intermediate is too small',
      async () => leafOf(await authority({ algorithm: rsa(1024) })),
      'use',
      'intermediate 1 has an RSA key of 1024 bits: 2048 are the least',
    ],
    [
      'that it is meant for clients',
      () => leafOf(root, { usages: [clientAuth] }),
      'use',
      'the leaf is not meant for TLS servers \\(extended key usage\\)',
    ],
    [
      'that it names somebody else',
      () => leafOf(root, { names: [dnsName('b.example'), dnsName('*.a.example')] }),
      'use',
      'the leaf does not name a.example \\(it names b.example, \\*.a.example\\)',
    ],
    [
      'that it names one service of two',
      () => leafOf(root, { names: [srvName('_im.a.example')] }),
      'use',
      'the leaf does not name a.example for pres \\(.*_im.a.example.*\\)',
    ],
    [
      'that it gives no keys, as it names the one service that there is',
      async () => ({
        ...(await leafOf(root, { names: [srvName('_im.a.example')] })),
        services: ['im'],
      }),
      'keys',
      'the leaf names a.example for im alone \\(SRV-ID\\): no peer takes the keys .*',
    ],
    [
      'that the key is another one',
      async () => ({ ...(await leafOf(root)), key: root.key }),
      'use',
      'the leaf does not belong to the private key',
    ],
    [
      'that the leaf is not the first',
      async () => {
        const leaf = await leafOf(middle)
        return { ...leaf, chain: middle.cert + leaf.cert }
      },
      'use',
      'the leaf stands at place 2 of the file: it has to be the first',
    ],
    [
      'that the intermediate is missing',
      async () => {
        const leaf = await leafOf(middle)
        return { ...leaf, chain: leaf.cert }
      },
      'missing',
      'the authority is unknown, or an intermediate is missing: the leaf is signed by "middle"',
    ],
    [
      'that the second intermediate is missing',
      async () => {
        const lower = await issue({ subject: 'CN=lower', ca: true, issuer: middle })
        const leaf = await leafOf(lower)
        return { ...leaf, chain: leaf.cert + lower.cert }
      },
      'unknown',
      'the authority is unknown, or an intermediate is missing: intermediate 1 is signed by "middle"',
    ],
    [
      'that it is signed by itself',
      () => issue({ names: [dnsName('a.example')] }),
      'unknown',
      'the leaf is signed by itself',
    ],
    [
      'that the root is known to nobody here',
      async () => {
        const leaf = await leafOf(middle)
        return { ...leaf, chain: leaf.chain + root.cert, trusted: [] }
      },
      'unknown',
      'the authority is unknown: intermediate 2 is "test root", signed by itself',
    ],
    [
      'that an intermediate is no authority',
      async () => leafOf(await issue({ subject: 'CN=none', issuer: root })),
      'use',
      'intermediate 1 is not that of an authority \\(CA:FALSE\\)',
    ],
    [
      'that an intermediate has expired',
      async () => leafOf(await authority({ notBefore: days(-9), notAfter: days(-1) })),
      'time',
      `intermediate 1 expired ${iso}`,
    ],
    [
      'that an intermediate is not valid yet',
      async () => leafOf(await authority({ notBefore: days(1) })),
      'time',
      `intermediate 1 is not valid before ${iso}`,
    ],
    [
      'that the authority has expired',
      async () => {
        const old = await issue({
          subject: 'CN=old root',
          ca: true,
          notBefore: days(-9),
          notAfter: days(-1),
        })
        return { ...(await leafOf(old)), trusted: [old.cert] }
      },
      'time',
      `the authority "old root" expired ${iso}`,
    ],
    [
      'that an intermediate ends soon, before the leaf',
      async () => leafOf(await authority({ notBefore: days(-90), notAfter: days(5) })),
      'soon',
      `intermediate 1 expires ${iso}`,
    ],
    [
      'that the intermediates are not in their order',
      async () => {
        const lower = await issue({ subject: 'CN=lower', ca: true, issuer: middle })
        const leaf = await leafOf(lower)
        return { ...leaf, chain: leaf.cert + middle.cert + lower.cert }
      },
      'order',
      'number 2 of the file is not where it belongs: .*',
    ],
    [
      'what OpenSSL alone sees: an intermediate for other domains',
      limited('b.example'),
      'use',
      'TLS refuses it: permitted subtree violation',
    ],
  ]
  test.for(bad)('%s', async ([, make, kind, says]) => {
    const faults = await saysOf(await make())
    const found = faults.find((one) => one[0] === kind && new RegExp(`^${says}$`).test(one[1]))
    expect(found, JSON.stringify(faults)).toBeDefined()
  })
})

test('the shortest life of the chain counts, and which certificate has it', async () => {
  const short = await authority({ notBefore: days(-90), notAfter: days(5) })
  const { life, faults } = await judged(await leafOf(short))
  expect(life.endsWith).toBe('intermediate 1')
  expect(Math.abs(life.untilMs - (now + 5 * dayMs))).toBeLessThan(1000)
  expect(faults.some(isFatal)).toBe(false)
})

describe('PEM that is read', () => {
  test('has other things between its certificates', async () => {
    const { cert, key } = root
    const text = `Bag attributes\n${key}subject=x\r\n${cert.replaceAll('\n', '\r\n')}\n\n${middle.cert}`
    expect((readCertificates(text) as Chain).map(({ subject }) => subject)).toEqual([
      'CN=test root',
      'CN=middle',
    ])
  })

  const broken = (pem: string) => pem.replace(/\n[A-Za-z0-9+/]{20}/, '\nAAAAAAAAAAAAAAAAAAAA')
  test.for<readonly [string, () => string, string]>([
    ['is empty', () => ' \n', 'an empty file'],
    ['is something else', () => 'hello', 'none'],
    ['is a key', () => root.key, 'none but "PRIVATE KEY"'],
    ['is damaged', () => broken(root.cert), 'number 1, which is damaged'],
    ['is damaged further on', () => root.cert + broken(root.cert), 'number 2, which is damaged'],
    ['was cut off', () => root.cert + middle.cert.slice(0, 200), 'number 2, which is damaged'],
    [
      'is DER',
      () => Buffer.from(new X509Certificate(root.cert).raw).toString('utf8'),
      'one in DER: "openssl x509" makes PEM of it',
    ],
  ])('is not read where it %s', ([, text, found]) => {
    expect(readCertificates(text())).toBe(found)
  })
})
