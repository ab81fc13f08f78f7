import { generateKeyPairSync } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { createDevelopmentCa, createLeaf, type PemPair } from '../../../src/config/certificates.ts'
import { checkFiles } from '../../../src/config/files.ts'
import { parseConfig } from '../../../src/config/load.ts'
import { formatMistakes } from '../../../src/config/mistakes.ts'
import {
  type KeyPair,
  keyPairOf,
  readPrivateKey,
  writePrivateKey,
} from '../../../src/credential/ed25519.ts'
import { domainText, fileName, withDomain } from './support.ts'

const now = Date.UTC(2030, 0, 10)
const dayMs = 86_400_000
const at = (ms: number) => () => ms

const pemOf = (key: ReturnType<typeof generateKeyPairSync>['privateKey']): string =>
  key.export({ type: 'pkcs8', format: 'pem' }).toString()
const signingPem = pemOf(generateKeyPairSync('ed25519').privateKey)
const otherPem = pemOf(generateKeyPairSync('ed25519').privateKey)
const thirdPem = pemOf(generateKeyPairSync('ed25519').privateKey)
const ecPem = pemOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
const lockedPem = generateKeyPairSync('ed25519')
  .privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
  .toString()

const folder = '/etc/gatehouse'
const keyFile = `${folder}/keys/a.pem`
const certificateFile = `${folder}/certificates/a.pem`
const tlsKeyFile = `${folder}/keys/a-tls.pem`
const caFile = `${folder}/ca.pem`
const trusting = 'resolve: {trustedCertificates: [ca.pem]}\n'

type Disk = Readonly<Record<string, string | { readonly code: string }>>

let ca: PemPair
let leaf: PemPair
let good: Disk

beforeAll(async () => {
  ca = await createDevelopmentCa({ days: 90, wall: at(now - dayMs) })
  leaf = await createLeaf(ca, ['a.example'], { days: 60, wall: at(now - dayMs) })
  good = {
    [keyFile]: signingPem,
    [certificateFile]: leaf.certificatePem + ca.certificatePem,
    [tlsKeyFile]: leaf.keyPem,
    [caFile]: ca.certificatePem,
  }
})

const onCertificate = (what: string) =>
  `certificate-unusable 4:18  domains[0].certificate: the certificate in ${certificateFile}: ${what}`

type Case = { readonly text?: string; readonly mode?: number; readonly wall?: number }

async function check(
  disk: Disk,
  { text = withDomain(trusting), mode = 0o100600, wall = now }: Case = {},
) {
  const loaded = parseConfig(text, fileName)
  if ('mistakes' in loaded) throw new Error(formatMistakes(loaded.mistakes))
  const { files, mistakes, warnings } = await checkFiles(loaded, {
    readFile: async (path) => {
      const content = disk[path] ?? { code: 'ENOENT' }
      if (typeof content !== 'string') throw Object.assign(new Error('no'), content)
      return Buffer.from(content)
    },
    stat: async () => ({ mode }),
    wall: () => wall,
  })
  const lines = (list: typeof mistakes) =>
    list.map((one) => `${one.code} ${formatMistakes([one]).replace(`${fileName}:`, '')}`)
  return { files, mistakes: lines(mistakes), warnings: lines(warnings) }
}

