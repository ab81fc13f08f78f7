import { X509Certificate } from 'node:crypto'
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { createDevelopmentCa, createLeaf, type PemPair } from '../../../src/config/certificates.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { runCli, temporaryFolder } from '../../support/cli-host.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { issue, onlyUnder, type Wish } from '../../support/pki.ts'

const dayMs = 86_400_000
const inDays = (days: number) => new Date(Date.now() + days * dayMs)
const rsa = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
}

describe('init', () => {
  test('writes what check-config finds right, and keys that only their owner reads', async () => {
    const folder = await temporaryFolder()
    const { code, out } = await runCli(['init', 'A.Example', '--json'], { folder })
    expect(code).toBe(0)
    const told = JSON.parse(out) as { files: string[]; config: string; domain: string }
    expect(told.domain).toBe('a.example')
    for (const file of told.files) {
      const { mode } = await stat(file)
      expect(mode & 0o777).toBe(file.endsWith('.key.pem') ? 0o600 : 0o644)
    }
    const checked = await runCli(['check-config', '--json'], { folder })
    expect(checked.code).toBe(0)
    expect(JSON.parse(checked.out)).toMatchObject({
      ok: true,
      domains: ['a.example'],
      warnings: [],
    })
  })

  test.each(['000', '022', '077'])(
    'keeps keys to their owner under the umask %s',
    async (umask) => {
      const folder = await temporaryFolder()
      const before = process.umask(Number.parseInt(umask, 8))
      const { code } = await runCli(['init', 'a.example'], { folder }).finally(() =>
        process.umask(before),
      )
      const modeOf = async (path: string) => (await stat(join(folder, path))).mode & 0o777
      expect(code).toBe(0)
      expect(await modeOf('keys')).toBe(0o700)
      expect(await modeOf('keys/a.example.key.pem')).toBe(0o600)
      expect(await modeOf('certificates/a.example.key.pem')).toBe(0o600)
      for (const path of ['certificates', 'certificates/a.example.pem', 'gatehouse.yaml']) {
        expect((await modeOf(path)) & 0o022).toBe(0)
      }
    },
  )

  test('leaves a configuration whose mistakes and whose files are checked in one go', async () => {
    const folder = await temporaryFolder()
    await runCli(['init', 'a.example'], { folder })
    const file = join(folder, 'gatehouse.yaml')
    const text = await readFile(file, 'utf8')
    const broken = text
      .replace('key: keys/a.example.key.pem', 'key: keys/nobody.pem')
      .replace('#level: info', 'level: loud')
    await writeFile(file, broken)
    const { code, out } = await runCli(['check-config', '--json'], { folder })
    expect(code).toBe(78)
    const { mistakes } = JSON.parse(out) as { mistakes: { path: string; code: string }[] }
    expect(mistakes.map(({ path }) => path)).toEqual(['domains[0].key', 'log.level'])
  })

  test('prints the records of RFC 3861 with the host, the port and its addresses', async () => {
    const folder = await temporaryFolder()
    const words = ['init', 'a.example', '--host', 'gw.a.example', '--port', '6000']
    const { out } = await runCli([...words, '--address', '192.0.2.1', '2001:db8::1'], { folder })
    expect(out).toContain('_im._mitp.a.example.   3600 IN SRV  0 0 6000 gw.a.example.')
    expect(out).toContain('_pres._pitp.a.example. 3600 IN SRV  0 0 6000 gw.a.example.')
    expect(out).toMatch(/gw\.a\.example\. +3600 IN A +192\.0\.2\.1/)
    expect(out).toMatch(/gw\.a\.example\. +3600 IN AAAA 2001:db8::1/)
  })

  test('lets the gateway listen at the port that it publishes', async () => {
    const folder = await temporaryFolder()
    await runCli(['init', 'a.example', '--port', '6000'], { folder })
    const { out } = await runCli(['print-config', '--json'], { folder })
    expect(JSON.parse(out)).toMatchObject({ listen: { peers: [{ address: '::', port: 6000 }] } })
  })

  test('never writes over a file', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'gatehouse.yaml'), 'mine')
    const { code, err } = await runCli(['init', 'a.example'], { folder })
    expect(code).toBe(73)
    expect(err).toContain(join(folder, 'gatehouse.yaml'))
    expect(await readFile(join(folder, 'gatehouse.yaml'), 'utf8')).toBe('mine')
    await expect(stat(join(folder, 'keys'))).rejects.toThrow('ENOENT')
  })

  test('names a certificate that is there already, and makes none', async () => {
    const folder = await temporaryFolder()
    const clock = new ManualClock()
    const ca = await createDevelopmentCa({ days: 9, wall: clock.wall })
    const leaf = await createLeaf(ca, ['a.example'], { days: 9, wall: clock.wall })
    await writeFile(join(folder, 'own.pem'), leaf.certificatePem + ca.certificatePem)
    await writeFile(join(folder, 'own.key.pem'), leaf.keyPem, { mode: 0o600 })
    const words = ['--certificate', 'own.pem', '--certificate-key', 'own.key.pem', '--json']
    const { out, err } = await runCli(['init', 'a.example', ...words], { folder, clock })
    expect(JSON.parse(out)).toMatchObject({ authority: null, warnings: [expect.any(String)] })
    expect(err).toContain('warning the certificate in')
    expect(err).toContain('the authority is unknown: intermediate 1 is')
    const settings = parse(await readFile(join(folder, 'gatehouse.yaml'), 'utf8')) as {
      domains: object[]
    }
    expect(settings.domains[0]).toMatchObject({
      certificate: 'own.pem',
      certificateKey: 'own.key.pem',
    })
  })

  test('issues with an authority that is given, so that two domains trust each other', async () => {
    const folder = await temporaryFolder()
    await runCli(['init', 'a.example', '--directory', 'a'], { folder })
    const ca = 'a/certificates/development-ca'
    const words = ['--ca', `${ca}.pem`, '--ca-key', `${ca}.key.pem`]
    const { code } = await runCli(['init', 'b.example', '-d', 'b', ...words], { folder })
    expect(code).toBe(0)
    const authority = (domain: string) =>
      readFile(join(folder, domain, 'certificates/development-ca.pem'), 'utf8')
    expect(await authority('b')).toBe(await authority('a'))
    await expect(stat(join(folder, 'b/certificates/development-ca.key.pem'))).rejects.toThrow()
  })

  test('listens as a whole on an address of loopback, and with peers alone on another', async () => {
    const listenOf = async (words: readonly string[]) => {
      const folder = await temporaryFolder()
      expect((await runCli(['init', 'a.example', ...words], { folder })).code).toBe(0)
      const { out } = await runCli(['print-config', '--json'], { folder })
      const { listen } = JSON.parse(out) as { listen: Record<string, unknown> }
      return listen
    }
    expect(await listenOf(['--listen', '127.0.0.2', '--port', '6000'])).toMatchObject({
      peers: [{ address: '127.0.0.2', port: 6000 }],
      clients: [{ address: '127.0.0.2', port: 5280 }],
      admin: { address: '127.0.0.2' },
    })
    expect(await listenOf(['--listen', '192.0.2.1'])).toMatchObject({
      peers: [{ address: '192.0.2.1', port: 5279 }],
      clients: [{ address: '127.0.0.1', port: 5280 }],
      admin: { address: '127.0.0.1' },
    })
    const { code, err } = await runCli(['init', 'a.example', '--listen', 'here'])
    expect([code, err]).toEqual([
      64,
      'gatehouse: expected an IP address behind --listen, found "here"\n',
    ])
  })

  test('says how a second gateway on this machine differs', async () => {
    const { out } = await runCli(['init', 'a.example'], { folder: await temporaryFolder() })
    expect(out).toContain('init --listen 127.0.0.2')
  })
})