describe('files that are right', () => {
  test('are read, and nothing is said', async () => {
    expect(await check(good)).toEqual({
      files: {
        domains: [
          {
            name: 'a.example',
            key: signingPem,
            userKey: signingPem,
            otherKeys: [],
            certificate: good[certificateFile],
            certificateKey: leaf.keyPem,
            life: {
              fromMs: now - dayMs - 3_600_000,
              untilMs: now + 59 * dayMs,
              endsWith: 'the leaf',
            },
          },
        ],
        trustedCertificates: [ca.certificatePem],
      },
      mistakes: [],
      warnings: [],
    })
  })

  test('may be more: other keys and other authorities', async () => {
    const text = withDomain(
      '    userKey: u.pem\n    otherKeys: [o.pem]\nresolve: {trustedCertificates: [ca.pem]}\n',
    )
    const disk = {
      ...good,
      [`${folder}/u.pem`]: otherPem,
      [`${folder}/o.pem`]: thirdPem,
      [`${folder}/ca.pem`]: ca.certificatePem,
    }
    const { files, mistakes } = await check(disk, { text })
    expect(mistakes).toEqual([])
    expect(files?.domains[0]).toMatchObject({
      key: signingPem,
      userKey: otherPem,
      otherKeys: [thirdPem],
    })
    expect(files?.trustedCertificates).toEqual([ca.certificatePem])
  })

  test('may name the services of the domain instead of the domain (RFC 4985)', async () => {
    const { certificatePem, keyPem } = await srvLeaf(['_im.a.example', '_pres.a.example'])
    const disk = { ...good, [certificateFile]: certificatePem, [tlsKeyFile]: keyPem }
    expect((await check(disk)).mistakes).toEqual([])
    const half = await srvLeaf(['_im.a.example'])
    const other = { ...good, [certificateFile]: half.certificatePem, [tlsKeyFile]: half.keyPem }
    expect((await check(other)).mistakes).toHaveLength(1)
    expect(
      (await check(other, { text: withDomain(`    services: [im]\n${trusting}`) })).mistakes,
    ).toEqual([])
  })
})

describe('the authorities of the system', () => {
  const text = withDomain('resolve: {systemCertificates: true}\n')
  const bundle = '/etc/pki/tls/certs/ca-bundle.crt'

  test('vouch where the setting says so, and are read anew each time', async () => {
    const first = await check({ ...good, [bundle]: ca.certificatePem }, { text })
    expect([first.mistakes, first.warnings]).toEqual([[], []])
    expect(first.files?.trustedCertificates).toEqual([ca.certificatePem])
    const other = await createDevelopmentCa({ days: 90, wall: at(now) })
    const second = await check({ ...good, [bundle]: other.certificatePem }, { text })
    expect(second.files?.trustedCertificates).toEqual([other.certificatePem])
    expect(second.warnings).toHaveLength(1)
  })

  test('are passed over where the setting does not, or the file is damaged', async () => {
    const disk = {
      ...good,
      '/etc/ssl/certs/ca-certificates.crt': 'nothing',
      [bundle]: ca.certificatePem,
    }
    expect((await check(disk, { text })).files?.trustedCertificates).toEqual([ca.certificatePem])
    const without = await check(disk, { text: domainText })
    expect(without.files?.trustedCertificates).toEqual([])
  })
})

describe('mistakes in files', () => {
  test('are told all at once, each at its setting', async () => {
    const disk = { [certificateFile]: { code: 'EACCES' }, [tlsKeyFile]: { code: 'EISDIR' } }
    const text = withDomain('resolve: {trustedCertificates: [ca.pem]}\n')
    expect(await check(disk, { text })).toEqual({
      files: undefined,
      mistakes: [
        `file-unreadable 3:10  domains[0].key: cannot read ${keyFile}: there is no such file`,
        `file-unreadable 4:18  domains[0].certificate: cannot read ${certificateFile}: this user may not read it`,
        `file-unreadable 5:21  domains[0].certificateKey: cannot read ${tlsKeyFile}: it is a directory`,
        `file-unreadable 6:33  resolve.trustedCertificates[0]: cannot read ${folder}/ca.pem: there is no such file`,
      ],
      warnings: [],
    })
  })

  test.for([
    ['another kind of key', ecPem, 'a key for ec'],
    ['a key with a passphrase', lockedPem, 'a key with a passphrase'],
    ['text that is no key', 'hello', 'no private key'],
    ['nothing', '', 'no private key'],
  ] as const)('%s does not speak for the domain', async ([, pem, found]) => {
    const { mistakes } = await check({ ...good, [keyFile]: pem })
    expect(mistakes).toEqual([
      `file-unreadable 3:10  domains[0].key: expected an Ed25519 private key in PEM (PKCS8) in ${keyFile}, found ${found}`,
    ])
  })

  describe('keys that peers refuse', () => {
    const others = (files: readonly string[]) =>
      withDomain(`    otherKeys: [${files.join(', ')}]\n${trusting}`)
    const refused = (what: string) => [`config-invalid 3:10  domains[0].key: ${what}`]
    const seeded = (byte: number) => writePrivateKey(keyPairOf(Buffer.alloc(32, byte)))

    test('a key that stands twice', async () => {
      const disk = { ...good, [`${folder}/o.pem`]: signingPem }
      expect((await check(disk, { text: others(['o.pem']) })).mistakes).toEqual(
        refused('peers refuse the keys of the domain: key set: a key stands twice'),
      )
    })

    test('more keys than a set may hold', async () => {
      const names = [...Array(16).keys()].map((i) => `o${i}.pem`)
      const keys = names.map((name, i) => [`${folder}/${name}`, seeded(100 + i)] as const)
      const disk = { ...good, ...Object.fromEntries(keys) }
      expect((await check(disk, { text: others(names) })).mistakes).toEqual(
        refused('peers refuse the keys of the domain: more than 16 keys'),
      )
      expect((await check(disk, { text: others(names.slice(1)) })).mistakes).toEqual([])
    })

    test('a key whose private half is printed in a standard', async () => {
      const { mistakes } = await check({ ...good, [keyFile]: seeded(0) })
      expect(mistakes).toHaveLength(1)
      expect(mistakes[0]).toMatch(/peers refuse the keys of the domain: .*: a published test key$/)
    })

    test('a key that signs and is revoked', async () => {
      const { thumbprint } = (readPrivateKey(signingPem) as KeyPair).publicKey
      const text = withDomain(`    revokedKeys: [${thumbprint}]\n${trusting}`)
      expect((await check(good, { text })).mistakes).toEqual(
        refused('the key that signs stands in revokedKeys'),
      )
    })
  })

  test('a certificate file holds a certificate, a key file a key', async () => {
    const disk = { ...good, [certificateFile]: leaf.keyPem, [tlsKeyFile]: leaf.certificatePem }
    expect((await check(disk)).mistakes).toEqual([
      `file-unreadable 4:18  domains[0].certificate: expected certificates in PEM in ${certificateFile}, found none but "PRIVATE KEY"`,
      `file-unreadable 5:21  domains[0].certificateKey: expected a private key in PEM in ${tlsKeyFile}, found no private key`,
    ])
    const broken = leaf.certificatePem.replace(/[A-Za-z0-9]{20}/, 'A'.repeat(20))
    expect((await check({ ...good, [certificateFile]: broken })).mistakes).toHaveLength(1)
  })

  test('a certificate names the domain, and not by its common name (RFC 9525 §6.3)', async () => {
    const wrong = await createLeaf(ca, ['www.a.example', 'b.example'], { days: 60, wall: at(now) })
    const disk = { ...good, [certificateFile]: wrong.certificatePem, [tlsKeyFile]: wrong.keyPem }
    expect((await check(disk)).mistakes).toEqual([
      onCertificate('the leaf does not name a.example (it names www.a.example, b.example)'),
    ])
  })

  test('a certificate belongs to its key', async () => {
    expect((await check({ ...good, [tlsKeyFile]: ecPem })).mistakes).toEqual([
      onCertificate('the leaf does not belong to the private key'),
    ])
  })

  test('a certificate is meant for TLS servers', async () => {
    const { certificatePem, keyPem } = await srvLeaf(
      ['_im.a.example', '_pres.a.example'],
      clientAuth,
    )
    const disk = { ...good, [certificateFile]: certificatePem, [tlsKeyFile]: keyPem }
    expect((await check(disk)).mistakes).toEqual([
      onCertificate('the leaf is not meant for TLS servers (extended key usage)'),
    ])
  })

  test('never show what is in a file', async () => {
    const disk = { [keyFile]: ecPem, [certificateFile]: ecPem, [tlsKeyFile]: lockedPem }
    const said = JSON.stringify(await check(disk, { mode: 0o644 }))
    expect(said).not.toContain(ecPem.split('\n')[1])
    expect(said).not.toContain(lockedPem.split('\n')[1])
  })
})