describe('check-config', () => {
  test('says in each line that it is a warning', async () => {
    const folder = await temporaryFolder()
    await runCli(['init', 'a.example'], { folder })
    for (const name of ['keys/a.example.key.pem', 'certificates/a.example.key.pem']) {
      await chmod(join(folder, name), 0o644)
    }
    const { code, out } = await runCli(['check-config'], { folder })
    expect(code).toBe(0)
    const lines = out.trimEnd().split('\n')
    expect(lines.filter((line) => line.startsWith('warning '))).toHaveLength(2)
    expect(lines.at(-1)).toMatch(/is right: 0 mistakes, 2 warnings$/)
  })

  test('tells mistakes of files with those of the same domain', async () => {
    const folder = await temporaryFolder()
    await runCli(['init', 'a.example'], { folder })
    const file = join(folder, 'gatehouse.yaml')
    const text = await readFile(file, 'utf8')
    const services = text.replace(/#services: .*/, 'services: [im, chat]')
    await writeFile(file, services.replace('  - name', '  - {name: 5}\n  - name'))
    await writeFile(join(folder, 'certificates/a.example.pem'), 'nothing')
    const { code, out } = await runCli(['check-config', '--json'], { folder })
    expect(code).toBe(78)
    const { mistakes } = JSON.parse(out) as { mistakes: { path: string; line: number }[] }
    const paths = mistakes.map(({ path }) => path)
    expect(paths).toContain('domains[1].services[1]')
    expect(paths).toContain('domains[1].certificate')
  })
})

describe('init refuses, says why and leaves nothing behind,', () => {
  const wall = Date.now
  /** What a user may have at hand. */
  async function desk() {
    const folder = await temporaryFolder()
    const put = async (name: string, pair: PemPair, more = '') => {
      await writeFile(join(folder, `${name}.pem`), pair.certificatePem + more)
      await writeFile(join(folder, `${name}.key.pem`), pair.keyPem)
    }
    const [ca, other] = [
      await createDevelopmentCa({ days: 9, wall }),
      await createDevelopmentCa({ days: 9, wall }),
    ]
    await put('ca', ca)
    await put('other-ca', other)
    await put('old-ca', await createDevelopmentCa({ days: 1, wall: () => wall() - 9 * dayMs }))
    await put('b', await createLeaf(ca, ['b.example'], { days: 9, wall }), ca.certificatePem)
    const limited = await issue({
      ca: true,
      subject: 'CN=limited',
      extensions: [onlyUnder('b.example')],
    })
    await put('limited', { certificatePem: limited.cert, keyPem: limited.key })
    await writeFile(join(folder, 'nonsense.pem'), 'nonsense')
    return folder
  }

  const own = (certificate: string, key: string) => [
    ...['--certificate', `${certificate}.pem`],
    ...['--certificate-key', `${key}.key.pem`],
  ]
  const by = (ca: string, key = ca) => ['--ca', `${ca}.pem`, '--ca-key', `${key}.key.pem`]

  test.for<readonly [string, readonly string[], number, RegExp]>([
    [
      'the certificate is of another domain',
      own('b', 'b'),
      78,
      /the leaf does not name a\.example/,
    ],
    ['the certificate is not there', own('none', 'b'), 66, /none\.pem: there is no such file/],
    ['its key is not there', own('b', 'none'), 66, /none\.key\.pem: there is no such file/],
    ['its key does not fit', own('b', 'ca'), 78, /the leaf does not belong to the private key/],
    ['the certificate is none', own('nonsense', 'b'), 78, /certificates in PEM in \S+, found none/],
    [
      'the key of the authority is that of another',
      by('ca', 'other-ca'),
      78,
      /is not that of the authority/,
    ],
    ['the authority is a leaf', by('b'), 78, /is not that of an authority \(CA:FALSE\)/],
    ['the authority is none', by('nonsense', 'ca'), 78, /the certificate of an authority in PEM/],
    [
      'the authority has expired',
      by('old-ca'),
      78,
      /old-ca\.pem cannot vouch for a\.example: .*the authority .* expired/,
    ],
    [
      'the authority is for other domains',
      by('limited'),
      78,
      /cannot vouch for a\.example: TLS refuses it: permitted subtree violation/,
    ],
    ['both are given', [...own('b', 'b'), ...by('ca')], 64, /--certificate or --ca, found both/],
    [
      'the folder is a file',
      ['-d', 'ca.pem'],
      73,
      /ca\.pem\/keys: a part of its path is no folder/,
    ],
    ['the folder is below a file', ['-d', 'ca.pem/x'], 73, /a part of its path is no folder/],
    ['the system makes no such folder', ['-d', '/proc/x/y'], 73, /cannot write \/proc\/x: /],
    ['a part of it cannot be written', [], 73, /certificates\S*: a part of its path is no folder/],
  ])('if %s', async ([title, words, number, says]) => {
    const folder = await desk()
    if (title.startsWith('a part')) await writeFile(join(folder, 'certificates'), '')
    const before = await readdir(folder)
    const clock = systemClock
    const { code, out, err } = await runCli(['init', 'a.example', ...words], { folder, clock })
    expect([code, out]).toEqual([number, ''])
    expect(err).toMatch(says)
    expect(err).not.toContain('fault of this program')
    expect(await readdir(folder)).toEqual(before)
  })

  test.for<readonly [string, NonNullable<Wish['algorithm']>]>([
    ['RSA', rsa],
    ['P-384', { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' }],
  ])('but an authority with a key for %s signs, up to its own end', async ([, algorithm]) => {
    const folder = await temporaryFolder()
    const ca = await issue({ ca: true, subject: 'CN=mine', notAfter: inDays(20), algorithm })
    await writeFile(join(folder, 'ca.pem'), ca.cert)
    await writeFile(join(folder, 'ca.key.pem'), ca.key)
    const clock = systemClock
    const ran = await runCli(['init', 'a.example', '-d', 'a', ...by('ca')], { folder, clock })
    expect(ran).toMatchObject({ code: 0 })
    const leaf = await readFile(join(folder, 'a/certificates/a.example.pem'), 'utf8')
    expect(new X509Certificate(leaf).validTo).toBe(new X509Certificate(ca.cert).validTo)
    expect((await runCli(['check-config', 'a/gatehouse.yaml'], { folder, clock })).code).toBe(0)
  })

  test('and an intermediate below its root', async () => {
    const folder = await temporaryFolder()
    const root = await issue({ ca: true, subject: 'CN=root', notAfter: inDays(90) })
    const middle = await issue({ ca: true, subject: 'CN=mid', notAfter: inDays(60), issuer: root })
    await writeFile(join(folder, 'ca.pem'), middle.cert + root.cert)
    await writeFile(join(folder, 'ca.key.pem'), middle.key)
    const clock = systemClock
    const ran = await runCli(['init', 'a.example', '-d', 'a', ...by('ca')], { folder, clock })
    expect(ran).toMatchObject({ code: 0 })
    const chain = await readFile(join(folder, 'a/certificates/a.example.pem'), 'utf8')
    expect(chain.match(/BEGIN CERTIFICATE/g)).toHaveLength(2)
    await writeFile(join(folder, 'ca.pem'), middle.cert)
    const alone = await runCli(['init', 'a.example', '-d', 'b', ...by('ca')], { folder, clock })
    expect([alone.code, alone.err]).toEqual([78, expect.stringContaining('is signed by "root"')])
  })
})