describe('what is wrong in time with the certificate of one domain', () => {
  const wallOf = { early: now - dayMs - 3_600_001, late: now + 59 * dayMs }
  const advice = '; until it is renewed no peer takes it'

  test('is a warning to the millisecond, and all files are there', async () => {
    const early = await check(good, { wall: wallOf.early })
    expect(early.warnings).toContain(
      onCertificate(`the leaf is not valid before 2030-01-08T23:00:00.000Z${advice}`),
    )
    expect((await check(good, { wall: wallOf.early + 1 })).warnings).toEqual([])
    const late = await check(good, { wall: wallOf.late })
    expect(late.warnings).toContain(
      onCertificate(`the leaf expired 2030-03-10T00:00:00.000Z${advice}`),
    )
    const lastMs = await check(good, { wall: wallOf.late - 1 })
    expect(lastMs.warnings).toEqual([onCertificate('the leaf expires 2030-03-10T00:00:00.000Z')])
    for (const { mistakes, files } of [early, late]) {
      expect([mistakes, files?.domains.length]).toEqual([[], 1])
    }
  })

  test('is told of an authority that the file names, too', async () => {
    const old = await createDevelopmentCa({ days: 1, wall: at(now - 3 * dayMs) })
    const { mistakes, warnings } = await check(
      { ...good, [`${folder}/old.pem`]: ca.certificatePem + old.certificatePem },
      { text: withDomain('resolve: {trustedCertificates: [old.pem]}\n') },
    )
    expect(mistakes).toEqual([])
    expect(warnings).toEqual([
      `certificate-unusable 6:33  resolve.trustedCertificates[0]: in ${folder}/old.pem: authority 2 expired 2030-01-08T00:00:00.000Z: nobody can be trusted by it`,
    ])
  })
})

describe('warnings', () => {
  test('say that others can use a private key', async () => {
    const { files, mistakes, warnings } = await check(good, { mode: 0o100640 })
    expect(mistakes).toEqual([])
    expect(files).toBeDefined()
    expect(warnings).toEqual([
      `file-unreadable 3:10  domains[0].key: others can use the private key in ${keyFile}: expected mode 0600, found 0640`,
      `file-unreadable 5:21  domains[0].certificateKey: others can use the private key in ${tlsKeyFile}: expected mode 0600, found 0640`,
    ])
    expect((await check(good, { mode: 0o100400 })).warnings).toEqual([])
  })

  test('say that a certificate soon expires', async () => {
    const end = now + 59 * dayMs
    expect((await check(good, { wall: end - 14 * dayMs })).warnings).toEqual([])
    expect((await check(good, { wall: end - 14 * dayMs + 1 })).warnings).toEqual([
      onCertificate('the leaf expires 2030-03-10T00:00:00.000Z'),
    ])
  })

  test('say that a chain is out of order', async () => {
    const stranger = await createDevelopmentCa({ days: 90, wall: at(now) })
    const pem = leaf.certificatePem + leaf.certificatePem + stranger.certificatePem
    expect((await check({ ...good, [certificateFile]: pem })).warnings).toEqual([
      onCertificate(
        'number 2 of the file is not where it belongs: the leaf, then whoever issued it, and so on',
      ),
    ])
  })
})

const serverAuth = '1.3.6.1.5.5.7.3.1'
const clientAuth = '1.3.6.1.5.5.7.3.2'

/** A certificate whose only names are SRV-IDs: `[0] { id-on-dnsSRV, [0] IA5String }` (RFC 4985 §2). */
async function srvLeaf(names: readonly string[], usage = serverAuth): Promise<PemPair> {
  await import('reflect-metadata')
  const x509 = await import('@peculiar/x509')
  const der = (tag: number, content: Buffer) =>
    Buffer.concat([Buffer.from([tag, content.length]), content])
  const id = Buffer.from('06082b06010505070807', 'hex')
  const others = names.map((name) =>
    der(0xa0, Buffer.concat([id, der(0xa0, der(0x16, Buffer.from(name, 'latin1')))])),
  )
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=a.example',
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(now - dayMs),
    notAfter: new Date(now + 60 * dayMs),
    extensions: [
      new x509.Extension('2.5.29.17', false, der(0x30, Buffer.concat(others))),
      new x509.ExtendedKeyUsageExtension([usage]),
    ],
  })
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey))
  const keyPem = `-----BEGIN PRIVATE KEY-----\n${pkcs8.toString('base64')}\n-----END PRIVATE KEY-----\n`
  return { certificatePem: `${certificate.toString('pem')}\n`, keyPem }
}
